"""Every name of tokenizer.ggml.pre, end to end: a vocabulary trained with the family's pre-tokenizer, written as GGUF under that name and
as tokenizer.json, against `tokenizers` with the same pre-tokenizer. For byte-level families GPT-2's own vocabulary too, and for some
Qwen2.5's: trained otherwise, they show every split. Every name of src/text/pretok_names.def has to be here. No difference is allowed.

The forms below were written down from what the families publish, not read from their tokenizer.json, which is not at hand here. Not
independent of pingti's table: DeepSeek-LLM's letters, and the expressions of jais-2, exaone-moe, youtu, k2-horizon, afmoe, laguna,
minicpm5, tiny_aya. For those this holds the engine and not the expression.

python presplits.py --build BUILD [--data DIR] [--seed N] [--texts N]"""
import argparse
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import gguf
from _texts import text
from tokenizers import Regex, Tokenizer, models, normalizers as N, pre_tokenizers as P, trainers

parser = argparse.ArgumentParser()
parser.add_argument("--build", required=True)
parser.add_argument("--data")
parser.add_argument("--seed", type=int, default=int(time.time()))
parser.add_argument("--texts", type=int, default=300)
args = parser.parse_args()
rnd = random.Random(args.seed)
folder = tempfile.TemporaryDirectory(prefix="pingti-presplits-")

