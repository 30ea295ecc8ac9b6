"""What storing K and V in fewer bits costs a trained model, by transformers with the formats' definitions put into its cache.

    python tests/clients/cache_types.py --build build/release --data DIR

For the trained models of DIR/models and texts that they sample themselves: KL divergence, top-1 agreement and perplexity against an f32 cache, K after
its rotation, in blocks of 32 along a head. F16 and Q8_0, which pingti offers, must stay within bounds; so must the loss that keeps 4-bit formats out
(docs/long-context.md): should one come below LEAST_LOSS on every model, it is time to offer it. Without models there is nothing to measure.
"""
import argparse, math, os, sys

sys.dont_write_bytecode = True

import torch
from transformers import AutoModelForCausalLM, DynamicCache
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()
torch.set_num_threads(1)
MODELS = ["stories260K", "llama2xs", "babyllama-1M"]
BOUNDS = {"F16": (1e-4, 0.995), "Q8_0": (1e-2, 0.96)}  # KL in nats, share of equal likeliest tokens
LEAST_LOSS = 0.99                                      # a format with fewer equal likeliest tokens is not offered


def half(x):
    return x.half().float()


def blocks(x, encode):
    n = x.shape[-1]
    return encode(x) if n < 32 else encode(x.reshape(*x.shape[:-1], n // 32, 32)).reshape(x.shape)


def divide(x, d):
    return torch.where(d != 0, x / torch.where(d != 0, d, 1), 0)


def q8_0(x):
    d = half(x.abs().amax(-1, keepdim=True) / 127)
    return divide(x, d).round().clamp(-127, 127) * d


def q4_0(x):
    largest = x.gather(-1, x.abs().argmax(-1, keepdim=True))
    d = half(largest / -8)
    return torch.where(d != 0, (divide(x, d) + 8.5).floor().clamp(0, 15) - 8, 0) * d


def q4_1(x):
    low, high = x.amin(-1, keepdim=True), x.amax(-1, keepdim=True)
    d, low = half((high - low) / 15), half(low)
    return divide(x - low, d).round().clamp(0, 15) * d + low


def rotated(encode):
    """With a Hadamard rotation of the head before, and its inverse after."""

    def turn(x):
        h = torch.ones(1, 1)
        while h.shape[0] < x.shape[-1]:
            h = torch.cat([torch.cat([h, h], 1), torch.cat([h, -h], 1)], 0)
        h = h / math.sqrt(h.shape[0])
        return blocks(x @ h, encode) @ h.T

    return turn


def by_channel(x):
    """Q4_1 along the tokens of each full page of 64."""
    pages = x.shape[2] // 64
    done = x[:, :, : pages * 64].reshape(*x.shape[:2], pages, 64, -1).transpose(-1, -2)
    return torch.cat([q4_1(done).transpose(-1, -2).reshape(*x.shape[:2], pages * 64, -1), x[:, :, pages * 64 :]], 2)


def each(encode):
    return lambda x: blocks(x, encode)


FORMATS = {"F16": (half, half), "Q8_0": (each(q8_0),) * 2, "K Q8_0, V Q4_0": (each(q8_0), each(q4_0)), "K Q8_0, V Q4_1": (each(q8_0), each(q4_1)), "Q4_0": (each(q4_0),) * 2,
           "Q4_1": (each(q4_1),) * 2, "Q4_0 rotated": (rotated(q4_0),) * 2, "Q4_1 rotated": (rotated(q4_1),) * 2, "K Q4_1 by channel, V Q4_1": (by_channel, each(q4_1))}


class Stored(DynamicCache):
    """Whatever enters the cache is read back as its format holds it, the call's own keys too."""

    def __init__(self, k, v):
        super().__init__()
        self.k, self.v = k, v

    def update(self, k, v, layer, *more, **named):
        return super().update(self.k(k), self.v(v), layer, *more, **named)


@torch.no_grad()
def measure(path, seed):
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()
    torch.manual_seed(seed)
    n = min(320, model.config.max_position_embeddings)
    ids = model.generate(torch.full((10, 1), 1), do_sample=True, max_length=n, min_length=n, temperature=1.0, top_k=0, top_p=1.0, pad_token_id=0)
    want = model(ids, use_cache=False).logits[:, :-1].log_softmax(-1)
    loss = lambda p: float(-p.gather(-1, ids[:, 1:, None]).mean())
    rows = {}
    for name, (k, v) in FORMATS.items():
        got = model(ids, past_key_values=Stored(k, v), use_cache=True).logits[:, :-1].log_softmax(-1)
        rows[name] = (float((want.exp() * (want - got)).sum(-1).mean()), float((want.argmax(-1) == got.argmax(-1)).float().mean()), math.exp(loss(got) - loss(want)) - 1)
    return rows


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build")
    p.add_argument("--data")
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    paths = [os.path.join(a.data or "", "models", m) for m in MODELS]
    paths = [m for m in paths if os.path.isdir(m)] if a.data else []
    if not paths:
        return print("no trained models: nothing measured (--data DIR)")
    bad, tops = [], {}
    for path in paths:
        print(os.path.basename(path), flush=True)
        for name, (kl, top, ppl) in measure(path, a.seed).items():
            print(f"  {name:28s} KL {kl:.6f} nats, top-1 {100 * top:6.2f} %, perplexity {100 * ppl:+8.3f} %", flush=True)
            tops.setdefault(name, []).append(top)
            if name in BOUNDS and (kl > BOUNDS[name][0] or top < BOUNDS[name][1]):
                bad.append(f"{os.path.basename(path)}: {name} loses more than its bound {BOUNDS[name]}")
    bad += [f"{name} loses little on every model: offer it" for name, t in tops.items() if "4_" in name and min(t) >= LEAST_LOSS]
    print("\n".join(bad) or f"{len(paths)} models, F16 and Q8_0 within their bounds, no 4-bit format worth offering")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
