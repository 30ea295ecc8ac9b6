"""Completion and manual pages: whatever --help shows must be completed by each shell that is here, and stand in the pages.

Every machine has bash; zsh, fish and man are asked where they are installed."""
import fcntl
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import termios
import time
import unittest
from pathlib import Path

from cli_case import COMMANDS, PROGRAM, CliCase

OPTION = re.compile(r"^  (?:-(\w),|   ) --([a-z0-9-]+)(\[=|[ ]|$)(\S*)")
FOLDER, FILE = "some-folder", "some-file.gguf"


class Option:
    def __init__(self, letter, name, sign, value):
        self.letter, self.name, self.optional = letter, name, sign == "[="
        self.metavar = value.rstrip("]") if sign == "[=" or re.match(r"[A-Z]|\w+\|", value) else ""
        self.choices = self.metavar.split("|") if "|" in self.metavar and self.metavar.islower() else []
        self.flag = not self.metavar

    def spellings(self):
        return [f"--{self.name}"] + ([f"-{self.letter}"] if self.letter else [])


def options_of(help_text):
    return [Option(*m.groups()) for m in map(OPTION.match, help_text.splitlines()) if m]


def whole_list(case):
    """{command: options}, as --help has them."""
    general = case.answers("help")
    commands = re.findall(r"^  ([a-z]+) ", general.split("\n\nA first answer")[0], re.M)
    case.assertEqual(sorted(set(COMMANDS) - set(commands)), [])
    return {c: options_of(case.answers(c, "--help")) for c in commands}


NAMES = ["qwen2.5:0.5b", "Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M"]


def pulled(store, variant="", file=""):
    """A model as `pingti pull` leaves it: one whose names are NAMES, or o/r:FILE."""
    owner, name = ("o", "r") if file else ("Qwen", "Qwen2.5-0.5B-Instruct-GGUF")
    folder = store / "huggingface" / owner / name / (variant.replace("/", "-") or "qwen2.5-0.5b-instruct-q4_k_m")
    folder.mkdir(parents=True)
    asked, file = (f"o/r:{file}", file) if file else (NAMES[0], "qwen2.5-0.5b-instruct-q4_k_m.gguf")
    (folder / "manifest.json").write_text(json.dumps({
        "name": asked, "hub": "huggingface", "endpoint": "https://huggingface.co", "owner": owner, "repository": name, "revision": "", "commit": "0" * 40,
        "date": "2026-01-01T00:00:00Z", "main": file, "files": [{"name": file, "path": file, "url": "", "size": 0, "sha256": "0" * 64}]}))


class Shell(CliCase):
    """A shell's completion, asked with words of which the last is being typed."""
    name = ""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not shutil.which(cls.name):
            raise unittest.SkipTest(f"{cls.name} is not installed: its completion is not checked here")
        cls.place = cls.home / "place"
        (cls.place / FOLDER).mkdir(parents=True)
        (cls.place / FILE).write_text("")
        pulled(cls.home / "store")
        cls.script = cls.home / f"pingti.{cls.name}"
        with open(cls.script, "wb") as out:
            subprocess.run([PROGRAM, "completion", cls.name], stdout=out, check=True)

    def environment(self, **more):
        return super().environment(**{"PINGTI_MODELS": str(self.home / "store"), "PATH": f"{Path(PROGRAM).parent}:{os.environ['PATH']}", **more})

    def candidates(self, questions):
        raise NotImplementedError

    def check_pulled(self):
        """Names of pulled models, beside files, where a model is asked for."""
        asked = [["run", "-m", ""], ["run", "--model", "qwen"], ["inspect", "Qwen/"], ["models", "path", ""], ["models", "rm", "qwen2.5"], ["pull", "q"], ["run", "--packed-dir", "q"], ["man", ""]]
        wanted = [[*NAMES, FILE], NAMES[:1], NAMES[1:], NAMES, NAMES[:1], NAMES[:1], [], []]
        for words, names, got in zip(asked, wanted, self.candidates(asked), strict=True):
            self.assertLessEqual(set(names), set(got), words)
            if not names:
                self.assertFalse(set(got) & set(NAMES), words)

    def every_place(self):
        commands = whole_list(self)
        asked, expected = [], []

        def ask(words, *wanted, but=()):
            asked.append(words)
            expected.append((set(wanted), set(but)))

        ask([""], *commands)
        ask(["help", ""], *commands)
        ask(["man", ""], *commands)
        ask(["completion", ""], "bash", "zsh", "fish", but=[FILE])
        for command, options in commands.items():
            ask([command, "--"], *(f"--{o.name}" for o in options), "--help")
            for o in options:
                if o.choices:
                    ask([command, f"--{o.name}", ""], *o.choices, but=[FILE])
                    ask([command, f"--{o.name}={o.choices[0][:1]}"], o.choices[0])
                elif re.fullmatch(r"(FILE|PATH|DIR|MODEL)(\|TEXT)?", o.metavar):
                    words = [command, f"--{o.name}=some-f"] if o.optional else [command, f"--{o.name}", "some-f"]
                    ask(words, FOLDER, *([] if o.metavar == "DIR" else [FILE]), but=[FILE] if o.metavar == "DIR" else [])
                elif not o.flag and not o.optional:
                    ask([command, f"--{o.name}", "some-f"], but=[FILE, FOLDER])
        return asked, expected

    def check_every_place(self):
        asked, expected = self.every_place()
        self.assertGreater(len(asked), 50)
        for words, (wanted, but), got in zip(asked, expected, self.candidates(asked), strict=True):
            # a shell may give the option with its '=', and a folder with its '/'
            got = {re.sub(r"^--[a-z0-9-]+=(?=.)", "", g).rstrip("/=") for g in got}
            self.assertLessEqual(wanted, got, f"{self.name}: after {words}")
            self.assertFalse(but & got, f"{self.name}: after {words}")


