"""Quantized files and importance matrices against the `gguf` package: decoded by it, their error beside its own encoders where it has them,
and beside llama.cpp's tools where they are at hand (--llama-cpp FOLDER with llama-quantize and llama-imatrix, not part of ./test --clients; with --trained FILE.safetensors
also on the matrices of any trained model whose rows are whole super-blocks).

python quantize.py --build BUILD [--data DIR] [--llama-cpp FOLDER [--trained FILE.safetensors]]

Shown for a small trained model: weighted and plain root mean square error of every mix, with and without an importance matrix."""
import json, os, pathlib, random, subprocess, tempfile

import gguf
import numpy as np
from _checks import GOLDEN, Checks, with_tokenizer
from gguf import quants
from safetensors.numpy import load_file

checks = Checks("--llama-cpp", "--trained")
args, check, run = checks.options, checks.check, checks.run
MIXES = "Q8_0 Q6_K Q5_K_M Q4_K_M IQ4_XS Q4_0".split()


def read(path):
    return {t.name: t for t in gguf.GGUFReader(path).tensors}


def values(t):
    return quants.dequantize(t.data, t.tensor_type).astype(np.float64).reshape(tuple(int(d) for d in reversed(t.shape)))


def importance(path):
    t = read(path)
    return {n[:-8]: x.data.astype(np.float64).ravel() / max(float(t[n[:-8] + ".counts"].data.ravel()[0]), 1) for n, x in t.items() if n.endswith(".in_sum2")}


def errors(exact, path, weights):
    """(weighted, plain) root mean square error over all matrices that were changed."""
    square = weighted = count = mass = 0
    for name, t in read(path).items():
        if t.tensor_type == exact[name].tensor_type:
            continue
        d = (values(t) - values(exact[name])) ** 2
        w = np.broadcast_to(weights.get(name, np.ones(d.shape[-1])), d.shape)
        square, weighted, count, mass = square + d.sum(), weighted + (w * d).sum(), count + d.size, mass + w.sum()
    return (weighted / mass) ** 0.5, (square / count) ** 0.5


