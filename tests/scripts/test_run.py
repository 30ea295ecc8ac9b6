"""./run: the model it is given, the model it fetches (whole, resumed, from the second site), and what it says without one.

A stand-in prints its arguments in place of pingti; a server on this machine stands in for the model sites.
"""
import http.server
import os
import re
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
NAME = "qwen2.5-0.5b-instruct-q8_0.gguf"
MODEL = b"GGUF" + bytes(range(256)) * 400
DEAD = "http://127.0.0.1:1"
STAND_IN = """#!/bin/sh
case $1 in
inspect) head -c 4 "$2" | grep -q GGUF ;;
template) grep -q user && case $3 in *plain*) exit 1 ;; esac ;;
*) echo "pingti $*" ;;
esac
"""


class Site(http.server.BaseHTTPRequestHandler):
    served = MODEL
    stops = ()   # after how many bytes the first answers break off
    ranges = True
    log = []

    def do_GET(self):
        start = 0
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        self.log.append((self.path, self.headers.get("Range")))
        if not self.path.endswith("/" + NAME):
            self.send_error(404)
            return
        if asked and self.ranges:
            start = int(asked.group(1))
            if start >= len(self.served):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(self.served) - 1}/{len(self.served)}")
        else:
            self.send_response(200)
        body = self.served[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.stops.pop(0)] if self.stops else body)

    def log_message(self, *_):
        pass


class Run(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.home = Path(self.folder.name)
        self.program = self.home / "pingti"
        self.program.write_text(STAND_IN)
        self.program.chmod(0o755)
        self.cached = self.home / "cache/pingti/models" / NAME
        self.site = type("S", (Site,), {"log": []})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.site)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()
        self.folder.cleanup()

    def run_it(self, *arguments, first=DEAD, second=DEAD):
        environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        environment.update(HOME=str(self.home), XDG_CACHE_HOME=str(self.home / "cache"), HF_ENDPOINT=first,
                           MODELSCOPE_ENDPOINT=second, PINGTI_PROGRAM=str(self.program), PINGTI_MODEL_LEAST_BYTES="1000")
        return subprocess.run([ROOT / "run", *arguments], env=environment, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=60, check=False)

    def fetched(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.cached.read_bytes(), MODEL)
        self.assertEqual(list(self.cached.parent.glob("*.part")), [])

    def test_the_given_model_answers_and_nothing_is_fetched(self):
        model = self.home / "my model.gguf"
        model.write_bytes(MODEL)
        done = self.run_it("-m", str(model), "--question", "Why?", "-n", "7", "--threads", "2", first=self.url)
        self.assertEqual((done.returncode, done.stdout), (0, f"pingti run -m {model} --chat -n 7 --threads 2 Why?\n"))
        self.assertEqual(self.site.log, [])

    def test_a_model_without_template_continues_and_that_is_said(self):
        model = self.home / "plain.gguf"
        model.write_bytes(MODEL)
        done = self.run_it("-m", str(model), "--question", "Once", first=self.url)
        self.assertEqual((done.returncode, done.stdout), (0, f"pingti run -m {model} -n 64 Once\n"))
        self.assertIn("no chat template", done.stderr)

    def test_wrong_use_is_said(self):
        for arguments in (["-m", str(self.home / "absent")], ["-m"]):
            done = self.run_it(*arguments, first=self.url)
            self.assertEqual(done.returncode, 2)
            self.assertIn("absent" if len(arguments) > 1 else "needs a value", done.stderr)
        self.assertIn("usage: ./run", self.run_it("--help").stdout)

    def test_without_model_and_network_it_says_what_to_give(self):
        done = self.run_it()
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        for expected in ("./run -m FILE.gguf", "./run -m DIRECTORY", "huggingface.co", str(self.cached.parent)):
            self.assertIn(expected, done.stderr)

    def test_it_fetches_once(self):
        self.fetched(self.run_it(first=self.url))
        self.assertEqual(self.site.log, [(f"/Qwen/Qwen2.5-0.5B-Instruct-GGUF/resolve/main/{NAME}", None)])
        self.fetched(self.run_it())

    def test_the_second_site_is_asked(self):
        self.fetched(self.run_it(second=self.url))
        self.assertEqual(self.site.log, [(f"/models/Qwen/Qwen2.5-0.5B-Instruct-GGUF/resolve/master/{NAME}", None)])

    def test_a_broken_transfer_is_taken_up_at_once(self):
        self.site.stops = [5000, 7000]
        done = self.run_it(first=self.url)
        self.fetched(done)
        self.assertEqual([asked for _, asked in self.site.log], [None, "bytes=5000-", "bytes=12000-"])
        self.assertIn("broken off after 12000 bytes", done.stderr)

    def test_and_by_the_next_run_when_the_site_is_gone(self):
        self.site.stops = [5000, 0]
        done = self.run_it(first=self.url)
        self.assertEqual(done.returncode, 3)
        self.assertIn("goes on from there", done.stderr)
        self.assertFalse(self.cached.exists())
        self.fetched(self.run_it(first=self.url))
        self.assertEqual([asked for _, asked in self.site.log], [None, "bytes=5000-", "bytes=5000-"])

    def test_a_site_that_cannot_resume_starts_over_and_says_so(self):
        self.site.stops = [5000, 0]
        self.run_it(first=self.url)
        self.site.ranges = False
        done = self.run_it(first=self.url)
        self.fetched(done)
        self.assertIn("from the start", done.stderr)

    def test_what_is_no_model_is_not_kept(self):
        for served in (b"<html>" * 1000, MODEL[:500]):
            self.site.served = served
            self.assertEqual(self.run_it(first=self.url).returncode, 3)
            self.assertEqual(list(self.cached.parent.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
