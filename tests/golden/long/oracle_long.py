"""What transformers computes at positions around 8K, 32K and 128K with a tiny model: shared by make.py (the golden files that are
checked in) and by tests/clients/long_context.py (new random configurations each run).

Attention over 131072 keys is cheap for a few hundred rows; prefilling 131072 rows is not, in any implementation. So a case computes only
some pieces of its sequence. The pages (64 tokens) between two pieces are not computed: page p of such a gap holds the K and V of page
p % Q, Q being the number of pages before the gap. Both sides arrange their caches so; each row still has its true position, its rotation
at that position, and all the keys before it. A piece that begins at 0 and has no gap before it is an ordinary prefill.

long.bin, little-endian, no padding; read by run.h:

    char     magic[8]            "PTLONG01"
    u32      n_cases
    per case:
      u32    n_session           the number of tokens the session is planned for: what a length-dependent rope is chosen by
      u32    rope_table          the table that pingti has to choose for it (model/rope.h)
      u32    n_pieces;  per piece: u32 start (a multiple of 64);  u32 n (but for the last, a multiple of 64);  i32 tokens[n]
      u32    n_rows;    u32 row_pos[n_rows]      ascending positions inside pieces
      u32    n_vocab;   f32 logits[n_rows][n_vocab]
"""
import os, struct, sys

import numpy as np
import torch
from transformers import DynamicCache
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "models"))
import oracle

PAGE = 64
MIN_EFFECT = 3e-2     # share of the largest |logit| that unscaled rope would be away at the last row


def sharpen(model, gain):
    """Larger queries: attention over 131072 keys then rests on a few of them, so that a wrong rotation shows."""
    for name, p in model.named_parameters():
        if name.endswith(("q_proj.weight", "q_b_proj.weight")):
            with torch.no_grad():
                p.mul_(gain)
        if name.endswith("qkv_proj.weight"):
            with torch.no_grad():
                p[: model.config.num_attention_heads * (model.config.hidden_size // model.config.num_attention_heads)].mul_(gain)


def tables(c):
    """The lengths up to which each of pingti's rope tables is taken (model/rope.h); the last one takes all."""
    rope = c.rope_parameters
    if rope["rope_type"] == "longrope":
        return [rope["original_max_position_embeddings"], 1 << 32]
    out = [c.max_position_embeddings]
    while rope["rope_type"] == "dynamic" and out[-1] < int(c.max_position_embeddings * rope["factor"]):
        out.append(min(2 * out[-1], int(c.max_position_embeddings * rope["factor"])))
    return out


def set_session(model, n):
    """Fixes a length-dependent rope for a session of n tokens, whatever positions a call has. Returns the table's number."""
    c, r = model.config, model.model.rotary_emb
    kind, upto = c.rope_parameters["rope_type"], tables(c)
    table = next((i for i, u in enumerate(upto) if n <= u), len(upto) - 1)
    if kind == "longrope":
        chosen, _ = ROPE_INIT_FUNCTIONS[kind](c, "cpu", seq_len=n)
        r.original_inv_freq = r.long_inv_freq = chosen.clone()
    if kind == "dynamic":  # as its forward does when it has seen so many tokens: the length as a tensor
        chosen, _ = ROPE_INIT_FUNCTIONS[kind](c, "cpu", seq_len=torch.tensor(upto[table]))
        r.register_buffer("inv_freq", chosen, persistent=False)
        r.max_seq_len_cached, r.original_max_seq_len = 1 << 40, 0
    return table


def gap(pages, upto):
    """Page numbers of the cache for the pages [len(pages), upto)."""
    first = len(pages)
    return pages + [pages[p % first] for p in range(first, upto)]


@torch.no_grad()
def run(model, pieces, rows):
    """pieces: [(start, tokens)]; returns logits [rows, vocab]."""
    layers, out, pages, done = model.config.num_hidden_layers, [], [], 0
    kept = [None] * layers
    for start, tokens in pieces:
        pages = gap(pages, start // PAGE) if start else pages
        slots = torch.tensor([p * PAGE + i for p in pages for i in range(PAGE)], dtype=torch.long)
        cache = DynamicCache()
        for i in range(layers if start else 0):
            cache.update(kept[i][0][:, :, slots], kept[i][1][:, :, slots], i)
        wanted = [r - start for r in rows if start <= r < start + len(tokens)]
        hidden = model.model(input_ids=torch.tensor([tokens]), past_key_values=cache, use_cache=True,
                             position_ids=torch.arange(start, start + len(tokens))[None]).last_hidden_state
        out.append(model.lm_head(hidden[0, wanted]))
        for i, l in enumerate(cache.layers):
            new = (l.keys[:, :, start:], l.values[:, :, start:])
            kept[i] = new if kept[i] is None else tuple(torch.cat([a, b], 2) for a, b in zip(kept[i], new))
        pages = pages + [(done + i) // PAGE for i in range(0, len(tokens), PAGE)]
        done += len(tokens)
    return torch.cat(out)


def unscaled(model):
    """The same model with plain rope."""
    c = model.config
    r = dict(rope_type="default", rope_theta=c.rope_parameters["rope_theta"])
    if "partial_rotary_factor" in c.rope_parameters:
        r["partial_rotary_factor"] = c.rope_parameters["partial_rotary_factor"]
    other = type(c)(**{**c.to_dict(), "rope_parameters": r})
    other._attn_implementation = c._attn_implementation
    m = type(model)(other).eval()
    m.load_state_dict(model.state_dict())
    return m


def make_case(model, starts, n_session, rng):
    """starts: [(start, n)]. Rows: the first, a middle and the last of each piece."""
    pieces = [(s, rng.integers(3, model.config.vocab_size, n).tolist()) for s, n in starts]
    rows = sorted({r for s, t in pieces for r in (s, s + len(t) // 2, s + len(t) - 1)})
    table = set_session(model, n_session)
    logits = run(model, pieces, rows)
    double = set_type(model, torch.float64)
    exact = run(double, pieces, rows)
    set_type(model, torch.float32)
    biggest = exact.abs().max(1, keepdim=True).values
    error = float(((logits - exact).abs() / biggest).max())
    if error > oracle.MAX_F64_ERROR:
        raise oracle.Unlucky(f"float32 and float64 differ by {error:.1e}: take another seed")
    return dict(n_session=n_session, rope_table=table, pieces=pieces, rows=rows, logits=logits.float().numpy(), error=error)


def set_type(model, dtype):
    """Weights in another type; rotations stay float32, as everywhere."""
    freq = model.model.rotary_emb.inv_freq
    model.to(dtype)
    model.model.rotary_emb.register_buffer("inv_freq", freq, persistent=False)
    return model


def effect(model, case):
    """How far plain rope is away at the last row: what the test would see if scaling were not computed."""
    plain = run(unscaled(model), case["pieces"], case["rows"])
    want = torch.tensor(case["logits"])
    return float(((plain - want).abs().amax(1) / want.abs().amax(1))[-1])


def write(path, cases):
    with open(path, "wb") as f:
        u32 = lambda *v: f.write(struct.pack(f"<{len(v)}I", *v))
        f.write(b"PTLONG01")
        u32(len(cases))
        for c in cases:
            u32(c["n_session"], c["rope_table"], len(c["pieces"]))
            for start, tokens in c["pieces"]:
                u32(start, len(tokens), *tokens)
            u32(len(c["rows"]), *c["rows"], c["logits"].shape[1])
            f.write(c["logits"].astype("<f4").tobytes())
