"""Answer receipts: `run --receipt` and `replay`: the same bytes again, or what differs; tampered and hostile receipts."""
import hashlib
import json
import os
import shutil
import unittest
from pathlib import Path

import tiny_model
from cli_case import CliCase

SAME, DIFFERS, CANNOT = 0, 1, 2


def digest_of(data):
    return "blake2b-256:" + hashlib.blake2b(data, digest_size=32).hexdigest()


def leaves(v, path=()):
    """The way to every value that holds no others."""
    items = v.items() if isinstance(v, dict) else enumerate(v) if isinstance(v, list) else ()
    found = [leaf for key, item in items for leaf in leaves(item, (*path, key))]
    return found or [path]


def another(v):
    """A value of the same kind that is not the same."""
    if isinstance(v, bool):
        return not v
    if isinstance(v, (int, float)):
        return v + 1
    if isinstance(v, str):
        return v[:-1] + ("0" if v[-1:] != "0" else "1")
    return [1] if isinstance(v, list) else "none" if v is None else {"a": 1}


def canonical(v):
    """Compact, keys sorted, reals with 17 digits: the text that the seal is of."""
    if isinstance(v, dict):
        return "{" + ",".join(json.dumps(k) + ":" + canonical(v[k]) for k in sorted(v)) + "}"
    if isinstance(v, list):
        return "[" + ",".join(map(canonical, v)) + "]"
    if isinstance(v, float):
        text = "%.17g" % v
        text = text if set(text) & set(".e") else text + ".0"
        return text.replace("e+", "e")
    return json.dumps(v, ensure_ascii=False)


def seal(receipt):
    """The receipt with the digests that its other fields ask for, as somebody who knows the format would forge it."""
    rest = {k: v for k, v in receipt.items() if k not in ("pingti_receipt", "digest", "parts")}
    parts = {k: digest_of(canonical(v).encode()) for k, v in rest.items()}
    rest |= {"pingti_receipt": receipt["pingti_receipt"], "parts": parts}
    return {**rest, "digest": digest_of(canonical(rest).encode())}


