#!/usr/bin/env python3
"""Writes the seeds of the file parsers under fuzz/corpus: small valid files of every record kind, and ones that are
refused for one reason each. usage: fuzz/make_corpus.py (standard library alone)"""
import json
import struct
from pathlib import Path

ROOT = Path(__file__).parent / "corpus"
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84), 11: (256, 110),
          12: (256, 144), 13: (256, 176), 14: (256, 210), 20: (32, 18), 23: (256, 136), 30: (1, 2), 39: (32, 17)}


def text(s):
    b = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(b)) + b


def value(kind, v):
    if kind == 8:
        return text(v)
    if kind == 9:
        of, items = v
        return struct.pack("<IQ", of, len(items)) + b"".join(value(of, i) for i in items)
    return struct.pack("<" + SCALARS[kind], v)


def gguf(keys, tensors=(), version=3, alignment=32):
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys))
    head += b"".join(text(k) + struct.pack("<I", kind) + value(kind, v) for k, kind, v in keys)
    data = b""
    for name, dims, kind in tensors:
        data += b"\0" * (-len(data) % alignment)
        head += text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, len(data))
        per, size = BLOCKS.get(kind, (1, 4))
        n = 1
        for d in dims:
            n *= d
        data += bytes(i & 255 for i in range(n // per * size))
    return head + b"\0" * (-len(head) % alignment) + data if tensors else head


def safetensors(entries, data, meta=None):
    header = ({"__metadata__": meta} if meta else {}) | {n: {"dtype": t, "shape": s, "data_offsets": o} for n, t, s, o in entries}
    h = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(h)) + h + data


def put(folder, name, data):
    (ROOT / folder).mkdir(parents=True, exist_ok=True)
    (ROOT / folder / name).write_bytes(data)


def main():
    arch = ("general.architecture", 8, "llama")
    put("gguf", "scalars", gguf([arch] + [(f"k{k}", k, 1) for k in SCALARS]))
    put("gguf", "arrays", gguf([arch] + [(f"a{k}", 9, (k, [1, 0, 1])) for k in SCALARS] + [("s", 9, (8, ["", "é", "x" * 40]))]))
    put("gguf", "tensors", gguf([arch], [(f"t{k}", [per * 2, 2], k) for k, (per, _) in BLOCKS.items() if k != 39]))
    put("gguf", "unknown_type", gguf([arch], [("t39", [32], 39)]) + b"\0")
    put("gguf", "v2_aligned", gguf([("general.alignment", 4, 64)], [("a", [3], 0), ("b", [1, 2, 3, 4], 0)], 2, 64))
    put("gguf", "vocab", gguf([("tokenizer.ggml.tokens", 9, (8, ["a", "b"])), ("tokenizer.ggml.scores", 9, (6, [0.0, -1.0])),
                              ("tokenizer.ggml.bos_token_id", 4, 1)]))
    put("gguf", "split", gguf([("split.no", 2, 0), ("split.count", 2, 2), ("split.tensors.count", 5, 4)]))
    put("gguf", "v1", gguf([], version=1))
    put("gguf", "big_endian", b"GGUF" + struct.pack(">IQQ", 3, 0, 0))
    put("safetensors", "two", safetensors([("a", "F32", [2], [0, 8]), ("b", "BF16", [1, 2], [8, 12])], bytes(12), {"format": "pt"}))
    put("safetensors", "skipped", safetensors([("a", "I64", [1], [0, 8]), ("b", "BOOL", [2], [8, 10]), ("c", "F8_E4M3", [2], [10, 12])], bytes(12)))
    put("safetensors", "empty", safetensors([], b""))
    put("safetensors", "hole", safetensors([("a", "F16", [2], [4, 8])], bytes(8)))
    put("safetensors", "text", b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}\0\0\0\0')
    put("imatrix", "gguf", gguf([("general.type", 8, "imatrix"), ("imatrix.chunk_count", 4, 1)], [("a.in_sum2", [4], 0), ("a.counts", [1], 0)]))
    put("imatrix", "experts", gguf([("general.type", 8, "imatrix")], [("a.in_sum2", [4, 2], 0), ("a.counts", [1, 2], 0)]))
    put("imatrix", "dat", struct.pack("<ii1sii2fii3s", 1, 1, b"a", 2, 2, 1.0, 2.0, 5, 3, b"txt"))
    put("card", "front", b"---\nlicense: mit\ntags:\n- a\n- 'b c'\nbase_model: x/Y-7b-chat\nlanguage: [en, zh]\n---\n# t\n")
    configs = {
        "old": {"model_type": "llama", "hidden_size": 64, "rope_theta": 1e4, "rope_scaling": {"type": "linear", "factor": 2.0}},
        "new": {"rope_parameters": {"rope_theta": 5e5, "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                    "original_max_position_embeddings": 8192}},
        "nested": {"rope_parameters": {"full_attention": {"rope_theta": 1e6, "rope_type": "default"}, "sliding_attention": {"rope_theta": 1e6, "rope_type": "default"}}},
        "text": {"model_type": "vlm", "text_config": {"hidden_size": 64, "rope_theta": 1e6}},
        "template": {"chat_template": "{{ bos_token }}"},
        "templates": {"chat_template": [{"name": "default", "template": "a"}, {"name": "tool_use", "template": "b"}]},
        "longrope": {"rope_scaling": {"type": "su", "short_factor": [1.0, 1.1], "long_factor": [2.0, 2.1]}},
        "gptq": {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": -1, "sym": True, "checkpoint_format": "gptq_v2", "pack_dtype": "int32",
                                         "dynamic": {"-:.*v_proj.*": {}}}},
        "awq": {"quantization_config": {"quant_method": "awq", "w_bit": 4, "q_group_size": 128, "zero_point": True, "version": "gemm"}},
        "compressed": {"quantization_config": {"quant_method": "compressed-tensors", "format": "float-quantized", "sparsity_config": {"format": "dense"}, "config_groups": {
            "group_0": {"targets": ["Linear"], "format": "dense", "weights": {"num_bits": 8, "type": "float", "strategy": "block", "block_structure": [128, 128]}}}}},
    }
    for name, config in configs.items():
        put("config", name, json.dumps(config).encode())
    hub_seeds()
    plan_seeds()


def plan_seeds():
    """Whole models of one layer, a byte for the mix behind them: a Llama, one with experts, a Phi-3, a DeepSeek-V2 with latent attention."""
    def keys(arch, **more):
        numbers = {"context_length": 64, "embedding_length": 32, "block_count": 1, "feed_forward_length": 64, "attention.head_count": 2, "attention.head_count_kv": 2,
                   "rope.dimension_count": 16} | more
        return [("general.architecture", 8, arch), (f"{arch}.attention.layer_norm_rms_epsilon", 6, 1e-5)] + [(f"{arch}.{k}", 4, v) for k, v in numbers.items()]

    both = [("token_embd.weight", [32, 5], 0), ("output_norm.weight", [32], 0), ("output.weight", [32, 5], 1), ("blk.0.attn_norm.weight", [32], 0), ("blk.0.ffn_norm.weight", [32], 0)]
    qkv = [(f"blk.0.attn_{n}.weight", [32, 32], 8) for n in "qkv"]
    out, ffn = [("blk.0.attn_output.weight", [32, 32], 2)], [("blk.0.ffn_gate.weight", [32, 64], 0), ("blk.0.ffn_up.weight", [32, 64], 30), ("blk.0.ffn_down.weight", [64, 32], 0)]
    experts = [("blk.0.ffn_gate_inp.weight", [32, 2], 0), ("blk.0.ffn_gate_exps.weight", [32, 64, 2], 0), ("blk.0.ffn_up_exps.weight", [32, 64, 2], 0), ("blk.0.ffn_down_exps.weight", [64, 32, 2], 0)]
    put("plan", "llama", gguf(keys("llama"), both + qkv + out + ffn) + b"\x83")
    put("plan", "mixtral", gguf(keys("llama", expert_count=2, expert_used_count=1), both + qkv + out + experts) + b"\x80")
    put("plan", "phi3", gguf(keys("phi3"), both + [("blk.0.attn_qkv.weight", [32, 96], 0)] + out + [("blk.0.ffn_up.weight", [32, 128], 0), ffn[2]]) + b"\x82")
    latent = [("blk.0.attn_q.weight", [32, 48], 0), ("blk.0.attn_kv_a_mqa.weight", [32, 24], 0), ("blk.0.attn_kv_a_norm.weight", [16], 0), ("blk.0.attn_k_b.weight", [16, 16, 2], 0),
              ("blk.0.attn_v_b.weight", [16, 16, 2], 0)]
    more = {"attention.head_count_kv": 1, "attention.kv_lora_rank": 16, "attention.key_length": 24, "attention.value_length": 16, "attention.key_length_mla": 24, "attention.value_length_mla": 16,
            "rope.dimension_count": 8, "leading_dense_block_count": 1, "expert_count": 2, "expert_used_count": 1, "expert_feed_forward_length": 32, "expert_shared_count": 1}
    put("plan", "deepseek2", gguf(keys("deepseek2", **more), both + latent + out + ffn) + b"\x81")


def hub_seeds():
    """fuzz_hub.c: the first byte says what follows."""
    sha, lfs = "ab" * 32, {"oid": "ab" * 32, "size": 9, "pointerSize": 1}
    names = ["m-Q8_0.gguf", "m-Q4_K_M-00001-of-00002.gguf", "x/m-Q4_K_M-00002-of-00002.gguf", "config.json", "model.safetensors", "pytorch_model.bin", "README.md"]
    tree = [{"type": "file", "path": n, "size": 9, "lfs": lfs} for n in names] + [{"type": "directory", "path": "d"}]
    plain = [{"type": "file", "path": n, "size": 9} for n in names if "gguf" not in n]
    blobs = {"Data": {"Files": [{"Type": "blob", "Path": n, "Size": 9, "Sha256": sha} for n in names]}}
    manifest = {"name": "o/n", "hub": "huggingface", "endpoint": "https://h", "owner": "o", "repository": "n", "revision": "", "commit": "abcdef0", "date": "d", "main": "a.gguf",
                "files": [{"name": "a.gguf", "path": "x/a.gguf", "url": "u", "size": 9, "sha256": sha}]}
    part = {"size": 1000, "sha256": "", "etag": '"e"', "origin": "https://h:443", "there": [[0, 5], [7, 1000]]}
    seeds = {"tree": (0, tree), "plain": (0, plain), "blobs": (1, blobs), "part": (3, part), "commit": (4, {"sha": "0123456789abcdef0123456789abcdef01234567"}), "manifest": (5, manifest)}
    for name, (kind, value) in seeds.items():
        put("hub", name, bytes([kind]) + json.dumps(value).encode())
    for i, text in enumerate(["qwen2.5:0.5b-q8_0", "o/n:Q4_K_M", "o/n:x/m-00001-of-00002.gguf", '<https://h/a>; rel="prev", <https://h/b?cursor=1>; rel="next"', "a/../b"]):
        put("hub", f"name{i}", b"\2" + text.encode())


main()
