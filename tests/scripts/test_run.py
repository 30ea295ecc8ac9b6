"""./run: the model it is given, the model it fetches (whole, resumed, from the second site), and what it says without one.

A hub on this machine stands in for the model sites. Where only the arguments matter, a stand-in prints them in place of pingti.
"""
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/cli"))
import tiny_model
from hub_server import Hub

PROGRAM = os.environ.get("PINGTI_BINARY", str(ROOT / "build/release/pingti"))
REPO, NAME = "Qwen/Qwen2.5-0.5B-Instruct-GGUF", "qwen2.5-0.5b-instruct-q8_0.gguf"
DEAD = "http://127.0.0.1:1"
STAND_IN = """#!/bin/sh
case $1 in
template) grep -q user && case $3 in *plain*) exit 1 ;; esac ;;
*) echo "pingti $*" ;;
esac
"""


class Run(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.home = Path(self.folder.name)
        self.stand_in = self.home / "stand-in"
        self.stand_in.write_text(STAND_IN)
        self.stand_in.chmod(0o755)
        tiny = self.home / "tiny.gguf"
        tiny_model.write(str(tiny), template=tiny_model.CHAT, context=4096)
        self.model = tiny.read_bytes()
        self.hub = Hub()
        self.addCleanup(self.hub.__exit__)
        self.hub.add(REPO, {NAME: self.model, "qwen2.5-0.5b-instruct-q4_k_m.gguf": b"another"})
        self.pulled = self.home / "models"

    def run_it(self, *arguments, first=DEAD, second=DEAD, program=PROGRAM):
        environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy") and not k.startswith(("HF_", "PINGTI_"))}
        environment.update(HOME=str(self.home), PINGTI_MODELS=str(self.pulled), PINGTI_CONFIG="", HF_ENDPOINT=first, MODELSCOPE_ENDPOINT=second, PINGTI_PROGRAM=str(program),
                           PINGTI_RETRY_PAUSE="0.01", PINGTI_RETRIES="1")
        return subprocess.run([ROOT / "run", *arguments], env=environment, stdin=subprocess.DEVNULL, text=True, capture_output=True, timeout=60, check=False)

    def fetched(self, done, hub="huggingface"):
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(len(done.stdout), 0)
        path = self.pulled / hub / REPO / NAME.removesuffix(".gguf") / NAME
        self.assertEqual(path.read_bytes(), self.model)
        self.assertIn(f"Model: {path}", done.stderr)
        self.assertEqual(list(self.pulled.rglob("*.part*")), [])

    def test_the_given_model_answers_and_nothing_is_fetched(self):
        model = self.home / "my model.gguf"
        model.write_bytes(self.model)
        done = self.run_it("-m", str(model), "--question", "Why?", "-n", "7", "--threads", "2", first=self.hub.url, program=self.stand_in)
        self.assertEqual((done.returncode, done.stdout), (0, f"pingti run -m {model} --chat -n 7 --threads 2 Why?\n"))
        self.assertEqual(self.hub.log, [])

    def test_a_model_without_template_continues_and_that_is_said(self):
        model = self.home / "plain.gguf"
        model.write_bytes(self.model)
        done = self.run_it("-m", str(model), "--question", "Once", first=self.hub.url, program=self.stand_in)
        self.assertEqual((done.returncode, done.stdout), (0, f"pingti run -m {model} -n 64 Once\n"))
        self.assertIn("no chat template", done.stderr)

    def test_wrong_use_is_said(self):
        for arguments in (["-m", str(self.home / "absent")], ["-m"]):
            done = self.run_it(*arguments, first=self.hub.url)
            self.assertEqual(done.returncode, 2)
            self.assertIn("absent" if len(arguments) > 1 else "needs a value", done.stderr)
        self.assertIn("usage: ./run", self.run_it("--help").stdout)

    def test_without_model_and_network_it_says_what_to_give(self):
        done = self.run_it()
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        for expected in ("no connection to the server", "asking ModelScope", "./run -m FILE.gguf", "./run -m DIRECTORY", "./run -m NAME"):
            self.assertIn(expected, done.stderr)

    def test_it_fetches_once(self):
        self.fetched(self.run_it(first=self.hub.url))
        self.assertEqual(len(self.hub.asked(f"/resolve/")), 1)
        self.hub.log.clear()
        self.fetched(self.run_it())
        self.assertEqual(self.hub.log, [])

    def test_a_model_by_name_is_fetched_too(self):
        self.hub.add("team/tiny-GGUF", {"tiny-Q8_0.gguf": self.model})
        done = self.run_it("-m", "team/tiny-GGUF:Q8_0", first=self.hub.url)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([p.name for p in self.pulled.rglob("*.gguf")], ["tiny-Q8_0.gguf"])
        self.assertEqual(self.run_it("-m", "team/tiny-GGUF:Q8_0").returncode, 0)

    def test_the_second_site_is_asked(self):
        self.fetched(self.run_it(second=self.hub.url), "modelscope")
        self.assertEqual(self.hub.asked("/resolve/"), [(f"/models/{REPO}/resolve/master/{NAME}", None)])

    def test_a_broken_transfer_is_taken_up_at_once(self):
        self.hub.break_after = [5000, 7000]
        done = self.run_it(first=self.hub.url)
        self.fetched(done)
        last = len(self.model) - 1
        self.assertEqual([asked for _, asked in self.hub.asked("signature")], [None, f"bytes=5000-{last}", f"bytes=12000-{last}"])
        self.assertIn("broke off", done.stderr)

    def test_and_by_the_next_run_when_the_site_is_gone(self):
        self.hub.break_after = [5000, 0]
        done = self.run_it(first=self.hub.url)
        self.assertEqual(done.returncode, 3)
        self.assertIn("goes on from there", done.stderr)
        self.assertEqual(list(self.pulled.rglob(NAME)), [])
        self.hub.log.clear()
        self.fetched(self.run_it(first=self.hub.url))
        self.assertEqual([asked for _, asked in self.hub.asked("signature")], [f"bytes=5000-{len(self.model) - 1}"])

    def test_a_site_that_cannot_resume_starts_over_and_says_so(self):
        self.hub.break_after = [5000, 0]
        self.run_it(first=self.hub.url)
        self.hub.ranges = False
        done = self.run_it(first=self.hub.url)
        self.fetched(done)
        self.assertIn("from the start", done.stderr)

    def test_what_is_not_the_model_is_not_kept(self):
        for served in (b"<html>" * (len(self.model) // 6) + b"x" * (len(self.model) % 6), self.model[:500]):
            self.hub.hooks[f"/{REPO}/{NAME}"] = lambda handler, _: handler.answer(200, served)
            self.assertEqual(self.run_it(first=self.hub.url).returncode, 3)
            self.assertEqual(list(self.pulled.rglob("*.gguf")), [])


if __name__ == "__main__":
    unittest.main()
