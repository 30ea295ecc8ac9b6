"""tools/random_model: the models it writes are opened, described and run by pingti, and hold the formats that their names promise."""
import json
import math
import os
import random
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TOOL = ROOT / "tools/random_model"
PINGTI = os.environ.get("PINGTI_BINARY")
FILES = ["F16", "BF16", "Q8_0", "Q4_0", "Q4_K_M", "Q5_K_M", "Q6_K", "IQ4_XS"]


def make(*arguments, cwd=None):
    return subprocess.run([TOOL, *map(str, arguments)], cwd=cwd, text=True, capture_output=True, timeout=120, check=False)


def planned(*arguments):
    """name -> format of a model that is not written."""
    done = make(*arguments, "--dry-run")
    assert done.returncode == 0, done.stderr
    return {line.split()[0]: line.split()[1] for line in done.stdout.splitlines()[:-1]}


class Written(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.home = Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def make(self, *arguments):
        path = self.home / "m.gguf"
        done = make(*arguments, "-o", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([p.name for p in self.home.iterdir()], ["m.gguf"])
        return path

    def pingti(self, *arguments):
        done = subprocess.run([PINGTI, *map(str, arguments)], text=True, errors="replace", capture_output=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def answer(self, model):
        out = self.pingti("run", "-m", model, "-n", "6", "--temp", "0", "--ignore-eos", "--logprobs", "1", "--json", "--quiet", "abc de")
        return json.loads(out)

    def check_logprobs(self, value):
        """Every probability that the answer states is one of a spread over the vocabulary: activations were finite and of sane size."""
        found = []

        def walk(v):
            if isinstance(v, dict):
                found.extend(x for k, x in v.items() if k == "logprob")
                v = list(v.values())
            for x in v if isinstance(v, list) else []:
                walk(x)

        walk(value)
        self.assertGreaterEqual(len(found), 6)
        for p in found:
            self.assertTrue(math.isfinite(p) and -math.log(600) < p < -0.1, found)

    def test_every_format_runs(self):
        for file in FILES:
            with self.subTest(file):
                path = self.make("tiny", file)
                facts = json.loads(self.pingti("inspect", path, "--json"))
                self.assertEqual(facts["parameters"], 600 * 256 + 256 + 2 * (2 * 256 + 512 + 2 * (256 * 256 + 256 * 128) + 3 * 256 * 512))
                self.check_logprobs(self.answer(path))

    def test_every_family_runs(self):
        for shape, family in (("tiny-phi3", "phi3"), ("tiny-mixtral", "llama"), ("tiny-qwen3-moe", "qwen3moe")):
            for file in ("Q4_0", "Q4_K_M"):
                with self.subTest(shape, file=file):
                    path = self.make(shape, file)
                    self.assertEqual(json.loads(self.pingti("inspect", path, "--json"))["architecture"], family)
                    self.check_logprobs(self.answer(path))

    def test_the_vocabulary_gives_every_byte_back_and_merges(self):
        path = self.make("tiny", "Q8_0")
        text = bytes(b for b in range(256)).decode("latin-1") + "abc \u4e2d\n"
        (self.home / "text").write_text(text, encoding="utf-8", newline="")
        ids = self.pingti("tokenize", "-m", path, "--ids", "-f", self.home / "text").split()
        self.assertLess(len(ids), len(text.encode()), "pairs of letters are merged")
        (self.home / "ids").write_text(" ".join(ids))
        back = subprocess.run([PINGTI, "tokenize", "-m", path, "--decode", "-f", self.home / "ids"], capture_output=True, timeout=60, check=True)
        self.assertEqual(back.stdout.removesuffix(b"\n").removesuffix(b"\n"), text.encode().removesuffix(b"\n"))

    def test_the_same_seed_gives_the_same_bytes(self):
        first = self.make("tiny", "Q4_K_M").read_bytes()
        self.assertEqual(self.make("tiny", "Q4_K_M", "--seed", "1").read_bytes(), first)
        self.assertNotEqual(self.make("tiny", "Q4_K_M", "--seed", "2").read_bytes(), first)

    def test_fewer_layers(self):
        path = self.make("tiny", "Q4_0", "--layers", "1")
        raw = path.read_bytes()
        key = b"qwen2.block_count" + struct.pack("<I", 4)
        at = raw.index(key) + len(key)
        self.assertEqual(struct.unpack_from("<I", raw, at)[0], 1)
        self.assertNotIn(b"blk.1.", raw)

    def test_copies_goes_on_with_what_stood_before(self):
        words = "ab cd ef gh ij kl mn op qr st uv wx yz"
        text = " ".join(random.Random(3).sample(words.split() * 3, 30))
        for file in ("F16", "BF16"):
            path = self.make("tiny", file, "--copies", "--layers", "14")
            prompt = text + " " + text[:len(text) // 2]
            for precision in ([], ["--exact"]):
                out = json.loads(self.pingti("run", "-m", path, "-n", "24", "--temp", "0", "--ignore-eos", "--json", "--quiet", *precision, prompt))
                self.assertEqual(text[len(text) // 2:][:len(out["text"])], out["text"])
                self.assertEqual(out["usage"]["generated_tokens"], 24)
        self.assertEqual(make("tiny", "BF16", "--copies", "--layers", "14", "-o", self.home / "again").returncode, 0)
        self.assertEqual((self.home / "again").read_bytes(), path.read_bytes())

    def test_the_name_it_takes_by_itself(self):
        self.assertEqual(make("tiny", "q4_0", "-q", cwd=self.home).returncode, 0)
        self.assertEqual([p.name for p in self.home.iterdir()], ["tiny-q4_0.gguf"])

    def test_what_cannot_be_done_is_said_and_nothing_is_left(self):
        for arguments, words in ((["small", "Q4_0"], "no shape 'small'; there are qwen2.5-0.5b"), (["tiny", "Q4"], "no format 'Q4'; there are F16"),
                                 (["tiny", "Q4_0", "--layers", "0"], "--layers takes 1 to 1000"),
                                 (["tiny", "Q4_0", "--copies", "--layers", "14"], "`pingti quantize` makes the other formats"),
                                 (["tiny", "F16", "--copies"], "at least 9 layers"), (["tiny-phi3", "F16", "--copies"], "Qwen2's family alone"),
                                 (["tiny", "Q4_0", "-o", self.home], "is a folder"),
                                 (["mixtral-8x7b", "F16", "--layers", "1000", "-o", self.home / "m"], "GB left"),
                                 (["tiny", "Q4_0", "-o", self.home / "absent/m"], "there is no folder")):
            done = make(*arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)
        self.assertEqual(list(self.home.iterdir()), [])

    def test_help_lists_shapes_and_formats(self):
        text = make("--help").stdout
        for word in ("qwen2.5-0.5b", "qwen2.5-7b", "phi-3-mini", "mixtral-8x7b", "qwen3-30b-a3b", *FILES, "examples:"):
            self.assertIn(word, text)


class Mixtures(unittest.TestCase):
    """The mixtures of formats, as llama.cpp's quantizer chooses them for these shapes."""

    def test_rows_of_896_fall_back_to_blocks_of_32(self):
        formats = planned("qwen2.5-0.5b", "Q4_K_M")
        self.assertEqual({f"blk.{i}.ffn_down.weight" for i in range(24) if formats[f"blk.{i}.ffn_down.weight"] == "Q6_K"},
                         {f"blk.{i}.ffn_down.weight" for i in (0, 1, 2, 5, 8, 11, 14, 17, 20, 21, 22, 23)})
        self.assertEqual(formats["blk.3.ffn_down.weight"], "Q4_K")
        self.assertEqual((formats["blk.0.attn_v.weight"], formats["blk.3.attn_v.weight"]), ("Q8_0", "Q5_0"))
        self.assertEqual((formats["blk.0.attn_q.weight"], formats["token_embd.weight"]), ("Q5_0", "Q8_0"))
        self.assertEqual(planned("qwen2.5-0.5b", "IQ4_XS")["blk.0.attn_q.weight"], "IQ4_NL")
        self.assertEqual(planned("qwen2.5-0.5b", "Q4_0")["token_embd.weight"], "Q8_0")

    def test_whole_superblocks(self):
        formats = planned("qwen2.5-1.5b", "Q4_K_M")
        self.assertEqual((formats["blk.0.attn_v.weight"], formats["blk.4.attn_v.weight"], formats["blk.0.attn_q.weight"]), ("Q6_K", "Q4_K", "Q4_K"))
        self.assertEqual(formats["token_embd.weight"], "Q6_K")
        self.assertNotIn("output.weight", formats)
        seven = planned("qwen2.5-7b", "Q4_K_M")
        self.assertEqual((seven["token_embd.weight"], seven["output.weight"]), ("Q4_K", "Q6_K"))

    def test_families(self):
        phi = planned("phi-3-mini", "Q4_K_M")
        self.assertEqual((phi["blk.0.attn_qkv.weight"], phi["blk.0.ffn_up.weight"]), ("Q5_K", "Q4_K"))
        mixtral = planned("mixtral-8x7b", "Q4_0", "--layers", "2")
        self.assertEqual((mixtral["blk.1.attn_v.weight"], mixtral["blk.1.ffn_gate_inp.weight"], mixtral["blk.1.ffn_down_exps.weight"]), ("Q8_0", "F32", "Q4_0"))
        qwen3 = planned("qwen3-30b-a3b", "Q4_0", "--layers", "2")
        self.assertEqual((qwen3["blk.0.attn_q_norm.weight"], qwen3["blk.0.ffn_up_exps.weight"]), ("F32", "Q4_0"))


if __name__ == "__main__":
    unittest.main()
