"""`pingti convert` held against transformers and the `gguf` package as readers, and against llama.cpp's own converter where its source is
at hand (--converter FOLDER: the one of convert_hf_to_gguf.py; not part of ./test --clients).

python convert.py --build BUILD [--data DIR] [--converter FOLDER]

Every golden family: transformers computes the same logits from the GGUF file (where its loader knows the architecture) and from the directory
that comes back; gguf reads keys, names, shapes and values. A trained model with its SentencePiece tokenizer, too."""
import json, os, pathlib, shutil, subprocess, sys, tempfile, warnings

import gguf
import numpy as np
import torch
import transformers
from _checks import GOLDEN, Checks, with_tokenizer
from safetensors import safe_open

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
checks = Checks("--converter")
args, check, run = checks.options, checks.check, checks.ask


def tensors(folder):
    out = {}
    for path in sorted(pathlib.Path(folder).glob("*.safetensors")):
        with safe_open(path, "pt") as f:
            for k in f.keys():
                t = f.get_tensor(k).contiguous()
                out[k] = (t.dtype, tuple(t.shape), t.view(-1).view(torch.uint8).numpy().tobytes())
    return out


def logits(model, vocab):
    ids = torch.arange(3, 23).remainder(vocab).unsqueeze(0)
    with torch.no_grad():
        return model.eval()(ids).logits[0].double()


def same_logits(a, b):
    return float((a - b).abs().max() / a.abs().max())


def load(where, **more):
    """Eager experts: the fast ones want rows of whole 16 bytes."""
    model = transformers.AutoModelForCausalLM.from_pretrained(where, dtype=torch.float32, attn_implementation="eager", **more)
    if hasattr(model, "set_experts_implementation"):
        model.set_experts_implementation("eager")
    return model


def there_and_back(name, folder, work):
    file, back, again = work / f"{name}.gguf", work / f"{name}-back", work / f"{name}-again.gguf"
    done = run("convert", "-m", folder, "-o", file, "-q")
    if done.returncode:
        check("GGUF has no word for" in done.stderr, f"{name}: refused: {done.stderr.splitlines()[0][15:]}")
        return None
    reader = gguf.GGUFReader(file)
    check(reader.get_field("general.architecture") is not None and len(reader.tensors) > 0, f"{name}: gguf reads {len(reader.fields)} keys and {len(reader.tensors)} tensors")
    ok = run("convert", "-m", file, "-o", back, "-q", "--shard-size", "20k").returncode == 0
    check(ok and tensors(folder) == tensors(back), f"{name}: HF -> GGUF -> HF gives the same {len(tensors(folder))} tensors")
    plain, plain_back = work / f"{name}-plain.gguf", work / f"{name}-plain"
    ok = all(run(*a).returncode == 0 for a in (("convert", "-m", folder, "-o", plain, "-q", "--no-originals"), ("convert", "-m", plain, "-o", plain_back, "-q"),
                                               ("convert", "-m", plain_back, "-o", again, "-q", "--no-originals")))
    check(ok and plain.read_bytes() == again.read_bytes(), f"{name}: GGUF -> HF -> GGUF gives the same file")
    return file, back, plain_back


def by_transformers(name, folder, made):
    file, back, plain_back = made
    config = json.loads((folder / "config.json").read_text())
    want = logits(load(folder), config["vocab_size"])
    for what, where in (("the directory that came back", back), ("a directory written from metadata alone", plain_back)):
        far = same_logits(want, logits(load(where), config["vocab_size"]))
        check(far <= 1e-5, f"{name}: transformers computes the same from {what} ({far:.1e})")
    return want, config


def main():
    work = pathlib.Path(tempfile.mkdtemp())
    try:
        for folder in sorted(p for p in GOLDEN.iterdir() if (p / "config.json").exists()):
            made = there_and_back(folder.name, folder, work)
            if made:
                by_transformers(folder.name, folder, made)
        data = checks.data("models/stories260K")
        if data:
            made = there_and_back("stories260K", data, work)
            want, _ = by_transformers("stories260K", data, made)
            model = load(work, gguf_file="stories260K.gguf")
            check(same_logits(want, logits(model, 512)) <= 1e-5, "stories260K: transformers' GGUF loader computes the same")
            text = "Once upon a time, there was a girl named Lily."
            ask = lambda m: run("tokenize", "-m", m, "--json", text).stdout
            check(ask(data) == ask(made[0]) == ask(made[2]) != "", "stories260K: the same ids from directory, file, and the tokenizer.model written from its keys")
        if args.converter:
            against_converter(work)
    finally:
        shutil.rmtree(work)
    checks.end()


