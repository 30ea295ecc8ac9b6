"""Every command with wrong inputs on purpose: each is refused with what, where, what was expected and what to do; nothing is left behind."""
import os
import resource
import signal
import subprocess
import time
import unittest

from cli_case import EMULATED, PROGRAM, CliCase

# (arguments, exit status, what the error says); {x} is a file of setUpClass. Inputs of one kind go to every command that takes it.
MODEL = [
    ("{missing}", 1, ("there is no model at", "{missing}", "expected: a .gguf file or a Hugging Face directory")),
    ("{empty}", 1, ("is not a GGUF file", "an empty file")),
    ("{text}", 1, ("is not a GGUF file", "bytes starting 77 6f 72 64")),
    ("/dev/zero", 1, ("is not a regular file", "a device")),
    ("{weights}", 2, ("one file of a model", "expected: the directory with config.json", "-m {home}")),
    ("{folder}", 1, ("the directory has no", "{folder}")),
]
TAKE_MODEL = (("run", "x"), ("chat",), ("inspect",), ("tokenize", "x"), ("template", "{talk}"), ("perplexity", "{text}"), ("imatrix", "-f", "{text}", "-o", "{new}"), ("quantize", "-o", "{new}"),
              ("convert", "-o", "{new}"), ("bench",))
TEXT = [
    ("{missing}", 1, ("cannot open", "No such file or directory", "check the path")),
    ("{folder}", 1, ("is not a regular file", "a directory")),
    ("/dev/zero", 1, ("is not a regular file", "a device")),
]
TAKE_TEXT = (("run", "-m", "{tiny}", "--file"), ("tokenize", "-m", "{tiny}", "--file"), ("template", "-m", "{long}"), ("perplexity", "-m", "{tiny}"), ("imatrix", "-m", "{tiny}", "-o", "{new}", "-f"),
             ("run", "-m", "{tiny}", "x", "--grammar"), ("run", "-m", "{tiny}", "x", "--json-schema"))
OUTPUT = [
    ("{folder}", None, ("a directory",)),
    ("{missing}/x", 1, ("No such file or directory",)),
]
TAKE_OUTPUT = (("run", "-m", "{tiny}", "-n", "1", "x", "--receipt"), ("run", "-m", "{tiny}", "-n", "1", "x", "--profile="), ("imatrix", "-m", "{tiny}", "-f", "{long_text}", "-c", "64", "-o"),
               ("quantize", "-m", "{tiny}", "-o"), ("bench", "-m", "{tiny}", "-p", "16", "-n", "2", "-r", "1", "--plot"))
VALUES = [   # of run's options
    ("--max-tokens", "-1", "a whole number from 0 to 1000000000"),
    ("--max-tokens", "99999999999999999999", "a whole number"),
    ("--max-tokens", "1e3", "a whole number"),
    ("--max-tokens", "", "a whole number"),
    ("--temp", "nan", "a number from 0 to 100"),
    ("--temp", "inf", "a number from 0 to 100"),
    ("--temp", "-0.5", "a number from 0 to 100"),
    ("--top-p", "1.5", "a number from 0 to 1"),
    ("--seed", "-1", "a whole number from 0 to 9e+18"),
    ("--ctx", "-5", "a size such as 4096"),
    ("--ctx", "99T", "a size such as 4096"),
    ("--ctx", "5.5", "a size such as 4096"),
    ("--memory-limit", "lots", "a size such as 4096"),
    ("--threads", "0x10", "a whole number from 0 to 4096"),
    ("--cache-type", "q3", "one of f16|q8_0|f32"),
    ("--exact=maybe", None, "yes or no"),
    ("--logit-bias", "1=nan", "ID=BIAS"),
    ("--logit-bias", "-1=1", "ID=BIAS"),
]
OTHERS = [
    (("run", "-m", "{tiny}", "-n"), 2, ("--max-tokens needs a value", "the end of the command line")),
    (("run", "-m", "{tiny}", "--nope", "x"), 2, ("has no option --nope", "--help")),
    (("run", "-m", "{tiny}", "--draft", "/", "x"), 1, ("the draft model (--draft)", "no tokenizer")),
    (("run", "-m", "{tiny}", "--draft", "", "x"), 1, ("the draft model (--draft)", "no model at ''")),
    (("run", "-m", "o/n", "--models", "{text}", "x"), 1, ("cannot read '{text}'", "no folder")),
    (("template", "-m", "{long}", "{empty}"), 1, ("not valid JSON", "{empty}, line 1", "a conversation is JSON")),
    (("template", "-m", "{long}", "{talk}", "b"), 2, ("does not know what to do with 'b'",)),
    (("imatrix", "-m", "{tiny}", "-f", "{text}", "-o", "{new}"), 2, ("the text is too short", "{text}", "at least one chunk of 512 tokens", "smaller --ctx")),
    (("imatrix", "-m", "{tiny}", "-f", "{text}", "-o", "{new}", "--from-chunk", "2"), 2, ("the 2 chunks of 512 tokens that --from-chunk leaves out", "1536 tokens")),
    (("quantize", "{tiny}", "{new}"), 2, ("does not know what to do with '{tiny}'", "-m MODEL -o FILE", "said by options")),
    (("bench", "--kernels", "["), 2, ("--kernels does not take this pattern", "an extended regular expression", "'['")),
    (("models", "list", "x"), 2, ("'models list' takes no name",)),
    (("models", "burn", "x"), 2, ("'models burn' is not known", "rm NAME")),
    (("models", "--models", "{text}"), 1, ("cannot read '{text}'", "no folder")),
    (("completion", "tcsh"), 2, ("bash, zsh or fish", "'tcsh'")),
    (("man", "nothing"), 2, ("no command 'nothing'",)),
    (("",), 2, ("there is no command ''",)),
]


