"""What the checks of `pingti convert` and `pingti quantize` share: the program, a line for each result, the exit status."""
import argparse, os, pathlib, subprocess, sys

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden/models"


class Checks:
    def __init__(self, *more):
        """more: options that take a folder, beside --build and --data."""
        p = argparse.ArgumentParser()
        p.add_argument("--build", required=True)
        for name in ("--data", *more):
            p.add_argument(name)
        self.options = p.parse_args()
        self.program = os.path.join(self.options.build, "pingti")
        self.bad = 0

    def data(self, name):
        """A folder of the real models, or None where it is not there."""
        path = pathlib.Path(self.options.data or "/nonexistent") / name
        return path if path.exists() else None

    def check(self, ok, what):
        self.bad += not ok
        print("ok  " if ok else "DIFF", what, flush=True)

    def ask(self, *a):
        return subprocess.run([self.program, *map(str, a)], capture_output=True, text=True)

    def run(self, *a):
        """What it prints; it must succeed."""
        done = self.ask(*a)
        if done.returncode:
            sys.exit(f"pingti {' '.join(map(str, a))}\n{done.stderr}")
        return done.stdout

    def end(self):
        sys.exit(self.bad != 0)