# What differs from llama.cpp's converter on purpose: (golden model or "", key or tensor) -> why.
MEANT = {
    ("", "attention.sliding_window"): "it leaves a window out, and a reader would compute something else",
    ("", "attention.sliding_window_pattern"): "the layers whose window that is",
    ("", "expert_weights_norm"): "it leaves out that this model does not normalize",
    ("", "rope_freqs.weight"): "computed in doubles, not floats: the last bit",
    ("deepseek", "context_length"): "YaRN that reaches beyond max_position_embeddings: as far as sessions may go",
    ("deepseek3", "expert_gating_func"): "the family's sigmoid, also where newer configurations do not say it",
    ("phi3-longrope-factor", "rope.scaling.attn_factor"): "the configuration's own factor, not the one that follows from its lengths",
    ("qwen2", "tokenizer.ggml.tokens"): "transformers gives every Qwen2 an <|endoftext|> that this directory has not",
    ("qwen2", "tokenizer.ggml.token_type"): "that token",
}
NOT_CONVERTED = {"mixtral-fused", "qwen3moe-mixed"}  # fused Mixtral experts, dense layers of a Qwen3-MoE: names that the converter does not map


def meant(name, key):
    short = key.split(".", 1)[1] if key.split(".")[0] in ("llama", "qwen2", "qwen3", "qwen3moe", "phi3", "deepseek2") else key
    return any(k in (short, key) and (not n or name.startswith(n)) for n, k in MEANT)


def differences(ours, theirs):
    """Keys and tensors that are not the same; what carries the directory's own files is ours alone."""
    a, b = gguf.GGUFReader(ours), gguf.GGUFReader(theirs)
    own = ("GGUF.", "pingti.", "tokenizer.huggingface.")
    keys = [{k: (f.types, f.contents()) for k, f in r.fields.items() if not k.startswith(own)} for r in (a, b)]
    rows = [{t.name: (t.tensor_type, tuple(t.shape), t.data.tobytes()) for t in r.tensors} for r in (a, b)]
    return sorted(k for x, y in (keys, rows) for k in set(x) | set(y) if x.get(k) != y.get(k)), len(keys[0]), len(rows[0])


def reference(folder, out, kind):
    return subprocess.run([sys.executable, pathlib.Path(__file__).with_name("_reference.py"), args.converter, folder, out, kind], capture_output=True, text=True)


def against_converter(work):
    """Every golden family, and the trained model with its own tokenizer."""
    for golden in sorted(p for p in GOLDEN.iterdir() if (p / "config.json").exists()):
        name, folder, ours, theirs = golden.name, work / f"Acme-{golden.name}-7B-Instruct-v0.2", work / "ours.gguf", work / "theirs.gguf"
        if "quantization_config" in json.loads((golden / "config.json").read_text()):
            continue
        with_tokenizer(golden, folder)
        if run("convert", "-m", folder, "-o", ours, "-q", "--fresh").returncode:
            continue  # said by there_and_back
        kinds = {d for d, shape, _ in tensors(folder).values() if len(shape) == 2}
        done = reference(folder, theirs, "BF16" if torch.bfloat16 in kinds else "F16" if torch.float16 in kinds else "F32")
        if done.returncode:
            check(name in NOT_CONVERTED and "Can not map tensor" in done.stderr, f"{name}: llama.cpp's converter: {done.stderr.strip().splitlines()[-1][:150]}")
            continue
        found, keys, rows = differences(ours, theirs)
        check(all(meant(name, k) for k in found), f"{name}: {keys} keys and {rows} tensors as llama.cpp's converter writes them{', but ' + ', '.join(found) if found else ''}")
    data = checks.data("models/stories260K")
    if data:
        run("convert", "-m", data, "-o", work / "ours.gguf", "-q", "--no-originals", "--fresh")
        done = subprocess.run([sys.executable, os.path.join(args.converter, "convert_hf_to_gguf.py"), data, "--outfile", work / "theirs.gguf", "--outtype", "f32"], capture_output=True, text=True)
        check(done.returncode == 0 and not differences(work / "ours.gguf", work / "theirs.gguf")[0], "stories260K: every key and tensor as llama.cpp's converter writes it")


main()
