"""Writes the golden models beside this file: for each configuration a directory as transformers saves it, model.gguf of the
same weights, and what transformers computes with them (float32, eager attention, no cache). README.md says what each is for.

    python make.py              all of them (minutes on one core)
    python make.py NAME ...     only these

Deterministic for given versions of the packages, which every golden.json states. All weights are random, norms lie around
1 +- 0.3, biases and the router's correction bias are not zero. Prompts are chosen so that no expert or group choice of any
position is closer than 1e-3 (in probability, or in sigmoid plus bias) and no greedy step closer than 1e-3 of the largest
|logit|: rounding cannot flip a choice, and 40 greedy tokens must be equal.
"""
import os, shutil, sys, tempfile

sys.dont_write_bytecode = True

import numpy as np
import torch

import oracle, quantized, to_gguf

HERE = os.path.dirname(os.path.abspath(__file__))


def rope(kind="default", theta=10000.0, **more):
    return {"rope_type": kind, "rope_theta": theta, **more}


BASE = dict(vocab_size=97, hidden_size=24, intermediate_size=34, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=3,
            max_position_embeddings=512, bos_token_id=1, eos_token_id=2, pad_token_id=None, rms_norm_eps=3e-3)
MOE = dict(BASE, hidden_size=24, intermediate_size=20, num_attention_heads=6, num_key_value_heads=3)
# eps is large, so that another eps shows; DeepSeek's is what its latent norms always have, or a GGUF could not say both
DS = dict(vocab_size=101, hidden_size=24, intermediate_size=30, moe_intermediate_size=10, num_hidden_layers=2, num_attention_heads=3,
          num_key_value_heads=3, n_shared_experts=1, n_routed_experts=8, num_experts_per_tok=3, first_k_dense_replace=1, kv_lora_rank=14,
          q_lora_rank=18, qk_nope_head_dim=10, qk_rope_head_dim=8, v_head_dim=12, max_position_embeddings=512, bos_token_id=0,
          eos_token_id=1, pad_token_id=None, rms_norm_eps=1e-6)
# wavelengths on each side of both yarn borders: 1 of 4 pairs kept, the rest blended
DS_YARN = dict(theta=100.0, factor=8.0, original_max_position_embeddings=1024, beta_fast=32, beta_slow=1)
LLAMA3 = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)


def factors(n, lo, hi, wave):
    return [round(lo + (hi - lo) * i / max(1, n - 1) + wave * ((i * 7) % 5 - 2), 4) for i in range(n)]


# sizes that fill words and groups of 32
Q = dict(BASE, vocab_size=61, hidden_size=64, intermediate_size=96, num_attention_heads=4, num_key_value_heads=2, head_dim=16, rope_parameters=rope())
QMOE = dict(Q, num_hidden_layers=1, intermediate_size=32, num_local_experts=4, num_experts_per_tok=2)

