"""New random tiny models of every family, computed by transformers and by pingti, from a directory and from a GGUF.

    python tests/clients/models.py --build build/release [--seed N] [--rounds N] [-R FAMILY] [--keep DIR]

Dimensions, rope, windows, experts, biases, tying, dtype and spelling are drawn anew each run; the seed printed first repeats it.
Bounds: |logit - transformers'| <= 1e-4 of the largest |logit| of the row, and 40 greedy tokens equal. Prompts are drawn (oracle.py)
such that no expert choice and no greedy step is decided by less than 1e-3, so no step has to be excused; how often a
configuration had to be drawn again for that is printed.
"""
import os, shutil, sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "golden", "models"))

import numpy as np
import torch

import make, oracle
from _drawn import Draw, drive, models_of, redrawn, rounds

PRIMES = [53, 61, 71, 83, 97, 101, 113, 127, 139]


def rope_of(d, kinds, how):
    """One of the kinds, with `how` told when GGUF has no word for it."""
    kind = d.one(*kinds)
    r = make.rope(kind, d.theta())
    if kind in ("linear", "dynamic"):
        r["factor"] = d.real(1.5, 8)
        how["gguf"] = how["gguf"] and kind == "linear"
    if kind == "llama3":
        r.update(factor=d.real(2, 16), low_freq_factor=d.real(0.5, 2), high_freq_factor=d.real(3, 8), original_max_position_embeddings=d.one(32, 64, 128, 1000))
    if kind == "yarn":
        r.update(factor=d.real(1.5, 8), original_max_position_embeddings=d.one(100, 256, 1024))
        if d.chance(0.5):
            r.update(beta_fast=d.real(4, 40), beta_slow=d.real(0.5, 3))
        if d.chance(0.2):
            r["attention_factor"] = d.real(0.5, 1.5)
            how["gguf"] = False
        if d.chance(0.2):
            r["truncate"] = False
            how["gguf"] = False
    return r


def common(d, how):
    kv = d.int(1, 3)
    heads = kv * d.int(1, 3)
    how.update(gguf=True, dtype=d.one(torch.float32, torch.float32, torch.float32, torch.bfloat16, torch.float16), spelling=d.one("old", "new"),
               type_key=d.one("type", "rope_type"), shard_bytes=d.one(None, None, 20000))
    how["matrix"] = d.one("F32", {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}[how["dtype"]])
    return dict(vocab_size=d.one(*PRIMES), hidden_size=heads * d.even(4, 10), intermediate_size=d.int(9, 50), num_hidden_layers=d.int(1, 3),
                num_attention_heads=heads, num_key_value_heads=kv, max_position_embeddings=d.one(512, 700, 4096), rms_norm_eps=d.one(1e-6, 1e-5, 1e-3),
                tie_word_embeddings=d.chance(0.3), bos_token_id=1, eos_token_id=2, pad_token_id=None)


def llama(d, how):
    c = common(d, how)
    c.update(head_dim=d.even(4, 20), attention_bias=d.chance(0.3), mlp_bias=d.chance(0.3))
    c["rope_parameters"] = rope_of(d, ["default", "linear", "dynamic", "llama3", "llama3", "yarn"], how)
    return c


def mistral(d, how):
    c = common(d, how)
    c.update(head_dim=d.even(4, 20), sliding_window=d.one(None, d.int(2, 90)), rope_parameters=rope_of(d, ["default", "yarn"], how))
    return c


def slide(d, how, c, pattern):
    if d.chance(0.5):
        c.update(use_sliding_window=True, sliding_window=d.int(2, 90))
        if pattern:
            c["max_window_layers"] = d.int(0, c["num_hidden_layers"])
        if pattern and d.chance(0.3):  # named layer by layer, which wins over max_window_layers
            c["layer_types"] = [d.one("sliding_attention", "full_attention") for _ in range(c["num_hidden_layers"])]
            how["spelling"] = "new"
    else:
        how["edit"] = dict(use_sliding_window=False, sliding_window=5)
    return c


def qwen2(d, how):
    c = common(d, how)
    c["rope_parameters"] = rope_of(d, ["default", "yarn", "linear"], how)
    return slide(d, how, c, True)


def qwen3(d, how):
    c = common(d, how)
    c.update(head_dim=d.even(4, 20), attention_bias=d.chance(0.3), rope_parameters=rope_of(d, ["default", "yarn"], how))
    return slide(d, how, c, True)


def fused(d, how):
    if d.chance(0.25):
        how.update(fused=True)


def qwen3_moe(d, how):
    c = common(d, how)
    n = d.int(3, 9)
    c.update(head_dim=d.even(4, 16), num_experts=n, num_experts_per_tok=d.int(1, min(4, n)), moe_intermediate_size=d.int(5, 20), norm_topk_prob=d.chance(0.6),
             decoder_sparse_step=d.one(1, 1, 2), mlp_only_layers=d.one([], [], [0]), rope_parameters=rope_of(d, ["default", "yarn"], how))
    fused(d, how)
    return slide(d, how, c, False)


