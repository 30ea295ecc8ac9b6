"""Tiny models by transformers' own classes, and what they compute: shared by make.py (the golden files that are
checked in) and by tests/clients/models.py (new random configurations each run).

golden.bin, little-endian, no padding; read by golden.h:

    char     magic[8]            "PTGOLD01"
    u32      n_cases
    per case:
      u32    rope_long           longrope: 1 = the long factors for every position, 0 = the short ones; else 0
      u32    n_session           n_prompt + n_greedy: the length from which a length-dependent rope (longrope, dynamic)
                                 is chosen, once, for the whole case
      u32    n_prompt;  i32 prompt[n_prompt]
      u32    n_rows;    u32 row_pos[n_rows]      ascending positions of the prompt; the last is n_prompt - 1
      u32    n_vocab;   f32 logits[n_rows][n_vocab]
      u32    n_greedy;  i32 greedy[n_greedy]     argmax continuation of the prompt; greedy[0] is argmax of the last row
      f32    last_logits[n_vocab]                the logits from which greedy[n_greedy - 1] was taken
"""
import contextlib, json, math, os, struct, sys, tempfile

import numpy as np
import torch
import transformers
from safetensors.torch import load_file

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
N_GREEDY = 40
MIN_MARGIN = 1e-3    # routing (probabilities) and greedy (share of the largest |logit|)
MAX_F64_ERROR = 2e-5  # float32 against the same model in float64: what the arithmetic itself costs


class Unlucky(Exception):
    """These weights give no prompt with wide margins, or magnify rounding: others have to be drawn."""


def randomize(model, seed, router_scale=2.0):
    """Every tensor of the state dict gets values at which it matters; nothing stays 0 or 1."""
    g = torch.Generator().manual_seed(seed)
    tied = getattr(model.config, "tie_word_embeddings", False)
    for name, t in sorted(model.state_dict().items()):
        if tied and name == "lm_head.weight":
            continue
        r = torch.randn(t.shape, generator=g, dtype=torch.float32)
        if "norm" in name:
            r = 1 + 0.3 * r.clamp(-2.5, 2.5)
        elif name.endswith("e_score_correction_bias"):
            r = 0.2 * r
        elif name.endswith("bias"):
            r = 0.3 * r
        elif "embed_tokens" in name:
            r = (0.25 if tied else 1.0) * r  # a large tied embedding would only repeat its input
        else:
            gain = router_scale if (name.endswith("gate.weight") or "router" in name) else 1.3 if ("q_" in name or "k_" in name) else 1.1
            r = r * gain / math.sqrt(t.shape[-1])
        with torch.no_grad():
            t.copy_(r.to(t.dtype))


def new_model(family, cfg, seed, dtype=torch.float32):
    conf = transformers.AutoConfig.for_model(family, **cfg)
    conf._attn_implementation = "eager"
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(conf, dtype=torch.float32, attn_implementation="eager").eval()
    randomize(model, seed)
    return model.to(dtype)


OLD_ROPE_KEYS_OUT = ("rope_theta", "partial_rotary_factor")


def old_spelling(path, edit=None, type_key="rope_type"):
    """config.json as published before transformers 5: rope_theta and rope_scaling apart, torch_dtype, no layer_types."""
    with open(path) as f:
        c = json.load(f)
    rope = c.pop("rope_parameters", {})
    for k in OLD_ROPE_KEYS_OUT:
        if k in rope:
            c[k] = rope.pop(k)
    if c["model_type"] == "phi3" and "original_max_position_embeddings" in rope:
        c["original_max_position_embeddings"] = rope.pop("original_max_position_embeddings")
    kind = rope.pop("rope_type", "default")
    c["rope_scaling"] = None if kind == "default" else {type_key: kind, **rope}
    if c["model_type"] == "qwen3_moe" and "num_local_experts" in c:
        c["num_experts"] = c.pop("num_local_experts")
    if c.get("partial_rotary_factor") == 1.0:
        c.pop("partial_rotary_factor")
    if "dtype" in c:
        c["torch_dtype"] = c.pop("dtype")
    for k in ("layer_types",) + (("head_dim", "qk_head_dim") if c["model_type"].startswith("deepseek") else ()):
        c.pop(k, None)
    c["transformers_version"] = "4.40.0"
    c.update(edit or {})
    write_json(path, c)