# name: (family, config, how). how: spelling, edit, type_key, fused, shard_bytes (oracle.save); dtype; gguf (False: none);
# old_mla; matrix (tensor type of the GGUF); extra (prompt lengths beyond 1, 17, 300); seed; quant (quantized.py: the checkpoint written)
CONFIGS = {
    # ---- llama
    "llama2": ("llama", dict(BASE, num_attention_heads=4, num_key_value_heads=4, rope_parameters=rope()), dict(spelling="old")),
    "llama3": ("llama", dict(BASE, hidden_size=27, num_attention_heads=9, num_key_value_heads=3, head_dim=12, intermediate_size=30, vocab_size=103,
                             rope_parameters=rope("llama3", 500.0, **LLAMA3)), {}),
    "llama3-tied-old": ("llama", dict(BASE, head_dim=16, tie_word_embeddings=True, rope_parameters=rope("llama3", 300.0, **LLAMA3)), dict(spelling="old")),
    "llama-linear": ("llama", dict(BASE, num_attention_heads=3, num_key_value_heads=3, head_dim=14, rope_parameters=rope("linear", factor=4.0)),
                     dict(spelling="old", type_key="type")),
    "llama-dynamic": ("llama", dict(BASE, rope_parameters=rope("dynamic", factor=2.0)), dict(gguf=False)),
    "llama-bias-sharded": ("llama", dict(BASE, attention_bias=True, mlp_bias=True, head_dim=6, rope_parameters=rope()), dict(shard_bytes=24000)),
    "llama-yarn": ("llama", dict(BASE, head_dim=12, rope_parameters=rope("yarn", 1000.0, factor=2.0, original_max_position_embeddings=256,
                                                                       beta_fast=8.0, beta_slow=2.0)), {}),
    "llama-yarn-factor": ("llama", dict(BASE, num_attention_heads=4, num_key_value_heads=1, head_dim=10, rope_parameters=rope(
        "yarn", 1000.0, factor=4.0, original_max_position_embeddings=128, beta_fast=4.0, attention_factor=0.8, truncate=False)), dict(gguf=False)),
    "llama-bf16": ("llama", dict(BASE, hidden_size=30, num_attention_heads=10, num_key_value_heads=5, head_dim=8, rope_parameters=rope()),
                   dict(dtype=torch.bfloat16, matrix="BF16")),
    "llama-f16": ("llama", dict(BASE, num_attention_heads=8, num_key_value_heads=1, head_dim=10, tie_word_embeddings=True, rope_parameters=rope()),
                  dict(dtype=torch.float16, matrix="F16", spelling="old")),
    # ---- mistral
    "mistral-window": ("mistral", dict(BASE, head_dim=10, sliding_window=13, rope_parameters=rope()), dict(spelling="old")),
    "mistral-nemo": ("mistral", dict(BASE, num_attention_heads=3, num_key_value_heads=1, head_dim=18, sliding_window=None, rope_parameters=rope(theta=1e6)), {}),
    # ---- qwen2
    "qwen2": ("qwen2", dict(BASE, tie_word_embeddings=True, rms_norm_eps=1e-6, rope_parameters=rope(theta=1e6)),
              dict(spelling="old", edit=dict(sliding_window=8, use_sliding_window=False, max_window_layers=1))),
    "qwen2-yarn": ("qwen2", dict(BASE, num_attention_heads=2, num_key_value_heads=1, vocab_size=113, max_position_embeddings=4096,
                                 rope_parameters=rope("yarn", 1000.0, factor=4.0, original_max_position_embeddings=1024)), {}),
    "qwen2-window": ("qwen2", dict(BASE, num_hidden_layers=3, intermediate_size=26, use_sliding_window=True, sliding_window=11, max_window_layers=1,
                                   rope_parameters=rope()), dict(spelling="old")),
    # ---- qwen3
    "qwen3": ("qwen3", dict(BASE, head_dim=14, tie_word_embeddings=True, rms_norm_eps=1e-6, rope_parameters=rope(theta=1e6)), dict(spelling="old")),
    "qwen3-bias-yarn": ("qwen3", dict(BASE, head_dim=10, attention_bias=True, max_position_embeddings=4096, rope_parameters=rope(
        "yarn", 1000.0, factor=4.0, original_max_position_embeddings=1024)), {}),
    "qwen3-window": ("qwen3", dict(BASE, head_dim=8, num_hidden_layers=3, intermediate_size=26, use_sliding_window=True, sliding_window=9,
                                   max_window_layers=2, rope_parameters=rope()), {}),
    # ---- qwen3_moe
    "qwen3moe": ("qwen3_moe", dict(MOE, head_dim=8, moe_intermediate_size=10, num_experts=8, num_experts_per_tok=2, norm_topk_prob=True,
                                   rope_parameters=rope(theta=1e6)), dict(spelling="old")),
    "qwen3moe-nonorm": ("qwen3_moe", dict(MOE, head_dim=10, moe_intermediate_size=8, num_experts=7, num_experts_per_tok=3, norm_topk_prob=False,
                                          tie_word_embeddings=True, rope_parameters=rope()), dict(dtype=torch.bfloat16)),
    "qwen3moe-mixed": ("qwen3_moe", dict(MOE, hidden_size=18, num_hidden_layers=4, head_dim=6, moe_intermediate_size=8, num_experts=5,
                                         num_experts_per_tok=2, norm_topk_prob=True, decoder_sparse_step=2, mlp_only_layers=[1],
                                         use_sliding_window=True, sliding_window=19, rope_parameters=rope()), {}),
    "qwen3moe-fused": ("qwen3_moe", dict(MOE, head_dim=6, moe_intermediate_size=9, num_experts=6, num_experts_per_tok=2, norm_topk_prob=True,
                                         rope_parameters=rope()), dict(fused=True, gguf=False)),
    # ---- phi3
    "phi3": ("phi3", dict(BASE, num_attention_heads=3, num_key_value_heads=3, sliding_window=21, original_max_position_embeddings=512,
                          rope_parameters=rope()), dict(spelling="old")),
    "phi3-partial": ("phi3", dict(BASE, hidden_size=36, num_attention_heads=6, intermediate_size=20, num_key_value_heads=3, tie_word_embeddings=True,
                                  original_max_position_embeddings=512, rope_parameters=rope(theta=2.5e5, partial_rotary_factor=0.67)), {}),
    "phi3-longrope": ("phi3", dict(BASE, num_attention_heads=3, num_key_value_heads=1, original_max_position_embeddings=64, rope_parameters=rope(
        "longrope", partial_rotary_factor=0.75, original_max_position_embeddings=64, short_factor=factors(3, 1.0, 1.4, 0.02),
        long_factor=factors(3, 1.1, 6.0, 0.05))), dict(spelling="old", type_key="type", extra=[40])),
    "phi3-longrope-factor": ("phi3", dict(BASE, hidden_size=24, num_attention_heads=2, num_key_value_heads=2, sliding_window=200,
                                          original_max_position_embeddings=64, rope_parameters=rope(
        "longrope", original_max_position_embeddings=64, attention_factor=1.25, short_factor=factors(6, 1.0, 1.2, 0.03),
        long_factor=factors(6, 1.5, 9.0, 0.1))), dict(extra=[40])),
    # ---- mixtral
    "mixtral": ("mixtral", dict(MOE, intermediate_size=10, num_local_experts=8, num_experts_per_tok=2, rope_parameters=rope(theta=1e6)), dict(spelling="old")),
    "mixtral-tied-window": ("mixtral", dict(MOE, intermediate_size=14, num_attention_heads=4, num_key_value_heads=2, head_dim=8, num_local_experts=5,
                                            num_experts_per_tok=3, sliding_window=17, tie_word_embeddings=True, rope_parameters=rope()), {}),
    "mixtral-fused": ("mixtral", dict(MOE, intermediate_size=12, num_local_experts=4, num_experts_per_tok=2, rope_parameters=rope()),
                      dict(fused=True, gguf=False)),
    # ---- deepseek_v2
    "deepseek2-lite": ("deepseek_v2", dict(DS, q_lora_rank=None, topk_method="greedy", n_group=1, topk_group=1, routed_scaling_factor=1.0, n_shared_experts=2,
                                           rope_parameters=rope("yarn", mscale=0.707, mscale_all_dim=0.707, **DS_YARN)),
                       dict(spelling="old", type_key="type", old_mla=True, edit=dict(scoring_func="softmax", norm_topk_prob=False))),
    "deepseek2": ("deepseek_v2", dict(DS, topk_method="group_limited_greedy", n_group=4, topk_group=2, routed_scaling_factor=4.0,
                                      rope_parameters=rope("yarn", mscale=1.0, mscale_all_dim=1.0, **DS_YARN)), {}),
    "deepseek2-mscale": ("deepseek_v2", dict(DS, topk_method="greedy", attention_bias=True, moe_intermediate_size=8, rms_norm_eps=5e-3, routed_scaling_factor=2.0, first_k_dense_replace=0,
                                                  rope_parameters=rope("yarn", mscale=1.0, mscale_all_dim=0.5, **DS_YARN)), dict(gguf=False)),
    # ---- deepseek_v3
    "deepseek3": ("deepseek_v3", dict(DS, n_routed_experts=12, num_experts_per_tok=4, moe_intermediate_size=8, n_group=4, topk_group=2,
                                      routed_scaling_factor=2.5, norm_topk_prob=True, rope_parameters=rope("yarn", mscale=1.0, mscale_all_dim=1.0, **DS_YARN)),
                  dict(spelling="old", type_key="type", edit=dict(scoring_func="sigmoid", topk_method="noaux_tc"))),
    "deepseek3-bf16": ("deepseek_v3", dict(DS, n_group=1, topk_group=1, q_lora_rank=None, routed_scaling_factor=1.5, norm_topk_prob=True, n_shared_experts=2,
                                           rope_parameters=rope(theta=5e4)), dict(dtype=torch.bfloat16, old_mla=True)),
    "deepseek3-halves": ("deepseek_v3", dict(DS, n_group=2, topk_group=1, routed_scaling_factor=2.0, norm_topk_prob=False, rope_interleave=False, attention_bias=True, rms_norm_eps=5e-3,
                                             rope_parameters=rope()), dict(gguf=False)),
    "deepseek3-nonorm": ("deepseek_v3", dict(DS, n_group=2, topk_group=1, routed_scaling_factor=1.0, norm_topk_prob=False, first_k_dense_replace=0,
                                             intermediate_size=20, moe_intermediate_size=8, rope_parameters=rope()), {}),
    # ---- quantized for other programs
    "gptq": ("llama", Q, dict(dtype=torch.float16, quant=dict(kind="gptq", bits=4, group=32, say_v1=True, zero_bias=True))),
    "gptq-order": ("qwen2", Q, dict(dtype=torch.float16, quant=dict(kind="gptq", bits=4, group=32, act_order=True, sym=False))),
    "gptq-v2-3bit": ("llama", dict(Q, vocab_size=64, num_hidden_layers=1), dict(dtype=torch.float16, quant=dict(kind="gptq", bits=3, group=64, sym=False, v2=True, lm_head=True, own_file=True))),
    "gptq-mixed": ("mixtral", QMOE, dict(dtype=torch.float16, quant=dict(kind="gptq", bits=4, group=-1, mixed={"q_proj": {"bits": 8, "group_size": 32}, "w2": {"bits": 2}}, skip=["v_proj"]))),
    "awq": ("phi3", dict(Q, original_max_position_embeddings=512), dict(dtype=torch.float16, quant=dict(kind="awq", group=32, old_keys=True, own_file=True))),
    "ct-w4a16": ("qwen3", Q, dict(dtype=torch.bfloat16, quant=dict(kind="pack", bits=4, group=32, sym=False))),
    "ct-w8a8": ("llama", dict(Q, num_hidden_layers=1), dict(dtype=torch.bfloat16, quant=dict(kind="int"))),
    "ct-fp8-block": ("llama", dict(Q, num_hidden_layers=1), dict(dtype=torch.bfloat16, quant=dict(kind="float", strategy="block", block=[32, 64]))),
    "ct-nvfp4": ("llama", dict(Q, num_hidden_layers=1), dict(dtype=torch.bfloat16, quant=dict(kind="nvfp4"))),
    "ct-mxfp4": ("llama", dict(Q, num_hidden_layers=1), dict(dtype=torch.bfloat16, quant=dict(kind="mxfp4"))),
}


