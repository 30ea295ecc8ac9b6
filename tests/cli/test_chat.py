"""pingti chat: without a terminal, and driven through a pseudo terminal."""
import json
import os
import pty
import select
import signal
import stat
import subprocess
import time
import unittest

import tiny_model
from cli_case import PROGRAM, CliCase


class Lines(CliCase):
    def chat(self, text, *arguments, status=0, model=None):
        got, out, err = self.pingti("chat", "-m", model or self.model, "--temp", "0", *arguments, stdin=text.encode())
        self.assertEqual(got, status, err)
        return out.decode(), err

    def test_a_line_is_a_message(self):
        out, err = self.chat("hello\nand you?\n", "-n", "10")
        first, second, end = out.split("\n")
        self.assertEqual((len(first), len(second), end), (10, 10, ""))
        self.assertEqual(err.count("t/s"), 2)
        self.assertEqual(self.chat("hello\nand you?\n", "-n", "10", "--quiet"), (out, ""))

    def test_commands(self):
        saved = self.home / "talk.json"
        out, err = self.chat(f"/set max-tokens 4\nhello\n/tokens\n/stats\n/model\n/set\n/save {saved}\n/undo\n/retry\n/help\n/system Be brief.\n/exit\nx\n")
        for word in (" of 256 tokens", "turns 1", "tiny.gguf", "max-tokens         4", "/load FILE"):
            self.assertIn(word, out)
        self.assertIn("no question", err)
        talk = json.loads(saved.read_text())["messages"]
        self.assertEqual([m["role"] for m in talk], ["user", "assistant"])
        self.assertEqual(stat.S_IMODE(saved.stat().st_mode), 0o600)
        out, err = self.chat(f"/load {saved}\n/retry\n", "-n", "4")
        self.assertEqual(out.strip("\n"), talk[1]["content"])

    def test_mistakes_do_not_end_it(self):
        out, err = self.chat("/hlep\n/set temp hot\n/set tmep 1\n/load nowhere\n/think maybe\n/save\nhi\n", "-n", "3")
        for word in ("did you mean /help?", "'hot'", "no such setting", "nowhere", "on, fold or off", "/save FILE"):
            self.assertIn(word, err)
        self.assertEqual(len(out), 4)

    def test_several_lines(self):
        block, _ = self.chat('"""\none\ntwo\n"""\n', "-n", "5")
        slash, _ = self.chat("one\\\ntwo\n", "-n", "5")
        self.assertEqual(block, slash)
        self.assertEqual(len(block), 6)
        self.assertEqual(len(self.chat("//not a command\n", "-n", "5")[0]), 6)

    def test_a_full_context_is_said_and_nothing_cut(self):
        out, err = self.chat("x" * 300 + "\nhi\n", "-n", "5", status=1)
        self.assertIn("/clear", err)
        self.assertEqual(len(out), 6)  # the next message is answered: the refused one did not stay

    def test_an_answer_that_fills_the_context(self):
        self.assertIn("the context is full", self.chat("hi\n")[1])

    def test_without_a_template(self):
        plain = str(self.home / "plain.gguf")
        tiny_model.write(plain, template=None)
        out, err = self.chat("hello\n", "-n", "5", model=plain)
        self.assertIn("no chat template", err)
        self.assertEqual(out.strip("\n"), self.answers("run", "-m", plain, "--temp", "0", "-n", "5", "hello"))

    def test_thinking_is_not_the_answer(self):
        model = str(self.home / "think.gguf")
        tiny_model.write(model, template=tiny_model.THINK)
        out, _ = self.chat("hello\n", "-n", "5", model=model)
        self.assertEqual(out.strip("\n"), "")
        out, _ = self.chat("hello\n", "-n", "5", "--think", "on", model=model)
        self.assertEqual(len(out.strip("\n")), 5)