def write_json(path, value):
    with open(path, "w") as f:
        f.write(json.dumps(value, indent=2, sort_keys=True) + "\n")


def save(model, out, *, spelling="new", edit=None, type_key="rope_type", fused=False, shard_bytes=None):
    """The directory as save_pretrained writes it (per-expert names, as published, unless fused)."""
    os.makedirs(out, exist_ok=True)
    kw = {"max_shard_size": shard_bytes} if shard_bytes else {}
    model.save_pretrained(out, save_original_format=not fused, **kw)
    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(out, "generation_config.json"))
    for f in os.listdir(out):
        os.chmod(os.path.join(out, f), 0o644)
    path = os.path.join(out, "config.json")
    if spelling == "old":
        old_spelling(path, edit, type_key)
    elif edit:
        with open(path) as f:
            c = json.load(f)
        c.update(edit)
        write_json(path, c)


def published_tensors(model):
    """name -> tensor under the published (per-expert) names, whatever save() wrote."""
    with tempfile.TemporaryDirectory() as d:
        model.save_pretrained(d)
        return load_file(os.path.join(d, "model.safetensors"))


def load(out):
    kw = dict(dtype=torch.float32, attn_implementation="eager")
    model, info = transformers.AutoModelForCausalLM.from_pretrained(out, output_loading_info=True, **kw)
    bad = {k: v for k, v in info.items() if v and k != "conversion_errors"}
    if bad:
        raise RuntimeError(f"{out}: {bad}")
    with contextlib.suppress(Exception):
        model.set_experts_implementation("eager")
    return model.eval()


# ---------------------------------------------------------------------------------------------------- routing margins

def topk_margin(v, k):
    """v[T,E] -> [T]: how far the k-th lies above the (k+1)-th; 1 when all are taken."""
    if k >= v.shape[-1]:
        return torch.ones(v.shape[0])
    s = v.sort(dim=-1, descending=True).values
    return s[:, k - 1] - s[:, k]