def quantize(out, quant, seed):
    """The checkpoint takes the place of the directory; returns one with the weights that it stands for."""
    plain = tempfile.mkdtemp()
    for name in os.listdir(out):
        os.rename(os.path.join(out, name), os.path.join(plain, name))
    meant = quantized.quantize(plain, out, quant, seed)
    quantized.save_file(meant, os.path.join(plain, "model.safetensors"), metadata={"format": "pt"})
    return plain


def build(out, family, cfg, how, seed, lengths, tries=400):
    """Writes one configuration to `out`; returns its cases and facts, or raises Unlucky."""
    if family in ("deepseek_v3",):
        cfg = dict(cfg, num_mtp_layers=0)
    model = oracle.new_model(family, cfg, seed, how.get("dtype", torch.float32))
    oracle.save(model, out, **{k: how[k] for k in ("spelling", "edit", "type_key", "fused", "shard_bytes") if k in how})
    told = quantize(out, how["quant"], seed) if "quant" in how else out
    o = oracle.Oracle(oracle.load(told))
    rng = np.random.default_rng(seed)
    cases = [oracle.make_case(o, n, rng, cfg["vocab_size"], tries) for n in lengths]
    error = oracle.f64_error(told, cases)
    if error > oracle.MAX_F64_ERROR:
        raise oracle.Unlucky(f"float32 and float64 differ by {error:.1e}: take another seed")
    if told != out:
        shutil.rmtree(told)
    if how.get("gguf", True) and told == out:
        to_gguf.write(os.path.join(out, "model.gguf"), o.model.config, oracle.published_tensors(model), how.get("old_mla", False), how.get("matrix", "F32"))
    oracle.write_golden(os.path.join(out, "golden.bin"), cases)
    return cases, error


