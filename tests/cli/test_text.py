"""tokenize byte for byte, template, inspect, perplexity, bench."""
import json
import unittest

import tiny_model
from cli_case import DATA, ROOT, CliCase


class Text(CliCase):
    def ids(self, raw, *arguments, model=None):
        return [int(i) for i in self.answers("tokenize", "-m", model or self.model, "--ids", *arguments, stdin=raw).split()]

    def test_bytes_that_are_not_utf8_are_said(self):
        status, _, err = self.pingti("tokenize", "-m", self.model, "--ids", stdin=b"ab\xff\xc3c")
        self.assertEqual(status, 0)
        self.assertIn("first at byte 2): each of 2 bytes is read as U+FFFD", err)
        self.assertEqual(self.pingti("tokenize", "-m", self.model, "--ids", stdin="ab\u00e9".encode())[2], "")

    def test_standard_input_byte_for_byte(self):
        for raw in (b"hello", b"a\0b", b"\xff\xfe", b"line\n", b"\r\n\t", "世界".encode(), b""):
            ids = self.ids(raw, "--no-special")
            back = self.pingti("tokenize", "-m", self.model, "--decode", "--no-special", stdin=" ".join(map(str, ids)).encode())[1]
            self.assertIn(back.strip(b" "), (raw, raw.decode(errors="replace").encode()), ids)

    def test_special_text_is_plain_text_when_asked(self):
        self.assertEqual(self.ids(b"</s>")[0], 1)
        self.assertIn(2, self.ids(b"</s>"))
        plain = self.ids(b"</s>", "--no-special")
        self.assertNotIn(1, plain)
        self.assertNotIn(2, plain)

    def test_other_forms(self):
        self.assertEqual(self.answers("tokenize", "-m", self.model, "--count", "--no-special", stdin=b"\0\0"), "3\n" if len(self.ids(b"\0\0", "--no-special")) == 3 else "2\n")
        tokens = json.loads(self.answers("tokenize", "-m", self.model, "--json", "hi"))
        self.assertEqual(tokens["count"], len(tokens["tokens"]))
        self.assertTrue(tokens["tokens"][0]["control"])
        table = self.answers("tokenize", "-m", self.model, "a\x1b[31mb")
        self.assertNotIn("\x1b", table)
        self.assertIn("\\x1b", table)
        self.refused("tokenize", "-m", self.model, "--decode", stdin=b"1 99999999", status=2, says="99999999")

    def test_real_vocabularies(self):
        files = sorted((DATA / "vocab").glob("*.gguf")) if (DATA / "vocab").is_dir() else []
        if not files:
            self.skipTest(f"{DATA}/vocab is not here")
        for path in files:
            texts = path.with_suffix(path.suffix + ".inp").read_bytes().decode().split("\n__ggml_vocab_test__\n")
            wanted = path.with_suffix(path.suffix + ".out").read_text().splitlines()
            for raw, ids in list(zip(texts, wanted))[:12]:
                self.assertEqual(self.ids(raw.encode(), "--no-special", model=path), [int(i) for i in ids.split()], (path.name, raw))

    conversation = json.dumps([{"role": "user", "content": "Hi <s>"}]).encode()

    def test_template(self):
        self.assertEqual(self.answers("template", "-m", self.model, stdin=self.conversation), "<user>Hi <s>\n<assistant>")
        self.assertEqual(self.answers("template", "-m", self.model, "--no-add-generation-prompt", stdin=self.conversation), "<user>Hi <s>\n")
        self.assertIn("⟦Hi <s>⟧", self.answers("template", "-m", self.model, "--show-trust", stdin=self.conversation))
        ids = self.answers("template", "-m", self.model, "--ids", stdin=self.conversation).split()
        self.assertEqual(ids.count("1"), 1)  # BOS once; the user's <s> is plain text
        jinja, talk = self.home / "t.jinja", self.home / "t.json"
        jinja.write_text("{{ bos_token }}{{ messages[0].content }}|{{ enable_thinking }}|{{ x }}")
        talk.write_bytes(json.dumps({"messages": [{"role": "user", "content": "Q"}], "x": 5}).encode())
        out = self.answers("template", "--template", jinja, "--bos", "<b>", "--set", "enable_thinking=false", talk)
        self.assertEqual(out, "<b>Q|False|5")

    def test_template_mistakes(self):
        self.refused("template", status=2, says="--template")
        self.refused("template", "-m", self.model, stdin=b"{}", status=2, says="messages")
        self.refused("template", "-m", self.model, stdin=b"[{]", says="standard input")
        bad = self.home / "bad.jinja"
        bad.write_text("{% include 'x' %}")
        self.refused("template", "--template", bad, stdin=self.conversation, says="include")

    def test_inspect(self):
        facts = json.loads(self.answers("inspect", "-m", self.model, "--json", "--tensors", "--metadata"))
        self.assertEqual((facts["name"], facts["spec"]["layers"], facts["spec"]["kv_heads"]), ("tiny", 2, 2))
        self.assertEqual(len(facts["tensors"]), 21)
        self.assertTrue(facts["chat_template"])
        self.assertTrue(facts["memory"][0]["fits"])
        self.assertEqual(facts["metadata"]["general.architecture"], "llama")
        text = self.answers("inspect", self.model, "--tensors", "--metadata")
        for word in ("tiny", "llama", "2 key/value heads", "F32", "context", "blk.1.ffn_down.weight", "llama.block_count"):
            self.assertIn(word, text)

    def test_inspect_shows_what_it_can_of_the_unknown(self):
        alien = self.home / "alien.gguf"
        alien.write_bytes(open(self.model, "rb").read().replace(b"general.architecture\x08\0\0\0\x05\0\0\0\0\0\0\0llama",
                                                                b"general.architecture\x08\0\0\0\x05\0\0\0\0\0\0\0alien"))
        text = self.answers("inspect", alien)
        for word in ("alien", "F32", "tokenizer"):
            self.assertIn(word, text)
        self.refused("run", "-m", alien, "x", says=("alien", "llama"))
        for path in list((DATA / "vocab").glob("*.gguf"))[:3]:
            self.assertIn("a vocabulary alone", self.answers("inspect", path))

    def test_perplexity(self):
        words = ("the quick brown fox jumps over the lazy dog. " * 40).encode()
        result = json.loads(self.answers("perplexity", "-m", self.model, "--ctx", "128", "--json", "--compare-exact", stdin=words))
        self.assertEqual(result["scored_tokens"], result["windows"] * 63)
        self.assertGreater(result["perplexity"], 1)
        # random weights with sharp logits; fast attention multiplies bfloat16. The bound is that of infer/test_precision.
        self.assertLess(result["against_exact"]["kl_mean"], 5e-3)
        gptq = json.loads(self.answers("perplexity", "-m", self.model, "--ctx", "128", "--protocol", "gptq", "--json", stdin=words))
        self.assertEqual(gptq["scored_tokens"], gptq["windows"] * 127)
        self.assertIn("±", self.answers("perplexity", "-m", self.model, "--ctx", "128", stdin=words))
        self.refused("perplexity", "-m", self.model, "--ctx", "128", stdin=b"short", status=2, says=("too short", "128"))
        self.refused("perplexity", "-m", self.model, "--ctx", "512", stdin=words * 3, says=("256", "512"))

    def test_bench(self):
        result = json.loads(self.answers("bench", "-m", self.model, "-p", "8,16", "-n", "4", "-r", "2", "--json"))
        self.assertEqual([(r["kind"], r["tokens"]) for r in result["results"]], [("prompt", 8), ("prompt", 16), ("generate", 4)])
        self.assertIn("weight_bytes_per_second", result["results"][2])
        self.assertIn(result["kernels"], self.answers("bench", "-m", self.model, "-p", "8", "-n", "0", "-r", "1"))
        self.refused("bench", "-m", self.model, "-p", "8,many", status=2, says="many")


