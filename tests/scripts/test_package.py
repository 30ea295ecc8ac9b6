"""cpack makes Debian packages whose contents, dependencies and papers are right, and whose program runs from where it is unpacked.

usage: test_package.py BUILD_DIR [EMULATOR]   (one for another machine runs under the emulator)
"""
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MACHINES = {"amd64": "X86-64", "arm64": "AArch64"}
NEEDED = ("dpkg-deb", "dpkg-shlibdeps", "file", "readelf")


def output(command, **more):
    done = subprocess.run(command, text=True, capture_output=True, check=False, **more)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def fields(package):
    """The control file: its fields, continued lines joined."""
    text = output(["dpkg-deb", "-f", package])
    return dict(re.findall(r"^([A-Z][A-Za-z-]*): (.*(?:\n .*)*)", text, re.M))


def contents(package):
    """{path: (mode, owner)} of files and links."""
    rows = [line.split() for line in output(["dpkg-deb", "-c", package]).splitlines()]
    return {r[5]: (r[0], r[1]) for r in rows if not r[5].endswith("/")}


def expect(condition, what):
    if not condition:
        sys.exit(f"the packages are wrong: {what}")


def check_papers(name, folder, version):
    doc = folder / "usr/share/doc" / name
    expect("Apache-2.0" in (doc / "copyright").read_text() and "2026" in (doc / "copyright").read_text(), f"{name}: copyright")
    expect((doc / "NOTICE").read_text() == (ROOT / "NOTICE").read_text(), f"{name}: NOTICE")
    changes = gzip.decompress((doc / "changelog.gz").read_bytes()).decode()
    expect(changes.startswith(f"pingti ({version}) "), f"{name}: the changelog begins with {changes.split(chr(10), maxsplit=1)[0]!r}, the version is {version}")


def check_program(folder, files, commands):
    for command in ("", *commands):
        page = folder / f"usr/share/man/man1/pingti{command and '-' + command}.1.gz"
        expect(page.exists() and gzip.decompress(page.read_bytes()).startswith(b".TH PINGTI"), f"no page {page.name}")
    for place in ("bash-completion/completions/pingti", "zsh/vendor-completions/_pingti", "fish/vendor_completions.d/pingti.fish"):
        expect("pingti" in (folder / "usr/share" / place).read_text(), f"no {place}")
    expect(files["./usr/bin/pingti"] == ("-rwxr-xr-x", "root/root"), f"pingti has {files['./usr/bin/pingti']}")


def main():
    build, emulator = Path(sys.argv[1]), sys.argv[2:]
    absent = [tool for tool in NEEDED if not shutil.which(tool)]
    if absent:
        print(f"not checked: no {', '.join(absent)} here (tools/install_packages package)")
        return
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        output(["cpack", "--config", build / "CPackConfig.cmake", "-B", here / "made"], env={**os.environ, "LC_ALL": "C.UTF-8"})
        packages = {fields(p)["Package"]: p for p in (here / "made").glob("*.deb")}
        expect(sorted(packages) == ["libpingti-dev", "libpingti0", "pingti"], f"made: {sorted(packages)}")
        version = re.search(r"project\(pingti VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
        files, control = {}, {}
        for package, path in packages.items():
            files[package], control[package] = contents(path), fields(path)
            output(["dpkg-deb", "-x", path, here / package])
            expect(control[package]["Version"] == version and control[package]["Description"].count("\n") > 3, f"{package}: {control[package]}")
            expect(re.search(r"\S+ <\S+@\S+>", control[package]["Maintainer"]), f"{package}: {control[package]['Maintainer']}")
            expect(all(owner == "root/root" for _, owner in files[package].values()), f"{package}: not all files belong to root")
            check_papers(package, here / package, version)
        for package in ("pingti", "libpingti0"):
            for library in ("libc6 (>=", "libjansson4", "libpcre2-8-0", "libutf8proc", "libsodium"):
                expect(library in control[package]["Depends"], f"{package} depends on {control[package]['Depends']}")
        expect("libedit2" in control["pingti"]["Depends"] and "libedit2" not in control["libpingti0"]["Depends"], "libedit2 is the program's")
        expect("libcurl" in control["pingti"]["Recommends"] and "curl" not in control["pingti"]["Depends"], "libcurl is opened by pull alone")
        expect(control["libpingti-dev"]["Depends"] == f"libpingti0 (= {version})", "the development files need the same library")
        expect(f"libpingti 0 libpingti0 (= {version})" in output(["dpkg-deb", "-I", packages["libpingti0"], "shlibs"]), "shlibs")
        names = {package: sorted(Path(f).name for f in listed if "/share/" not in f) for package, listed in files.items()}
        expect(names["libpingti0"] == ["libpingti.so.0", f"libpingti.so.{version}"], f"libpingti0: {names['libpingti0']}")
        expect(names["libpingti-dev"] == ["libpingti.a", "libpingti.so", "pingti.h", "pingti.pc"], f"libpingti-dev: {names['libpingti-dev']}")
        expect(names["pingti"] == ["pingti"], f"pingti: {names['pingti']}")
        machine = MACHINES.get(control["pingti"]["Architecture"])
        for built in (here / "pingti/usr/bin/pingti", next((here / "libpingti0").rglob("libpingti.so.0"))):
            expect(not machine or machine in output(["readelf", "-h", built]), f"{built.name} is not for {control['pingti']['Architecture']}")
        program = [*emulator, here / "pingti/usr/bin/pingti"]
        commands = re.findall(r"^  ([a-z]+) ", output([*program, "help"]).split("\n\nA first answer")[0], re.M)
        expect(len(commands) >= 10, f"commands: {commands}")
        check_program(here / "pingti", files["pingti"], commands)
        expect(output([*program, "--version"]).startswith(f"pingti {version} "), "the program's version")
        print(f"{', '.join(sorted(packages))}: {sum(map(len, files.values()))} files, {len(commands)} commands with pages")


main()
