"""pingti convert, imatrix and quantize as a script meets them: round trips, going on after an end, and what is refused."""
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import time
import unittest
from pathlib import Path

import tiny_model
from cli_case import PROGRAM, ROOT, CliCase

GOLDEN = ROOT / "tests/golden/models"
TEXT = " ".join(f"word{i} and the other one {i * 7 % 13}." for i in range(400))


def tensors(folder):
    """name -> (dtype, shape, bytes) of every safetensors file of a directory."""
    found = {}
    for path in sorted(Path(folder).glob("*.safetensors")):
        raw = path.read_bytes()
        n = struct.unpack("<Q", raw[:8])[0]
        for name, t in json.loads(raw[8:8 + n]).items():
            if name != "__metadata__":
                a, b = t["data_offsets"]
                found[name] = (t["dtype"], t["shape"], raw[8 + n + a:8 + n + b])
    return found


class Convert(CliCase):
    def place(self, name):
        path = self.home / name
        if path.is_dir():
            shutil.rmtree(path)
        return path

    def test_there_and_back(self):
        for family in ("llama3", "llama-bias-sharded", "mixtral", "mixtral-fused", "qwen2", "qwen3moe", "phi3-longrope", "deepseek2", "deepseek3-bf16"):
            gguf, back = self.home / f"{family}.gguf", self.place(family)
            self.answers("convert", "-m", GOLDEN / family, "-o", gguf, "-q")
            self.answers("convert", "-m", gguf, "-o", back, "-q", "--shard-size", "16k")
            self.assertEqual(tensors(GOLDEN / family), tensors(back), family)
            self.assertEqual((GOLDEN / family / "config.json").read_bytes(), (back / "config.json").read_bytes())

    def test_packed_weights_are_refused(self):
        for name in ("gptq", "awq", "ct-mxfp4", "ct-w4a16"):
            for command in (("convert",), ("quantize", "--type", "Q8_0")):
                self.refused(*command, "-m", ROOT / "tests/golden/models" / name, "-o", self.home / "x.gguf", says="GGUF has no word for weights")
        self.assertFalse((self.home / "x.gguf").exists())

    def test_a_file_without_originals(self):
        """config.json and tokenizer are written from the metadata; going back gives the same file."""
        for family in ("llama3", "llama-yarn", "qwen2-window", "qwen3moe-mixed", "phi3-longrope", "deepseek3"):
            first, back, second = self.home / "a.gguf", self.place("dir"), self.home / "b.gguf"
            self.answers("convert", "-m", GOLDEN / family, "-o", first, "-q", "--no-originals")
            self.answers("convert", "-m", first, "-o", back, "-q")
            self.answers("convert", "-m", back, "-o", second, "-q", "--no-originals")
            self.assertEqual(first.read_bytes(), second.read_bytes(), family)

    def test_tokenizer_from_a_file(self):
        back, again = self.place("tiny"), self.home / "tiny-again.gguf"
        self.answers("convert", "-m", self.model, "-o", back, "-q")
        ask = ("tokenize", "--json", "hello <there> world")
        self.assertEqual(self.answers(*ask, "-m", self.model), self.answers(*ask, "-m", back))
        self.answers("convert", "-m", back, "-o", again, "-q", "--no-originals")
        self.assertEqual(Path(self.model).read_bytes(), again.read_bytes())

    def test_factors_go_into_the_weights(self):
        """A directory has no "X.scale" beside its weights: the values there are whole."""
        factors = [(stem, 2.0 ** (i - 2), [2.0 ** (i - 2)]) for i, stem in enumerate(("blk.0.attn_q", "blk.0.attn_v", "blk.1.ffn_down", "output"))]
        plain, scaled = self.model, self.home / "scaled.gguf"
        tiny_model.write(scaled, factors=factors)
        for more in ([], ["--dequantize"]):
            if more:
                for name in ("plain", "scaled"):
                    self.answers("quantize", "-m", plain if name == "plain" else scaled, "--type", "Q4_0", "-o", self.home / f"{name}-q.gguf", "-q")
                plain, scaled = self.home / "plain-q.gguf", self.home / "scaled-q.gguf"
            want, got = self.place("of-plain"), self.place("of-scaled")
            self.answers("convert", "-m", plain, "-o", want, "-q", *more)
            self.answers("convert", "-m", scaled, "-o", got, "-q", *more)
            self.assertEqual(tensors(want), tensors(got))

    def test_changed_directory(self):
        back, again = self.place("changed"), self.home / "changed.gguf"
        self.answers("convert", "-m", self.model, "-o", back, "-q")
        config = json.loads((back / "config.json").read_text())
        config["max_position_embeddings"] = 77
        (back / "config.json").write_text(json.dumps(config))
        status, _, err = self.pingti("convert", "-m", back, "-o", again)
        self.assertEqual(status, 0, err)
        self.assertIn("gguf_metadata.gguf is of another state", err)
        self.assertIn(b"context_length\x04\0\0\0\x4d\0\0\0", again.read_bytes())

    def test_another_model_is_not_written_over(self):
        """A directory is gone on with where these weights filled it; a Hub's repository beside its GGUF file is not."""
        first, back, other = self.home / "first.gguf", self.place("mine"), self.place("theirs")
        self.answers("convert", "-m", GOLDEN / "qwen2", "-o", first, "-q")
        self.answers("convert", "-m", first, "-o", back, "-q")
        whole = {p.name: p.read_bytes() for p in back.iterdir()}
        self.answers("convert", "-m", first, "-o", back, "-q")
        (back / "model.safetensors").unlink()  # an end before the tensors
        self.answers("convert", "-m", first, "-o", back, "-q")
        self.assertEqual(whole, {p.name: p.read_bytes() for p in back.iterdir()})
        for more in ([], ["--fresh"]):
            self.refused("convert", "-m", self.model, "-o", back, "-q", *more, status=2, says=["holds another model", "-o"])
        self.assertEqual(whole, {p.name: p.read_bytes() for p in back.iterdir()})
        for name in ("config.json", "model-00001-of-00002.safetensors"):
            other.mkdir()
            (other / name).write_text("{}")
            self.refused("convert", "-m", first, "-o", other, "-q", status=2, says=["holds another model", name])
            self.assertEqual([p.name for p in other.iterdir()], [name])
            self.place("theirs")
        other.mkdir()
        (other / "README.md").write_text("notes")
        self.answers("convert", "-m", first, "-o", other, "-q")

    def test_another_cut_leaves_no_old_shards(self):
        """Files of an earlier --shard-size would be read beside the new ones, or in their place."""
        first, back = self.home / "cut.gguf", self.place("cut")
        self.answers("convert", "-m", GOLDEN / "qwen2", "-o", first, "-q")
        whole, small = tensors(GOLDEN / "qwen2"), {}
        for size in ("16k", "8k", "0", "8k", "16k"):
            again = size in small
            (back if back.exists() else self.home).joinpath("notes.txt").write_text("mine")
            if again:  # what an end in the other cut leaves
                (back / "model-00001-of-00009.safetensors.part").write_text("begun")
                (back / "model-00001-of-00009.safetensors.part.done").write_text("begun")
                (back / "model-1-of-9.safetensors").write_text("not a name of ours")
            told = json.loads(self.answers("convert", "-m", first, "-o", back, "-q", "--json", "--shard-size", size))
            (back / "model-1-of-9.safetensors").unlink(missing_ok=True)
            files = {p.name: p.read_bytes() for p in back.glob("model*")}
            shards = [n for n in files if n.endswith(".safetensors")]
            self.assertEqual(set(files) - set(shards), {"model.safetensors.index.json"} if len(shards) > 1 else set())
            self.assertEqual(files, small.setdefault(size, files), "the same cut gives the same files")
            self.assertEqual(tensors(back), whole, size)
            self.assertEqual(told["removed_files"] > 0, size != "16k" or again)
        self.assertEqual((back / "notes.txt").read_text(), "mine")

    def byte_level_model(self):
        """The tiny model with a byte-level vocabulary, as short as its own."""
        folder = self.place("bytes")
        self.answers("convert", "-m", self.model, "-o", folder, "-q")
        for name in ("tokenizer.model", "tokenizer.json", "tokenizer_config.json", "gguf_metadata.gguf"):
            (folder / name).unlink(missing_ok=True)
        t = json.loads((ROOT / "tests/golden/tokenizer/byte_bpe.json").read_text())
        vocab = {k: v for k, v in t["model"]["vocab"].items() if v < 340}
        pairs = [m.split(" ") if isinstance(m, str) else m for m in t["model"]["merges"]]
        t["model"].update(vocab=vocab, merges=[" ".join(m) for m in pairs if "".join(m) in vocab])
        t["added_tokens"] = [a for a in t["added_tokens"] if a["id"] < 340]
        (folder / "tokenizer.json").write_text(json.dumps(t))
        return folder

    def test_pre_is_never_ignored(self):
        out, kept, again = self.home / "pre.gguf", self.place("kept"), self.home / "pre-again.gguf"
        rules = lambda path: re.search(rb"tokenizer\.ggml\.pre\x08\0\0\0.\0{7}([a-z0-9-]+)", path.read_bytes(), re.S)[1].decode()
        self.answers("convert", "-m", self.byte_level_model(), "-o", out, "-q", "--no-originals")
        self.assertEqual(rules(out), "qwen2")
        self.answers("convert", "-m", out, "-o", kept, "-q")  # its keys are kept beside it, and used again
        self.answers("convert", "-m", kept, "-o", again, "-q", "--no-originals", "--pre", "llama-bpe")
        self.assertEqual(rules(again), "llama-bpe")
        self.refused("convert", "-m", kept, "-o", again, "--pre", "nonsense", status=2, says="no splitting rules of the name")
        self.answers("convert", "-m", self.model, "-o", self.place("spm"), "-q")
        self.refused("convert", "-m", self.home / "spm", "-o", again, "--pre", "qwen2", status=2, says=["--pre does nothing", "SentencePiece", "leave it out"])
        self.refused("convert", "-m", GOLDEN / "qwen2", "-o", again, "--pre", "qwen2", status=2, says=["--pre does nothing", "no tokenizer", "leave it out"])

    def test_the_source_is_not_written_over(self):
        source = self.place("source")
        shutil.copytree(GOLDEN / "qwen2", source)
        before = {p.name: p.read_bytes() for p in source.iterdir()}
        for command in ("convert", "quantize"):
            for name in ("config.json", "tokenizer.model", "gguf_metadata.gguf"):
                self.refused(command, "-m", source, "-o", source / name, "-q", status=2, says="among the files of the model")
        self.assertEqual(before, {p.name: p.read_bytes() for p in source.iterdir()})
        self.answers("convert", "-m", source, "-o", source / "model.gguf", "-q")
        self.refused("convert", "-m", source / "model.gguf", "-o", source, "-q", status=2, says="holds another model")
        self.refused("convert", "-m", source / "model.gguf", "-o", source / "model.gguf", "-q", status=2, says="is the model itself")

    def test_refused(self):
        self.refused("convert", "-m", GOLDEN / "qwen2", status=2, says="no place to write to")
        self.refused("convert", "-m", GOLDEN / "llama-dynamic", "-o", self.home / "x.gguf", says="GGUF has no word for dynamic rope scaling")
        self.refused("convert", "-m", GOLDEN / "deepseek3-halves", "-o", self.home / "x.gguf", says="rope_interleave")
        self.refused("convert", "-m", GOLDEN / "qwen2", "-o", self.home / "x.gguf", "--shard-size", "1G", status=2, says=["--shard-size", "leave it out"])
        self.refused("convert", "-m", GOLDEN / "qwen2", "-o", self.home / "x.gguf", "--pre", "nonsense", status=2, says=["--pre", "qwen2", "'nonsense'", "leave it out"])
        self.refused("convert", "-m", self.model, "-o", self.home / "no/such/place", says="cannot be made")
        self.refused("convert", "-m", GOLDEN / "qwen2", "-o", self.home, status=2, says="a directory")
        self.answers("quantize", "-m", self.model, "--type", "Q8_0", "-o", self.home / "q8.gguf", "-q")
        self.refused("convert", "-m", self.home / "q8.gguf", "-o", self.place("q8"), status=2, says="--dequantize")
        self.answers("convert", "-m", self.home / "q8.gguf", "-o", self.place("q8"), "-q", "--dequantize")
        self.assertFalse((self.home / "x.gguf").exists() or (self.home / "x.gguf.part").exists())


