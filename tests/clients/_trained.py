"""A small Llama whose rows are whole super-blocks, trained on texts of the data folder, so that quantizing is measured on weights that mean
something. Not part of ./test --clients (quantize.py --train STEPS)."""
import gzip, json, pathlib

import gguf
import numpy as np
import torch
import transformers

SPACE, TOKENS = 259, ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + ["\u2581"]


def texts(data):
    """(to learn from, to be measured on): answers and questions in English, the last tenth kept apart."""
    found = []
    for path in sorted(pathlib.Path(data).glob("eval/**/*.jsonl*")):
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for line in raw.decode(errors="ignore").splitlines():
            found += [v for v in json.loads(line).values() if isinstance(v, str) and v.isascii() and len(v) > 80]
    whole = "\n".join(found)
    return whole[:len(whole) * 9 // 10], whole[len(whole) * 9 // 10:]


def ids_of(text):
    raw = np.frombuffer(text.encode(), np.uint8).astype(np.int64)
    return torch.from_numpy(np.where(raw == 32, SPACE, raw + 3))


def train(text, steps, d=256, ff=768, layers=4, window=128, batch=16):
    torch.manual_seed(1)
    c = transformers.LlamaConfig(vocab_size=len(TOKENS), hidden_size=d, intermediate_size=ff, num_hidden_layers=layers, num_attention_heads=4, num_key_value_heads=2,
                                 max_position_embeddings=512, rms_norm_eps=1e-5, tie_word_embeddings=False, attn_implementation="sdpa")
    model, ids = transformers.LlamaForCausalLM(c), ids_of(text)
    fit = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.95), weight_decay=0.1)
    for step in range(steps):
        for g in fit.param_groups:
            g["lr"] = 2e-3 * min(1, (step + 1) / 50) * (1 - 0.95 * step / steps)
        at = torch.randint(len(ids) - window - 1, (batch,))
        x = torch.stack([ids[i:i + window] for i in at])
        loss = model(x, labels=x).loss
        fit.zero_grad(), loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        fit.step()
        if step % 50 == 49:
            print(f"     step {step + 1}: {float(loss.detach()):.3f} nats a byte", flush=True)
    return model


def pairs(t, heads):
    """GGUF's row order of Llama's q and k: the halves of a head become pairs."""
    return t.reshape(heads, 2, t.shape[0] // heads // 2, t.shape[1]).transpose(1, 2).reshape(t.shape)


def write(model, path):
    c, w = model.config, gguf.GGUFWriter(path, "llama")
    w.add_context_length(c.max_position_embeddings), w.add_embedding_length(c.hidden_size), w.add_block_count(c.num_hidden_layers)
    w.add_feed_forward_length(c.intermediate_size), w.add_head_count(c.num_attention_heads), w.add_head_count_kv(c.num_key_value_heads)
    w.add_layer_norm_rms_eps(c.rms_norm_eps), w.add_rope_dimension_count(c.hidden_size // c.num_attention_heads), w.add_vocab_size(len(TOKENS))
    w.add_tokenizer_model("llama"), w.add_tokenizer_pre("default"), w.add_token_list(TOKENS), w.add_token_scores([0.0] * len(TOKENS))
    w.add_token_types([2, 3, 3] + [6] * 256 + [1]), w.add_bos_token_id(1), w.add_eos_token_id(2), w.add_add_space_prefix(False)
    names = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate",
             "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
    tops = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}
    for name, t in model.state_dict().items():
        part = name.split(".")
        if name in tops:
            new = tops[name]
        else:
            what = ".".join(part[3:-1])
            new = f"blk.{part[2]}.{names[what]}.weight"
            if what in ("self_attn.q_proj", "self_attn.k_proj"):
                t = pairs(t, c.num_attention_heads if "q_proj" in what else c.num_key_value_heads)
        w.add_tensor(new, t.detach().float().numpy())
    w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()
