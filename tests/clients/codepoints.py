#!/usr/bin/env python3
"""Every assigned code point in several contexts, through regexes, pre-tokenizers and normalizers whose classes do not depend on the Unicode
version: pingti's ids must be those of Hugging Face's `tokenizers`. All byte pairs merge, so the ids show where the text was split.

usage: codepoints.py --build BUILD [--data DIR (unused)] [NAME ...]"""
import argparse
import os
import struct
import subprocess
import sys
import tempfile
import unicodedata

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Regex, Tokenizer, models, normalizers as N, pre_tokenizers as P

SHORT = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
FRONT = r"[^\r\n\p{L}\p{N}]?"
REGEXES = {
    "qwen2": SHORT + "|" + FRONT + r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "gpt-4o": f"{FRONT}{UPPER}*{LOWER}+{SHORT}?|{FRONT}{UPPER}+{LOWER}*{SHORT}?" + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "deepseek": r"\p{N}{1,3}|[一-龥぀-ゟ゠-ヿ]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s+",
    "scripts": r"\p{Han}+|\h+|\P{Hiragana}|\p{^Thai}",
    "words": r"\w+|[^\w\s]",
}
JOBS = {name: (P.Split(Regex(r), "isolated"), None) for name, r in REGEXES.items()}
JOBS |= {"Whitespace": (P.Whitespace(), None), "WhitespaceSplit": (P.WhitespaceSplit(), None), "Digits": (P.Digits(True), None)}
JOBS |= {"Lowercase": (None, N.Lowercase()), "Nmt": (None, N.Nmt()), "Strip": (None, N.Strip())}


def all_pairs():
    letters = sorted(P.ByteLevel.alphabet())
    vocab = {c: i for i, c in enumerate(letters)}
    merges = [(a, b) for a in letters for b in letters]
    vocab |= {a + b: len(letters) + i for i, (a, b) in enumerate(merges)}
    return vocab, merges


def ours(build, path, texts):
    data = b"".join(struct.pack("<I", len(t.encode())) + t.encode() for t in texts)
    r = subprocess.run([os.path.join(build, "tests", "tokenize_driver"), path, "0"], input=data, capture_output=True)
    if r.returncode:
        sys.exit(r.stderr.decode())
    return [[int(x) for x in line.split()] for line in r.stdout.decode().split("\n")[:-1]]


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--build", required=True)
    args.add_argument("--data")
    args.add_argument("names", nargs="*")
    args = args.parse_args()
    known = [chr(c) for c in range(1, 0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
    texts = [f"ab{c}cd 1{c}{c}2 {c}. '{c} a!{c}" for c in known] + [f"X'{c} {c}\n" for c in known]
    vocab, merges = all_pairs()
    failures = 0
    for name in args.names or JOBS:
        split, normalizer = JOBS[name]
        t = Tokenizer(models.BPE(vocab, merges))
        level = P.ByteLevel(add_prefix_space=False, use_regex=False)
        t.pre_tokenizer = P.Sequence([split, level]) if split else level
        if normalizer:
            t.normalizer = normalizer
        with tempfile.TemporaryDirectory() as d:
            t.save(d + "/tokenizer.json")
            got = ours(args.build, d, texts)
        bad = [i for i, want in enumerate(t.encode_batch(texts)) if want.ids != got[i]]
        failures += bool(bad)
        print("DIFF" if bad else "ok  ", name, len(texts), "texts,", len(bad), "differ", *sorted({f"U+{ord(known[i % len(known)]):04X}" for i in bad})[:8], flush=True)
    sys.exit(failures > 0)


main()