class Receipt(CliCase):
    def setUp(self):
        self.file = self.home / f"{self.id().rsplit('.', 1)[1]}.json"

    def receipt(self, *arguments, prompt="hello world", **more):
        self.text = self.answers("run", "-m", self.model, "-q", "-n", "30", "--receipt", self.file, *arguments, prompt, **more)
        return json.loads(self.file.read_text())

    def replay(self, *arguments, status=SAME, **more):
        got, out, err = self.pingti("replay", "--json", "-q", *arguments, self.file, **more)
        self.assertEqual(got, status, out.decode() + err)
        return json.loads(out)

    def finding(self, result, what):
        return next(f for f in result["findings"] if f["what"] == what)

    def cannot(self, *arguments, says=(), file=None, **more):
        got, out, err = self.pingti("replay", file or self.file, *arguments, **more)
        self.assertEqual((got, out), (CANNOT, b""), err)
        for word in [says] if isinstance(says, str) else says:
            self.assertIn(word, err)
        return err

    def change(self, edit, sealed=True):
        receipt = json.loads(self.file.read_text())
        edit(receipt)
        self.file.write_text(json.dumps(seal(receipt) if sealed else receipt))

    def test_the_same_bytes_again(self):
        r = self.receipt("--temp", "1.3", "--top-k", "50", "--min-p", "0.01", "--seed", "77", "--repeat-penalty", "1.1", "--logit-bias", "300=2.5", "--stop", "qqqq")
        self.assertEqual(r["model"]["files"][0]["digest"], "blake2b-256:" + hashlib.blake2b(Path(self.model).read_bytes(), digest_size=32).hexdigest())
        self.assertEqual(r["output"]["text_digest"], "blake2b-256:" + hashlib.blake2b(self.text.encode(), digest_size=32).hexdigest())
        self.assertEqual((r["parameters"]["seed"], r["parameters"]["stop"], r["parameters"]["logit_bias"]), ("77", ["qqqq"], [[300, 2.5]]))
        self.assertNotIn(self.text, self.file.read_text())
        for more in (["-t", "1"], ["-t", "3"]):
            result = self.replay(*more)
            self.assertTrue(result["same"])
            self.assertEqual(result["tokens"], 30)
        status, out, err = self.pingti("replay", "-q", "--text", self.file)
        self.assertEqual((status, out.decode()), (SAME, self.text))
        self.assertIn("The same answer: 30 tokens", err)

    def test_a_receipt_is_the_same_each_time(self):
        first = self.receipt("--temp", "0", "--seed", "1")
        self.assertEqual(self.receipt("--temp", "0", "--seed", "1", "-t", "2", "--batch", "3", "--json"), first)
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o600)
        self.assertEqual([p.name for p in self.home.iterdir() if ".part" in p.name], [])

    def test_every_mode_and_cache_format(self):
        for more in (["--exact"], ["--cache-type", "q8_0"], ["--cache-type", "f32", "--exact"], ["-c", "100"], ["--chat", "--system", "S"], ["--special"], ["--ignore-eos"]):
            self.receipt("--seed", "5", *more)
            self.replay()

    def test_samplers_grammars_and_healing(self):
        for more in (["--mirostat", "2"], ["--typical-p", "0.9", "--dynatemp-range", "0.5", "--temp-last"], ["--xtc-probability", "0.5"], ["--dry-multiplier", "0.8"], ["--heal"],
                     ["--grammar", 'root ::= "yes" | "no"'], ["--speculate", "0"]):
            r = self.receipt("--seed", "5", "--temp", "1", *more)
            self.assertEqual(r["parameters"]["grammar"] is None, not any("grammar" in m or "schema" in m for m in more))
            self.replay()

    def test_a_seed_that_was_drawn_is_kept(self):
        self.receipt("--temp", "1.5")
        self.assertEqual(self.replay()["same"], True)

    def test_text_on_request_shows_where_answers_part(self):
        r = self.receipt("--seed", "5", "--receipt-text")
        self.assertEqual((r["output"]["text"], len(r["output"]["tokens"])), (self.text, 30))

        def other_seed(x):
            x["parameters"]["seed"] = "6"
        self.change(other_seed)
        result = self.replay(status=DIFFERS)
        self.assertGreaterEqual(result["first_difference"], 0)
        self.assertFalse(self.finding(result, "text")["same"])

    def test_private_receipts_need_the_prompt(self):
        r = self.receipt("--receipt-private", "--chat", "--system", "S", "--seed", "3", prompt="secret words")
        self.assertNotIn("tokens", r["prompt"])
        self.assertNotIn("secret", self.file.read_text())
        self.cannot(says=("private", "PROMPT"))
        for arguments in (["--system", "S", self.file, "secret words"],):
            status, out, err = self.pingti("replay", "-q", *arguments)
            self.assertEqual(status, SAME, out.decode() + err)
        status, out, _ = self.pingti("replay", "--system", "S", self.file, "-", stdin=b"secret words")
        self.assertEqual(status, SAME, out)
        for wrong in (["--system", "T", self.file, "secret words"], [self.file, "secret words"], ["--system", "S", self.file, "secret word"]):
            status, out, _ = self.pingti("replay", "-q", *wrong)
            self.assertEqual(status, DIFFERS)
            self.assertIn(b"prompt    DIFFERS", out)
        self.receipt("--temp", "0")
        self.cannot("a prompt", says="holds its prompt")

    def test_another_model_is_told_before_anything_is_computed(self):
        model = str(self.home / "changing.gguf")
        shutil.copy(self.model, model)
        self.receipt("--temp", "0", "-m", model)
        with open(model, "r+b") as f:  # one bit, in the middle of the weights
            f.seek(-4000, os.SEEK_END)
            byte = f.read(1)
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([byte[0] ^ 1]))
        result = self.replay(status=DIFFERS)
        self.assertFalse(self.finding(result, "model")["same"])
        self.assertEqual(result["tokens"], 0)
        self.assertTrue(self.replay("-m", self.model, status=DIFFERS)["findings"])  # other name, so another list of files
        os.remove(model)
        self.cannot(says=("receipt's model", "-m"))
        shutil.copy(self.model, model)
        self.replay()

    def test_digests_of_files_are_remembered_and_never_by_replay(self):
        os.utime(self.model, (1, 1))
        old = {"HOME": str(self.home / "old")}
        os.makedirs(old["HOME"], exist_ok=True)
        first = self.receipt("--temp", "0", env=old)
        kept = self.home / "old/.cache/pingti/digests"
        if not kept.exists():  # the file's status changed a moment ago: it is read each time
            self.assertFalse(first["model"]["remembered"])
            return
        self.assertTrue(self.receipt("--temp", "0", env=old)["model"]["remembered"])
        kept.write_text(kept.read_text().replace(first["model"]["files"][0]["digest"], "blake2b-256:" + "0" * 64))
        self.assertEqual(self.receipt("--temp", "0", env=old)["model"]["files"][0]["digest"], "blake2b-256:" + "0" * 64)
        self.replay(status=DIFFERS, env=old)

    def test_other_kernels_are_told(self):
        r = self.receipt("--temp", "0", env={"PINGTI_ISA": "scalar"})
        self.assertEqual(r["engine"]["kernels"], "scalar")
        self.assertTrue(self.finding(self.replay(), "kernels")["same"])  # this machine has them: they are taken
        status, _, err = self.pingti("replay", self.file)
        self.assertIn("PINGTI_ISA=scalar", err)
        best = self.receipt("--temp", "0")["engine"]["kernels"]
        if best != "scalar":
            result = self.pingti("replay", "--json", self.file, env={"PINGTI_ISA": "scalar"})
            found = self.finding(json.loads(result[1]), "kernels")
            self.assertEqual((found["same"], found["receipt"], found["here"], found["decides"]), (False, best, "scalar", False))

        def elsewhere(x):
            x["engine"]["kernels"] = "i8mm" if "avx" in best or best == "scalar" else "avx2"
        self.change(elsewhere)
        self.assertFalse(self.finding(json.loads(self.pingti("replay", "--json", self.file)[1]), "kernels")["same"])

    def test_another_build_is_told_and_does_not_decide(self):
        self.receipt("--temp", "0")

        def other(x):
            x["build"].update(version="9.9", program="blake2b-256:" + "1" * 64)
        self.change(other)
        result = self.replay()
        self.assertEqual([f["what"] for f in result["findings"] if not f["same"]], ["version", "program"])

    def test_tampered_receipts(self):
        self.receipt("--temp", "0")
        whole = self.file.read_bytes()

        def edit(x):
            x["parameters"]["temperature"] = 1.0
        self.change(edit, sealed=False)
        self.cannot(says=("changed after it was written", "expected:", "got:"))
        for cut in (0, 1, 100, len(whole) // 2, len(whole) - 3):
            self.file.write_bytes(whole[:cut])
            self.cannot(says="JSON")
        for text, says in ((b"hello", "`pingti run --receipt FILE` writes"), (b"[]", "no receipt"), (b"{}", "no receipt"), (b'{"pingti_receipt": 2}', "another version"), (b'{"pingti_receipt": 1}', "changed"),
                           (b'{"pingti_receipt": {}}', "pingti_receipt"), (b"\xff\xfe", "JSON"), (b"[" * 100000, "deep")):
            self.file.write_bytes(text)
            self.cannot(says=says)
        self.cannot(file=self.home / "absent.json", says="absent.json")
        self.cannot(file=self.home, says=str(self.home))

    def test_each_value_that_is_changed_is_told_by_its_part(self):
        good = self.receipt("--temp", "0", "--stop", "zzz", "--logit-bias", "300=2.5", "--receipt-text", "--dry-multiplier", "0.5", "--dry-breaker", "q", prompt="hello")
        for path in leaves(good):
            receipt = json.loads(json.dumps(good))
            place = receipt
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = another(place[path[-1]])
            self.file.write_text(json.dumps(receipt))
            says = {"pingti_receipt": "another version", "digest": "its digests"}.get(path[0], f"'{path[1] if path[0] == 'parts' else path[0]}'")
            self.cannot(says=says)
        for name in good["parts"]:
            self.change(lambda x, n=name: (x.update(good), x.pop(n)), sealed=False)
            self.cannot(says=f"'{name}'")
        self.file.write_text(json.dumps({**good, "more": 1}))
        self.cannot(says="'more'")
        self.file.write_text(json.dumps(good))
        self.replay()

    def test_receipts_without_digests_of_their_parts_are_read(self):
        self.receipt("--temp", "0")

        def older(x):
            del x["parts"]
            x["digest"] = digest_of(canonical({k: v for k, v in x.items() if k != "digest"}).encode())
        self.change(older, sealed=False)
        self.replay()
        self.change(lambda x: x["output"].update(n=1), sealed=False)
        self.cannot(says="changed after it was written")

    def test_forged_answers_are_named(self):
        """Whoever seals anew is found out by computing; every digest of the answer has its line."""
        no = "blake2b-256:" + "0" * 64
        for edit, told in ((lambda x: x["output"].update(digest=no), ["tokens"]), (lambda x: x["output"].update(text_digest=no), ["text"]),
                           (lambda x: x["output"].update(n=29), ["length"]), (lambda x: x["output"].update(bytes=1), ["length"]),
                           (lambda x: x["output"].update(finish="stop"), ["ending"]), (lambda x: x.update(template=no), ["template"])):
            self.receipt("--temp", "0")
            self.change(edit)
            self.assertEqual([f["what"] for f in self.replay(status=DIFFERS)["findings"] if f["decides"] and not f["same"]], told)
        for edit in (lambda x: x["parameters"].update(seed="78"), lambda x: x["parameters"].update(temperature=0.2), lambda x: x["parameters"].update(logit_bias=[[300, 90.0]]),
                     lambda x: x["parameters"].update(top_k=1), lambda x: x["parameters"].update(max_tokens=29)):
            self.receipt("--temp", "1.3", "--seed", "77")
            self.change(edit)
            self.assertIn("tokens", [f["what"] for f in self.replay(status=DIFFERS)["findings"] if not f["same"]])

    def test_seeds_to_the_last_and_none_beyond(self):
        self.refused("run", "-m", self.model, "--seed", "18446744073709551616", "x", status=2, says="0 to 9e+18")
        self.receipt("--temp", "1.3", "--seed", "9000000000000000000")
        self.replay()
        for seed, status in (("18446744073709551615", DIFFERS), ("18446744073709551616", None), ("99999999999999999999", None), ("-1", None), ("", None), ("1e3", None)):
            self.change(lambda x, s=seed: x["parameters"].update(seed=s))
            if status is None:
                self.cannot(says=("seed", "18446744073709551615", f"'{seed}'"))
            else:
                self.replay(status=status)

    def test_a_draft_and_everything_at_once(self):
        way = ["--draft", self.model, "--temp", "1.1", "--seed", "5", "--dynatemp-range", "0.4", "--top-k", "200", "--typical-p", "0.95", "--xtc-probability", "0.3", "--xtc-threshold", "0.05",
               "--dry-multiplier", "0.5", "--repeat-penalty", "1.1", "--logit-bias", "300=1"]
        schema = '{"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a", "b"]}'
        for more in ([], ["--chat", "--system", "be brief"], ["--json-schema", schema], ["--chat", "--json-schema", schema, "--json-compact"], ["--grammar", "root ::= [a-z ]+"]):
            self.receipt(*way, *more)
            for other in ([], ["-t", "1", "--packed-dir", "none"]):
                self.replay(*other)
            self.assertEqual(self.text, self.answers("run", "-m", self.model, "-q", "-n", "30", *way[2:], "--speculate", "0", *more, "hello world"))

    def test_hostile_receipts_with_the_right_seal(self):
        good = self.receipt("--temp", "0", "--stop", "zzz")
        cases = []
        for part in ("model", "build", "engine", "parameters", "prompt", "output"):
            cases.append((lambda x, p=part: x.pop(p), f"'{part}'"))
            cases.append((lambda x, p=part: x.update({p: []}), f"'{part}'"))
            for name in good[part]:
                if (part, name) in (("model", "remembered"), ("prompt", "tokens"), ("parameters", "grammar")):
                    continue
                cases.append((lambda x, p=part, n=name: x[p].pop(n), ""))
                cases.append((lambda x, p=part, n=name: x[p].update({n: {"a": 1}}), ""))
        cases += [(lambda x: x["prompt"].update(tokens=[-1]), "token 0"), (lambda x: x["prompt"].update(tokens=[1, "a"]), "token 1"),
                     (lambda x: x["prompt"].update(tokens=[1, 2, 3], n=3), "not what its digest says"), (lambda x: x["parameters"].update(seed="99999999999999999999999"), "seed"),
                     (lambda x: x["prompt"].update(n=x["prompt"]["n"] + 1), "not as long"), (lambda x: x["output"].update(tokens=[5]), "not as long"), (lambda x: x["output"].update(text="another"), "text is not"),
                     (lambda x: x["model"]["files"][0].update(digest="blake2b-256:" + "0" * 64), "files of the receipt's model"),
                     (lambda x: x["model"]["files"].append(x["model"]["files"][0]), "files of the receipt's model"),
                     (lambda x: x["parameters"].update(temperature=1e308), "temperature"), (lambda x: x["parameters"].update(temperature=-1), "temperature"),
                     (lambda x: x["parameters"].update(top_k=-1), "top_k"), (lambda x: x["parameters"].update(logit_bias=[[1]]), "logit bias"),
                     (lambda x: x["parameters"].update(logit_bias=[[10 ** 6, 1.0]]), "logit bias"), (lambda x: x["parameters"].update(stop=["a"] * 1000), "stop"), (lambda x: x["parameters"].update(dry_breakers=[1]), "dry_breakers"),
                  (lambda x: x["parameters"].update(grammar={"kind": "gbnf", "text": 'root ::= "a', "compact": False}), "grammar"), (lambda x: x["parameters"].update(grammar={"kind": "bnf", "text": "", "compact": False}), "grammar"),
                  (lambda x: x["parameters"].update(mirostat=3), "mirostat"),
                     (lambda x: x["engine"].update(cache_type="q2_k"), "cache format"), (lambda x: x["engine"].update(precision="precise"), "precision"),
                     (lambda x: x["engine"].update(context=0), "context"), (lambda x: x["engine"].update(context=10 ** 9), "context"),
                     (lambda x: x["engine"].update(backend="cuda9"), "cuda9"), (lambda x: x["model"].update(path="/dev/zero"), ""),
                     (lambda x: x["model"].update(path="/dev/stdin"), ""), (lambda x: x["parameters"].update(max_tokens=2 ** 62), "")]
        for edit, says in cases:
            self.file.write_text(json.dumps(good))
            self.change(edit)
            self.cannot(says=says)

    def test_what_cannot_be_written(self):
        self.refused("run", "-m", self.model, "-n", "2", "--receipt-private", "x", status=2, says="--receipt")
        self.refused("run", "-m", self.model, "-n", "2", "--receipt", self.home / "no/such/folder/r.json", "x", says=["cannot write the receipt: No such file", "folder"])
        self.refused("run", "-m", self.model, "-n", "2", "--receipt", self.home / "tiny.gguf/r.json", "x", says="cannot write the receipt: Not a directory")
        self.refused("run", "-m", self.model, "-n", "2", "--receipt", f"{self.home}/new/", "x", says="cannot write the receipt: No such file")
        if os.geteuid() != 0:  # root writes everywhere
            closed = self.home / "closed"
            closed.mkdir(mode=0o500)
            self.refused("run", "-m", self.model, "-n", "2", "--receipt", closed / "r.json", "x", says="cannot write the receipt: Permission denied")
        pipe = self.home / "pipe"
        os.mkfifo(pipe)
        self.refused("run", "-m", self.model, "-n", "2", "--receipt", pipe, "x", status=2, says="a device, pipe or socket")
        self.assertTrue(pipe.is_fifo())
        self.refused("run", "-m", self.model, "-n", "2", "--receipt", self.home, "x", status=2, says="a directory")
        self.refused("run", "-m", self.model, "-n", "2", "--receipt", self.file, "--stop", os.fsdecode(b"\xff\xfe"), "x", status=2, says="UTF-8")

    def test_a_directory_counts_all_its_files(self):
        from cli_case import STORIES
        if not STORIES.is_dir():
            self.skipTest("no real model beside the checkout")
        folder = self.home / "stories"
        shutil.copytree(STORIES, folder)
        r = self.receipt("--temp", "0", "-m", folder)
        self.assertEqual({f["name"] for f in r["model"]["files"]}, {"config.json", "model.safetensors", "tokenizer.model"})
        self.replay()
        os.chmod(folder, 0o755)
        (folder / "generation_config.json").write_text('{"eos_token_id": 5}')
        self.assertFalse(self.finding(self.replay(status=DIFFERS), "model")["same"])


if __name__ == "__main__":
    unittest.main()