def route_margin(module, hidden, c):
    x = hidden.reshape(-1, hidden.shape[-1]).float()
    logits = torch.nn.functional.linear(x, module.weight.float())
    kind, k = c.model_type, c.num_experts_per_tok
    if kind in ("mixtral", "qwen3_moe"):
        return topk_margin(logits.softmax(-1), k)
    n_group, topk_group = c.n_group or 1, c.topk_group or 1
    T, E = logits.shape
    if kind == "deepseek_v3":
        choice = logits.sigmoid() + module.e_score_correction_bias.float()
        groups = choice.view(T, n_group, -1).topk(2, dim=-1).values.sum(-1)
        fill = float("-inf")
    else:
        choice = logits.softmax(-1)
        if c.topk_method == "greedy":
            return topk_margin(choice, k)
        groups = choice.view(T, n_group, -1).max(-1).values
        fill = 0.0
    margin = topk_margin(groups, topk_group)
    keep = torch.zeros_like(groups).scatter_(1, groups.topk(topk_group, -1).indices, 1).bool()
    choice = choice.masked_fill(~keep.repeat_interleave(E // n_group, 1), fill)
    inner = topk_margin(choice, k)
    return torch.minimum(margin, torch.where(inner.isfinite(), inner, torch.ones_like(inner)))


class Oracle:
    """A loaded model: logits of a token list with the smallest routing margin at each position."""

    def __init__(self, model):
        self.model, self.margins = model, []
        self.rotary = model.model.rotary_emb
        self.kind = model.config.rope_parameters["rope_type"]
        for name, m in model.named_modules():
            if type(m).__name__.endswith(("TopkRouter", "TopKRouter")):
                m.register_forward_hook(lambda mod, args, out: self.margins.append(route_margin(mod, args[0], model.config)))

    def session(self, n):
        """Fixes a length-dependent rope for a session of n tokens, as an engine with a KV cache must."""
        p, r = self.model.config.rope_parameters, self.rotary
        if self.kind == "longrope":
            from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
            r.long_inv_freq = None
            chosen, _ = ROPE_INIT_FUNCTIONS["longrope"](self.model.config, "cpu", seq_len=n)
            r.original_inv_freq = chosen.clone()
            r.long_inv_freq = chosen.clone()
            return int(n > p["original_max_position_embeddings"])
        if self.kind == "dynamic":
            with torch.no_grad():
                r(torch.zeros(1), torch.arange(n)[None])
        return 0

    @torch.no_grad()
    def run(self, ids):
        self.margins.clear()
        logits = self.model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].float()
        m = torch.stack(self.margins).min(0).values if self.margins else torch.ones(len(ids))
        return logits, m


def greedy_gap(row):
    top = row.topk(2).values
    return float((top[0] - top[1]) / row.abs().max())


def rows_of(n):
    return {1: [0], 17: [0, 7, 16], 300: [1, 15, 63, 64, 150, 299]}.get(n) or sorted({0, n // 2, n - 1})


def make_case(oracle, n, rng, vocab, tries=400, n_greedy=N_GREEDY, strict=True):
    """A prompt of n random ids whose routing and greedy margins are all wide, its logits and its continuation.
    Prompt positions with a narrow routing margin get another id (a later id cannot change an earlier position);
    when the continuation has a narrow margin, the prompt is drawn anew."""
    best = None
    for attempt in range(tries):
        rope_long = oracle.session(n + n_greedy)
        ids = rng.integers(0, vocab, n).tolist()
        for _ in range(80 + n):
            logits, m = oracle.run(ids)
            bad = (m < MIN_MARGIN).nonzero()
            if len(bad) == 0 or not strict:
                break
            ids[int(bad[0])] = int(rng.integers(0, vocab))
        else:
            continue
        rows = logits[rows_of(n)].numpy().copy()
        seq, out, gap, margin = list(ids), [], 1.0, float(m.min())
        for step in range(n_greedy):
            if step:
                logits, m = oracle.run(seq)
                margin = min(margin, float(m.min()))
            last = logits[-1]
            gap = min(gap, greedy_gap(last))
            if strict and (margin < MIN_MARGIN or gap < MIN_MARGIN):
                break
            out.append(int(last.argmax()))
            seq.append(out[-1])
        if len(out) < n_greedy:
            continue
        case = dict(rope_long=rope_long, n_session=n + n_greedy, prompt=ids, rows=rows_of(n), logits=rows, greedy=out,
                    last=last.numpy().copy(), routing_margin=margin, greedy_margin=gap, distinct=len(set(out)))
        if best is None or case["distinct"] > best["distinct"]:
            best = case
        if best["distinct"] >= 5 or attempt >= 6 or not strict:
            return best
    if best:
        return best
    raise Unlucky(f"no prompt of {n} ids with margins above {MIN_MARGIN}: take another seed")


def f64_error(out, cases):
    """The largest difference, as a share of the largest |logit|, when the same model runs in float64 (its rope stays float32)."""
    oracle = Oracle(load(out).double())
    worst = 0.0
    for c in cases:
        oracle.session(c["n_session"])
        with torch.no_grad():
            y = oracle.model(input_ids=torch.tensor([c["prompt"]]), use_cache=False).logits[0][c["rows"]].double().numpy()
        worst = max(worst, float(np.abs(y - c["logits"]).max() / np.abs(y).max()))
    return worst


def write_golden(path, cases):
    with open(path, "wb") as f:
        u32 = lambda *v: f.write(struct.pack(f"<{len(v)}I", *v))
        f.write(b"PTGOLD01")
        u32(len(cases))
        for c in cases:
            u32(c["rope_long"], c["n_session"], len(c["prompt"]))
            f.write(np.asarray(c["prompt"], "<i4").tobytes())
            u32(len(c["rows"]), *c["rows"])
            u32(c["logits"].shape[1])
            f.write(c["logits"].astype("<f4").tobytes())
            u32(len(c["greedy"]))
            f.write(np.asarray(c["greedy"], "<i4").tobytes())
            f.write(c["last"].astype("<f4").tobytes())


def versions():
    import gguf
    from importlib.metadata import version
    return {"torch": torch.__version__, "transformers": transformers.__version__, "gguf": version("gguf"),
            "safetensors": version("safetensors"), "numpy": np.__version__, "python": sys.version.split()[0]}