# ---- the families' forms -------------------------------------------------------------------------------------------------
I = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SLASH = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = I + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + TAIL
QWEN2 = I + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + TAIL
UP, LOW = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
GPT4O = rf"[^\r\n\p{{L}}\p{{N}}]?{UP}*{LOW}+{I}?|[^\r\n\p{{L}}\p{{N}}]?{UP}+{LOW}*{I}?|\p{{N}}{{1,3}}" + SLASH
TEKKEN = rf"[^\r\n\p{{L}}\p{{N}}]?{UP}*{LOW}+|[^\r\n\p{{L}}\p{{N}}]?{UP}+{LOW}*|\p{{N}}" + SLASH
KIMI_UP, KIMI_LOW = UP[:-1] + r"&&[^\p{Han}]]", LOW[:-1] + r"&&[^\p{Han}]]"
KIMI = (rf"[\p{{Han}}]+|[^\r\n\p{{L}}\p{{N}}]?{KIMI_UP}*{KIMI_LOW}+{I}?|[^\r\n\p{{L}}\p{{N}}]?{KIMI_UP}+{KIMI_LOW}*{I}?|\p{{N}}{{1,3}}" + TAIL)
CJK = "[一-龥\u3040-ゟ゠-ヿ]+"
CJK_KOREAN = "[一-龥ࠀ-一가-\ud7ff]+"
DEEPSEEK3 = (r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+""")
DEEPSEEK_LETTERS = (
    "[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f"
    "\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-"
    "\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b"
    "\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-"
    "\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183"
    "\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf"
    "\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2"
    "\U00010cc0-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943]+")
BLOOM = " ?[^(\\s|.,!?…。，、।۔،)]+"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
ASIAN = ("[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\u3040-\u30ff\uff65-\uff9f\u2f00-\u2fdf\u0e40-\u0e7f\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f"
         "\ua9e0-\ua9ff\uac00-\ud7af\u1100-\u11ff]+")
YOUTU = "[\uac00-\ud7a3\u3131-\u318e]+|[！…“”‘’—：；，、-〿︰-﹏]+|[\u3105-\u312f]+|" + CJK


def split(pattern):
    return P.Split(Regex(pattern), "isolated")


def by(*steps):
    """Splits one after another, then the byte alphabet."""
    steps = [split(s) if isinstance(s, str) else s for s in steps]
    return lambda: P.Sequence(steps + [P.ByteLevel(add_prefix_space=False, use_regex=False)])


def gpt2(*before):
    return lambda: P.Sequence(list(before) + [P.ByteLevel(add_prefix_space=False, use_regex=True)])


def falcon():
    return P.Sequence([P.Punctuation("contiguous"), P.ByteLevel(add_prefix_space=False, use_regex=True), P.Digits(False), split("[0-9][0-9][0-9]")])


DIGITS = P.Digits(individual_digits=True)
NFC, WHOLE, CHARACTERS, OWN = "nfc", "whole", "characters", "own"   # OWN: byte letters are split too, so only on its own vocabulary
# names, pre-tokenizer, what else the family does
FAMILIES = [
    ("gpt-2 gpt2 phi-2 roberta-bpe jais exaone4 trillion jina-es jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code gigachat a.x-4.0 mellum "
     "granite-docling", gpt2(), ()),
    ("mpt olmo modern-bert", gpt2(), (NFC,)),
    ("llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano", by(LLAMA3), (WHOLE,)),
    ("dbrx smaug-bpe chatglm-bpe chatglm4 glm4 glm5", by(LLAMA3), ()),
    ("qwen2 f2llmv2 stablelm2", by(QWEN2), (NFC,)),
    ("deepseek-r1-qwen hunyuan kormo megrez grok-2 solar-open", by(QWEN2), ()),
    ("qwen35", by(I + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"), (NFC,)),
    ("gpt-4o llama4 kanana2 minimax-m2 talkie", by(GPT4O), ()),
    ("granite-embed-multi-97m", by(GPT4O), (WHOLE,)),
    ("tekken", by(TEKKEN), (WHOLE,)),
    ("deepseek-v3 hunyuan-dense joyai-llm hy_v4", by(r"\p{N}{1,3}", CJK, DEEPSEEK3), ()),
    ("deepseek-llm", by("[\r\n]", r"\s?" + DEEPSEEK_LETTERS, "\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", r"\s+$", CJK_KOREAN, r"\p{N}+"), ()),
    ("deepseek-coder", by("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", CJK_KOREAN, DIGITS), ()),
    ("falcon", falcon, (OWN,)),
    ("default", by(r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"), ()),
    ("starcoder refact smollm codeshell exaone minerva-7b minerva mellum2", gpt2(DIGITS), ()),
    ("command-r", gpt2(DIGITS), (NFC,)),
    ("poro-chat poro bloom gpt3-finnish", by(BLOOM), ()),
    ("viking", by(BLOOM, DIGITS), ()),
    ("superbpe", by(r"\p{N}+", r"(?=(\d{3})+(?!\d))"), ()),
    ("bailingmoe bailingmoe2 llada-moe", by(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"), ()),
    ("seed-coder", by(I + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"), ()),
    ("kimi-k2", by(KIMI), ()),
    ("jais-2", by(I + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+" +
                  "".join(rf"|\s{{{n}}}(?!\S)" for n in (512, 256, 128, 64, 32, 16, 8, 4, "1,2")) + r"|\s{1}"), ()),
    ("minicpm5", by(r"\p{N}{1,3}", I + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+" + TAIL), (WHOLE,)),
    ("exaone-moe", by(I + r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"), ()),
    ("chameleon", gpt2(split("<sentinel:[0-9]+>"), split("(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z"), split("([\t\n]|    |  )"), DIGITS, P.Punctuation("isolated")), ()),
    ("youtu", by(YOUTU, GPT4O.replace(r"\p{N}{1,3}", r"\p{N}")), (WHOLE,)),
    ("laguna", by(r"[^\n]+|[\n]+", QWEN2), ()),
    ("tiny_aya cohere2moe", by(r"\d{1,3}(?=(?:\d{3})*\b)", GPT4O), ()),
    ("k2-horizon", by(I + "|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}|\\p{M}|\u200c|\u200d)+|\\p{N}{1,3}" + TAIL), ()),
    ("afmoe", by(r"\d{1,3}(?=(?:\d{3})*(?!\d))", ASIAN, DEEPSEEK3), ()),
    ("gemma4 granite-embed-multi-311m mmbert sarvam-moe", lambda: split(r"[^\n]+|[\n]+"), (CHARACTERS,)),
    ("whitespace", P.WhitespaceSplit, (CHARACTERS,)),
]
MORE = ("don't DON'T 'Twas we'LL I'M it'ſ \u212a's 've 1234567 12 007 1,234,567.89 x²y ½ ٣٤٥ 四五六 Ⅷ м и́ e\u0301 A\u030a Å \u1112\u1161\u11ab "
        "foo.bar(baz) a/b//c \n\n\n \r\n\r\n ... ？！ 「引用」 हिन्दी क्षि ก็ ไทย 日本語テキスト カタカナ 한국어ㅋㅋ IMGIMGABCZ <sentinel:12> CamelCaseHTTPServer snake_case "
        "\u200c \u200d a\u200cb").split(" ") + ["     ", " " * 20, "a  b", "x \n y", "\t\t", "12 345", "日本 語"]


# ---- one vocabulary, both ways -------------------------------------------------------------------------------------------
def trained(pre, extras, corpus):
    characters = CHARACTERS in extras
    t = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True) if characters else models.BPE())
    if characters and pre is not P.WhitespaceSplit:
        t.normalizer = N.Replace(" ", "▁")
    if NFC in extras:
        t.normalizer = N.NFC()
    t.pre_tokenizer = pre()
    first = ["<unk>"] + [f"<0x{b:02X}>" for b in range(256)] if characters else []
    alphabet = dict(limit_alphabet=700) if characters else dict(initial_alphabet=P.ByteLevel.alphabet())
    t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=2500, special_tokens=first, show_progress=False, **alphabet))
    model = json.loads(t.to_str())["model"]
    if WHOLE in extras:   # words that no merges lead to: only a search for whole words finds them
        model["merges"] = [m for m in model["merges"] if rnd.random() < .9]
    return model["vocab"], [tuple(m) for m in model["merges"]]


def reference(vocab, merges, pre, extras):
    characters = CHARACTERS in extras
    options = dict(unk_token="<unk>", byte_fallback=True, fuse_unk=True) if characters else {}
    t = Tokenizer(models.BPE(vocab, merges, ignore_merges=WHOLE in extras, **options))
    if characters and pre is not P.WhitespaceSplit:
        t.normalizer = N.Replace(" ", "▁")
    if NFC in extras:
        t.normalizer = N.NFC()
    t.pre_tokenizer = pre()
    return t


def write(path, name, vocab, merges):
    tokens = sorted(vocab, key=vocab.get)
    kinds = [2 if t == "<unk>" else 6 if re.fullmatch("<0x[0-9A-F]{2}>", t) else 1 for t in tokens]
    w = gguf.GGUFWriter(path, "none")
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre(name)
    w.add_token_list(tokens)
    w.add_token_types(kinds)
    w.add_token_merges([" ".join(m) for m in merges])
    if tokens[0] == "<unk>":
        w.add_unk_token_id(0)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.close()


def ids_of(path, texts):
    data = b"".join(struct.pack("<I", len(t.encode())) + t.encode() for t in texts)
    r = subprocess.run([os.path.join(args.build, "tests", "tokenize_driver"), path, "0"], input=data, capture_output=True)
    if r.returncode:
        return r.stderr.decode()[:300]
    return [[int(x) for x in line.split()] if not line.startswith("ERR") else line for line in r.stdout.decode().split("\n")[:-1]]


def compare(what, path, t, texts):
    got = ids_of(path, texts)
    if isinstance(got, str) or len(got) != len(texts):
        print("FAIL", what, got if isinstance(got, str) else "answers are missing")
        return 1
    bad = [(s, g, r.ids) for s, g, r in zip(texts, got, t.encode_batch(texts, add_special_tokens=False)) if g != r.ids]
    if bad:
        print("DIFF", what, len(texts), "texts,", len(bad), "differ")
    for s, g, r in sorted(bad, key=lambda x: len(x[0]))[:2]:
        print("     text", repr(s)[:200], "\n     got ", g[:24], "\n     want", r[:24])
    return bool(bad)


def real_vocabularies():
    if not args.data:
        return
    r = gguf.GGUFReader(os.path.join(args.data, "vocab", "gpt-2.gguf"))
    tokens, merges = (r.get_field("tokenizer.ggml." + k).contents() for k in ("tokens", "merges"))
    yield "gpt-2's vocabulary", {t: i for i, t in enumerate(tokens)}, [tuple(m.split(" ")) for m in merges]
    q = Path(args.data, "vocab", "qwen2.5")
    merges = [tuple(m.split(" ")) for m in (q / "merges.txt").read_text().split("\n") if m and not m.startswith("#version")]
    yield "qwen2.5's vocabulary", json.loads((q / "vocab.json").read_text()), merges


def main():
    listed = {n for names in re.findall(r'^PRE\("([^"]*)"', Path(__file__, "../../../src/text/pretok_names.def").resolve().read_text(), re.M) for n in names.split()}
    covered = {n for names, _, _ in FAMILIES for n in names.split()}
    failures = compared = 0
    for n in sorted(listed ^ covered):
        print("FAIL", n, "is not checked here" if n in listed else "is not known to pingti")
        failures += 1
    corpus = [text(rnd, MORE) for _ in range(1500)]
    texts = [text(rnd, MORE) for _ in range(args.texts)]
    real = list(real_vocabularies())
    path = os.path.join(folder.name, "vocabulary.gguf")
    for names, pre, extras in FAMILIES:
        vocab, merges = trained(pre, extras, corpus)
        t = reference(vocab, merges, pre, extras)
        t.save(path + ".json")
        failures += compare(names.split()[0] + " as tokenizer.json", path + ".json", t, texts)
        compared += len(texts)
        for name in names.split():
            write(path, name, vocab, merges)
            failures += compare(name, path, t, texts)
            compared += len(texts)
        for what, vocab, merges in real if OWN not in extras and CHARACTERS not in extras else ():
            if "qwen" in what and not {"qwen2", "llama-bpe", "gpt-4o", "deepseek-v3"} & set(names.split()):
                continue   # 151,000 merges take a second
            write(path, names.split()[0], vocab, merges)
            failures += compare(f"{names.split()[0]} with {what}", path, reference(vocab, merges, pre, extras), texts)
            compared += len(texts)
    print(f"{len(covered)} names, {compared} texts compared, {failures} failures; seed {args.seed}")
    return failures != 0


sys.exit(main())