def mixtral(d, how):
    c = common(d, how)
    n = d.int(2, 8)
    c.update(head_dim=d.even(4, 16), num_local_experts=n, num_experts_per_tok=d.int(1, min(3, n)), sliding_window=d.one(None, d.int(2, 90)),
             rope_parameters=rope_of(d, ["default", "linear"], how))
    fused(d, how)
    return c


def phi3(d, how):
    c = common(d, how)
    head = c["hidden_size"] // c["num_attention_heads"]
    part = d.one(1.0, (head - 2) / head, 0.5 if head % 4 == 0 else 1.0)
    c.update(sliding_window=d.one(None, d.int(2, 90)), original_max_position_embeddings=c["max_position_embeddings"])
    r = make.rope(d.one("default", "longrope", "longrope"), d.theta(), partial_rotary_factor=part)
    if r["rope_type"] == "longrope":
        n = int(head * part) // 2
        original = d.int(60, 200)
        c["original_max_position_embeddings"] = original
        r.update(original_max_position_embeddings=original, short_factor=[d.real(0.8, 2) for _ in range(n)], long_factor=[d.real(1, 12) for _ in range(n)])
        if d.chance(0.4):
            r["attention_factor"] = d.real(0.8, 1.5)
    c["rope_parameters"] = r
    return c


def deepseek(d, how, v3):
    c = common(d, how)
    size = d.int if v3 else lambda lo, hi: d.even(lo + 1, hi)  # transformers' V2 views pairs as complex numbers: even offsets alone
    heads, groups = c["num_attention_heads"], d.int(1, 4)
    per = d.int(3, 4)
    top_groups = d.int(1, groups)
    c.update(num_key_value_heads=heads, moe_intermediate_size=d.int(5, 14), n_shared_experts=d.int(1, 2), n_routed_experts=groups * per,
             num_experts_per_tok=d.int(1, min(4, top_groups * per)), first_k_dense_replace=d.int(0, c["num_hidden_layers"]), kv_lora_rank=size(7, 20),
             q_lora_rank=d.one(None, d.int(7, 20)), qk_nope_head_dim=size(5, 14), qk_rope_head_dim=d.even(4, 10), v_head_dim=d.int(5, 14),
             routed_scaling_factor=d.real(0.5, 4), n_group=groups, topk_group=top_groups, rope_parameters=rope_of(d, ["default", "yarn"], how))
    if v3:
        c.update(norm_topk_prob=d.chance(0.6), rope_interleave=d.chance(0.8))
        how["gguf"] = how["gguf"] and c["rope_interleave"]
    else:
        c["topk_method"] = d.one("greedy", "group_limited_greedy")
    if c["rope_parameters"]["rope_type"] == "yarn" and "attention_factor" not in c["rope_parameters"]:
        all_dim = d.real(0.3, 1.2)
        same = d.chance(0.7)
        c["rope_parameters"].update(mscale_all_dim=all_dim, mscale=all_dim if same else d.real(0.3, 1.2))
        how["gguf"] = how["gguf"] and same
    elif c["rope_parameters"]["rope_type"] == "yarn":
        how["gguf"] = False
    how["old_mla"] = d.chance(0.5)
    if d.chance(0.25):
        c["attention_bias"] = True
        how["gguf"] = False  # llama.cpp's deepseek2 has no such tensors
    if c["rms_norm_eps"] != 1e-6:
        how["gguf"] = False  # the norms of the latents have their own eps, which GGUF cannot say
    fused(d, how)
    return c


FAMILIES = {"llama": llama, "mistral": mistral, "qwen2": qwen2, "qwen3": qwen3, "qwen3_moe": qwen3_moe, "mixtral": mixtral, "phi3": phi3,
            "deepseek_v2": lambda d, how: deepseek(d, how, False), "deepseek_v3": lambda d, how: deepseek(d, how, True)}


def one(tools, family, seed, _, out):
    """Draws, builds and compares one configuration."""
    for again, own in redrawn(seed, 12):
        d, how = Draw(own), {}
        cfg = FAMILIES[family](d, how)
        shutil.rmtree(out, ignore_errors=True)
        try:
            _, error = make.build(out, family, cfg, how, own, [1, d.int(2, 40), d.int(100, 300)], tries=40)
            break
        except oracle.Unlucky as e:
            print(f"  drawn again: {family}: {e}")
    else:
        return [f"{family}: no configuration with wide margins, last {cfg}"], 0, ""
    models = models_of(out, how["gguf"])
    what = ", ".join(f"{k}={v}" for k, v in {**cfg, **how}.items() if k not in ("bos_token_id", "eos_token_id", "pad_token_id"))
    bad = [f"{family}, {kind}: {trouble}\n    {what}" for kind, model in models if (trouble := drive(tools["logits_driver"], model, os.path.join(out, "golden.bin")))]
    return bad, len(models), f"float64 error {error:.0e}, {cfg['rope_parameters']['rope_type']}, drawn again {again} times, no greedy step excused"


if __name__ == "__main__":
    rounds(list(FAMILIES), one, 3, ["logits_driver"], oracle.versions())
