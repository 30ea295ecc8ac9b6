"""New random GPTQ, AWQ and compressed-tensors checkpoints of several families, each held three ways:

  weights   every matrix as pingti reads it, exactly and as the blocks that fast products see, bit for bit against
            scale * (field - zero) of the checkpoint; and as a package that writes such checkpoints reads them: compressed-tensors' own
            decompression, GPTQModel's converter (GPTQ v1, v2, act-order), AutoAWQ's unpacking
  logits    against transformers with those weights: |difference| <= 1e-4 of the row's largest |logit|, 40 greedy tokens equal

    python tests/clients/quantized_checkpoints.py --build build/release [--seed N] [--rounds N] [-R KIND] [--keep DIR]

Bits, groups, symmetry, act-order, zero points, types of scales, spelling and dimensions are drawn anew each run; the seed printed first
repeats it."""
import os, shutil, struct, subprocess, sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "golden", "models"))

import numpy as np
import torch
from compressed_tensors.compressors.nvfp4.helpers import unpack_fp4_from_uint8
from compressed_tensors.compressors.pack_quantized.helpers import unpack_from_int32
from compressed_tensors.quantization import QuantizationArgs
from compressed_tensors.quantization.lifecycle.forward import dequantize
from safetensors.torch import load_file

import _authors, make, oracle, quantized
from _drawn import Draw, drive, redrawn, rounds

FAMILIES = ["llama", "qwen2", "qwen3", "phi3", "mixtral", "deepseek_v3"]


