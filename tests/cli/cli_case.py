"""What every command-line test shares: the program under test, a clean surrounding, tiny models."""
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import tiny_model

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("PINGTI_BINARY", str(ROOT / "build/release/pingti"))
EMULATED = bool(os.environ.get("PINGTI_EMULATED"))  # what repeats until a clock says so takes minutes there
DATA = Path(os.environ.get("PINGTI_DATA", ROOT / "../shared/data"))
STORIES = DATA / "models/stories260K"
COMMANDS = ("run", "replay", "chat", "pull", "models", "inspect", "tokenize", "template", "perplexity", "convert", "imatrix", "quantize", "bench", "doctor", "completion", "man")


class CliCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.home = Path(cls.folder.name)
        cls.model = str(cls.home / "tiny.gguf")
        tiny_model.write(cls.model)
        cls.long = str(cls.home / "long.gguf")  # room for an answer that takes long
        tiny_model.write(cls.long, context=65536, template=tiny_model.CHAT)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PINGTI_", "XDG_"))}
        env.update({"HOME": str(self.home), "LANG": "C.UTF-8", "PINGTI_CONFIG": ""} | more)
        return env

    def pingti(self, *arguments, stdin=b"", env=None, timeout=60):
        """(status, stdout, stderr), the streams as bytes and text."""
        done = subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, env=self.environment(**(env or {})),
                              capture_output=True, timeout=timeout, check=False)
        return done.returncode, done.stdout, done.stderr.decode(errors="replace")

    def answers(self, *arguments, **more):
        status, out, err = self.pingti(*arguments, **more)
        self.assertEqual(status, 0, err)
        return out.decode()

    def refused(self, *arguments, status=1, says=(), **more):
        got, out, err = self.pingti(*arguments, **more)
        self.assertEqual(got, status, err)
        self.assertEqual(out, b"")
        self.assertTrue(err.startswith("pingti: error: "), err)
        for word in [says] if isinstance(says, str) else says:
            self.assertIn(word, err)
        return err