def wide_model(folder):
    """A random Llama whose rows are whole super-blocks, and a text in letters that it knows."""
    rng = np.random.default_rng(5)
    w = gguf.GGUFWriter(os.path.join(folder, "wide.gguf"), "llama")
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + ["\u2581"] + [chr(c) for c in range(97, 123)]
    d, ff = 256, 512
    w.add_context_length(512), w.add_embedding_length(d), w.add_block_count(4), w.add_feed_forward_length(ff), w.add_head_count(4), w.add_head_count_kv(4)
    w.add_layer_norm_rms_eps(1e-5), w.add_rope_dimension_count(d // 4), w.add_vocab_size(len(tokens)), w.add_tokenizer_model("llama"), w.add_tokenizer_pre("default"), w.add_token_list(tokens)
    w.add_token_scores([0.0] * len(tokens)), w.add_token_types([2, 3, 3] + [6] * 256 + [1] * 27), w.add_bos_token_id(1), w.add_eos_token_id(2)
    shapes = {"token_embd": (len(tokens), d), "output": (len(tokens), d), "output_norm": (d,)}
    for i in range(4):
        shapes.update({f"blk.{i}.{n}": s for n, s in (("attn_norm", (d,)), ("ffn_norm", (d,)), ("attn_q", (d, d)), ("attn_k", (d, d)), ("attn_v", (d, d)), ("attn_output", (d, d)),
                                                      ("ffn_gate", (ff, d)), ("ffn_up", (ff, d)), ("ffn_down", (d, ff)))})
    for name, shape in shapes.items():
        x = np.exp(0.5 * rng.standard_normal(shape)) if len(shape) == 1 else rng.standard_t(5, shape) * np.exp(0.7 * rng.standard_normal((1, shape[1]))) * 0.05
        w.add_tensor(name + ".weight", x.astype(np.float32))
    w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()
    rnd = random.Random(5)
    text = os.path.join(folder, "wide.txt")
    pathlib.Path(text).write_text("".join(rnd.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(12000)))
    return os.path.join(folder, "wide.gguf"), text


def compare_tools(model, matrix, text, folder, exact, weights):
    tool = lambda name, *a: subprocess.run([os.path.join(args.llama_cpp, name), *map(str, a)], check=True, capture_output=True, text=True)
    theirs = os.path.join(folder, "theirs.imatrix.gguf")
    tool("llama-imatrix", "-m", model, "-f", text, "-o", theirs, "-c", 128, "--no-ppl", "-t", 2)
    a, b = importance(matrix), importance(theirs)
    far = max(float(np.sqrt(((a[n] - b[n]) ** 2).sum() / (b[n] ** 2).sum())) for n in b)
    check(set(a) == set(b) and far < 1e-3, f"importance of {len(a)} matrices within {far:.1e} of llama-imatrix's (bound 1e-3)")
    tool("llama-quantize", "--imatrix", matrix, model, os.path.join(folder, "r.gguf"), "Q4_K_M", 2)
    for mix in MIXES:
        for option in ([], ["--imatrix", matrix]):
            ours, other = os.path.join(folder, "o.gguf"), os.path.join(folder, "r.gguf")
            run("quantize", "-m", model, "-o", ours, "--type", mix, "-q", *option)
            tool("llama-quantize", *option, model, other, mix, 2)
            x, y = read(ours), read(other)
            check({n: t.tensor_type for n, t in x.items()} == {n: t.tensor_type for n, t in y.items()}, f"{mix}{' imatrix' if option else ''}: the same formats as llama-quantize")
            (ow, op), (tw, tp) = errors(exact, ours, weights), errors(exact, other, weights)
            better = ow <= tw * 1.0001 if option else op <= tp * 1.0001
            check(better, f"{mix}{' imatrix' if option else ''}: weighted {ow:.4e} ({ow / tw:.3f} of theirs), plain {op:.4e} ({op / tp:.3f})")


def compare_trained(path, folder):
    """Every mix pure on the matrices of a trained model, whatever kind of model it is: each is called an ffn_down."""
    trained, model = [t for _, t in sorted(load_file(path).items()) if t.ndim == 2 and t.shape[1] % 256 == 0], os.path.join(folder, "trained.gguf")
    w = gguf.GGUFWriter(model, "llama")
    w.add_context_length(512), w.add_embedding_length(256), w.add_block_count(len(trained)), w.add_feed_forward_length(256), w.add_head_count(1), w.add_layer_norm_rms_eps(1e-5)
    w.add_tensor("token_embd.weight", np.zeros((32, 256), np.float32)), w.add_tensor("output_norm.weight", np.ones(256, np.float32))
    for i, t in enumerate(trained):
        w.add_tensor(f"blk.{i}.ffn_down.weight", t.astype(np.float32))
    w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()
    exact = read(model)
    for mix in MIXES:
        ours, other = os.path.join(folder, "o.gguf"), os.path.join(folder, "r.gguf")
        run("quantize", "-m", model, "-o", ours, "--type", mix, "--pure", "-q", "--fresh")
        subprocess.run([os.path.join(args.llama_cpp, "llama-quantize"), "--pure", model, other, mix, "2"], check=True, capture_output=True)
        (_, mine), (_, theirs) = errors(exact, ours, {}), errors(exact, other, {})
        check(mine <= theirs * 1.0001, f"{mix} on {len(trained)} trained matrices: {mine:.4e} ({mine / theirs:.3f} of llama-quantize's)")


def compare_counts(folder, text):
    """How often each expert was asked. Both caches in F32: in F16 a few near ties fall the other way. DeepSeek-V2's groups are left out, because
    llama.cpp scores a group by the sum of its two best experts (V3's rule), not by its best one as that model's definition."""
    for name in ("mixtral", "qwen3moe", "qwen3moe-fused", "deepseek3", "deepseek3-nonorm", "deepseek2"):
        there, file = pathlib.Path(folder) / name, os.path.join(folder, f"{name}.gguf")
        with_tokenizer(GOLDEN / name, there)
        if name == "deepseek2":
            config = json.loads((there / "config.json").read_text())
            (there / "config.json").write_text(json.dumps(config | dict(n_group=1, topk_group=1, topk_method="greedy")))
        ours, theirs = os.path.join(folder, "ours.counts.gguf"), os.path.join(folder, "theirs.counts.gguf")
        run("convert", "-m", there, "-o", file, "-q")
        run("imatrix", "-m", file, "-f", text, "-o", ours, "--ctx", "64", "--chunks", "40", "--exact", "--cache-type", "f32", "-q")
        subprocess.run([os.path.join(args.llama_cpp, "llama-imatrix"), "-m", file, "-f", text, "-o", theirs, "-c", "64", "--chunks", "40", "--no-ppl", "-t", "2", "-ctk", "f32", "-ctv", "f32", "-fa", "off"],
                       check=True, capture_output=True)
        counts = [{n: t.data.ravel().tolist() for n, t in read(p).items() if n.endswith(".counts")} for p in (ours, theirs)]
        differ = [n for n in set(counts[0]) | set(counts[1]) if counts[0].get(n) != counts[1].get(n)]
        check(not differ, f"{name}: the counts of {len(counts[0])} matrices as llama-imatrix's {differ}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        model, text = wide_model(folder)
        exact, matrix = read(model), os.path.join(folder, "m.gguf")
        run("imatrix", "-m", model, "-f", text, "-o", matrix, "--ctx", "128", "--exact", "-q")
        weights = importance(matrix)
        check(len(weights) == 28, f"importance of {len(weights)} matrices, read by gguf")
        for mix in MIXES:
            plain, guided = os.path.join(folder, "p.gguf"), os.path.join(folder, "g.gguf")
            run("quantize", "-m", model, "-o", plain, "--type", mix, "-q")
            told = json.loads(run("quantize", "-m", model, "-o", guided, "--type", mix, "--imatrix", matrix, "--json", "-q"))
            (pw, pp), (gw, gp) = errors(exact, plain, weights), errors(exact, guided, weights)
            names = {t.tensor_type.name: sum(u.tensor_type == t.tensor_type for u in read(guided).values()) for t in read(guided).values()}
            check(names == {k: v["tensors"] for k, v in told["types"].items()}, f"{mix}: gguf reads the formats that were told: {names}")
            check(gw <= pw * 1.0001 if mix != "Q4_0" else gw < pw, f"{mix}: {told['bits']:.2f} bits, weighted error {pw:.4e} without, {gw:.4e} with a matrix (plain {pp:.4e}, {gp:.4e})")
            for name, t in read(plain).items():  # what the package can encode is encoded to the same bytes
                if t.tensor_type.name in ("Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"):
                    check(quants.quantize(values(exact[name]).astype(np.float32), t.tensor_type).tobytes() == t.data.tobytes(), f"{mix}: {name} as gguf encodes {t.tensor_type.name}") if name.startswith(("token", "blk.0.ffn_d")) else None
        if args.llama_cpp:
            compare_tools(model, matrix, text, folder, exact, weights)
            compare_counts(folder, text)
            if args.trained:
                compare_trained(args.trained, folder)
    checks.end()


main()