class Quantize(CliCase):
    def test_types_and_sizes(self):
        for mix, bits in (("Q8_0", 8.5), ("Q4_0", 4.5), ("Q4_K_M", 5.5), ("Q5_K_M", 6.0), ("Q6_K", 8.5), ("IQ4_XS", 4.5)):
            out = self.home / f"{mix}.gguf"
            told = json.loads(self.answers("quantize", "-m", self.model, "--type", mix, "-o", out, "--json", "-q"))
            self.assertEqual(told["file_bytes"], out.stat().st_size)
            self.assertAlmostEqual(told["types"]["F32"]["parameters"], 5 * 32, delta=0)
            dry = json.loads(self.answers("quantize", "-m", self.model, "--type", mix, "--dry-run", "--json", "-q"))
            self.assertEqual(dry["bytes"], told["bytes"])
            self.answers("run", "-m", out, "--temp", "0", "-n", "5", "-q", "hello")
            self.assertTrue(bits - 0.6 < told["bits"] < 9, (mix, told["bits"]))

    def test_same_bytes_whatever_the_threads(self):
        files = []
        for threads in (1, 3):
            files.append(self.home / f"t{threads}.gguf")
            self.answers("quantize", "-m", GOLDEN / "qwen3moe", "--type", "Q4_0", "-t", threads, "-o", files[-1], "-q")
        self.assertEqual(files[0].read_bytes(), files[1].read_bytes())

    def test_importance(self):
        text, matrix, out = self.home / "text.txt", self.home / "m.gguf", self.home / "w.gguf"
        text.write_text(TEXT)
        told = json.loads(self.answers("imatrix", "-m", self.model, "-f", text, "-o", matrix, "--ctx", "64", "--chunks", "4", "--json", "-q"))
        self.assertEqual((told["matrices"], told["chunks"], told["experts_unseen"]), (14, 4, 0))
        part = self.home / "part.gguf"
        self.answers("imatrix", "-m", self.model, "-f", text, "-o", part, "--ctx", "64", "--chunks", "2", "-q")
        self.answers("imatrix", "-m", self.model, "-f", text, "-o", part, "--ctx", "64", "--chunks", "4", "--resume", "-q")
        self.assertEqual(matrix.read_bytes(), part.read_bytes())
        self.answers("imatrix", "--in", matrix, "--in", part, "-o", self.home / "both.gguf", "-q")
        self.answers("quantize", "-m", self.model, "--imatrix", matrix, "--type", "IQ4_XS", "-o", out, "-q")
        self.assertIn(b"quantize.imatrix.chunks_count", out.read_bytes())
        self.refused("quantize", "-m", self.big_model(), "--imatrix", matrix, "--type", "Q4_0", "-o", self.home / "z.gguf", "-q", says="of another model")
        self.refused("quantize", "-m", self.model, "--imatrix", self.model, "-o", out, says="no importance matrix")

    def test_refused(self):
        out = self.home / "out.gguf"
        self.refused("quantize", "-m", self.model, status=2, says="no file to write")
        self.refused("quantize", "-m", self.model, "-o", out, "--type", "Q9", status=2, says="there is no mix 'Q9'")
        self.refused("quantize", "-m", self.model, "-o", out, "--tensor", "x", status=2, says="NAME=TYPE")
        self.refused("quantize", "-m", self.model, "-o", out, "--tensor", "nope=Q6_K", status=2, says=["no tensor", "'nope'", "--dry-run"])
        self.refused("quantize", "-m", self.model, "-o", out, "--tensor", "blk.*=Q8_0", "--tensor", "output_norm.weight=Q6_K", status=2, says="keep their format")
        self.refused("quantize", "-m", self.model, "-o", "", "-q", status=2, says="empty")
        self.answers("quantize", "-m", self.model, "-o", out, "--type", "Q8_0", "-q")
        self.refused("quantize", "-m", out, "-o", self.home / "again.gguf", "--type", "Q4_0", status=2, says="--requantize")
        self.answers("quantize", "-m", out, "-o", self.home / "again.gguf", "--type", "Q4_0", "--requantize", "-q")
        self.answers("quantize", "-m", self.model, "-o", out, "--type", "Q4_0", "--tensor", "blk.0.*=Q8_0", "-q")

    def test_every_option_decides_something(self):
        out, tied = self.home / "decides.gguf", self.home / "tied.gguf"
        ask = lambda model, *more: ("quantize", "-m", model, "-o", out, "--type", "Q4_0", "-q", *more)
        no = lambda says, *more: self.refused(*ask(self.model, *more), status=2, says=says)
        no(["--tensor 'output.weight'", "--keep-output", "contradict"], "--tensor", "output.weight=Q8_0", "--keep-output")
        no(["--output-type and --keep-output contradict"], "--output-type", "Q8_0", "--keep-output")
        no(["--output-type does nothing", "--tensor 'out*'"], "--tensor", "out*=Q8_0", "--output-type", "Q6_K")
        no(["--embedding-type does nothing"], "--tensor", "token_embd.weight=Q8_0", "--embedding-type", "Q5_0")
        no(["'blk.0.attn_v.weight' decides nothing", "an earlier --tensor"], "--tensor", "blk.*=Q8_0", "--tensor", "blk.0.attn_v.weight=Q5_0")
        self.assertFalse(out.exists())
        for more in (("--tensor", "*=Q8_0", "--keep-output"), ("--output-type", "Q8_0", "--tensor", "blk.*=Q5_0", "--embedding-type", "Q5_0")):
            self.answers(*ask(self.model, *more))
        self.answers("convert", "-m", GOLDEN / "llama3-tied-old", "-o", tied, "-q")
        self.refused(*ask(tied, "--keep-output"), status=2, says=["--keep-output does nothing", "--embedding-type"])
        self.refused(*ask(tied, "--output-type", "Q8_0", "--pure"), status=2, says=["--output-type does nothing", "--embedding-type"])
        self.refused(*ask(tied, "--output-type", "Q8_0", "--embedding-type", "Q5_0"), status=2, says="the output matrix is the embedding")

    def test_the_model_is_not_replaced_by_its_own_result(self):
        before = Path(self.model).read_bytes()
        link = self.home / "link.gguf"
        link.symlink_to(self.model)
        for name in (self.model, link):
            self.refused("quantize", "-m", self.model, "-o", name, "--type", "Q8_0", status=2, says="is the model itself")
        self.assertEqual(Path(self.model).read_bytes(), before)

    def test_a_limit_of_file_sizes_is_an_error(self):
        limited = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", PROGRAM, "quantize", "-m", self.model, "--type", "Q8_0", "-q", "-o", str(self.home / "limited.gguf")]
        done = subprocess.run(limited, env=self.environment(), capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(b"File too large", done.stderr)

    def test_a_full_disk_is_told_in_bytes(self):
        small = self.home / "small"
        small.mkdir()
        mounted = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=8k pingti "$0" || exit 99; exec "$@"', str(small)]
        try:
            able = subprocess.run([*mounted, "true"], capture_output=True, timeout=60, check=False).returncode == 0
        except FileNotFoundError:
            able = False
        if not able:
            self.skipTest("no file system of its own may be mounted here")
        done = subprocess.run([*mounted, PROGRAM, "quantize", "-m", self.model, "--type", "Q8_0", "-q", "-o", str(small / "x.gguf")],
                              env=self.environment(), capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr.decode(), r"no room for .*\n  expected: \d+ bytes free\n  got:      8192 bytes free")

    @unittest.skipIf(os.geteuid() == 0, "root reads every folder")
    def test_a_closed_directory(self):
        closed = self.home / "closed"
        closed.mkdir(mode=0)
        self.refused("convert", "-m", closed, "-o", self.home / "x.gguf", says="cannot be read")
        closed.rmdir()

    def test_not_finite(self):
        raw = bytearray(Path(self.model).read_bytes())
        raw[-4:] = struct.pack("<f", float("nan"))  # the last tensor's last weight (its rows are whole, no padding)
        broken, out = self.home / "nan.gguf", self.home / "nan-q.gguf"
        broken.write_bytes(raw)
        self.refused("quantize", "-m", broken, "-o", out, "--type", "Q4_0", "-q", says="not finite")
        self.assertFalse(out.exists() or Path(f"{out}.part").exists())

    def big_model(self):
        """Some 100 MB of F32, so that an end can come in the middle."""
        path = self.home / "big"
        if not path.exists():
            path.mkdir()
            shutil.copy(GOLDEN / "qwen2/config.json", path)
            config = json.loads((path / "config.json").read_text())
            config.update(hidden_size=256, intermediate_size=6144, num_hidden_layers=5, num_attention_heads=4, num_key_value_heads=2, vocab_size=1024, tie_word_embeddings=True)
            config.pop("head_dim", None)
            (path / "config.json").write_text(json.dumps(config))
            shapes = {"model.embed_tokens.weight": [1024, 256], "model.norm.weight": [256]}
            for i in range(5):
                p = f"model.layers.{i}."
                shapes.update({p + "input_layernorm.weight": [256], p + "post_attention_layernorm.weight": [256], p + "mlp.gate_proj.weight": [6144, 256],
                               p + "mlp.up_proj.weight": [6144, 256], p + "mlp.down_proj.weight": [256, 6144], p + "self_attn.o_proj.weight": [256, 256]})
                for n, rows in (("q", 256), ("k", 128), ("v", 128)):
                    shapes.update({f"{p}self_attn.{n}_proj.weight": [rows, 256], f"{p}self_attn.{n}_proj.bias": [rows]})
            head, at, block = {}, 0, bytes(struct.pack("<1024f", *[((i * 7919) % 2003 - 1000) / 5000 for i in range(1024)]))
            for name, shape in shapes.items():
                n = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
                head[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + n]}
                at += n
            h = json.dumps(head).encode()
            with open(path / "model.safetensors", "wb") as f:
                f.write(struct.pack("<Q", len(h)) + h + (block * (at // len(block) + 1))[:at])
        return path

    def test_going_on(self):
        """Ended by Ctrl-C and by SIGKILL, gone on with, the same bytes as without."""
        model, whole, out = self.big_model(), self.home / "whole.gguf", self.home / "on.gguf"
        self.answers("quantize", "-m", model, "--type", "Q4_K_M", "-o", whole, "-q")
        for end, status in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
            command = [PROGRAM, "quantize", "-m", str(model), "--type", "Q4_K_M", "-o", str(out), "-q", "-t", "1"]
            run = subprocess.Popen(command, env=self.environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
            notes, until = Path(f"{out}.part.done"), time.time() + 30
            while time.time() < until and not (notes.exists() and notes.read_bytes().count(b"\n") > 1):
                time.sleep(0.002)
            run.send_signal(end)
            run.communicate()
            self.assertIn(run.returncode, (status, 0), "it ended another way")
            self.assertTrue(out.exists() == (run.returncode == 0))
            told = json.loads(self.answers("quantize", "-m", model, "--type", "Q4_K_M", "-o", out, "--json", "-q"))
            self.assertTrue(told["resumed_bytes"] > 0 or run.returncode == 0)
            self.assertEqual(whole.read_bytes(), out.read_bytes())
            self.assertFalse(notes.exists())
            out.unlink()

    def test_what_changed_is_written_again(self):
        """A part file whose bytes are not what was noted, and one of other work, are not believed."""
        model, whole, out = self.big_model(), self.home / "whole2.gguf", self.home / "changed.gguf"
        self.answers("quantize", "-m", model, "--type", "Q4_0", "-o", whole, "-q")
        run = subprocess.Popen([PROGRAM, "quantize", "-m", str(model), "--type", "Q4_0", "-o", str(out), "-q", "-t", "1"], env=self.environment(), stdout=subprocess.DEVNULL)
        notes, part = Path(f"{out}.part.done"), Path(f"{out}.part")
        while run.poll() is None and not (notes.exists() and notes.read_bytes().count(b"\n") > 1):
            time.sleep(0.001)
        run.kill()
        run.wait()
        if part.exists():
            with open(part, "r+b") as f:
                f.seek(4000)
                f.write(os.urandom(2000))
        self.answers("quantize", "-m", model, "--type", "Q4_0", "-o", out, "-q")
        self.assertEqual(whole.read_bytes(), out.read_bytes())


if __name__ == "__main__":
    unittest.main()