class Bash(Shell):
    name = "bash"

    def candidates(self, questions):
        lines = [f"source {self.script}", "ask() { COMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1)); _pingti pingti; printf '%s\\n' \"${COMPREPLY[@]}\" .; }"]
        for words in questions:
            cut = [part for word in words for part in (re.split("(=)", word, maxsplit=1) if word.startswith("--") else [word])]
            if cut[-1] == "" and cut[-2:-1] == ["="]:
                cut.pop()
            lines.append("ask pingti " + " ".join(f"'{w}'" for w in cut))
        done = subprocess.run(["bash", "--norc", "--noprofile"], input="\n".join(lines) + "\n", text=True, capture_output=True, cwd=self.place, env=self.environment(), check=False)
        self.assertEqual(done.stderr, "")
        return [block.split() for block in done.stdout.split(".\n")[:-1]]

    def test_everything_that_help_shows(self):
        self.check_every_place()

    def test_pulled_models(self):
        self.check_pulled()

    def test_names_that_a_shell_would_read(self):
        """Files' names come from hubs: bash once ran what stood in them."""
        for i, file in enumerate(("x$(touch ran).gguf", "x`touch ran`.gguf", "x;touch ran.gguf", "x*.gguf", "x'y.gguf", "x-plain.gguf")):
            pulled(self.home / "store", f"hub-names/{i}", file)
        got = self.candidates([["run", "-m", "o/r"], ["models", "rm", "o/r:"], ["models", "path", ""]])
        self.assertEqual([sorted(set(g) - set(NAMES) - {FILE, FOLDER}) for g in got], [["o/r:x-plain.gguf"]] * 3)
        self.assertEqual(list(self.place.rglob("ran")), [])

    def test_letters_and_negations(self):
        letters, negated, after = self.candidates([["run", "-"], ["run", "--no-"], ["run", "--", "some-f"]])
        self.assertLessEqual({"-m", "-n", "-q", "--model"}, set(letters))
        self.assertLessEqual({"--no-exact", "--no-quiet", "--no-cache"}, set(negated))
        self.assertNotIn("--no-no-cache", negated)
        self.assertEqual(after, [])

    def test_in_a_terminal(self):
        screen = Terminal(["bash", "--norc", "--noprofile", "-i"], self.place, self.environment(PS1="> ", TERM="dumb"))
        screen.type(f"source {self.script}; pingti() {{ echo \"<$*>\"; }}; echo re''ady\n")
        self.assertEqual(screen.missing("ready"), [])
        screen.type("pingti run --cache-ty\tq\t-m some-fi\t\n")
        self.assertEqual(screen.missing("<run --cache-type q8_0 -m some-file.gguf>"), [], screen.seen)
        for typed, line in (("pingti run -m qw\t\n", NAMES[0]), ("pingti run -m qwen2.5:\t\n", NAMES[0]), ("pingti run -m qwen2.5:0\t\n", NAMES[0]), ("pingti run -m Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q\t\n", NAMES[1])):
            screen.type(typed)
            self.assertEqual(screen.missing(f"<run -m {line}>"), [], screen.seen)
        screen.close()