def dimensions(d, family):
    head, kv = d.one(16, 32), d.one(1, 2)
    c = dict(make.Q, vocab_size=d.one(61, 64, 96), hidden_size=d.one(32, 64, 96), intermediate_size=d.one(32, 64, 160), num_hidden_layers=d.one(1, 2), head_dim=head,
             num_key_value_heads=kv * 32 // head, num_attention_heads=kv * d.one(1, 2) * 32 // head, tie_word_embeddings=d.chance(0.3))
    if family == "phi3":
        c.pop("head_dim")
        c.update(hidden_size=head * c["num_attention_heads"], original_max_position_embeddings=512)
    if family == "mixtral":
        c.update(num_local_experts=3, num_experts_per_tok=2, num_hidden_layers=1)
    if family == "deepseek_v3":
        c.pop("head_dim")
        c.update(num_attention_heads=2, num_key_value_heads=2, moe_intermediate_size=32, n_shared_experts=1, n_routed_experts=4, num_experts_per_tok=2, n_group=1,
                 topk_group=1, first_k_dense_replace=1, kv_lora_rank=d.one(32, 64), q_lora_rank=d.one(None, 32), qk_nope_head_dim=d.one(16, 32), qk_rope_head_dim=16,
                 v_head_dim=d.one(16, 32), routed_scaling_factor=1.5, norm_topk_prob=True, num_hidden_layers=2)
    return c


def scheme(d, kind):
    o = dict(kind=kind, scales=d.one("f16", "f16", "bf16", "bf16", "f32"), zero_bias=d.chance(0.2))
    if kind == "gptq":
        o.update(bits=d.one(2, 3, 4, 4, 8), group=d.one(-1, 16, 32, 64, 128), act_order=d.chance(0.5), v2=d.chance(0.4), say_v1=d.chance(0.5), own_file=d.chance(0.2),
                 g_idx=True, lm_head=d.chance(0.3))
        o["sym"] = d.chance(0.5)
        if not o["act_order"]:
            o["g_idx"] = d.chance(0.7)
        if d.chance(0.2):
            o["mixed"] = {"down_proj": {"bits": d.one(4, 8)}, "o_proj": {"group_size": 32}}
        if d.chance(0.3):
            o["skip"] = ["v_proj"]
    if kind == "awq":
        o.update(group=d.one(16, 32, 64, 128, -1), old_keys=d.chance(0.3), lm_head=d.chance(0.2))
        o["own_file"] = o["old_keys"]  # without quant_method only in a file of its own
    if kind == "pack":
        o.update(bits=d.one(2, 3, 4, 4, 5, 6, 8, 8), group=d.one(-1, 16, 32), sym=d.chance(0.6))
        o["act_order"] = o["group"] > 0 and d.chance(0.2)
    if kind in ("int", "float"):
        o.update(strategy=d.one("channel", "tensor", *(["block"] if kind == "float" else [])), block=[32, 64], input_scale=d.chance(0.4))
    return o


def read_weights(driver, out):
    """name -> (set of formats, float32 rows exact, float32 rows of the blocks); matrices of one name one after another."""
    p = subprocess.run([driver, out], capture_output=True, timeout=300)
    if p.returncode:
        raise RuntimeError(p.stderr.decode().strip())
    found, data, at = {}, p.stdout, 0
    while at < len(data):
        end = data.index(b"\n", at)
        name = data[at:end].decode()
        rows, cols, n = struct.unpack_from("<III", data, end + 1)
        at = end + 13 + n
        kind, size = data[end + 13:at].decode(), rows * cols * 4
        both = [np.frombuffer(data, "<f4", rows * cols, at + i * size).reshape(rows, cols) for i in range(2)]
        at += 2 * size
        kinds, exact, blocks = found.setdefault(name, (set(), [], []))
        kinds.add(kind), exact.append(both[0]), blocks.append(both[1])
    return {k: (kinds, np.concatenate(a), np.concatenate(b)) for k, (kinds, a, b) in found.items()}


def by_package(base, stored, o):
    """The weight as the compressed-tensors package decompresses it, in float32; None: it no longer does."""
    part = lambda k: stored.get(f"{base}.{k}")
    args = quantized.config_of(o)["config_groups"]["group_0"]["weights"]
    if o.get("act_order"):
        return None
    args = QuantizationArgs(**{k: v for k, v in args.items() if k != "observer"})
    if o["kind"] == "pack":
        shape, zero = part("weight_shape"), part("weight_zero_point")
        if zero is not None:
            zero = unpack_from_int32(zero, o["bits"], (int(shape[0]), part("weight_scale").shape[-1]), packed_dim=0)
        return dequantize(x_q=unpack_from_int32(part("weight_packed"), o["bits"], shape), scale=part("weight_scale").float(), zero_point=zero, args=args)
    if o["kind"] in ("nvfp4", "mxfp4"):
        p, s = part("weight_packed"), part("weight_scale")
        s = s.float() if o["kind"] == "nvfp4" else torch.exp2(s.float() - 127)
        return dequantize(x_q=unpack_fp4_from_uint8(p, p.shape[0], 2 * p.shape[1], dtype=torch.float32), scale=s, args=args, global_scale=part("weight_global_scale"))
    q = part("weight")
    return dequantize(x_q=q.float() if o["kind"] == "float" else q, scale=part("weight_scale").float(), args=args)


def by_author(base, stored, o):
    """The same of GPTQ and AWQ: (weight, where the packages agree among themselves)."""
    parts = {k: stored[f"{base}.{k}"] for k in ("qweight", "qzeros", "scales", "g_idx") if f"{base}.{k}" in stored}
    if o["kind"] == "awq":
        return _authors.awq(parts, o["group"])
    own = next((v for k, v in o.get("mixed", {}).items() if k in base), {})
    return _authors.gptq(parts, own.get("bits", o["bits"]), own.get("group_size", o["group"]), o.get("v2"))


def compare_weights(driver, out, meant, o):
    stored, bad, formats = load_file(os.path.join(out, "model.safetensors")), [], set()
    package = 0
    for name, (kinds, exact, blocks) in read_weights(driver, out).items():
        formats |= kinds
        base = name.rsplit(".", 1)[0]
        bases = [base.replace(".experts.0.", f".experts.{i}.") for i in range(64)] if ".experts.0." in base else [base]
        want = np.concatenate([meant[f"{b}.weight"].numpy() for b in bases if f"{b}.weight" in meant])
        for what, got in (("exact", exact), ("blocks", blocks)):
            if got.shape != want.shape or not np.array_equal(got, want):
                bad.append(f"{name} {sorted(kinds)} {what}: {got.shape} for {want.shape}, {int((got != want).sum()) if got.shape == want.shape else 'all'} differ")
        if o["kind"] in ("pack", "int", "float", "nvfp4", "mxfp4") and (f"{base}.weight_scale") in stored:
            theirs = [by_package(b, stored, o) for b in bases if f"{b}.weight_scale" in stored]
            if theirs[0] is not None:
                package += 1
                theirs = torch.cat(theirs).numpy()
                if not np.array_equal(exact, theirs):
                    bad.append(f"{name}: {int((exact != theirs).sum())} of {theirs.size} differ from the package, at most by {np.abs(exact - theirs).max():.2e}")
        if f"{base}.qweight" in stored:
            pairs = [by_author(b, stored, o) for b in bases if f"{b}.qweight" in stored]
            theirs, counts = (torch.cat(p).numpy() for p in zip(*pairs))
            package += 1
            wrong = (exact != theirs) & counts
            if exact.shape != theirs.shape or wrong.any() or not counts.any():
                bad.append(f"{name}: {int(wrong.sum())} of {int(counts.sum())} differ from the package that writes them")
    return bad, formats, package


def one(tools, kind, seed, _, out):
    family = FAMILIES[int(np.random.default_rng(seed).integers(len(FAMILIES)))]
    for again, own in redrawn(seed, 12):
        d = Draw(own)
        cfg, o = dimensions(d, family), scheme(d, kind)
        how = dict(dtype=d.one(torch.float16, torch.bfloat16), quant=o, spelling=d.one("old", "new"))
        shutil.rmtree(out, ignore_errors=True)
        if o.get("lm_head") and (cfg["vocab_size"] * o.get("bits", 4) % 32 or cfg["tie_word_embeddings"]):
            o["lm_head"] = False
        meant = {}
        keep = quantized.quantize
        quantized.quantize = lambda *a: meant.update(keep(*a)) or meant
        try:
            make.build(out, family, cfg, how, own, [1, int(d.rng.integers(2, 60))], tries=40)
            break
        except oracle.Unlucky as e:
            print(f"  drawn again: {family} {kind}: {e}")
        finally:
            quantized.quantize = keep
    else:
        return [f"{family} {kind}: no configuration with wide margins"], 0, family
    what = ", ".join(f"{k}={v}" for k, v in o.items())
    bad, formats, package = compare_weights(tools["weights_driver"], out, meant, o)
    if o["kind"] in ("gptq", "awq") and not package:
        bad.append("no matrix was held against the package that writes such checkpoints")
    trouble = drive(tools["logits_driver"], out, os.path.join(out, "golden.bin"))
    bad += [f"logits: {trouble}"] if trouble else []
    return ([f"{family} {kind}: {b}\n    {what}, {cfg}" for b in bad], 1,
            f"{family} {'/'.join(sorted(formats))}{f', {package} by the package' if package else ''}: {what}")


if __name__ == "__main__":
    rounds(["gptq", "gptq", "gptq", "gptq", "awq", "awq", "pack", "pack", "pack", "int", "float", "nvfp4", "mxfp4"], one, 2, ["weights_driver", "logits_driver"])