class WrongUse(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        def made(name, data):
            (cls.home / name).write_bytes(data)
            return str(cls.home / name)
        (cls.home / "folder").mkdir()
        cls.names = {"home": str(cls.home), "missing": str(cls.home / "nowhere"), "new": str(cls.home / "new.out"), "folder": str(cls.home / "folder"), "tiny": cls.model, "long": cls.long,
                     "empty": made("empty", b""), "text": made("text", b"words\n"), "weights": made("model.safetensors", b"x"), "talk": made("talk.json", b'[{"role": "user", "content": "x"}]'),
                     "long_text": made("long_text", b"some words of a text " * 200)}

    def fill(self, words):
        return [w.format(**self.names) if w != "" else w for w in words]

    def check(self, arguments, status, says, **more):
        arguments = self.fill(arguments)
        with self.subTest(" ".join(arguments)):
            before = sorted(os.listdir(self.home))
            got, _, err = self.pingti(*arguments, **more)
            self.assertIn(got, (1, 2) if status is None else (status,), err)
            self.assertIn("pingti: error: ", err)
            for word in self.fill(says):
                self.assertIn(word, err)
            self.assertEqual(sorted(set(os.listdir(self.home)) - {".cache"}), [f for f in before if f != ".cache"])

    def test_models(self):
        for command, *rest in TAKE_MODEL:
            for given, status, says in MODEL:
                self.check([command, "-m", given, *rest], status, says)

    def test_texts(self):
        for command in TAKE_TEXT:
            for given, status, says in TEXT:
                self.check([*command, given], status, says)

    def test_outputs(self):
        for command in TAKE_OUTPUT:
            for given, status, says in OUTPUT:
                self.check([*command[:-1], command[-1] + given] if command[-1].endswith("=") else [*command, given], status, says)

    def test_values(self):
        for option, value, expected in VALUES:
            self.check(["run", "-m", "{tiny}", option, *([] if value is None else [value]), "x"], 2, (option.split("=")[0], expected))

    def test_others(self):
        for arguments, status, says in OTHERS:
            self.check(arguments, status, says)

    def test_a_link_is_not_replaced(self):
        """/dev/stdout is one, and may lead to a file: as root it was replaced by one."""
        behind, link = self.home / "behind", self.home / "link"
        behind.write_text("before")
        link.symlink_to(behind)
        self.answers("run", "-q", "-m", self.model, "-n", "1", "x", f"--profile={link}")
        self.assertIn("traceEvents", behind.read_text())
        kept = behind.read_bytes()
        for command in (("run", "-m", self.model, "-n", "1", "x", "--receipt"), ("imatrix", "-m", self.model, "-f", self.names["long_text"], "-c", "64", "-o"), ("quantize", "-m", self.model, "--type", "Q8_0", "-q", "-o")):
            self.refused(*command, link, status=2, says=("a symbolic link", "the file that it leads to"))
        self.assertTrue(link.is_symlink())
        self.assertEqual(behind.read_bytes(), kept)
        link.unlink()

    @unittest.skipIf(EMULATED, "the emulator needs a stack of its own")
    def test_a_small_stack(self):
        done = subprocess.run([PROGRAM, "--version"], env=self.environment(), capture_output=True, timeout=60, check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, (300 << 10, 300 << 10)))
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_an_option_twice_is_the_last(self):
        self.assertEqual(len(self.answers("run", "-q", "-m", self.model, "--temp", "0", "-n", "9", "-n", "1", "hello")),
                         len(self.answers("run", "-q", "-m", self.model, "--temp", "0", "-n", "1", "hello")))

    def test_an_instruction_set_that_is_none(self):
        for command in (("run", "-m", self.model, "-n", "1", "x"), ("inspect", self.model), ("bench", "--machine"), ("quantize", "-m", self.model, "-o", "x")):
            self.refused(*command, status=2, env={"PINGTI_ISA": "foo"}, says=("PINGTI_ISA names no instruction set", "scalar, avx2", "neon", "'foo'", "unset it"))
        self.answers("inspect", self.model, env={"PINGTI_ISA": ""})
        other = "neon" if "avx" in self.answers("--version") or os.uname().machine == "x86_64" else "avx2"
        if not EMULATED:
            self.assertIn(f"PINGTI_ISA={other}: this processor has no such instructions", self.pingti("inspect", self.model, env={"PINGTI_ISA": other})[2])

    def test_outputs_on_a_full_disk_leave_nothing(self):
        """They once left files of 0 bytes."""
        for arguments in (("run", "-q", "-m", self.model, "-n", "1", "x", "--profile={}"), ("run", "-q", "-m", self.model, "-n", "1", "x", "--receipt", "{}"),
                          ("bench", "-m", self.model, "-p", "16", "-n", "2", "-r", "1", "--packed-dir", "none", "--plot", "{}"), ("bench", "-m", self.model, "-p", "16", "-n", "2", "-r", "1", "--profile={}"),
                          ("imatrix", "-m", self.model, "-c", "64", "-f", self.names["long_text"], "-o", "{}")):
            place = self.home / "full"
            place.mkdir()
            command = [a.format(place / "out") for a in arguments]
            done = subprocess.run([PROGRAM, *command], env=self.environment(), capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False,
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
            self.assertEqual(done.returncode, 1, (command, done.stderr))
            self.assertIn(b"File too large", done.stderr)
            self.assertEqual(list(place.iterdir()), [], command)
            place.rmdir()

    def test_standard_output_that_is_full_or_closed(self):
        for command in (("run", "-q", "-m", self.model, "-n", "2", "x"), ("inspect", self.model), ("tokenize", "-m", self.model, "x"), ("template", "-m", self.long, self.names["talk"]), ("doctor",),
                        ("perplexity", "-m", self.model, "-c", "64", self.names["long_text"]), ("completion", "bash"), ("man",), ("help",), ("--version",), ("models", "--json"), ("run", "--help")):
            for shell, words in (('"$@" >/dev/full', b"No space left on device"), ('"$@" >&-', b"Bad file descriptor")):
                done = subprocess.run(["sh", "-c", shell, "sh", PROGRAM, *command], env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
                self.assertEqual(done.returncode, 1, (command, shell, done.stderr))
                self.assertIn(b"cannot write to standard output: " + words, done.stderr)

    def test_ctrl_c(self):
        text = self.home / "very_long"
        text.write_bytes(b"some words of a text " * 200000)
        for command in (("run", "-q", "-m", self.long, "--ignore-eos", "--temp", "1", "-n", "60000", "x"), ("perplexity", "-m", self.long, "-c", "256", text),
                        ("bench", "-m", self.long, "-p", "64", "-n", "64", "-r", "1000"), ("tokenize", "-m", self.model), ("chat", "-m", self.long)):
            child = subprocess.Popen([PROGRAM, *map(str, command)], env=self.environment(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(.4)
            self.assertIsNone(child.poll(), command)
            child.send_signal(signal.SIGINT)
            child.stdin.close()
            self.assertEqual(child.wait(timeout=20), 130, command)


if __name__ == "__main__":
    unittest.main()
