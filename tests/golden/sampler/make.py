"""What llama.cpp's samplers make of logits, for tests/unit/infer/test_sampler_golden.c: python make.py

Made with llama-cpp-python 0.3.36 (its llama.cpp), gguf 0.19.0, and for token healing transformers 5.23.0. Logits are whole multiples of 1/64, so that the file holds them exactly.
vocab.gguf is the vocabulary of ../tokenizer/byte_bpe.json, in the form that llama.cpp reads."""
import ctypes
import json
import math
import pathlib
import random

import gguf
import llama_cpp.llama_cpp as L
from transformers.tokenization_python import ExtensionsTrie

here = pathlib.Path(__file__).parent
rnd = random.Random(20)


def make_vocabulary(path):
    t = json.loads((here.parent / "tokenizer" / "byte_bpe.json").read_text())
    tokens = sorted(t["model"]["vocab"], key=t["model"]["vocab"].get)
    w = gguf.GGUFWriter(str(path), "llama")
    w.add_context_length(64)
    w.add_embedding_length(32)
    w.add_block_count(1)
    w.add_feed_forward_length(32)
    w.add_head_count(1)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("qwen2")
    w.add_token_list(tokens)
    w.add_token_types([gguf.TokenType.NORMAL] * len(tokens))
    w.add_token_merges([" ".join(m) if isinstance(m, list) else m for m in t["model"]["merges"]])
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.close()
    return len(tokens)


def logits(n, shape):
    if shape == "peaked":
        values = [rnd.gauss(0, 1.5) + (6 if rnd.random() < 0.06 else 0) for _ in range(n)]
    elif shape == "flat":
        values = [rnd.gauss(0, 0.4) for _ in range(n)]
    else:
        values = [rnd.gauss(0, 3) for _ in range(n)]
    taken = set()  # no two alike: which of them stays is a matter of the sort
    for v in values:
        q = round(v * 64)
        while q in taken:
            q += 1
        taken.add(q)
    return rnd.sample(sorted(taken), n)


def apply(smpl, quantized):
    n = len(quantized)
    data = (L.llama_token_data * n)(*[L.llama_token_data(i, v / 64, 0.0) for i, v in enumerate(quantized)])
    a = L.llama_token_data_array(data, n, -1, False)
    L.llama_sampler_apply(smpl, ctypes.byref(a))
    return [(a.data[i].id, a.data[i].logit, a.data[i].p) for i in range(a.size)], a.selected


def chain(*samplers):
    c = L.llama_sampler_chain_init(L.llama_sampler_chain_default_params())
    for s in samplers:
        L.llama_sampler_chain_add(c, s)
    return c


def probabilities(kept):
    top = max(l for _, l, _ in kept)
    total = sum(math.exp(l - top) for _, l, _ in kept)
    return sorted([i, round(math.exp(l - top) / total, 9)] for i, l, _ in kept if l > -1e30)


def cut_cases():
    out = []
    for k in range(72):
        x = logits(rnd.choice([5, 40, 120]), rnd.choice(["peaked", "flat", "wide"]))
        temperature = rnd.choice([0.5, 1.0, 1.7])
        p = dict(temperature=temperature, temperature_last=bool(k % 2))
        parts, heat = [], L.llama_sampler_init_temp(temperature)
        if k % 4 == 1:
            p |= dict(dynamic_range=rnd.choice([0.3, 0.5, 2.0]), dynamic_exponent=rnd.choice([0.5, 1.0, 2.0]))
            heat = L.llama_sampler_init_temp_ext(temperature, p["dynamic_range"], p["dynamic_exponent"])
        if rnd.random() < 0.25:
            p["min_p"] = rnd.choice([0.01, 0.1])
            parts.append(L.llama_sampler_init_min_p(p["min_p"], 1))
        if rnd.random() < 0.25:
            p["top_k"] = rnd.choice([5, 20])
            parts.append(L.llama_sampler_init_top_k(p["top_k"]))
        if rnd.random() < 0.25:
            p["top_p"] = 0.9
            parts.append(L.llama_sampler_init_top_p(0.9, 1))
        if k % 3 == 0:
            p["typical_p"] = rnd.choice([0.4, 0.8, 0.95])
            parts.append(L.llama_sampler_init_typical(p["typical_p"], 1))
        if k % 3 == 1:
            p |= dict(xtc_probability=1.0, xtc_threshold=rnd.choice([0.02, 0.05, 0.2]))
            parts.append(L.llama_sampler_init_xtc(1.0, p["xtc_threshold"], 1, 7))
        kept, _ = apply(chain(*(parts + [heat] if p["temperature_last"] else [heat] + parts)), x)
        out.append(dict(params=p, logits=x, kept=probabilities(kept)))
    return out