class Terminal(CliCase):
    """A person at a terminal, played through a pty."""
    PROMPT = b">\x1b[0m "

    def played(self):
        return self.long

    def setUp(self):
        model = self.played()
        self.pid, self.fd = pty.fork()
        if not self.pid:
            env = self.environment(TERM="xterm", XDG_STATE_HOME=str(self.home / "state"))
            os.execve(PROGRAM, [PROGRAM, "chat", "-m", model, "--temp", "0"], env)
        self.seen = b""
        self.prompt()

    def tearDown(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def read(self, seconds=0.2):
        if select.select([self.fd], [], [], seconds)[0]:
            try:
                self.seen += os.read(self.fd, 65536)
            except OSError:  # the other side has ended
                time.sleep(0.05)

    def until(self, word, seconds=20):
        end = time.monotonic() + seconds
        while word not in self.seen:
            self.assertLess(time.monotonic(), end, f"{word!r} did not come: {self.seen[-2000:]!r}")
            self.read()
        before, self.seen = self.seen[:self.seen.index(word)], self.seen[self.seen.index(word) + len(word):]
        return before

    def prompt(self):
        self.until(self.PROMPT)
        time.sleep(0.1)  # the terminal is made raw just after the prompt is drawn

    def type(self, text):
        os.write(self.fd, text.encode())

    def ends(self, seconds=10):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
        self.fail(f"it did not end: {self.seen[-2000:]!r}")

    def test_ctrl_c_stops_the_answer_not_the_program(self):
        self.type("tell me\r")
        self.until(b"tell me")
        end = time.monotonic() + 20
        while len(self.seen) < 60 and time.monotonic() < end:
            self.read()
        self.type("\x03")
        self.assertRegex(self.until(b"stopped"), rb"[!-~]{20}")
        self.prompt()
        self.type("/tokens\r")
        self.until(b"of 65536 tokens")
        self.type("/exit\r")
        self.assertEqual(self.ends(), 0)

    def test_ctrl_c_drops_the_line(self):
        self.type("half a thou")
        self.until(b"thou")
        self.type("\x03")
        self.prompt()
        self.type("/model\r")
        self.until(b"long.gguf")
        self.prompt()
        self.type("\x04")
        self.assertEqual(self.ends(), 0)

    def test_editing_utf8_and_history(self):
        self.type("/nöse\x7f\x7f\x7f\x7fset max-tokens 3\r")
        self.until(b"max-tokens = 3")
        self.type("世界\r")
        self.until(b"3 tokens")
        self.prompt()
        saved = self.home / "typed.json"
        self.type(f"/save {saved}\r")
        self.until(b"2 messages in")
        self.assertEqual(json.loads(saved.read_text())["messages"][0]["content"], "世界")
        self.prompt()
        self.type("\x1b[A")  # up: over /save
        self.type("\x1b[A\x1b[A\r")  # up twice: the /set line again
        self.until(b"max-tokens = 3")
        self.type("/exit\r")
        self.assertEqual(self.ends(), 0)
        kept = self.home / "state/pingti/chat_history"
        self.assertEqual(stat.S_IMODE(kept.stat().st_mode), 0o600)
        self.assertIn("max-tokens", kept.read_text())

    def test_colours_here_and_none_elsewhere(self):
        self.type("/set max-tokens 2\r")
        self.until(b"\x1b[2mmax-tokens = 2")
        self.type("/exit\r")
        self.ends()
        done = subprocess.run([PROGRAM, "chat", "-m", self.long, "-n", "2"], input=b"hi\n", env=self.environment(TERM="xterm"),
                              capture_output=True, timeout=30, check=False)
        self.assertNotIn(b"\x1b", done.stdout + done.stderr)


class ThinkingTerminal(Terminal):
    """The same with a model whose template opens <think>: all that it writes is thought."""

    def played(self):
        model = str(self.home / "think_long.gguf")
        tiny_model.write(model, context=65536, template=tiny_model.THINK)
        return model

    def test_thinking_is_dimmed_or_folded(self):
        self.type("/set max-tokens 30\r")
        self.until(b"max-tokens = 30")
        self.prompt()
        self.type("why\r")
        self.assertRegex(self.until(b"30 tokens,"), rb"\x1b\[2m[!-~]{30}")
        for mode in ("fold", "off"):   # off asks the model; one that thinks all the same is seen to
            self.prompt()
            self.type(f"/think {mode}\r")
            self.until(b"thinking is")
            self.prompt()
            self.type("why\r")
            shown = self.until(b"30 tokens,")
            self.assertIn("thinking … (30 tokens)".encode(), shown)
            self.assertNotRegex(shown, rb"[!-~]{30}")


if __name__ == "__main__":
    unittest.main()
