"""Writes a tiny Llama as GGUF with nothing but the standard library: random weights, a byte vocabulary, a chat template.

It never ends by itself (the rows of control tokens and bytes are zero in the output matrix), so tests can stop it.
"""
import random
import struct

U32, F32, BOOL, STRING, ARRAY, I32 = 4, 6, 7, 8, 9, 5
D, FF, HEADS, KV, LAYERS = 32, 64, 4, 2, 2
CHAT = ("{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}")
THINK = CHAT + "{% if add_generation_prompt %}<think>\n{% endif %}"
PRINTABLE = [chr(c) for c in range(0x21, 0x7F)]
TOKENS = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + ["\u2581"] + PRINTABLE


def text(s):
    raw = s.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(kind, v):
    if kind == STRING:
        return text(v)
    return struct.pack({U32: "<I", F32: "<f", BOOL: "<?", I32: "<i"}[kind], v)


def key(name, kind, v):
    return text(name) + struct.pack("<I", kind) + value(kind, v)


def array(name, kind, items):
    head = text(name) + struct.pack("<IIQ", ARRAY, kind, len(items))
    return head + b"".join(value(kind, v) for v in items)


def metadata(context, template):
    types = [2, 3, 3] + [6] * 256 + [1] * (len(TOKENS) - 259)
    keys = [key("general.architecture", STRING, "llama"), key("general.name", STRING, "tiny"),
            key("llama.context_length", U32, context), key("llama.embedding_length", U32, D),
            key("llama.block_count", U32, LAYERS), key("llama.feed_forward_length", U32, FF),
            key("llama.attention.head_count", U32, HEADS), key("llama.attention.head_count_kv", U32, KV),
            key("llama.attention.layer_norm_rms_epsilon", F32, 1e-5), key("llama.rope.freq_base", F32, 10000.0),
            key("llama.rope.dimension_count", U32, D // HEADS), key("tokenizer.ggml.model", STRING, "llama"),
            array("tokenizer.ggml.tokens", STRING, TOKENS), array("tokenizer.ggml.scores", F32, [0.0] * len(TOKENS)),
            array("tokenizer.ggml.token_type", I32, types), key("tokenizer.ggml.bos_token_id", U32, 1),
            key("tokenizer.ggml.eos_token_id", U32, 2), key("tokenizer.ggml.add_bos_token", BOOL, True)]
    if template:
        keys.append(key("tokenizer.chat_template", STRING, template))
    return keys


def tensors():
    """(name, rows, cols) with rows 0 for a vector."""
    yield "token_embd.weight", len(TOKENS), D
    yield "output.weight", len(TOKENS), D
    yield "output_norm.weight", 0, D
    for i in range(LAYERS):
        for name, rows, cols in (("attn_norm", 0, D), ("ffn_norm", 0, D), ("attn_q", D, D), ("attn_k", D * KV // HEADS, D),
                                 ("attn_v", D * KV // HEADS, D), ("attn_output", D, D), ("ffn_gate", FF, D), ("ffn_up", FF, D),
                                 ("ffn_down", D, FF)):
            yield f"blk.{i}.{name}.weight", rows, cols


def floats(rng, name, rows, cols):
    if not rows:
        return struct.pack(f"<{cols}f", *[1.0] * cols)
    data = [rng.gauss(0, 0.6) for _ in range(rows * cols)]
    if name == "output.weight":
        data[:260 * cols] = [0.0] * (260 * cols)
    return struct.pack(f"<{len(data)}f", *data)


def write(path, context=256, template=CHAT, seed=1, factors=()):
    """factors: (beginning of a tensor's name, factor, values of its ".scale"): weights divided by the factor, which stands beside them."""
    rng = random.Random(seed)
    keys, infos, blob = metadata(context, template), b"", b""
    stored = [(name, rows, cols, floats(rng, name, rows, cols)) for name, rows, cols in tensors()]
    for stem, factor, values in factors:
        at = next(i for i, t in enumerate(stored) if t[0] == stem + ".weight")
        name, rows, cols, data = stored[at]
        n = len(data) // 4
        stored[at] = (name, rows, cols, struct.pack(f"<{n}f", *(v / factor for v in struct.unpack(f"<{n}f", data))))
        stored += [(stem + ".scale", 0, len(values), struct.pack(f"<{len(values)}f", *values)), (stem + ".input_scale", 0, 1, struct.pack("<f", 0.25))]
    for name, rows, cols, data in stored:
        dims = [cols, rows] if rows else [cols]
        infos += text(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims) + struct.pack("<IQ", 0, len(blob))
        blob += data
        blob += bytes(-len(blob) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(stored), len(keys)) + b"".join(keys) + infos
    with open(path, "wb") as f:
        f.write(head + bytes(-len(head) % 32) + blob)
