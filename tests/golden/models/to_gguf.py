"""A GGUF of a tiny model under llama.cpp's conventions (names, keys, q/k permutation, MLA split), written with the gguf package.

Where those conventions have no word for what the configuration says, keys that GGUF defines are used in their plain sense:
  attention.sliding_window          also for llama (mistral, mixtral) and qwen2/qwen3/qwen3moe: every layer slides, unless
  attention.sliding_window_pattern  (bool array, one per layer) says which layers do
  expert_weights_norm = false       qwen3moe with norm_topk_prob false; absent means true for qwen3moe and llama
  ffn_{gate,up,down} in a qwen3moe block that has no ffn_gate_inp: a dense layer (feed_forward_length wide)
"""
import json, math, os, re

import gguf
import numpy as np
import torch

ARCH = {"llama": "llama", "mistral": "llama", "mixtral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "qwen3_moe": "qwen3moe",
        "phi3": "phi3", "deepseek_v2": "deepseek2", "deepseek_v3": "deepseek2"}

NAMES = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.qkv_proj": "attn_qkv", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "self_attn.q_a_proj": "attn_q_a", "self_attn.q_a_layernorm": "attn_q_a_norm", "self_attn.q_b_proj": "attn_q_b",
    "self_attn.kv_a_proj_with_mqa": "attn_kv_a_mqa", "self_attn.kv_a_layernorm": "attn_kv_a_norm", "self_attn.kv_b_proj": "attn_kv_b",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "mlp.gate_up_proj": "ffn_up",
    "mlp.gate": "ffn_gate_inp", "block_sparse_moe.gate": "ffn_gate_inp",
    "mlp.shared_experts.gate_proj": "ffn_gate_shexp", "mlp.shared_experts.up_proj": "ffn_up_shexp", "mlp.shared_experts.down_proj": "ffn_down_shexp",
}
EXPERT = {"gate_proj": "ffn_gate_exps", "up_proj": "ffn_up_exps", "down_proj": "ffn_down_exps",
          "w1": "ffn_gate_exps", "w3": "ffn_up_exps", "w2": "ffn_down_exps"}
TOP = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}
EXPERT_RE = re.compile(r"model\.layers\.(\d+)\.(?:mlp|block_sparse_moe)\.experts\.(\d+)\.(\w+)\.weight$")
BLOCK_RE = re.compile(r"model\.layers\.(\d+)\.(.+)\.(weight|bias)$")


