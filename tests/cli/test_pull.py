"""pingti pull and pingti models against a hub on this machine: what it fetches, what it refuses, and how it goes on after every
way in which a transfer can go wrong."""
import fcntl
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import tiny_model
from cli_case import PROGRAM, CliCase
from hub_server import COMMIT, TLS, File, Hub

BIG = random.Random(1).randbytes(40 << 20)   # several parts
REPO = "team/tiny-GGUF"
QUICK = ("--retry-pause", "0.01", "--stall-timeout", "1", "--connect-timeout", "2")


class PullCase(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gguf = Path(cls.model).read_bytes()
        cls.chatty = Path(cls.long).read_bytes()

    def setUp(self):
        self.hub = Hub()
        self.addCleanup(self.hub.__exit__)
        self.store = Path(tempfile.mkdtemp(dir=self.home))
        self.addCleanup(shutil.rmtree, self.store)
        self.hub.add(REPO, {"tiny-q8_0.gguf": self.gguf, "tiny-q4_k_m.gguf": self.chatty, "README.md": b"# tiny"})

    def environment(self, **more):
        env = {k: v for k, v in super().environment().items() if not k.lower().endswith("_proxy") and not k.startswith(("HF_", "MODELSCOPE_", "SSL_", "CURL_"))}
        return {**env, "PINGTI_MODELS": str(self.store), **self.hub.environment(), **more}

    def pull(self, *arguments, **more):
        out = self.answers("pull", *QUICK, *arguments, **more)
        self.assert_tidy()
        return Path(out.strip())

    def refused_pull(self, *arguments, **more):
        return self.refused("pull", "-q", *QUICK, *arguments, **more)

    def said(self, *arguments, **more):
        """What a pull that works says on standard error."""
        status, _, err = self.pingti("pull", *QUICK, *arguments, **more)
        self.assertEqual(status, 0, err)
        self.assert_tidy()
        return err

    def files(self):
        return sorted(str(p.relative_to(self.store)) for p in self.store.rglob("*") if p.is_file())

    def assert_tidy(self):
        """Nothing but whole models: no locks, no parts."""
        self.assertEqual([f for f in self.files() if ".part" in f or f.endswith((".lock", ".new", ".old"))], [])

    def assert_is(self, path, data):
        self.assertEqual(hashlib.sha256(Path(path).read_bytes()).hexdigest(), hashlib.sha256(data).hexdigest())

    def add_big(self, **more):
        self.hub.add("o/big-GGUF", {"big.gguf": File(BIG, **more)})


class What(PullCase):
    def test_a_quantization_and_its_manifest(self):
        path = self.pull(f"{REPO}:Q8_0")
        self.assertEqual(path, self.store / "huggingface" / REPO / "tiny-q8_0/tiny-q8_0.gguf")
        self.assert_is(path, self.gguf)
        manifest = json.loads((path.parent / "manifest.json").read_text())
        self.assertEqual({k: manifest[k] for k in ("name", "hub", "endpoint", "owner", "repository", "commit", "main")},
                         {"name": f"{REPO}:Q8_0", "hub": "huggingface", "endpoint": self.hub.url, "owner": "team", "repository": "tiny-GGUF", "commit": COMMIT, "main": path.name})
        self.assertEqual(manifest["files"], [{"name": path.name, "path": path.name, "size": len(self.gguf), "sha256": hashlib.sha256(self.gguf).hexdigest(),
                                              "url": f"{self.hub.url}/{REPO}/resolve/{COMMIT}/{path.name}"}])

    def test_without_a_quantization_the_usual_one_and_that_is_said(self):
        said = self.said(REPO)
        for words in ("chosen: Q4_K_M of Q8_0, Q4_K_M", "other weights: tiny-q8_0.gguf", "not needed: README.md", "free", "every file verified"):
            self.assertIn(words, said)

    def test_a_file_by_name(self):
        self.hub.add(REPO, {"sub/other.gguf": self.gguf, "notes.txt": b"notes"})
        self.assertEqual(self.pull(f"{REPO}:sub/other.gguf").name, "other.gguf")
        self.assertEqual(self.pull(f"{REPO}:notes.txt").read_bytes(), b"notes")
        self.refused_pull(f"{REPO}:absent.gguf", status=2, says=("no file 'absent.gguf'", "Q8_0"))

    def test_all_parts_of_a_split_gguf(self):
        self.hub.add("o/split-GGUF", {f"x/s-Q4_K_M-0000{i}-of-00003.gguf": b"part %d" % i for i in (1, 2, 3)})
        path = self.pull("o/split-GGUF:q4_k_m")
        self.assertEqual(sorted(p.name for p in path.parent.iterdir()), ["manifest.json"] + [f"s-Q4_K_M-0000{i}-of-00003.gguf" for i in (1, 2, 3)])
        self.assertEqual(path.name, "s-Q4_K_M-00001-of-00003.gguf")
        del self.hub.repos["o/split-GGUF"]["x/s-Q4_K_M-00002-of-00003.gguf"]
        self.refused_pull("o/split-GGUF:q4_k_m", says=("lacks a part", "00002-of-00003", "3 parts"))

    def test_files_of_one_name_in_several_folders_do_not_replace_each_other(self):
        """They once did: the folder in the store had the file's name alone."""
        repo, parts = "o/folders-GGUF", ("model-00001-of-00002.gguf", "model-00002-of-00002.gguf")
        self.hub.add(repo, {f"{q}/{p}": f"{q} {p}".encode() for q in ("Q4_K_M", "Q8_0") for p in parts} | {"a/notes.txt": b"a", "b/notes.txt": b"b"})
        four, eight = self.pull(f"{repo}:Q4_K_M"), self.pull(f"{repo}:q8_0")
        self.assertEqual((four.parent.name, eight.parent.name), ("Q4_K_M--model", "Q8_0--model"))
        self.assertEqual((four.read_bytes(), eight.read_bytes()), (b"Q4_K_M " + parts[0].encode(), b"Q8_0 " + parts[0].encode()))
        self.assertEqual([m["name"] for m in json.loads(self.answers("models", "--json"))], [f"{repo}:Q4_K_M", f"{repo}:Q8_0"])
        self.assertEqual(self.answers("models", "path", f"{repo}:Q4_K_M"), f"{four}\n")
        notes = [self.pull(f"{repo}:{folder}/notes.txt") for folder in "ab"]
        self.assertEqual([n.read_bytes() for n in notes], [b"a", b"b"])
        self.assertIn(f"{repo}:a/notes.txt", [m["name"] for m in json.loads(self.answers("models", "--json"))])
        self.assertIn("all as they were pulled", self.answers("models", "verify"))
        deep = "/".join(["folder" * 5] * 12)
        self.hub.add(repo, {f"{deep}/{n}/deep.gguf": n.encode() for n in ("x", "y")})
        self.assertEqual([self.pull(f"{repo}:{deep}/{n}/deep.gguf").read_bytes() for n in ("x", "y")], [b"x", b"y"])

    def test_a_store_of_before_is_gone_on_with(self):
        """Its folders had the names of files alone: a file that is in one stays there, another one does not take its place."""
        repo = "o/folders-GGUF"
        self.hub.add(repo, {"Q8_0/model.gguf": self.gguf, "model.gguf": self.chatty})
        now = self.pull(f"{repo}:Q8_0").parent
        then = now.with_name("model")
        now.rename(then)
        self.assertIn("here already", self.said(f"{repo}:Q8_0"))
        self.hub.add(repo, {"Q8_0/model.gguf": self.gguf + b"new"})
        self.assertEqual(self.pull(f"{repo}:Q8_0"), then / "model.gguf")
        self.refused_pull(f"{repo}:model.gguf", status=2, says=("another model of the repository has the folder", "'Q8_0/model.gguf'", "models rm"))
        self.assert_is(then / "model.gguf", self.gguf + b"new")

    def test_a_gguf_and_the_parts_of_one_of_its_name(self):
        self.hub.add("o/both-GGUF", {"x.gguf": b"whole", "x-00001-of-00001.gguf": b"part"})
        whole = self.pull("o/both-GGUF:x.gguf")
        self.refused_pull("o/both-GGUF:x-00001-of-00001.gguf", status=2, says="another model of the repository has the folder")
        self.assertEqual(whole.read_bytes(), b"whole")

    def test_an_ambiguous_or_absent_quantization_lists_what_there_is(self):
        self.hub.add(REPO, {"ud/tiny-UD-Q8_0.gguf": self.gguf})
        self.refused_pull(f"{REPO}:Q8_0", status=2, says=("several", "tiny-q8_0.gguf", "ud/tiny-UD-Q8_0.gguf"))
        self.refused_pull(f"{REPO}:Q6_K", status=2, says=("no GGUF of quantization Q6_K", "Q8_0, Q4_K_M"))
        self.hub.add("o/two-GGUF", {"a-Q8_0.gguf": b"a", "b-Q6_K.gguf": b"b"})
        self.refused_pull("o/two-GGUF", status=2, says=("2 GGUF files", "Q8_0, Q6_K"))

    def test_a_directory_without_its_pickles(self):
        self.hub.add("o/plain", {"config.json": b"{}", "tokenizer.json": b"{}", "model-00001-of-00002.safetensors": b"1", "model-00002-of-00002.safetensors": b"2",
                                 "model.safetensors.index.json": b"{}", "pytorch_model.bin": b"pickle", "consolidated.safetensors": b"copy", "onnx/model.onnx": b"", "train.py": b""})
        said = self.said("o/plain")
        folder = self.store / "huggingface/o/plain/safetensors"
        self.assertEqual(sorted(p.name for p in folder.iterdir()), ["config.json", "manifest.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                                                                    "model.safetensors.index.json", "tokenizer.json"])
        self.assertIn("may run code when loaded: pytorch_model.bin", said)
        self.assertIn("careful: pytorch_model.bin", self.said("o/plain", "--include", "*.bin"))
        self.assertEqual((folder / "pytorch_model.bin").read_bytes(), b"pickle")
        self.assertIn("here already", self.said("o/plain"))   # it once dropped what --include had added
        self.hub.add("o/plain", {"config.json": b'{"new": 1}', "pytorch_model.bin": b"new pickle"})
        self.hub.hooks["/api/models/o/plain/revision"] = lambda h, _: h.answer_json({"sha": "f" * 40})
        said = self.said("o/plain")
        self.assertIn("kept up to date, pulled earlier: pytorch_model.bin", said)
        self.assertNotIn("when loaded: pytorch_model.bin", said)
        self.assertEqual((folder / "pytorch_model.bin").read_bytes(), b"new pickle")
        del self.hub.repos["o/plain"]["pytorch_model.bin"]
        self.hub.hooks["/api/models/o/plain/revision"] = lambda h, _: h.answer_json({"sha": "e" * 40})
        self.assertIn("gone from the hub, and from here with this pull: pytorch_model.bin", self.said("o/plain"))
        self.assertFalse((folder / "pytorch_model.bin").exists())
        self.refused_pull("o/plain", "--include", "*.nothing", status=2, says="matches no file")
        self.hub.add("o/pickles", {"config.json": b"{}", "pytorch_model.bin": b"pickle"})
        self.refused_pull("o/pickles", says=("no model that pingti can read", "pickles"))

    def test_files_of_one_name_in_several_folders(self):
        self.hub.add("o/folders", {"config.json": b"{}", "model.safetensors": b"1", "onnx/config.json": b"onnx", "a/b/notes.md": b"a", "notes/notes.md": b"n"})
        self.said("o/folders", "--include", "config.json", "--include", "notes.md")
        folder = self.store / "huggingface/o/folders/safetensors"

        def here():
            return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "manifest.json"}
        whole = {"config.json": b"{}", "model.safetensors": b"1", "onnx--config.json": b"onnx", "notes.md": b"a", "notes--notes.md": b"n"}
        self.assertEqual(here(), whole)
        self.assertIn("here already", self.said("o/folders"))
        self.assertIn("5 files: all as they were pulled", self.answers("models", "verify", "o/folders"))
        self.hub.add("o/folders", {"notes/notes.md": b"new"})
        self.hub.hooks["/api/models/o/folders/revision"] = lambda h, _: h.answer_json({"sha": "f" * 40})
        self.assertIn("kept up to date, pulled earlier: notes/notes.md", self.said("o/folders"))
        self.assertEqual(here(), whole | {"notes--notes.md": b"new"})

    def test_a_model_that_is_cut_into_other_parts_now(self):
        self.hub.add("o/cut-GGUF", {"x-00001-of-00001.gguf": self.gguf})
        self.pull("o/cut-GGUF")
        del self.hub.repos["o/cut-GGUF"]["x-00001-of-00001.gguf"]
        self.hub.add("o/cut-GGUF", {"x-00001-of-00002.gguf": b"1", "x-00002-of-00002.gguf": b"2"})
        self.hub.hooks["/api/models/o/cut-GGUF/revision"] = lambda h, _: h.answer_json({"sha": "f" * 40})
        self.assertIn("gone from the hub, and from here with this pull: x-00001-of-00001.gguf", self.said("o/cut-GGUF"))
        self.assertEqual(self.files(), [f"huggingface/o/cut-GGUF/x/{name}" for name in ("manifest.json", "x-00001-of-00002.gguf", "x-00002-of-00002.gguf")])

    def test_short_names_and_the_second_hub(self):
        repo = "Qwen/Qwen2.5-0.5B-Instruct-GGUF"
        self.hub.add(repo, {"qwen2.5-0.5b-instruct-q4_k_m.gguf": self.gguf, "qwen2.5-0.5b-instruct-q8_0.gguf": self.gguf})
        self.assertEqual(self.pull("qwen2.5:0.5b").name, "qwen2.5-0.5b-instruct-q4_k_m.gguf")
        self.assertEqual(self.pull("qwen2.5:0.5b-q8_0").name, "qwen2.5-0.5b-instruct-q8_0.gguf")
        dead = {"HF_ENDPOINT": "http://127.0.0.1:1"}
        said = self.said("qwen2.5:0.5b-q8_0", env={**dead, "PINGTI_MODELS": str(self.store / "b")})
        self.assertIn("asking ModelScope", said)
        self.assertTrue((self.store / "b/modelscope" / repo / "qwen2.5-0.5b-instruct-q8_0/manifest.json").exists())
        # another owner's repository of the same name on the other hub is never taken in silence
        self.refused_pull("team/tiny-GGUF:q8_0", "--retries", "1", env=dead, says="no connection")
        self.refused_pull("qwen2.5:9b", status=2, says=("qwen2.5:0.5b", "no such size"))
        self.refused_pull("qwen25", status=2, says="did you mean qwen2.5?")

    def test_modelscope(self):
        path = self.pull(f"{REPO}:Q8_0", "--hub", "modelscope")
        self.assertEqual(path, self.store / "modelscope" / REPO / "tiny-q8_0/tiny-q8_0.gguf")
        self.assertEqual(self.hub.asked("resolve"), [(f"/models/{REPO}/resolve/master/tiny-q8_0.gguf", None)])
        self.refused_pull("team/absent", "--hub", "modelscope", says=("ModelScope, team/absent", "HTTP 404", "not found"))

    def test_a_second_pull_fetches_nothing_and_a_new_version_replaces(self):
        path = self.pull(f"{REPO}:Q8_0")
        n = len(self.hub.asked("resolve"))
        self.assertIn("here already", self.said(f"{REPO}:Q8_0"))
        self.assertEqual(len(self.hub.asked("resolve")), n)
        self.hub.add(REPO, {"tiny-q8_0.gguf": self.chatty})
        self.assertEqual(self.pull(f"{REPO}:Q8_0"), path)
        self.assert_is(path, self.chatty)

    def test_an_unchanged_file_of_a_new_version_is_not_fetched_again(self):
        self.hub.add("o/plain", {"config.json": b"{}", "model.safetensors": self.gguf})
        self.pull("o/plain")
        self.hub.add("o/plain", {"config.json": b'{"new": 1}'})
        self.hub.etag_of = lambda *_: '"new"'
        self.hub.hooks[f"/api/models/o/plain/revision"] = lambda h, _: h.answer_json({"sha": "f" * 40})
        self.hub.log.clear()
        folder = self.pull("o/plain")
        self.assertEqual((folder / "config.json").read_bytes(), b'{"new": 1}')
        self.assertEqual(self.hub.asked("model.safetensors"), [])

    def test_dry_run_into_a_folder_that_is_not_there_yet(self):
        for models in ("not-there-yet", "/not-there-yet"):
            plan = json.loads(self.answers("pull", "-q", f"{REPO}:Q8_0", "--dry-run", "--json", "--models", models))
            self.assertGreater(plan["room"], 0)

    def test_dry_run_writes_nothing(self):
        plan = json.loads(self.answers("pull", "-q", f"{REPO}:Q8_0", "--dry-run", "--json"))
        self.assertEqual((plan["need"], plan["files"][0]["path"], plan["commit"]), (len(self.gguf), "tiny-q8_0.gguf", COMMIT))
        self.assertEqual(list(self.store.iterdir()), [])

    def test_json(self):
        done = json.loads(self.answers("pull", "-q", f"{REPO}:Q8_0", "--json"))
        self.assertFalse(done["already"])
        self.assertTrue(Path(done["path"]).exists())
        self.assertEqual(done["manifest"]["files"][0]["size"], len(self.gguf))


class Transfers(PullCase):
    def test_parts_side_by_side(self):
        self.add_big()
        self.hub.slow = .01
        self.assert_is(self.pull("o/big-GGUF", "--connections", "3", "--stall-timeout", "30"), BIG)   # a busy machine's server stalls
        self.assertTrue(2 <= self.hub.most_active <= 3, self.hub.most_active)
        asked = sorted(int(r.split("=")[1].split("-")[0]) for path, r in self.hub.asked("signature"))
        self.assertEqual(asked, list(range(0, len(BIG), 8 << 20)))
        self.assertEqual(len(self.hub.asked("/resolve/")), 1)   # the hub is asked once, its store for the rest

    def test_one_connection_is_one_request(self):
        self.add_big()
        self.assert_is(self.pull("o/big-GGUF", "--connections", "1"), BIG)
        self.assertEqual([r for _, r in self.hub.asked("signature")], [None])

    def test_it_breaks_off_again_and_again(self):
        self.add_big()
        self.hub.break_after = [5 << 20, 100, 3 << 20, 0, 1 << 20, 70000, 0, 1]
        said = self.said("o/big-GGUF")
        self.assert_is(next(self.store.rglob("big.gguf")), BIG)
        self.assertIn("broke off", said)
        self.assertIn("attempt 1 of 5 in", said)

    def test_it_brings_nothing(self):
        self.add_big()
        self.hub.break_after = [1 << 20] + [0] * 50
        self.refused_pull("o/big-GGUF", "--retries", "2", "--connections", "1", says=("gave up after 3 attempts in a row", "broke off"))
        self.hub.break_after = []
        self.hub.log.clear()
        self.assertIn("going on after 1048576 of", self.said("o/big-GGUF", "--connections", "1"))
        self.assertEqual([r for _, r in self.hub.asked("signature")], [f"bytes=1048576-{len(BIG) - 1}"])

    def test_it_stalls(self):
        self.add_big()
        self.hub.stall_after = [200000]
        began = time.monotonic()
        self.assertIn("the server stalls", self.said("o/big-GGUF", "--connections", "1"))
        self.assertLess(time.monotonic() - began, 15)
        self.assert_is(next(self.store.rglob("big.gguf")), BIG)

    def test_headers_that_drip(self):
        def drip(handler, _):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for i in range(100):
                time.sleep(.1)
                handler.wfile.write(b"X-%d: y\r\n" % i)
        self.hub.hooks[f"/{REPO}/resolve"] = drip
        self.refused_pull(f"{REPO}:Q8_0", "--retries", "0", "--connect-timeout", "0.5", says="does not answer in time")

    def test_killed_in_the_midst_and_taken_up(self):
        self.add_big()
        self.hub.slow = .03
        child = subprocess.Popen([PROGRAM, "pull", "-q", "o/big-GGUF"], env=self.environment(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while not any(f.endswith("big.gguf.part.json") for f in self.files()) or sum(h.get("Range") is not None for _, _, h in self.hub.log) < 4:
            time.sleep(.02)
        time.sleep(1.2)
        child.send_signal(signal.SIGKILL)
        child.wait()
        self.assertEqual(list(self.store.rglob("big.gguf")), [])
        self.hub.slow = 0
        before = sum(len(BIG) if not r else int(r.split("-")[1]) + 1 - int(r.split("=")[1].split("-")[0]) for _, r in self.hub.asked("signature"))
        self.hub.log.clear()
        self.assertIn("going on after", self.said("o/big-GGUF"))
        self.assert_is(next(self.store.rglob("big.gguf")), BIG)
        again = sum(int(r.split("-")[1]) + 1 - int(r.split("=")[1].split("-")[0]) for _, r in self.hub.asked("signature"))
        self.assertLess(again, len(BIG))
        self.assertGreater(before, 0)

    def test_ctrl_c_keeps_what_came_and_says_how_to_go_on(self):
        self.add_big()
        self.hub.slow = .03
        child = subprocess.Popen([PROGRAM, "pull", "o/big-GGUF"], env=self.environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        while self.hub.active < 2:
            time.sleep(.02)
        time.sleep(.3)
        child.send_signal(signal.SIGINT)
        out, said = child.communicate(timeout=10)
        self.assertEqual((child.returncode, out), (130, ""), said)
        self.assertIn("what came is kept", said)
        self.assertIn("`pingti pull o/big-GGUF` goes on from there", said)
        self.assertEqual([f for f in self.files() if f.endswith(".lock")], [])
        self.hub.slow = 0
        self.assertIn("going on after", self.said("o/big-GGUF"))

    def test_ctrl_c_while_whole_files_are_checked_keeps_them(self):
        size = 1 << 30
        self.hub.listed[REPO, "tiny-q8_0.gguf"] = {"size": size, "lfs": {"oid": "0" * 64, "size": size}}
        whole = self.store / "huggingface" / REPO / "tiny-q8_0.part/tiny-q8_0.gguf"
        whole.parent.mkdir(parents=True)
        with open(whole, "wb") as f:
            f.truncate(size)
        child = subprocess.Popen([PROGRAM, "pull", "-q", f"{REPO}:Q8_0"], env=self.environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        while not whole.parent.with_suffix(".lock").exists():
            time.sleep(.01)
        time.sleep(.1)
        child.send_signal(signal.SIGINT)
        said = child.communicate(timeout=20)[1]
        self.assertEqual(child.returncode, 130, said)
        self.assertTrue(whole.exists())

    def test_a_device_that_is_full_midway(self):
        """What came is kept, and the next pull goes on."""
        self.add_big()
        limit = 20 << 20
        done = subprocess.run([PROGRAM, "pull", "-q", *QUICK, "--connections", "1", "o/big-GGUF"], env=self.environment(), capture_output=True, text=True, timeout=60, check=False,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("File too large", done.stderr)
        self.assertEqual(list(self.store.rglob("big.gguf")), [])
        self.said("o/big-GGUF")
        self.assert_is(next(self.store.rglob("big.gguf")), BIG)

    def test_the_file_changes_between_parts_side_by_side(self):
        """Parts of two versions are never put together."""
        self.add_big()
        other = bytes(reversed(BIG))
        def changes(file, path, count):
            if count == 3:   # this answer has its bytes already
                file.data = other
            return '"old"' if count < 4 else '"new"'
        self.hub.etag_of = changes
        self.hub.slow = .002
        self.refused_pull("o/big-GGUF", "--connections", "3", "--stall-timeout", "30", says=("not what the hub lists", hashlib.sha256(other).hexdigest()))
        self.assertEqual(list(self.store.rglob("big.gguf")), [])

    def test_two_pulls_of_one_model(self):
        self.add_big()
        self.hub.slow = .05
        child = subprocess.Popen([PROGRAM, "pull", "-q", "o/big-GGUF"], env=self.environment(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while self.hub.active < 2:
            time.sleep(.02)
        self.refused_pull("o/big-GGUF", says="another pingti is pulling")
        child.kill()
        child.wait()
        self.hub.slow = 0
        self.pull("o/big-GGUF")   # a dead one's lock is none

    def test_a_pull_that_is_refused_leaves_the_others_folder(self):
        staging = self.store / "huggingface" / REPO / "tiny-q8_0.part"
        staging.mkdir(parents=True)
        with open(staging.with_suffix(".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.refused_pull(f"{REPO}:Q8_0", says="another pingti is pulling")
        self.assertTrue(staging.is_dir())

    def test_a_gated_file_leaves_nothing(self):
        self.add_big()
        self.hub.hooks["/o/big-GGUF/resolve"] = lambda h, _: h.answer(403, b"", {"X-Error-Code": "GatedRepo"})
        self.refused_pull("o/big-GGUF", says="gated")
        self.assertEqual(list(self.store.iterdir()), [self.store / "huggingface"])
        self.assertEqual(self.files(), [])

    def test_an_etag_that_is_no_utf8(self):
        self.hub.slow = .03
        self.add_big(etag='"\xe9"')
        self.assert_is(self.pull("o/big-GGUF", "--connections", "2"), BIG)

    def test_no_ranges(self):
        self.hub.ranges = False
        self.add_big()
        self.assert_is(self.pull("o/big-GGUF"), BIG)
        shutil.rmtree(self.store / "huggingface/o")
        self.hub.break_after = [5 << 20]
        said = self.said("o/big-GGUF")
        self.assertIn("from the start", said)
        self.assert_is(next(self.store.rglob("big.gguf")), BIG)

    def test_the_file_changes_midway(self):
        self.add_big()
        self.hub.etag_of = lambda file, path, count: '"old"' if count < 3 else '"new"'
        self.hub.break_after = [1 << 20]
        self.assertIn("the file has changed on the server; from the start", self.said("o/big-GGUF"))
        self.assert_is(next(self.store.rglob("big.gguf")), BIG)

    def test_the_file_changes_all_the_time(self):
        self.add_big()
        self.hub.etag_of = lambda file, path, count: f'"{count}"'
        self.hub.break_after = [1 << 20] * 20
        self.refused_pull("o/big-GGUF", says=("started over 3 times", "has changed on the server"))

    def test_416(self):
        self.add_big()
        def too_far(handler, origin):
            if handler.headers.get("Range", "bytes=0-").startswith("bytes=0-"):
                del self.hub.hooks["/o/big-GGUF/big.gguf"]
                self.hub.break_after = [1 << 20]
                handler.do_GET()
                self.hub.hooks["/o/big-GGUF/big.gguf"] = too_far
            else:
                self.hub.hooks.clear()
                handler.answer(416, b"", {"Content-Range": "bytes */7"})
        self.hub.hooks["/o/big-GGUF/big.gguf"] = too_far
        self.assertIn("shorter than what is here; from the start", self.said("o/big-GGUF", "--connections", "1"))
        self.assert_is(next(self.store.rglob("big.gguf")), BIG)

    def test_too_many_requests(self):
        def busy(handler, _):
            self.hub.hooks.clear()
            handler.answer(429, b"", {"Retry-After": "1"})
        for place in ("/api/models", f"/{REPO}/resolve"):
            self.hub.hooks[place] = busy
            began = time.monotonic()
            self.assertIn("HTTP 429", self.said(f"{REPO}:Q8_0"))
            self.assertGreater(time.monotonic() - began, 1)
            shutil.rmtree(self.store / "huggingface")
        self.hub.hooks["/api/models"] = lambda h, _: h.answer(429, b"", {"Retry-After": "4000"})
        self.refused_pull(f"{REPO}:Q8_0", says=("too many requests", "at most 300 s", "4000 s"))

    def test_errors_of_the_server_are_retried_and_refusals_are_not(self):
        self.hub.hooks["/api"] = lambda h, _: h.answer(500, b'{"error":"oh"}')
        self.refused_pull(f"{REPO}:Q8_0", "--retries", "2", says=("HTTP 500: oh",))
        self.assertEqual(len(self.hub.log), 3)
        self.hub.log.clear()
        self.hub.hooks["/api"] = lambda h, _: h.answer(403, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to it is restricted"})
        self.refused_pull(f"{REPO}:Q8_0", says=("gated", "HTTP 403 GatedRepo: Access to it is restricted", "HF_TOKEN"))
        self.assertEqual(len(self.hub.log), 1)


class Lies(PullCase):
    def lie(self, answer, *says, repo=f"{REPO}:Q8_0", place=f"/{REPO}/tiny-q8_0.gguf"):
        self.hub.hooks[place] = answer
        said = self.refused_pull(repo, "--retries", "1", says=says)
        self.assertEqual(list(self.store.rglob("*.gguf")), [], said)
        return said

    def test_a_length_that_is_too_short(self):
        self.lie(lambda h, _: h.answer(200, self.gguf[:-1]), "its length", str(len(self.gguf)), str(len(self.gguf) - 1))

    def test_a_length_that_is_too_long(self):
        self.lie(lambda h, _: h.answer(200, self.gguf + b"x"), "its length", str(len(self.gguf) + 1))

    def chunked(self, handler, body):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))

    def test_no_length_and_too_few_bytes(self):
        self.lie(lambda h, _: self.chunked(h, self.gguf[:1000]), "ended before the end")

    def test_no_length_and_too_many_bytes(self):
        self.lie(lambda h, _: self.chunked(h, self.gguf + b"more"), "more bytes than it said")

    def test_no_length_and_the_right_bytes(self):
        self.hub.hooks[f"/{REPO}/tiny-q8_0.gguf"] = lambda h, _: self.chunked(h, self.gguf)
        self.assert_is(self.pull(f"{REPO}:Q8_0"), self.gguf)

    def test_wrong_bytes(self):
        bad = bytes([self.gguf[0] ^ 1]) + self.gguf[1:]
        said = self.lie(lambda h, _: h.answer(200, bad), "not what the hub lists", hashlib.sha256(self.gguf).hexdigest(), hashlib.sha256(bad).hexdigest(), "deleted")
        self.assertEqual(self.files(), [], said)

    def test_another_part_than_was_asked_for(self):
        self.add_big()
        for text, says in (("bytes 5-8388612/41943040", "where its part begins"), ("bytes 0-9999999/41943040", "where its part ends"), ("bytes 0-8388607/41943041", "length of the whole file"),
                           ("bytes */41943040", "not which"), ("nonsense", "not which"), ("bytes 0-18446744073709551616/41943040", "not which")):
            def answer(handler, _, text=text):
                handler.answer(206, BIG[:8 << 20], {"Content-Range": text})
            self.lie(answer, says, repo="o/big-GGUF", place="/o/big-GGUF/big.gguf")

    def test_encoded_bytes(self):
        self.lie(lambda h, _: h.answer(200, b"\x1f\x8b" * (len(self.gguf) // 2), {"Content-Encoding": "gzip"}), "Content-Encoding: gzip")
        self.lie(lambda h, _: h.answer(200, b"\x1f\x8b", {"Content-Encoding": "gzip"}), "Content-Encoding: gzip", place="/api")

    def test_another_file_than_was_listed(self):
        self.lie(lambda h, _: h.answer(302, b"", {"Location": self.hub.store_url + f"/{REPO}/tiny-q8_0.gguf", "X-Linked-Etag": '"' + "a" * 64 + '"'}) if h.origin == "hub" else h.answer(200, b"", {"X-Linked-Etag": '"' + "a" * 64 + '"', "Content-Length": str(len(self.gguf))}),
                 "has changed on the hub since it was listed", "a" * 64, place=f"/{REPO}")

    def test_redirects_without_end(self):
        self.lie(lambda h, _: h.answer(302, b"", {"Location": h.path}), "from address to address", place=f"/{REPO}/resolve")
        count = len(self.hub.asked("resolve"))
        self.assertEqual(count, 9)
        self.lie(lambda h, _: h.answer(302, b"", {"Location": h.path + "x"}), "from address to address", place="/api")

    def test_redirects_to_what_is_no_web_address(self):
        for address in ("file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1:70/_x", "dict://127.0.0.1:11211/stat", "scp://127.0.0.1/etc/passwd", "http://user:secret@127.0.0.1/"):
            self.lie(lambda h, _: h.answer(302, b"", {"Location": address}), "an address is not allowed", place=f"/{REPO}/resolve")

    def test_a_signed_address_is_shown_without_its_signature(self):
        """Whoever reads a log must not be able to fetch the file by it."""
        for answer in (lambda h: h.answer(500), lambda h: h.answer(403), lambda h: h.answer(200, b"short"), lambda h: h.answer(200, b"", {"Content-Encoding": "br"}),
                       lambda h: h.answer(302, b"", {"Location": "ftp://user:secret@h/x?signature=5"}), lambda h: h.answer(302, b"", {"Location": h.path + "5"})):
            self.hub.hooks[f"/{REPO}/tiny-q8_0.gguf?signature"] = lambda h, _, answer=answer: answer(h)
            said = self.refused_pull(f"{REPO}:Q8_0", "--retries", "1", says="pingti: error")
            self.assertNotIn("signature", said)
            self.assertNotIn("secret", said)
            self.assertIn("...", said)

    def test_an_endpoint_without_a_scheme_is_refused_at_once(self):
        began = time.monotonic()
        for env, given in (({}, ["--endpoint", "127.0.0.1:1"]), ({"HF_ENDPOINT": "hf-mirror.example"}, [])):
            self.refused("pull", REPO, *given, status=2, env=env, says=("not usable", given[0] if given else "HF_ENDPOINT", "write https:// before it"))
        self.refused_pull(REPO, "--endpoint", "https://me:secret@127.0.0.1", status=2, says="https://...@127.0.0.1")
        self.assertLess(time.monotonic() - began, 3)

    def test_without_libcurl(self):
        """It is opened by pull alone; what opens first here is no library."""
        folder = self.home / "none"
        folder.mkdir()
        for name in ("libcurl-gnutls.so.4", "libcurl.so.4"):
            (folder / name).write_text("")
        env = {"LD_LIBRARY_PATH": str(folder)}
        self.refused_pull(REPO, env=env, says=("needs libcurl", "libcurl-gnutls.so.4", "apt install", "-m"))
        self.assertIn("not possible: pulling models needs libcurl", self.answers("doctor", env=env))
        self.answers("models", env=env)

    def test_the_token_goes_to_the_hub_alone(self):
        """CVE-2025-51471: a server made the client send its token elsewhere."""
        self.hub.token = "hf_secret"
        self.refused_pull(f"{REPO}:Q8_0", says=("HTTP 401 GatedRepo", "HF_TOKEN"))
        self.hub.log.clear()
        self.pull(f"{REPO}:Q8_0", env={"HF_TOKEN": "hf_secret"})
        seen = {(origin, headers.get("Authorization"), headers.get("Cookie")) for origin, _, headers in self.hub.log}
        self.assertEqual(seen, {("hub", "Bearer hf_secret", None), ("store", None, None)})
        self.hub.log.clear()
        self.pull(f"{REPO}:Q4_K_M", "--hub", "modelscope", env={"MODELSCOPE_API_TOKEN": "hf_secret"})
        self.assertEqual({headers.get("Cookie") for _, _, headers in self.hub.log}, {"m_session_id=hf_secret"})
        folder = self.home / "hf"
        folder.mkdir()
        (folder / "token").write_text("hf_secret\n")
        self.pull(f"{REPO}:tiny-q8_0.gguf", env={"HF_HOME": str(folder)})
        self.refused_pull(REPO, status=2, says="token cannot be one", env={"HF_TOKEN": "a\r\nX-Evil: b"})

    def test_a_token_to_this_machine_passes_no_proxy(self):
        proxies = {name: "http://127.0.0.1:1" for name in ("http_proxy", "all_proxy")}
        self.hub.token = "hf_secret"
        self.refused_pull(f"{REPO}:Q8_0", "--retries", "0", env={"HF_TOKEN": "hf_secret", **proxies}, says="tiny-q8_0.gguf")   # the store, which gets no token
        self.assertEqual({origin for origin, _, _ in self.hub.log}, {"hub"})

    def test_a_token_is_not_sent_where_it_can_be_overheard(self):
        said = self.pingti("pull", *QUICK, "--retries", "0", "--endpoint", "http://192.0.2.1:9", "--connect-timeout", "0.2", REPO, env={"HF_TOKEN": "hf_secret"})[2]
        self.assertIn("no", said)

    def test_headers_without_end(self):
        def flood(handler, _):
            handler.send_response(200)
            for i in range(5000):
                handler.send_header(f"X-{i}", "y" * 100)
            handler.end_headers()
        self.lie(flood, "headers without an end", place=f"/{REPO}/resolve")


class Https(PullCase):
    def serve(self, **certificates):
        self.hub.__exit__()
        self.hub = Hub(token="hf_secret", **certificates)
        self.addCleanup(self.hub.__exit__)
        self.hub.add(REPO, {"tiny-q8_0.gguf": self.gguf})

    def environment(self, ca=TLS / "ca.pem", **more):
        return super().environment(**{"HF_TOKEN": "hf_secret", "MODELSCOPE_API_TOKEN": "hf_secret", "SSL_CERT_FILE": str(ca), **more})

    def tokens(self):
        """(origin, whether the request had the token, in whatever form)"""
        return {(origin, "hf_secret" in str(headers)) for origin, _, headers in self.hub.log}

    def test_a_good_certificate(self):
        self.serve(tls="good", store_tls="good")
        self.assert_is(self.pull(f"{REPO}:Q8_0"), self.gguf)
        self.assertEqual(self.tokens(), {("hub", True), ("store", False)})

    def test_certificates_that_prove_nothing(self):
        """Refused at once, and nobody gets the token: signed by an authority that is not trusted here, run out, for another host."""
        other = TLS / "elsewhere.pem"
        for ca, certificate, says in ((other, "good", "verification failed"), (TLS / "ca.pem", "expired", "verification failed"), (TLS / "ca.pem", "elsewhere", "'127.0.0.1'")):
            for origin in ("tls", "store_tls"):
                if ca == other and origin == "store_tls":
                    continue   # the hub is refused already
                self.serve(**{"tls": "good", "store_tls": "good", origin: certificate})
                with self.subTest(f"{origin} {certificate} {ca}"):
                    began = time.monotonic()
                    self.refused_pull(f"{REPO}:Q8_0", env={"SSL_CERT_FILE": str(ca)}, says=("does not prove who it is", says, "SSL_CERT_FILE"))
                    self.assertLess(time.monotonic() - began, 5)
                    self.assertEqual(self.tokens(), {("hub", True)} if origin == "store_tls" else set())
                    self.assertEqual(list(self.store.rglob("*.gguf")), [])
        self.refused_pull(REPO, env={"SSL_CERT_FILE": "/nowhere"}, says=("certificates to check servers by cannot be read", "/nowhere"))

    def test_no_way_down_to_http(self):
        self.serve(tls="good")
        self.refused_pull(f"{REPO}:Q8_0", says="from https down to http")
        down = lambda h, origin: h.answer(302, b"", {"Location": self.hub.store_url + h.path})
        for place, more in (("/api/models", ()), ("/api/v1", ("--hub", "modelscope")), (f"/models/{REPO}/resolve", ("--hub", "modelscope"))):
            self.hub.hooks = {place: down}
            self.refused_pull(f"{REPO}:Q8_0", *more, says="from https down to http")
        self.assertEqual({origin for origin, _, _ in self.hub.log}, {"hub"})

    def test_another_host_gets_no_token(self):
        """The same machine under another name is another host, for every kind of redirect and for the list too."""
        for status in (301, 302, 303, 307, 308):
            for place in (f"/{REPO}/resolve", "/api/models"):
                self.serve(tls="good", store_tls="good")
                self.hub.hooks[place] = lambda h, origin: h.answer(status, b"", {"Location": self.hub.store_url.replace("127.0.0.1", "localhost") + "/there"}) if origin == "hub" else h.answer(404)
                self.refused_pull(f"{REPO}:Q8_0", says="HTTP 404")
                self.assertIn(("store", False), self.tokens())
                self.assertNotIn(("store", True), self.tokens())

    def test_a_site_without_tls(self):
        began = time.monotonic()
        self.refused("pull", REPO, "--endpoint", self.hub.url.replace("http:", "https:"), says=("no TLS connection", "is the address an http:// one?"))
        self.assertLess(time.monotonic() - began, 5)


class Lists(PullCase):
    def entry(self, **change):
        self.hub.listed[(REPO, "tiny-q8_0.gguf")] = change

    def test_hostile_names(self):
        """CVE-2024-37032 and its like: no name of a hub becomes a path outside the model's folder."""
        for name in ("../../../.bashrc", "/etc/passwd", "a/../../b.gguf", "a//b.gguf", "./a.gguf", "a/./b.gguf", "a\\..\\b.gguf", "c:evil.gguf", "a\n.gguf", "a\x1b[2J.gguf", "a\x7f.gguf", "", "x/",
                     "\u202efugg.a", "zero\u200bwidth.gguf", "x" * 300 + ".gguf", "d/" * 400 + "x.gguf", "trailing.", " leading.gguf"):
            self.hub.listed[(REPO, "tiny-q8_0.gguf")] = {"path": name, "Path": name}
            for hub in ("hf", "modelscope"):
                self.refused_pull(REPO + ":Q8_0", "--hub", hub, says="name is not allowed")
            self.assertEqual(self.files(), [])

    def test_names_that_pingti_uses_itself(self):
        for name in (".bashrc", "manifest.json", "x.part", "x.part.json", "Manifest.JSON", "y.lock"):
            self.hub.add(REPO, {f"sub/{name}": b"x"})
            self.refused_pull(f"{REPO}:sub/{name}", says="name is not allowed")
            self.assertEqual(self.files(), [], name)

    def test_names_that_differ_by_case_alone(self):
        self.hub.add("o/case", {"config.json": b"{}", "model.safetensors": b"1", "Config.json": b"[]"})
        self.refused_pull("o/case", "--include", "Config.json", says=("same name", "'config.json'", "'Config.json'"))

    def test_a_nul_in_a_name(self):
        self.entry(path="tiny-q8_0.gguf\0.txt")
        self.refused_pull(f"{REPO}:Q8_0", says="NUL")

    def test_hostile_digests(self):
        for oid in ("../../../etc/passwd", "sha256:" + "a" * 64, "", "g" * 64, "a" * 63):
            self.entry(lfs={"oid": oid, "size": 5, "pointerSize": 1})
            self.refused_pull(f"{REPO}:Q8_0", says="SHA-256") if oid else self.pull(f"{REPO}:Q4_K_M")

    def test_hostile_sizes(self):
        for size, says in ((-1, "out of range"), (1 << 62, "not enough room"), (1e300, "integer"), ("5", "an integer"), (None, "without a size")):
            self.entry(size=size, lfs=None)
            self.refused_pull(f"{REPO}:Q8_0", says=says)
        self.assertEqual(self.files(), [])

    def test_not_enough_room_says_both_numbers(self):
        self.entry(size=1 << 50, lfs=None)
        self.assertRegex(self.refused_pull(f"{REPO}:Q8_0"), r"(?s)expected: 1048576.00 GiB free \(1125899906842624 bytes\).*got:      [\d.]+ GiB free \(\d+ bytes\)")

    def test_pages(self):
        self.hub.add("o/many-GGUF", {f"notes-{i}.txt": b"" for i in range(95)} | {"many-Q8_0.gguf": self.gguf})
        self.hub.page = 10
        self.assert_is(self.pull("o/many-GGUF"), self.gguf)
        self.assertEqual(len(self.hub.asked("/tree/")), 10)

    def test_pages_without_end(self):
        def again(handler, _):
            n = int(handler.path.split("cursor=")[1]) if "cursor=" in handler.path else 0
            link = f"{self.hub.url}{handler.path.split('?')[0]}?cursor={n + 1 if grow else n}"
            handler.answer_json([{"type": "file", "path": f"x{n}", "size": 1}], {"Link": f'<{link}>; rel="next"'})
        self.hub.hooks[f"/api/models/{REPO}/tree"] = again
        for grow in (False, True):
            self.refused_pull(f"{REPO}:Q8_0", says="list has no end")
        self.assertLessEqual(len(self.hub.asked("/tree/")), 110)

    def test_a_next_page_elsewhere(self):
        self.hub.hooks[f"/api/models/{REPO}/tree"] = lambda h, _: h.answer_json([{"type": "file", "path": "x", "size": 1}], {"Link": f'<{self.hub.store_url}/steal>; rel="next"'})
        self.refused_pull(f"{REPO}:Q8_0", says="goes on at another site", env={"HF_TOKEN": "hf_secret"})
        self.assertEqual(self.hub.asked("steal"), [])

    def test_what_is_no_list(self):
        for body, says in ((b"<html>", "not valid JSON"), (b"{}", "no list of files"), (b"[" * 100000, "nested too deeply"), (b"[1]", "is empty"), (b"[]", "is empty"), (b"[{}", "not valid JSON")):
            self.hub.hooks[f"/api/models/{REPO}/tree"] = lambda h, _: h.answer(200, body)
            self.refused_pull(f"{REPO}:Q8_0", says=says)
        self.hub.hooks[f"/api/models/{REPO}/tree"] = lambda h, _: h.answer(200, b"[" + b'{"type":"directory"},' * 2000000 + b"{}]")
        self.refused_pull(f"{REPO}:Q8_0", says=("too large", "33554432"))
        self.hub.hooks[f"/api/models/{REPO}/revision"] = lambda h, _: h.answer_json({"sha": "../../../x"})
        self.refused_pull(f"{REPO}:Q8_0", says="names no commit")

    def test_modelscope_lists_that_were_cut(self):
        files = [{"Path": f"f{i}", "Type": "blob", "Size": 1, "Sha256": "a" * 64} for i in range(3000)]
        self.hub.hooks["/api/v1"] = lambda h, _: h.answer_json({"Data": {"Files": files}})
        self.refused_pull(f"{REPO}:Q8_0", "--hub", "modelscope", says="ends at 3000 in silence")

    def test_hostile_repositories(self):
        for name in ("../x", "a/../b", "a/b/c", "/a/b", "a/", "a b/c", "a/b\n", "a/.b", "a/b?x=1", "a/b#f", "a%2f..%2fb/c", ""):
            self.refused_pull(name, status=2, says="names no model")
        self.refused_pull(f"{REPO}:../x.gguf", says="name is not allowed")
        self.refused_pull(f"{REPO}:Q8_0", "--revision", "../../x", status=2, says="no revision")
        self.refused_pull(f"{REPO}:Q8_0", "--endpoint", "file:///etc", status=2, says="not usable")

    def test_links_in_the_store(self):
        """A link that somebody put where a model's files go is not written through."""
        outside = self.home / "outside"
        outside.write_text("mine")
        for place in ("tiny-q8_0.gguf.part", "tiny-q8_0.gguf"):
            staging = self.store / "huggingface" / REPO / "tiny-q8_0.part"
            staging.mkdir(parents=True)
            (staging / place).symlink_to(outside)
            self.pingti("pull", *QUICK, "-q", f"{REPO}:Q8_0")
            self.assertEqual(outside.read_text(), "mine")
            shutil.rmtree(self.store / "huggingface")
        (self.store / "huggingface").symlink_to(self.home)
        self.refused_pull(f"{REPO}:Q8_0", says="a symbolic link, or no folder")


class Models(PullCase):
    def test_list_path_and_the_model_by_name(self):
        self.assertEqual(self.answers("models"), "")
        path = self.pull(f"{REPO}:Q8_0")
        self.pull(f"{REPO}:Q4_K_M")
        table = self.answers("models", "list").splitlines()
        self.assertEqual(table[0].split(), ["name", "size", "format", "family", "context", "pulled"])
        self.assertRegex(table[2], rf"^{REPO}:Q8_0 +[\d.]+ KiB +Q8_0 +llama +256 +\d{{4}}-\d\d-\d\d$")
        listed = json.loads(self.answers("models", "list", "--json"))
        self.assertEqual([m["name"] for m in listed], [f"{REPO}:Q4_K_M", f"{REPO}:Q8_0"])
        self.assertEqual(self.answers("models", "path", f"{REPO}:q8_0"), f"{path}\n")
        for name in (f"{REPO}:Q8_0", f"{REPO}:tiny-q8_0.gguf", str(path)):
            self.assertEqual(self.answers("run", "-q", "-m", name, "--temp", "0", "-n", "3", "hello"), self.answers("run", "-q", "-m", self.model, "--temp", "0", "-n", "3", "hello"))
        self.assertIn('"tiny"', self.answers("inspect", "--json", f"{REPO}:Q8_0"))
        for command in (("tokenize", "x"), ("doctor",), ("perplexity", "--memory-plan"), ("bench", "--memory-plan")):
            self.answers(command[0], "-m", f"{REPO}:Q8_0", *command[1:])
        self.refused("run", "-m", REPO, "x", status=2, says=("several pulled models", "tiny-q4_k_m.gguf", "tiny-q8_0.gguf"))
        self.refused("run", "-m", "qwen2.5:0.5b", "x", says=("no pulled model of that name", "`pingti pull qwen2.5:0.5b`"))
        said = self.pingti("run", "-m", self.model, "--draft", f"{REPO}:Q8_0", "--temp", "0", "-n", "3", "hello")
        self.assertEqual((said[0], said[1].decode()), (0, self.answers("run", "-q", "-m", self.model, "--temp", "0", "-n", "3", "hello")))
        self.assertIn("the draft model", said[2])
        self.refused("run", "-m", self.model, "--draft", "qwen2.5:0.5b", "x", says=("the draft model (--draft)", "no pulled model of that name"))

    def test_a_family_that_is_no_text(self):
        """A model's own words do not drive the terminal."""
        told = struct.pack("<Q", 5) + b"llama"
        self.assertIn(told, self.gguf)
        self.hub.add("o/odd-GGUF", {"odd.gguf": self.gguf.replace(told, struct.pack("<Q", 5) + b"\x1b[31m", 1)})
        self.pull("o/odd-GGUF")
        table = self.pingti("models")[1]
        self.assertIn(b"?[31m", table)
        self.assertNotIn(b"\x1b", table)
        self.assertEqual([m["family"] for m in json.loads(self.answers("models", "list", "--json"))], ["?[31m (?)"])

    def test_verify_names_what_differs(self):
        path = self.pull(f"{REPO}:Q8_0")
        other = self.pull(f"{REPO}:Q4_K_M")
        self.assertIn("2 files: all as they were pulled", self.answers("models", "verify"))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        status, out, _ = self.pingti("models", "verify", f"{REPO}:Q8_0")
        self.assertEqual(status, 1)
        self.assertIn(f"differs: {path}: SHA-256", out.decode())
        path.write_bytes(b"short")
        other.unlink()
        status, out, _ = self.pingti("models", "verify", "--json")
        report = json.loads(out)
        self.assertEqual((status, report["bad"]), (1, 2))
        self.assertIn("5 bytes instead of", out.decode())
        self.assertIn("No such file", out.decode())
        self.refused("models", "verify", "o/absent", status=2, says="was pulled")

    def test_rm(self):
        path = self.pull(f"{REPO}:Q8_0")
        self.pull(f"{REPO}:Q4_K_M")
        self.refused("models", "rm", f"{REPO}:Q8_0", status=2, says="--yes")
        self.answers("models", "rm", f"{REPO}:Q8_0", "--yes")
        self.assertFalse(path.parent.exists())
        self.assertEqual(len(json.loads(self.answers("models", "--json"))), 1)
        self.refused("models", "rm", f"{REPO}:Q8_0", "--yes", status=2, says="was pulled")
        own = next(self.store.rglob("manifest.json")).parent / "mine.txt"
        own.write_text("mine")
        self.refused("models", "rm", f"{REPO}:Q4_K_M", "--yes", says="files that pingti did not put there")
        self.assertEqual(len(list(self.store.rglob("mine.txt"))), 1)
        self.assertEqual(self.answers("models"), "")

    def test_rm_and_the_last_model_leave_no_folders(self):
        self.pull(f"{REPO}:Q8_0")
        self.answers("models", "rm", f"{REPO}:Q8_0", "--yes")
        self.assertEqual([p.name for p in self.store.iterdir()], ["huggingface"])
        self.assertEqual(list((self.store / "huggingface").iterdir()), [])

    def test_damaged_manifests_are_shown_and_lead_nowhere(self):
        path = self.pull(f"{REPO}:Q8_0")
        manifest = path.parent / "manifest.json"
        good = json.loads(manifest.read_text())
        for change in ({"main": "../../../../etc/passwd"}, {"files": []}, {"files": [{**good["files"][0], "name": "../../x"}]}, {"files": [{**good["files"][0], "sha256": "../x"}]}, {"files": 5}, {"hub": None}):
            manifest.write_text(json.dumps({**good, **change}))
            self.assertIn("damaged: ", self.answers("models"))
            self.refused("models", "rm", f"{REPO}:Q8_0", "--yes", status=2)
            self.assertEqual(self.pingti("models", "verify")[0], 1)
        manifest.write_text("{")
        self.assertIn("damaged: not valid JSON", self.answers("models"))
        self.pull(f"{REPO}:Q8_0")   # and a pull mends it
        self.assertNotIn("damaged", self.answers("models"))

    def test_wrong_use(self):
        self.refused("models", "delete", status=2, says="'models delete' is not known")
        self.refused("models", "list", "x", status=2, says="takes no name")
        self.refused("models", "rm", status=2, says="lacks a name")
        self.refused("pull", status=2, says="lacks an argument")
        self.refused("models", says="HOME is not set", status=2, env={"PINGTI_MODELS": "", "HOME": ""})


if __name__ == "__main__":
    unittest.main()