def note(out, family, seed, cases, error):
    case = lambda c: {"prompt": len(c["prompt"]), "session": c["n_session"], "rope": "long" if c["rope_long"] else "short",
                      "routing_margin": round(c["routing_margin"], 5), "greedy_margin": round(c["greedy_margin"], 5),
                      "distinct_greedy": c["distinct"], "max_abs_logit": round(float(np.abs(c["logits"]).max()), 4)}
    oracle.write_json(os.path.join(out, "golden.json"), {"family": family, "seed": seed, "made_with": oracle.versions(), "float64_error": float(f"{error:.2e}"),
                                                         "bound": 1e-4, "cases": [case(c) for c in cases]})


def main(names):
    for name in names or CONFIGS:
        family, cfg, how = CONFIGS[name]
        out = os.path.join(HERE, name)
        first = how.get("seed", 1000 + list(CONFIGS).index(name) * 16)
        for seed in range(first, first + 16):
            shutil.rmtree(out, ignore_errors=True)
            try:
                cases, error = build(out, family, cfg, how, seed, [1, 17, 300] + how.get("extra", []))
            except oracle.Unlucky as e:
                print(f"{name}: seed {seed}: {e}", flush=True)
                continue
            note(out, family, seed, cases, error)
            size = sum(os.path.getsize(os.path.join(out, f)) for f in os.listdir(out))
            print(f"{name}: seed {seed}, {size} bytes, float64 error {error:.1e}, distinct {[c['distinct'] for c in cases]}", flush=True)
            break
        else:
            sys.exit(f"{name}: no seed works")


if __name__ == "__main__":
    print(oracle.versions())
    main(sys.argv[1:])