class Families(CliCase):
    def test_every_golden_model(self):
        folders = [p.parent for p in sorted((ROOT / "tests/golden/models").glob("*/config.json"))]
        for folder in folders:
            facts = json.loads(self.answers("inspect", "--json", folder))
            self.assertTrue(facts["memory"] and all(line["fits"] for line in facts["memory"]), folder.name)
            self.assertGreater(facts["parameters"], 0)
            self.assertIn(facts["spec"]["family"], self.answers("inspect", folder))
            result = json.loads(self.answers("bench", "-m", folder, "-p", "4", "-n", "2", "-r", "1", "-t", "1", "--no-limits", "--json"))
            self.assertEqual(len(result["results"]), 2)


class Files(CliCase):
    def test_files_that_are_no_models(self):
        wrong, cut, empty, folder = (self.home / n for n in ("wrong.gguf", "cut.gguf", "empty.gguf", "folder"))
        good = open(self.model, "rb").read()
        wrong.write_bytes(b"PK\3\4" + good[4:])
        cut.write_bytes(good[:len(good) // 2])
        empty.write_bytes(b"")
        folder.mkdir()
        for command in (("run", "x"), ("chat",), ("bench",), ("perplexity",)):
            for path in (wrong, cut, empty, folder, self.home / "absent"):
                err = self.refused(command[0], "-m", path, *command[1:], stdin=b"some text for it" * 100)
                self.assertIn(path.name, err)

    def test_a_model_of_wrong_shape(self):
        bent = self.home / "bent.gguf"
        was, now = (b"llama.feed_forward_length" + b"\x04\0\0\0" + bytes([n, 0, 0, 0]) for n in (tiny_model.FF, tiny_model.FF * 2))
        good = open(self.model, "rb").read()
        self.assertIn(was, good)
        bent.write_bytes(good.replace(was, now))
        self.refused("run", "-m", bent, "x", says=("ffn", "expected"))


if __name__ == "__main__":
    unittest.main()
