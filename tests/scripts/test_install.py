"""Installs into a temporary prefix and builds programs there as a stranger would: pkg-config, the public header, nothing else.

usage: test_install.py BUILD_DIR CC
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = """#include <pingti.h>
#include <stdio.h>
int main(void) {
    pt_error e;
    pt_engine *none = pt_open("/no/such/model.gguf", 0, &e);
    printf("%s|%s|%d|%s\\n", pt_version(), pt_kernels(), none != 0, e.text);
    return none != 0;
}
"""


def output(command, **environment):
    done = subprocess.run(command, env={**os.environ, **environment}, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def flags(prefix, *options):
    found = [p.parent for p in prefix.rglob("pingti.pc")]
    assert len(found) == 1, f"pingti.pc: {found}"
    path = os.pathsep.join([str(found[0]), os.environ.get("PKG_CONFIG_PATH", "")]).rstrip(os.pathsep)
    return output(["pkg-config", *options, "pingti"], PKG_CONFIG_PATH=path).split()


def exported(library):
    """Names that the shared library offers: the public ones and no others."""
    lines = output(["nm", "-D", "--defined-only", library]).splitlines()
    return {line.split()[-1].split("@")[0] for line in lines} - {"_init", "_fini"}


def main():
    build, cc = Path(sys.argv[1]), sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        prefix = here / "prefix"
        output(["cmake", "--install", build, "--prefix", prefix])
        header = [p.name for p in (prefix / "include").rglob("*")]
        assert header == ["pingti.h"], f"installed headers: {header}"
        for page in ("man/man1/pingti.1", "man/man1/pingti-run.1", "bash-completion/completions/pingti", "zsh/vendor-completions/_pingti",
                     "fish/vendor_completions.d/pingti.fish"):
            assert "pingti" in (prefix / "share" / page).read_text(), f"share/{page} is not installed"
        source = here / "program.c"
        source.write_text(PROGRAM)
        strict = [cc, "-std=c11", "-pedantic", "-Wall", "-Wextra", "-Werror"]
        shared = next(prefix.rglob("libpingti.so"))
        output([*strict, source, "-o", here / "shared", *flags(prefix, "--cflags", "--libs")])
        said = output([here / "shared"], LD_LIBRARY_PATH=str(shared.parent))
        archive = next(prefix.rglob("libpingti.a"))
        libraries = [archive if f == "-lpingti" else f for f in flags(prefix, "--cflags", "--libs", "--static")]
        output([*strict, source, "-o", here / "static", *libraries])
        assert output([here / "static"]) == said, "the static and the shared library differ"
        print(said.strip())
        strangers = {name for name in exported(shared) if not name.startswith("pt_")}
        assert not strangers, f"exported beside pt_: {sorted(strangers)}"
        for example in sorted((ROOT / "examples").glob("*.c")):
            assert len(example.read_text().splitlines()) < 60, f"{example.name} has 60 lines or more"
            output([*strict, example, "-o", here / example.stem, *flags(prefix, "--cflags", "--libs")])
            print(f"{example.name} builds from what is installed")
        sys.path.insert(0, str(ROOT / "tests" / "cli"))
        import tiny_model
        tiny_model.write(here / "tiny.gguf")
        answer = output([here / "generate", here / "tiny.gguf", "Once", "8"], LD_LIBRARY_PATH=str(shared.parent))
        assert len(answer) >= 8, f"the example said {answer!r}"
        print(f"generate.c answers {answer!r}")


main()