def interleave(w, heads):
    """Rows of each head from halves (x1..., x2...) to pairs (x1[0], x2[0], x1[1], ...): llama.cpp's llama arch rotates pairs."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).transpose(1, 2).reshape(w.shape)


def tensors(c, published, old_mla):
    kind, out, experts = c.model_type, {}, {}
    permuted = ARCH[kind] == "llama"
    for name, t in published.items():
        if name in TOP:
            if not (name == "lm_head.weight" and c.tie_word_embeddings):
                out[TOP[name]] = t
            continue
        if m := EXPERT_RE.match(name):
            experts.setdefault((int(m[1]), EXPERT[m[3]]), {})[int(m[2])] = t
            continue
        if m := re.match(r"model\.layers\.(\d+)\.mlp\.gate\.e_score_correction_bias$", name):
            out[f"blk.{m[1]}.exp_probs_b.bias"] = t
            continue
        m = BLOCK_RE.match(name)
        blk, what, suffix = m[1], m[2], m[3]
        if permuted and what == "self_attn.q_proj":
            t = interleave(t, c.num_attention_heads)
        if permuted and what == "self_attn.k_proj":
            t = interleave(t, c.num_key_value_heads)
        if what == "self_attn.kv_b_proj" and not old_mla:
            kv = t.view(c.num_attention_heads, c.qk_nope_head_dim + c.v_head_dim, c.kv_lora_rank)
            out[f"blk.{blk}.attn_k_b.weight"] = kv[:, :c.qk_nope_head_dim].transpose(1, 2)
            out[f"blk.{blk}.attn_v_b.weight"] = kv[:, c.qk_nope_head_dim:]
            continue
        out[f"blk.{blk}.{NAMES[what]}.{suffix}"] = t
    for (blk, what), parts in experts.items():
        out[f"blk.{blk}.{what}.weight"] = torch.stack([parts[i] for i in range(len(parts))])
    rope = c.rope_parameters
    if rope["rope_type"] == "llama3":
        out["rope_freqs.weight"] = llama3_divisors(c, rope)
    if rope["rope_type"] == "longrope":
        out["rope_factors_long.weight"] = torch.tensor(rope["long_factor"], dtype=torch.float32)
        out["rope_factors_short.weight"] = torch.tensor(rope["short_factor"], dtype=torch.float32)
    return out


def llama3_divisors(c, rope):
    """What each frequency is divided by: 1 below one wavelength, the factor above another, between them a blend."""
    dim = c.head_dim
    out = []
    for i in range(0, dim, 2):
        wavelength = 2 * math.pi * rope["rope_theta"] ** (i / dim)
        turns = rope["original_max_position_embeddings"] / wavelength
        low, high = rope["low_freq_factor"], rope["high_freq_factor"]
        if turns > high:
            out.append(1.0)
        elif turns < low:
            out.append(rope["factor"])
        else:
            s = (turns - low) / (high - low)
            out.append(1 / ((1 - s) / rope["factor"] + s))
    return torch.tensor(out, dtype=torch.float32)


def keys(w, c, old_mla):
    kind = c.model_type
    arch, rope = ARCH[kind], c.rope_parameters
    mla = kind in ("deepseek_v2", "deepseek_v3")
    w.add_block_count(c.num_hidden_layers)
    w.add_context_length(c.max_position_embeddings)
    w.add_embedding_length(c.hidden_size)
    w.add_feed_forward_length(c.intermediate_size)
    w.add_head_count(c.num_attention_heads)
    w.add_head_count_kv(1 if mla and not old_mla else c.num_key_value_heads)
    w.add_layer_norm_rms_eps(c.rms_norm_eps)
    w.add_rope_freq_base(rope["rope_theta"])
    w.add_vocab_size(c.vocab_size)
    head = getattr(c, "head_dim", None)
    if kind == "phi3":
        dim = c.hidden_size // c.num_attention_heads
        w.add_rope_dimension_count(int(dim * rope.get("partial_rotary_factor", 1.0)))
        w.add_rope_scaling_orig_ctx_len(c.original_max_position_embeddings)
        w.add_sliding_window(c.sliding_window or 0)
        if rope["rope_type"] == "longrope":
            w.add_rope_scaling_attn_factors(longrope_factor(c, rope))
    elif not mla:
        if head:
            w.add_key_length(head)
            w.add_value_length(head)
        if arch == "llama":
            w.add_rope_dimension_count(head or c.hidden_size // c.num_attention_heads)
        window = getattr(c, "sliding_window", None)
        types = getattr(c, "layer_types", None)
        if window and (types is None or "sliding_attention" in types):
            w.add_sliding_window(window)
            if types is not None:
                w.add_sliding_window_pattern([t == "sliding_attention" for t in types])
    if rope["rope_type"] == "linear":
        w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        w.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "yarn":
        w.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        w.add_rope_scaling_factor(rope["factor"])
        w.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        if rope.get("beta_fast") is not None:
            w.add_rope_scaling_yarn_beta_fast(rope["beta_fast"])
        if rope.get("beta_slow") is not None:
            w.add_rope_scaling_yarn_beta_slow(rope["beta_slow"])
    if kind == "mixtral":
        w.add_expert_count(c.num_local_experts)
        w.add_expert_used_count(c.num_experts_per_tok)
    if kind == "qwen3_moe":
        w.add_expert_count(c.num_experts)
        w.add_expert_used_count(c.num_experts_per_tok)
        w.add_expert_feed_forward_length(c.moe_intermediate_size)
        if not c.norm_topk_prob:
            w.add_expert_weights_norm(False)
    if mla:
        mla_keys(w, c, old_mla)


def mla_keys(w, c, old_mla):
    rope, qk = c.rope_parameters, c.qk_nope_head_dim + c.qk_rope_head_dim
    w.add_leading_dense_block_count(c.first_k_dense_replace)
    if c.q_lora_rank is not None:
        w.add_q_lora_rank(c.q_lora_rank)
    w.add_kv_lora_rank(c.kv_lora_rank)
    if old_mla:
        w.add_key_length(qk)
        w.add_value_length(c.v_head_dim)
    else:
        w.add_key_length(c.kv_lora_rank + c.qk_rope_head_dim)
        w.add_value_length(c.kv_lora_rank)
        w.add_key_length_mla(qk)
        w.add_value_length_mla(c.v_head_dim)
    w.add_rope_dimension_count(c.qk_rope_head_dim)
    w.add_expert_feed_forward_length(c.moe_intermediate_size)
    w.add_expert_count(c.n_routed_experts)
    w.add_expert_used_count(c.num_experts_per_tok)
    w.add_expert_shared_count(c.n_shared_experts)
    w.add_expert_weights_scale(c.routed_scaling_factor)
    if c.model_type == "deepseek_v3":
        if c.norm_topk_prob:
            w.add_expert_weights_norm(True)
        w.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
    elif not old_mla:
        w.add_expert_gating_func(gguf.ExpertGatingFuncType.SOFTMAX)
    if c.n_group and (c.model_type == "deepseek_v3" or c.topk_method == "group_limited_greedy"):
        w.add_expert_group_count(c.n_group)
        w.add_expert_group_used_count(c.topk_group)
    if rope["rope_type"] == "yarn" and rope.get("mscale_all_dim") is not None:
        w.add_rope_scaling_yarn_log_mul(0.1 * rope["mscale_all_dim"])


def longrope_factor(c, rope):
    if rope.get("attention_factor") is not None:
        return rope["attention_factor"]
    scale = rope.get("factor") or c.max_position_embeddings / c.original_max_position_embeddings
    return math.sqrt(1 + math.log(scale) / math.log(c.original_max_position_embeddings)) if scale > 1 else 1.0


def write(path, c, published, old_mla=False, matrix="F32"):
    """matrix: type of the tensors of two and more dimensions; vectors are F32, as llama.cpp's converter leaves them."""
    w = gguf.GGUFWriter(path, ARCH[c.model_type])
    w.add_type("model")
    w.add_name("tiny random " + c.model_type)
    keys(w, c, old_mla)
    w.add_file_type({"F32": gguf.LlamaFileType.ALL_F32, "F16": gguf.LlamaFileType.MOSTLY_F16, "BF16": gguf.LlamaFileType.MOSTLY_BF16}[matrix])
    w.add_quantization_version(gguf.GGML_QUANT_VERSION)
    w.add_tokenizer_model("none")
    kind = gguf.GGMLQuantizationType[matrix]
    for name, t in sorted(tensors(c, published, old_mla).items()):
        a = t.detach().float().contiguous().numpy()
        if matrix == "F32" or a.ndim == 1 or "ffn_gate_inp" in name:
            w.add_tensor(name, a)
        elif matrix == "F16":
            w.add_tensor(name, a.astype(np.float16))
        else:
            w.add_tensor(name, gguf.quants.quantize(a, kind), raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
