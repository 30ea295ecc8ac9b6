"""What the checks of `pingti convert` and `pingti quantize` share: the program, a line for each result, the exit status."""
import argparse, json, os, pathlib, shutil, subprocess, sys

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden/models"


class Checks:
    def __init__(self, *more):
        """more: options that take a folder, beside --build and --data."""
        p = argparse.ArgumentParser()
        p.add_argument("--build", required=True)
        for name in ("--data", *more):
            p.add_argument(name)
        self.options = p.parse_args()
        self.program = os.path.join(self.options.build, "pingti")
        self.bad = 0

    def data(self, name):
        """A folder of the real models, or None where it is not there."""
        path = pathlib.Path(self.options.data or "/nonexistent") / name
        return path if path.exists() else None

    def check(self, ok, what):
        self.bad += not ok
        print("ok  " if ok else "DIFF", what, flush=True)

    def ask(self, *a):
        return subprocess.run([self.program, *map(str, a)], capture_output=True, text=True)

    def run(self, *a):
        """What it prints; it must succeed."""
        done = self.ask(*a)
        if done.returncode:
            sys.exit(f"pingti {' '.join(map(str, a))}\n{done.stderr}")
        return done.stdout

    def end(self):
        sys.exit(self.bad != 0)


def with_tokenizer(folder, to):
    """A golden directory with a byte-level tokenizer, sampling defaults and a model card beside its weights."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("*.gguf", "golden*"))
    special = [dict(id=i, content=t, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True) for i, t in enumerate(("<unk>", "<s>", "</s>"))]
    vocab = {t: i for i, t in enumerate(["<unk>", "<s>", "</s>", *"abcdefghijklmnopqrstuvwxyz", "th", "he", "in", "er"])}
    rule = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    cut = [dict(type="Split", pattern=dict(Regex=rule), behavior="Isolated", invert=False), dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=False)]
    (to / "tokenizer.json").write_text(json.dumps(dict(
        version="1.0", added_tokens=special, pre_tokenizer=dict(type="Sequence", pretokenizers=cut), decoder=dict(type="ByteLevel", add_prefix_space=True, trim_offsets=True, use_regex=True),
        model=dict(type="BPE", ignore_merges=True, byte_fallback=False, fuse_unk=False, vocab=vocab, merges=["t h", "h e", "i n", "e r"]))))
    kind = "GPT2Tokenizer" if "phi3" in folder.name else "PreTrainedTokenizerFast"
    (to / "tokenizer_config.json").write_text(json.dumps(dict(tokenizer_class=kind, bos_token="<s>", eos_token="</s>", unk_token="<unk>", add_bos_token=True, chat_template="{{ messages }}")))
    (to / "generation_config.json").write_text(json.dumps(dict(do_sample=True, temperature=0.7, top_p=0.8, top_k=20, repetition_penalty=1.05, eos_token_id=2)))
    (to / "README.md").write_text("---\nlicense: apache-2.0\nlanguage:\n- en\n- zh\npipeline_tag: text-generation\ntags:\n- chat\nbase_model: Acme/Base-7B\ndatasets: [a/b, c/d-v1]\n---\n# T\n")
