"""Small tokenizers of each kind and the ids their own implementations give, for tests/unit/text/test_golden_text.c: python make.py

Made with tokenizers 0.23.3, sentencepiece 0.2.3."""
import json
import os
import pathlib
import random

import sentencepiece as spm
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers as N, pre_tokenizers as P, processors, trainers

here = pathlib.Path(__file__).parent
rnd = random.Random(5)
words = "the of and don't I'll it's 123 4567 hello world Hello WORLD foo_bar <s> </s> <|end|> é ñ 中文 你好 世界 привет 🙂 ... \n  \t".split(" ")
texts = ["", " ", "  Hello\n\n world's  123 ", "foo_bar foo_barx <|end|>x 你好吗", "\u3000全角　\r\nＡ①", "e\u0301 é ﬁ"] + [" ".join(rnd.choice(words) for _ in range(rnd.randint(1, 12))) for _ in range(40)]
corpus = texts * 3
qwen = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def bpe(norm, pre, **options):
    t = Tokenizer(models.BPE(**options))
    if norm:
        t.normalizer = norm
    t.pre_tokenizer = pre
    t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=420, special_tokens=["<unk>"], initial_alphabet=P.ByteLevel.alphabet() if "ByteLevel" in repr(pre) else [], show_progress=False))
    return t


def wordpiece():
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer, t.pre_tokenizer = N.BertNormalizer(), P.BertPreTokenizer()
    t.train_from_iterator(corpus, trainers.WordPieceTrainer(vocab_size=200, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False))
    t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    return t


made = {
    "byte_bpe": bpe(N.NFC(), P.Sequence([P.Split(Regex(qwen), "isolated"), P.ByteLevel(add_prefix_space=False, use_regex=False)])),
    "char_bpe": bpe(N.NFKC(), P.Metaspace(prepend_scheme="first"), unk_token="<unk>", fuse_unk=True),
    "wordpiece": wordpiece(),
}
cases = []
for name, t in made.items():
    t.add_tokens([AddedToken("foo_bar", single_word=True), AddedToken("你好", lstrip=True, rstrip=True)])
    t.add_special_tokens([AddedToken("<|end|>", special=True)])
    t.save(str(here / f"{name}.json"), pretty=False)
    cases.append(dict(file=f"{name}.json", flags=3, texts=texts, ids=[t.encode(x).ids for x in texts]))
(here / "corpus.txt").write_text("\n".join(x.replace("\n", " ") for x in corpus if x.strip()))
os.chdir(here)  # the model file keeps the paths it was made with
for kind in ("bpe", "unigram"):
    spm.SentencePieceTrainer.Train(input="corpus.txt", model_prefix=kind, model_type=kind, vocab_size=400, hard_vocab_limit=False, byte_fallback=True, minloglevel=2, num_threads=1)
    sp = spm.SentencePieceProcessor(model_file=str(here / f"{kind}.model"))
    cases.append(dict(file=f"{kind}.model", flags=0, texts=texts, ids=[sp.encode(x) for x in texts]))
    (here / f"{kind}.vocab").unlink()
(here / "corpus.txt").unlink()
(here / "cases.json").write_text(json.dumps(cases, ensure_ascii=False))