class Zsh(Shell):
    name = "zsh"

    def test_everything_that_help_shows(self):
        """In a terminal: zsh has no other way to ask. One list of options for each command, then choices and files of one command."""
        folder = self.home / "functions"
        folder.mkdir()
        shutil.copy(self.script, folder / "_pingti")
        screen = Terminal(["zsh", "-f", "-i"], self.place, self.environment(PS1="> ", TERM="dumb"))
        screen.type(f"fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -d {self.home}/dump; LISTMAX=10000; unsetopt zle_bracketed_paste\n"
                    "pingti() { print -r -- \"<$*>\" }; print re''ady\n")
        self.assertEqual(screen.missing("ready"), [])
        for command, options in whole_list(self).items():
            screen.type(f"\x15pingti {command} --\t\t")   # Ctrl-U: the line before is gone
            self.assertEqual(screen.missing(*(f"--{o.name}" for o in options)), [], f"zsh: {command}")
        for typed, line in (("pingti run --cache-type q\t\n", "<run --cache-type q8_0>"), ("pingti run --cache-type=q\t\n", "<run --cache-type=q8_0>"),
                            ("pingti run -m some-fi\t\n", "<run -m some-file.gguf>"), ("pingti run --packed-dir some-f\t\n", "<run --packed-dir some-folder>"),
                            ("pingti comple\tb\t\n", "<completion bash>"), ("pingti man toke\t\n", "<man tokenize>"), ("pingti inspect some-fi\t\n", "<inspect some-file.gguf>"),
                            ("pingti run -m qw\t\n", f"<run -m {NAMES[0]}>"), ("pingti run -m qwen2.5:0\t\n", f"<run -m {NAMES[0]}>"), ("pingti models path Qw\t\n", f"<models path {NAMES[1]}>")):
            screen.type("\x15" + typed)
            self.assertEqual(screen.missing(line), [], screen.seen)
        screen.close()


class Fish(Shell):
    name = "fish"

    def candidates(self, questions):
        lines = [f"source {self.script}"]
        for words in questions:
            lines += [f"complete -C 'pingti {' '.join(words)}'", "echo ."]
        done = subprocess.run(["fish", "--no-config"], input="\n".join(lines) + "\n", text=True, capture_output=True, cwd=self.place,
                              env=self.environment(), check=False)
        self.assertEqual(done.stderr, "")
        return [[line.split("\t")[0] for line in block.splitlines()] for block in done.stdout.split(".\n")[:-1]]

    def test_everything_that_help_shows(self):
        self.check_every_place()

    def test_pulled_models(self):
        self.check_pulled()


class Terminal:
    """A shell in a pty, wide and tall enough for every list."""

    def __init__(self, command, folder, env):
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, env)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 400, 200, 0, 0))
        self.missing("> ")

    def type(self, text):
        self.seen = b""
        os.write(self.fd, text.encode())

    def missing(self, *texts, limit=30):
        """Those that have not been shown when the time is over."""
        end = time.monotonic() + limit
        while True:
            shown = self.seen.decode(errors="replace").replace("\r", "")
            left = [t for t in texts if t not in shown]
            if not left or not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                return left
            self.seen += os.read(self.fd, 65536)

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


class Pages(CliCase):
    def test_every_command_and_option_has_its_place(self):
        commands = whole_list(self)
        program = self.answers("man")
        for command, options in commands.items():
            self.assertIn(f"\\fBpingti\\-{command}\\fR(1)", program)
            page = self.answers("man", command)
            self.assertIn(f".TH PINGTI\\-{command.upper()} 1 ", page)
            for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "ENVIRONMENT", "FILES", "EXIT STATUS", "SEE ALSO"):
                self.assertIn(f".SH {section}\n", page)
            for o in options:
                self.assertIn("\\-\\-" + o.name.replace("-", "\\-") + "\\fR", page, command)
                self.assertIn("PINGTI_" + o.name.replace("-", "_").upper(), page)

    def test_man_has_nothing_to_say_against_them(self):
        if not shutil.which("man"):
            self.skipTest("man is not installed: the pages are not shown to it here")
        for command in ("", *whole_list(self)):
            page = self.home / f"pingti-{command}.1"
            page.write_text(self.answers("man", *([command] if command else [])))
            done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page], capture_output=True, text=True,
                                  env=self.environment(MANROFFSEQ="", MANWIDTH="80"), check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), command)
            shown = subprocess.run(["man", "-l", "-Tutf8", page], capture_output=True, text=True, env=self.environment(MANWIDTH="100", MANPAGER="cat"), check=False).stdout
            self.assertIn(f"pingti-{command} - " if command else "pingti - ", " ".join(shown.split()))

    def test_wrong_names(self):
        self.refused("man", "rnu", status=2, says="pingti man run")
        self.refused("completion", "tcsh", status=2, says=("bash, zsh or fish", "'tcsh'"))
        self.refused("completion", status=2, says="lacks an argument")


if __name__ == "__main__":
    unittest.main()
