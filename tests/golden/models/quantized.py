"""A saved model directory turned into a GPTQ, AWQ or compressed-tensors checkpoint as published on the hub, and the same model with the
weights that the checkpoint stands for: w = scale * (field - zero), in float32. Used by make.py and by tests/clients/quantized_checkpoints.py.

Layouts: AutoGPTQ's and GPTQModel's pack(), AutoAWQ's gemm.py, compressed-tensors' compressors (the last one judged by that package in
tests/clients)."""
import json, math, os, struct

import numpy as np
import torch
from safetensors.torch import load_file, save_file

AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]
LEVELS = np.array([0, .5, 1, 1.5, 2, 3, 4, 6, -0., -.5, -1, -1.5, -2, -3, -4, -6], np.float32)
TORCH = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}


def pack_dense(fields, bits):
    """[n, lanes] -> int32 [n * bits / 32, lanes]: a run of fields down each lane, lowest bits first."""
    n, lanes = fields.shape
    assert n * bits % 32 == 0
    b = (fields.astype(np.uint32)[:, None, :] >> np.arange(bits, dtype=np.uint32)[None, :, None]) & 1
    b = b.reshape(n * bits // 32, 32, lanes)
    return torch.from_numpy((b.astype(np.uint64) << np.arange(32, dtype=np.uint64)[None, :, None]).sum(1).astype(np.uint32).view(np.int32))


def pack_awq(fields):
    """[lines, n] -> int32 [lines, n / 8]."""
    f = fields.reshape(fields.shape[0], -1, 8)[:, :, AWQ_ORDER].astype(np.uint64)
    return torch.from_numpy((f << (4 * np.arange(8, dtype=np.uint64))).sum(-1).astype(np.uint32).view(np.int32))


def rounded(x, kind):
    """To f16, bf16 or f32 and back, as float32; and the tensor itself."""
    t = torch.from_numpy(np.ascontiguousarray(x, np.float32)).to(TORCH[kind])
    return t.float().numpy(), t


def integers(w, group_of, groups, bits, zero_range, scale_kind, rng):
    """Round-to-nearest fields, scales and zero points of w[out, in]; zero_range (lo, hi), equal when symmetric."""
    out = w.shape[0]
    lo, hi = zero_range
    zero = rng.integers(lo, hi + 1, (out, groups)) if hi > lo else np.full((out, groups), lo)
    top = 2 ** bits - 1
    scale = np.empty((out, groups), np.float32)
    for g in range(groups):
        part = w[:, group_of == g]
        up, down = np.maximum(part.max(1), 1e-3), np.maximum(-part.min(1), 1e-3)
        room_up, room_down = np.maximum(top - zero[:, g], 0.5), np.maximum(zero[:, g], 0.5)
        scale[:, g] = np.minimum(np.maximum(up / room_up, down / room_down), np.abs(part).max(1) / max(1, top / 4) + 1e-3)
    scale, stored = rounded(scale, scale_kind)
    field = np.clip(np.rint(w / scale[:, group_of]) + zero[:, group_of], 0, top).astype(np.int64)
    return field, scale, zero, stored, (scale[:, group_of] * (field - zero[:, group_of]).astype(np.float32)).astype(np.float32)


def group_columns(cols, size, rng, act_order):
    size = cols if size < 0 or size > cols else size
    group_of = np.arange(cols) // size
    return rng.permutation(group_of) if act_order else group_of, (cols + size - 1) // size


def gptq(base, w, o, rng):
    bits, (group_of, groups) = o["bits"], group_columns(w.shape[1], o["group"], rng, o.get("act_order"))
    less = 0 if o.get("v2") else 1
    middle = 2 ** (bits - 1)
    span = (middle, middle) if o.get("sym", True) else (less, 2 ** bits - 1 + less)
    field, _, zero, stored, value = integers(w, group_of, groups, bits, span, o.get("scales", "f16"), rng)
    parts = {"qweight": pack_dense(field.T, bits), "qzeros": pack_dense((zero - less), bits).T, "scales": stored.T}
    if o.get("g_idx", True):
        parts["g_idx"] = torch.from_numpy(group_of.astype(np.int32))
    return parts, value


def awq(base, w, o, rng):
    group_of, groups = group_columns(w.shape[1], o["group"], rng, False)
    field, _, zero, stored, value = integers(w, group_of, groups, 4, (0, 15), o.get("scales", "f16"), rng)
    return {"qweight": pack_awq(field.T), "qzeros": pack_awq(zero.T), "scales": stored.T}, value


def packed(base, w, o, rng):
    bits, (group_of, groups) = o["bits"], group_columns(w.shape[1], o["group"], rng, o.get("act_order"))
    middle = 2 ** (bits - 1)
    span = (middle, middle) if o.get("sym", True) else (0, 2 ** bits - 1)
    field, _, zero, stored, value = integers(w, group_of, groups, bits, span, o.get("scales", "bf16"), rng)
    parts = {"weight_packed": pack_dense(field.T, bits).T, "weight_scale": stored, "weight_shape": torch.tensor(w.shape, dtype=torch.int64)}
    if not o.get("sym", True):
        parts["weight_zero_point"] = pack_dense(zero, bits)
    if o.get("act_order"):
        parts["weight_g_idx"] = torch.from_numpy(group_of.astype(np.int32))
    return parts, value


def plain_ints(base, w, o, rng):
    kind, (out, cols) = o.get("strategy", "channel"), w.shape
    scale = np.abs(w).max() / 127 if kind == "tensor" else np.abs(w).max(1, keepdims=True) / 127
    scale, stored = rounded(np.reshape(scale, (1,) if kind == "tensor" else (out, 1)), o.get("scales", "bf16"))
    q = np.clip(np.rint(w / scale), -128, 127).astype(np.int8)
    return {"weight": torch.from_numpy(q), "weight_scale": stored}, (scale * q.astype(np.float32)).astype(np.float32)


def floats(base, w, o, rng):
    kind, (out, cols) = o.get("strategy", "channel"), w.shape
    if kind == "block":
        br, bc = o["block"]
        padded = np.zeros((-(-out // br) * br, -(-cols // bc) * bc), np.float32)
        padded[:out, :cols] = np.abs(w)
        scale = padded.reshape(padded.shape[0] // br, br, padded.shape[1] // bc, bc).max((1, 3)) / 448
    else:
        scale = np.reshape(np.abs(w).max() / 448, (1,)) if kind == "tensor" else np.abs(w).max(1, keepdims=True) / 448
    scale, stored = rounded(scale, o.get("scales", "bf16"))
    wide = scale.repeat(br, 0)[:out].repeat(bc, 1)[:, :cols] if kind == "block" else scale
    q = torch.from_numpy(np.clip(w / wide, -448, 448)).to(torch.float8_e4m3fn)
    parts = {"weight": q, "weight_scale": stored}
    if o.get("input_scale"):
        parts["input_scale"] = torch.tensor([0.25], dtype=torch.bfloat16)
    return parts, (wide * q.float().numpy()).astype(np.float32)


def fp4(base, w, o, rng):
    out, cols = w.shape
    size = 16 if o["kind"] == "nvfp4" else 32
    g = w.reshape(out, cols // size, size)
    if o["kind"] == "nvfp4":
        divisor = np.float32(448 * 6 / np.abs(w).max())
        stored = torch.from_numpy(np.abs(g).max(-1) * divisor / 6).to(torch.float8_e4m3fn)
        scale = stored.float().numpy() / divisor
    else:
        stored = torch.from_numpy((np.floor(np.log2(np.abs(g).max(-1))) - 2 + 127).astype(np.uint8))
        scale = np.exp2(stored.numpy().astype(np.float32) - 127)
    wide = np.maximum(scale, 1e-30).astype(np.float32)[..., None]
    q = np.abs((g / wide)[..., None] - LEVELS).argmin(-1).reshape(out, cols)
    parts = {"weight_packed": torch.from_numpy((q[:, ::2] | q[:, 1::2] << 4).astype(np.uint8)), "weight_scale": stored}
    if o["kind"] == "nvfp4":
        parts["weight_global_scale"] = torch.tensor([divisor])
        parts["input_global_scale"] = torch.tensor([3.5])
    return parts, (scale.astype(np.float32)[..., None] * LEVELS[q].reshape(g.shape)).reshape(out, cols).astype(np.float32)


METHODS = {"gptq": gptq, "awq": awq, "pack": packed, "int": plain_ints, "float": floats, "nvfp4": fp4, "mxfp4": fp4}


def config_of(o):
    """quantization_config as the tools write it."""
    if o["kind"] == "gptq":
        c = {"quant_method": "gptq", "bits": o["bits"], "group_size": o["group"], "desc_act": bool(o.get("act_order")), "sym": o.get("sym", True), "damp_percent": 0.1}
        if o.get("v2") or o.get("say_v1"):
            c["checkpoint_format"] = "gptq_v2" if o.get("v2") else "gptq"
        if o.get("mixed"):
            c["dynamic"] = {f"+:.*{k}.*": v for k, v in o["mixed"].items()}
        return c
    if o["kind"] == "awq":
        if o.get("old_keys"):
            return {"zero_point": True, "q_group_size": o["group"], "w_bit": 4, "version": "GEMM"}
        return {"quant_method": "awq", "bits": 4, "group_size": o["group"], "zero_point": True, "version": "gemm", "modules_to_not_convert": None}
    float_kind = o["kind"] in ("float", "nvfp4", "mxfp4")
    strategy = o.get("strategy") or {"pack": "channel" if o.get("group", 0) < 0 else "group", "int": "channel", "float": "channel", "nvfp4": "tensor_group", "mxfp4": "group"}[o["kind"]]
    weights = {"num_bits": o.get("bits", 4 if "fp4" in o["kind"] else 8), "type": "float" if float_kind else "int", "symmetric": o.get("sym", True), "strategy": strategy,
               "group_size": {"nvfp4": 16, "mxfp4": 32}.get(o["kind"], o.get("group") if strategy == "group" else None), "dynamic": False, "observer": "minmax"}
    if o.get("act_order"):
        weights["actorder"] = "group"
    if strategy == "block":
        weights["block_structure"] = o["block"]
    form = {"pack": "pack-quantized", "int": "int-quantized", "float": "float-quantized", "nvfp4": "nvfp4-pack-quantized", "mxfp4": "mxfp4-pack-quantized"}[o["kind"]]
    return {"quant_method": "compressed-tensors", "format": form, "quantization_status": "compressed", "ignore": ["lm_head"], "kv_cache_scheme": None,
            "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights, "input_activations": None, "output_activations": None}}}


def is_linear(name, t, o):
    if not name.endswith(".weight") or t.ndim != 2 or "embed" in name or "norm" in name or name.endswith("gate.weight"):
        return False
    if any(k in name for k in o.get("skip", [])):
        return False
    return name != "lm_head.weight" or o.get("lm_head", False)


def quantize(src, out, o, seed):
    """src: a directory as saved. Writes the checkpoint to `out` and returns {name: float32 weight} of all tensors as it means them."""
    rng = np.random.default_rng(seed)
    tensors, stored, meant = load_file(os.path.join(src, "model.safetensors")), {}, {}
    for name in sorted(tensors):
        t = tensors[name]
        if not is_linear(name, t, o):
            stored[name], meant[name] = t, t.float()
            continue
        own = dict(o)
        for k, v in o.get("mixed", {}).items():
            if k in name:
                own.update(bits=v.get("bits", o["bits"]), group=v.get("group_size", o["group"]))
        if o["kind"] in ("gptq", "awq", "pack") and t.shape[0] * own.get("bits", 4) % 32:  # zero points would not fill words
            stored[name], meant[name] = t, t.float()
            continue
        base = name[: -len(".weight")]
        parts, value = METHODS[o["kind"]](base, t.float().numpy(), own, rng)
        meant[name] = torch.from_numpy(value)
        stored.update({f"{base}.{k}": v.contiguous() for k, v in parts.items()})
        if o.get("zero_bias") and f"{base}.bias" not in tensors:
            stored[f"{base}.bias"] = torch.zeros(t.shape[0], dtype=torch.float16)
    os.makedirs(out, exist_ok=True)
    save_file(stored, os.path.join(out, "model.safetensors"), metadata={"format": "pt"})
    with open(os.path.join(src, "config.json")) as f:
        config = json.load(f)
    own_file = {"gptq": "quantize_config.json", "awq": "quant_config.json"}.get(o["kind"]) if o.get("own_file") else None
    if own_file:
        c = config_of(o)
        c.pop("quant_method", None)
        with open(os.path.join(out, own_file), "w") as f:
            f.write(json.dumps(c, indent=2, sort_keys=True) + "\n")
    else:
        config["quantization_config"] = config_of(o)
    with open(os.path.join(out, "config.json"), "w") as f:
        f.write(json.dumps(config, indent=2, sort_keys=True) + "\n")
    return meant