def zipf_k(x, temperature, mu):
    """Version 1's number of tokens; llama.cpp makes 1 of what does not fit an int."""
    top = sorted((v / 64 / temperature for v in x), reverse=True)[:100]
    t = [math.log((i + 2) / (i + 1)) for i in range(len(top) - 1)]
    s = sum(a * (top[i] - top[i + 1]) for i, a in enumerate(t)) / sum(a * a for a in t)
    return ((s - 1) * 2 ** mu / (1 - len(x) ** (1 - s))) ** (1 / s)


def mirostat_cases():
    out = []
    for k in range(8):
        version, n, tau, eta, temperature = 1 + k % 2, rnd.choice([50, 150]), rnd.choice([2.0, 3.5, 5.0]), rnd.choice([0.1, 0.3]), rnd.choice([0.8, 1.3])
        m = L.llama_sampler_init_mirostat(n, 5 + k, tau, eta, 100) if version == 1 else L.llama_sampler_init_mirostat_v2(5 + k, tau, eta)
        c, steps, mu = chain(L.llama_sampler_init_temp(temperature), m), [], 2 * tau
        for _ in range(20):
            x = logits(n, rnd.choice(["peaked", "flat", "wide"]))
            while version == 1 and zipf_k(x, temperature, mu) > 1e9:
                x = logits(n, "wide")
            kept, selected = apply(c, x)
            mu -= eta * (-math.log2(kept[selected][2]) - tau)
            steps.append(dict(logits=x, kept=len(kept), chosen=kept[selected][0]))
        out.append(dict(params=dict(mirostat=version, mirostat_tau=tau, mirostat_eta=eta, temperature=temperature), steps=steps))
    return out


def dry_cases(vocab_path, n_vocab):
    p = L.llama_model_default_params()
    p.vocab_only = True
    model = L.llama_model_load_from_file(str(vocab_path).encode(), p)
    vocab = L.llama_model_get_vocab(model)
    out = []
    for k in range(40):
        breakers = [["\n", ":", "\"", "*"], [], ["world"], ["the", " and", "\n"], ["don't"]][k % 5]
        words = [rnd.randrange(256, n_vocab) for _ in range(rnd.choice([3, 6, 30]))]
        text, length = [], rnd.choice([8, 60, 250])
        while len(text) < length:
            if len(text) > 6 and rnd.random() < 0.3:
                at = rnd.randrange(len(text) - 4)
                text += text[at:at + rnd.randrange(2, 30)]
            else:
                text.append(rnd.choice(words) if rnd.random() < 0.93 else rnd.randrange(n_vocab))
        at = rnd.randrange(len(text) - 3)
        text += text[at:at + rnd.randrange(2, 12)]
        params = dict(multiplier=rnd.choice([0.5, 0.8, 2.0]), base=rnd.choice([1.0, 1.75, 3.0]), allowed=rnd.choice([1, 2, 4]), last=rnd.choice([0, 20, 100]))
        c = (ctypes.c_char_p * max(1, len(breakers)))(*[b.encode() for b in breakers])
        smpl = L.llama_sampler_init_dry(vocab, params["multiplier"], params["base"], params["allowed"], params["last"] or len(text), c, len(breakers))
        for t in text:
            L.llama_sampler_accept(smpl, t)
        kept, _ = apply(smpl, [0] * n_vocab)
        out.append(dict(params=params, breakers=breakers, text=text, penalties=sorted([i, l] for i, l, _ in kept if l != 0)))
    return out


def heal_cases():
    """What transformers' token healing allows to begin an answer: the tokens that extend the spelling of the prompt's last one."""
    vocab = json.loads((here.parent / "tokenizer" / "byte_bpe.json").read_text())["model"]["vocab"]
    trie = ExtensionsTrie(vocab)
    names = sorted(vocab)
    return [dict(last=vocab[name], allowed=sorted(vocab[x] for x in trie.extensions(name))) for name in rnd.sample(names, 60) if name.isascii() or name[0] == "Ġ"]


vocab_path = here / "vocab.gguf"
n_vocab = make_vocabulary(vocab_path)
cases = dict(cuts=cut_cases(), mirostat=mirostat_cases(), dry=dry_cases(vocab_path, n_vocab), heal=heal_cases())
(here / "cases.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
