"""Writes the golden models of long contexts beside this file: a directory as transformers saves it, model.gguf of the same weights where
GGUF has a word for its rope, and long.bin (oracle_long.py) with what transformers computes (float32, eager attention).

    python make.py              all of them (a few minutes on one core)
    python make.py NAME ...     only these
"""
import os, shutil, sys

sys.dont_write_bytecode = True

import numpy as np

import oracle_long
from oracle_long import oracle
import make as models  # tests/golden/models
import to_gguf

HERE = os.path.dirname(os.path.abspath(__file__))
BASE = dict(vocab_size=89, hidden_size=32, intermediate_size=44, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
            bos_token_id=1, eos_token_id=2, pad_token_id=None, rms_norm_eps=1e-5)
DS = dict(vocab_size=89, hidden_size=32, intermediate_size=40, moe_intermediate_size=10, num_hidden_layers=2, num_attention_heads=3,
          num_key_value_heads=3, n_shared_experts=1, n_routed_experts=8, num_experts_per_tok=3, first_k_dense_replace=2, kv_lora_rank=14,
          q_lora_rank=18, qk_nope_head_dim=10, qk_rope_head_dim=16, v_head_dim=12, n_group=1, topk_group=1, routed_scaling_factor=1.0,
          norm_topk_prob=True, bos_token_id=0, eos_token_id=1, pad_token_id=None, rms_norm_eps=1e-6)
TO_8K = [(0, 128), (8064, 192)]
TO_32K = [(0, 128), (8064, 192), (32640, 128)]
TO_128K = [(0, 128), (8064, 192), (32640, 256), (130880, 192)]

# name: (family, config, how, cases [(pieces, planned length)]); how as in tests/golden/models/make.py
CONFIGS = {
    # Llama 3.1's own numbers
    "llama3-128k": ("llama", dict(BASE, max_position_embeddings=131072, rope_parameters=models.rope("llama3", 500000.0, factor=8.0, low_freq_factor=1.0,
                    high_freq_factor=4.0, original_max_position_embeddings=8192)), dict(spelling="old"), [([(0, 8256)], 8256), (TO_128K, 131072)]),
    # Qwen2.5's: YaRN added to a config whose max_position_embeddings stays 32768
    "qwen2-yarn-128k": ("qwen2", dict(BASE, max_position_embeddings=32768, rope_parameters=models.rope("yarn", 1e6, factor=4.0, original_max_position_embeddings=32768)),
                        dict(spelling="old", type_key="type"), [(TO_32K, 32768), (TO_128K, 131072)]),
    # Phi-3-mini-128k's lengths: the border is at 4096
    "phi3-longrope-128k": ("phi3", {**{k: v for k, v in BASE.items() if k != "head_dim"}, **dict(hidden_size=64, max_position_embeddings=131072, original_max_position_embeddings=4096,
                           rope_parameters=models.rope("longrope", original_max_position_embeddings=4096, short_factor=models.factors(8, 1.0, 1.3, 0.02),
                                                       long_factor=models.factors(8, 1.1, 30.0, 0.05)))}, dict(spelling="old", type_key="type"),
                           [([(0, 128), (3968, 128)], 4096), ([(0, 128), (3968, 129)], 4097), (TO_128K, 131072)]),
    "llama-linear-32k": ("llama", dict(BASE, max_position_embeddings=8192, rope_parameters=models.rope("linear", factor=4.0)), dict(spelling="old"), [(TO_8K, 8192 + 64), (TO_32K, 32768)]),
    # one table for every doubling of 8192
    "llama-dynamic-32k": ("llama", dict(BASE, max_position_embeddings=8192, rope_parameters=models.rope("dynamic", factor=4.0)), dict(gguf=False),
                          [([(0, 128), (8000, 192)], 8192), ([(0, 128), (8000, 193)], 8193), (TO_8K, 16384), (TO_32K, 32768)]),
    # DeepSeek-V3's: MLA, an mscale on both sides, original context 4096
    "deepseek3-yarn-160k": ("deepseek_v3", dict(DS, max_position_embeddings=163840, rope_parameters=models.rope("yarn", factor=40.0, original_max_position_embeddings=4096,
                            beta_fast=32, beta_slow=1, mscale=1.0, mscale_all_dim=1.0)), dict(spelling="old", type_key="type"), [(TO_32K, 32768), (TO_128K, 163840)]),
}


def build(out, family, cfg, how, cases, seed, gain=3.0):
    """Writes one configuration to `out`; returns its cases and the effect of its scaling, or raises Unlucky."""
    model = oracle.new_model(family, dict(cfg, num_mtp_layers=0) if family == "deepseek_v3" else cfg, seed)
    oracle_long.sharpen(model, gain)
    oracle.save(model, out, **{k: how[k] for k in ("spelling", "type_key") if k in how})
    model = oracle.load(out)
    if how.get("gguf", True):
        to_gguf.write(os.path.join(out, "model.gguf"), model.config, oracle.published_tensors(model), matrix="F32")
    rng = np.random.default_rng(seed)
    made = [oracle_long.make_case(model, pieces, n, rng) for pieces, n in cases]
    oracle_long.set_session(model, cases[-1][1])
    far = oracle_long.effect(model, made[-1])
    if far < oracle_long.MIN_EFFECT:
        raise oracle.Unlucky(f"plain rope is only {far:.1e} away: take another seed")
    oracle_long.write(os.path.join(out, "long.bin"), made)
    return made, far


def note(out, family, seed, cases, far):
    facts = [{"session": c["n_session"], "table": c["rope_table"], "pieces": [[s, len(t)] for s, t in c["pieces"]], "float64_error": float(f"{c['error']:.1e}")} for c in cases]
    oracle.write_json(os.path.join(out, "long.json"), {"family": family, "seed": seed, "made_with": oracle.versions(), "plain_rope_is_off_by": round(far, 3), "cases": facts})


def main(names):
    for name in names or CONFIGS:
        family, cfg, how, cases = CONFIGS[name]
        out = os.path.join(HERE, name)
        first = 7000 + list(CONFIGS).index(name) * 32
        for seed in range(first, first + 32):
            shutil.rmtree(out, ignore_errors=True)
            try:
                made, far = build(out, family, cfg, how, cases, seed)
            except oracle.Unlucky as e:
                print(f"{name}: seed {seed}: {e}", flush=True)
                continue
            note(out, family, seed, made, far)
            print(f"{name}: seed {seed}, {sum(os.path.getsize(os.path.join(out, f)) for f in os.listdir(out))} bytes, float64 error "
                  f"{max(c['error'] for c in made):.1e}, plain rope is off by {far:.2f}", flush=True)
            break
        else:
            sys.exit(f"{name}: no seed works")


if __name__ == "__main__":
    print(oracle.versions())
    main(sys.argv[1:])
