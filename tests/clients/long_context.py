"""New random tiny models with scaled rope, computed by transformers and by pingti at positions up to 160K, from a directory and from a GGUF.

    python tests/clients/long_context.py --build build/release [--seed N] [--rounds N] [-R KIND] [--keep DIR]

Kinds: YaRN, longrope, llama3, linear, dynamic NTK. Factors, lengths, theta, heads and the pieces that are computed (oracle_long.py) are drawn
anew each run; the seed printed first repeats it. Each round also prefills 8,000 to 16,000 tokens whole. Bound: |logit - transformers'| <= 1e-4
of the largest |logit| of the row. A model whose float32 powers torch and the correctly rounded power decide differently is drawn again (one
unit in the last place of a frequency is 0.004 at position 131071), as is one whose scaling would not show, or whose arithmetic magnifies rounding.
"""
import os, shutil, sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "golden", "long"))

import numpy as np
import torch

import oracle_long
from _drawn import Draw, drive, models_of, redrawn, rounds
from oracle_long import oracle
import importlib.util

spec = importlib.util.spec_from_file_location("make_long", os.path.join(ROOT, "tests", "golden", "long", "make.py"))
make_long = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_long)


def rope(d, kind, n):
    """Parameters and (max_position_embeddings, longest session); n pairs are rotated."""
    theta = float(round(10 ** d.real(3.5, 6.5)))
    p = dict(rope_type=kind, rope_theta=theta)
    if kind == "yarn":
        p.update(factor=d.one(2.0, 4.0, 5.0, 8.0), original_max_position_embeddings=d.one(4096, 8192, 16384, 32768))
        if d.int(0, 1):
            p.update(beta_fast=d.real(16, 40), beta_slow=d.real(0.5, 3))
        longest = int(p["factor"] * p["original_max_position_embeddings"])
        return p, d.one(longest, p["original_max_position_embeddings"]), longest
    if kind == "llama3":
        p.update(factor=d.one(8.0, 16.0, 32.0), low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192)
        return p, 131072, 131072
    if kind == "longrope":
        p.update(original_max_position_embeddings=d.one(4096, 8192), short_factor=[d.real(1, 1.5) for _ in range(n)], long_factor=sorted(d.real(1, 60) for _ in range(n)))
        return p, 131072, 131072
    p["factor"] = d.one(2.0, 3.0, 4.0) if kind == "dynamic" else d.one(2.0, 4.0, 8.0)
    base = d.one(4096, 8192, 16384)
    return p, base, int(base * p["factor"])


def config(d, kind):
    heads = d.one(2, 4)
    head = d.one(8, 12, 16)
    c = dict(make_long.BASE, hidden_size=heads * head, num_attention_heads=heads, num_key_value_heads=d.one(1, heads // 2), head_dim=head, vocab_size=d.one(61, 89, 131))
    p, most, longest = rope(d, kind, head // 2)
    c.update(max_position_embeddings=most, rope_parameters=p)
    family = "phi3" if kind == "longrope" else d.one("llama", "qwen2", "qwen3") if kind == "yarn" else "llama"
    if family == "phi3":
        c.pop("head_dim")
        c["original_max_position_embeddings"] = p["original_max_position_embeddings"]
    return family, c, longest


def pieces(d, upto):
    """Three or four pieces, the last one ending at `upto`."""
    page, out, at = 64, [(0, 64 * d.int(1, 3))], 0
    for share in sorted(d.real(0.05, 0.9) for _ in range(d.int(1, 2))):
        start = max(int(share * upto) // page * page, out[-1][0] + out[-1][1])
        out.append((start, 64 * d.int(1, 2)))
    last = max((upto - d.int(70, 200)) // page * page, out[-1][0] + out[-1][1])
    return out + [(last, upto - last)]


def powers_agree(c):
    head = c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]
    at = torch.arange(0, head, 2, dtype=torch.int64).float() / head
    theta = c["rope_parameters"]["rope_theta"]
    exact = np.power(np.float64(theta), at.numpy().astype(np.float64)).astype(np.float32)
    return bool(((theta ** at).numpy() == exact).all())


def whole(model, d, longest, rng):
    """A prefill of every position, by the same transformers model with attention that need not hold the whole matrix."""
    n = min(longest, d.int(8000, 16000))
    model.set_attn_implementation("sdpa")
    try:
        return oracle_long.make_case(model, [(0, n)], n, rng)
    finally:
        model.set_attn_implementation("eager")


def draw(kind, seed, out, with_whole):
    for again, own in redrawn(seed, 30):
        d = Draw(own, digits=3)
        family, c, longest = config(d, kind)
        if not powers_agree(c):
            continue
        border = oracle_long.tables(type("c", (), c)())[0]
        sessions = [min(border, longest), longest] + ([border + 1] if kind in ("longrope", "dynamic") else [])
        how = dict(spelling=d.one("old", "new"), type_key=d.one("type", "rope_type"), gguf=kind != "dynamic")
        shutil.rmtree(out, ignore_errors=True)
        try:
            made, far = make_long.build(out, family, c, how, [(pieces(d, n), n) for n in sorted(set(sessions))], seed + again)
            if with_whole:
                made.append(whole(oracle.load(out), d, longest, d.rng))
                oracle_long.write(os.path.join(out, "long.bin"), made)
            return c, how, made, far, again
        except oracle.Unlucky:
            continue
    sys.exit(f"{kind}: no configuration with wide margins")


KINDS = ["yarn", "longrope", "llama3", "linear", "dynamic"]


def one(tools, kind, seed, number, out):
    """One kind of each round also prefills its model whole."""
    c, how, made, far, again = draw(kind, seed, out, number % len(KINDS) == KINDS.index(kind))
    models = models_of(out, how["gguf"])
    bad = [f"{kind}, {what}: {trouble}\n    {c} {how}" for what, model in models if (trouble := drive(tools["long_driver"], model, os.path.join(out, "long.bin"), timeout=600))]
    return bad, len(models), f"sessions of {[m['n_session'] for m in made]}, plain rope is off by {far:.2f}, drawn again {again} times"


if __name__ == "__main__":
    rounds(KINDS, one, 1, ["long_driver"], oracle.versions())
