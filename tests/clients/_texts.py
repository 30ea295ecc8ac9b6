"""Random multilingual texts for the tokenizer checks, of code points that Python's Unicode tables know."""
import unicodedata

RANGES = [(0x20, 0x7f)] * 6 + [
    (0xa0, 0x17f), (0x370, 0x3ff), (0x400, 0x4ff), (0x5d0, 0x5ea), (0x620, 0x64a), (0x900, 0x97f), (0xe01, 0xe5b), (0x1100, 0x11ff), (0x2000, 0x206f),
    (0x20a0, 0x20bf), (0x2100, 0x214f), (0x3000, 0x30ff), (0x4e00, 0x9fff), (0xac00, 0xd7a3), (0xff00, 0xffef), (0x1f300, 0x1f64f), (0x1d400, 0x1d7ff), (9, 14)]
WORDS = ("the of and don't I'll We've it's 123 4567 3.14 hello world Hello WORLD foo_bar <s> </s> <|im_end|> <0x41> ▁ é ñ 中文 你好 世界 안녕 привет 🙂 "
         "👩‍👩‍👧 \n \n\n \t   \r\n ' '' ...").split(" ")


def word(rnd):
    first, last = rnd.choice(RANGES)
    drawn = (chr(rnd.randint(first, last)) for _ in range(rnd.randint(1, 8)))
    return "".join(c for c in drawn if unicodedata.category(c) not in ("Cn", "Cs"))


def text(rnd, more=()):
    if rnd.random() < .03:
        return ""
    out = ""
    kinds = [lambda: word(rnd), lambda: rnd.choice(WORDS), lambda: " " * rnd.randint(1, 4), lambda: rnd.choice(["\n", "\t", "\r\n", "  ", "\u3000", "\u00a0"])]
    if more:
        kinds.append(lambda: rnd.choice(more))
    for _ in range(rnd.randint(1, 14)):
        out += rnd.choice(kinds)()
        if rnd.random() < .5:
            out += " "
    return out
