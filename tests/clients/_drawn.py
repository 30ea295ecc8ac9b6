"""What the checks on drawn models share: random choices that a seed repeats, and rounds over kinds of models.

    python tests/clients/SCRIPT.py --build build/release [--seed N] [--rounds N] [-R KIND] [--keep DIR]"""
import argparse, os, shutil, subprocess, sys, tempfile

import numpy as np


class Draw:
    def __init__(self, seed, digits=4):
        self.rng, self.digits = np.random.default_rng(seed), digits

    def int(self, lo, hi):
        return int(self.rng.integers(lo, hi + 1))

    def one(self, *options):
        return options[self.int(0, len(options) - 1)]

    def chance(self, p):
        return bool(self.rng.random() < p)

    def real(self, lo, hi):
        return round(float(self.rng.uniform(lo, hi)), self.digits)

    def even(self, lo, hi):
        return 2 * self.int(lo // 2, hi // 2)

    def theta(self):
        return float(round(10 ** self.rng.uniform(2, 6)))


def redrawn(seed, tries):
    """Seeds to draw again with, where what was drawn will not do."""
    return ((again, seed + 1000003 * again) for again in range(tries))


def drive(driver, *arguments, timeout=300):
    """Empty, or what went wrong."""
    p = subprocess.run([driver, *arguments], capture_output=True, text=True, timeout=timeout)
    return f"exit status {p.returncode}\n    " + (p.stdout + p.stderr).strip().replace("\n", "\n    ") if p.returncode else ""


def models_of(folder, gguf):
    """(what it is, where) of a drawn model: the directory, and the GGUF file beside it where there is one."""
    return [("directory", folder)] + ([("GGUF", os.path.join(folder, "model.gguf"))] if gguf else [])


def rounds(kinds, one, rounds, drivers, versions=None):
    """Calls one(tools, kind, seed, round, folder) -> (failures, number of models, note) for every kind; ends the program.

    tools: the drivers' paths by name."""
    script = os.path.basename(sys.argv[0])
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    p.add_argument("--data")
    p.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    p.add_argument("--rounds", type=int, default=rounds)
    p.add_argument("-R", dest="only", default="")
    p.add_argument("--keep", help="build here and delete nothing")
    a = p.parse_args()
    tools = {name: os.path.abspath(os.path.join(a.build, "tests", name)) for name in drivers}
    for name, path in tools.items():
        if not os.path.exists(path):
            sys.exit(f"{path} is not there: build first (target {name})")
    print(f"seed {a.seed}  (repeat: {script} --build {a.build} --seed {a.seed} --rounds {a.rounds})")
    if versions:
        print(", ".join(f"{k} {v}" for k, v in versions.items()), flush=True)
    base, failures, models = a.keep or tempfile.mkdtemp(prefix=f"pingti-{script[:-3]}-"), [], 0
    for r in range(a.rounds):
        for i, kind in enumerate(kinds):
            if a.only and a.only != kind:
                continue
            out = os.path.join(base, f"{kind}-{i}-{r}")
            bad, n, note = one(tools, kind, a.seed + 7919 * (r * len(kinds) + i), a.seed + r, out)
            failures += bad
            models += n
            print(f"{'FAILED' if bad else 'ok    '} {kind} {r}: {n} models, {note}", flush=True)
            if not bad and not a.keep:
                shutil.rmtree(out, ignore_errors=True)
    for f in failures:
        print("\n" + f)
    if failures:
        print(f"\nwhat failed is kept in {base}")
    elif not a.keep:
        shutil.rmtree(base, ignore_errors=True)
    print(f"{models} models of {len(set(kinds))} kinds, {len(failures)} failures (seed {a.seed})")
    sys.exit(1 if failures or not models else 0)
