"""Tokenizers against Hugging Face's `tokenizers` and Google's `sentencepiece`: new vocabularies of every model, normalizer and
pre-tokenizer, trained on the spot, and the real ones where they lie beside the checkout; random multilingual texts; no difference is
allowed. Code points are those that Python's Unicode tables know.

python vocabularies.py --build BUILD [--data DIR] [--seed N] [--texts N]"""
import argparse
import os
import random
import struct
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import sentencepiece as spm
from _texts import text
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers as N, pre_tokenizers as P, processors, trainers

args = argparse.ArgumentParser()
args.add_argument("--build", required=True)
args.add_argument("--data")
args.add_argument("--seed", type=int, default=int(time.time()))
args.add_argument("--texts", type=int, default=8000)
args = args.parse_args()
rnd = random.Random(args.seed)
n = args.texts
failures = compared = 0
D = tempfile.mkdtemp(prefix="pingti-tokenizers-")
def run(path, texts, flags):
    data = b"".join(struct.pack("<I", len(t.encode())) + t.encode() for t in texts)
    r = subprocess.run([os.path.join(args.build, "tests", "tokenize_driver"), path, str(flags)], input=data, capture_output=True)
    if r.returncode:
        return r.stderr.decode()[:300]
    return [[int(x) for x in l.split()] if not l.startswith("ERR") else l for l in r.stdout.decode().split("\n")[:-1]]


def cmp(name, path, ref, flags, texts):
    global failures, compared
    got = run(path, texts, flags)
    if isinstance(got, str) or len(got) != len(texts):
        failures += 1
        print("FAIL", name, got if isinstance(got, str) else "answers are missing")
        return
    bad = [(t, g, r) for t, g in zip(texts, got) for r in [ref(t)] if r != g]
    compared += len(texts)
    failures += bool(bad)
    print("ok  " if not bad else "DIFF", name, len(texts), "texts,", len(bad), "differ", flush=True)
    for t, g, r in sorted(bad, key=lambda x: len(x[0]))[:2]:
        print("     text", repr(t)[:200], "\n     got ", g[:24], "\n     want", r[:24])


corpus = [text(rnd) for _ in range(3000)]
texts = [text(rnd) for _ in range(n)]
q2=r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
def bpe(norm=None,pre=None,**k):
    t=Tokenizer(models.BPE(**k)); 
    if norm: t.normalizer=norm
    if pre: t.pre_tokenizer=pre
    tk=dict(vocab_size=900,special_tokens=['<unk>','<s>','</s>'],show_progress=False)
    if 'continuing_subword_prefix' in k: tk['continuing_subword_prefix']=k['continuing_subword_prefix']
    if 'end_of_word_suffix' in k: tk['end_of_word_suffix']=k['end_of_word_suffix']
    if pre and 'ByteLevel' in repr(pre): tk['initial_alphabet']=P.ByteLevel.alphabet()
    t.train_from_iterator(corpus,trainers.BpeTrainer(**tk)); return t
cfg={
 'bl_gpt2':lambda:bpe(pre=P.ByteLevel(add_prefix_space=False)),
 'bl_prefix':lambda:bpe(pre=P.ByteLevel(add_prefix_space=True)),
 'bl_qwen':lambda:bpe(norm=N.NFC(),pre=P.Sequence([P.Split(Regex(q2),'isolated'),P.ByteLevel(add_prefix_space=False,use_regex=False)])),
 'bl_digits':lambda:bpe(pre=P.Sequence([P.Digits(individual_digits=True),P.ByteLevel(add_prefix_space=False)])),
 'bl_nfkc':lambda:bpe(norm=N.NFKC(),pre=P.ByteLevel(add_prefix_space=False)),
 'bpe_ws':lambda:bpe(pre=P.Whitespace(),unk_token='<unk>'),
 'bpe_fuse':lambda:bpe(pre=P.WhitespaceSplit(),unk_token='<unk>',fuse_unk=True),
 'bpe_suffix':lambda:bpe(norm=N.Lowercase(),pre=P.Whitespace(),unk_token='<unk>',end_of_word_suffix='</w>'),
 'bpe_meta':lambda:bpe(pre=P.Metaspace(prepend_scheme='first'),unk_token='<unk>'),
 'bpe_meta2':lambda:bpe(pre=P.Metaspace(prepend_scheme='always',split=False),unk_token='<unk>'),
 'bpe_punct':lambda:bpe(norm=N.Sequence([N.NFD(),N.StripAccents()]),pre=P.Sequence([P.Punctuation('merged_with_previous'),P.WhitespaceSplit()]),unk_token='<unk>'),
 'bpe_strip':lambda:bpe(norm=N.Sequence([N.Strip(),N.Replace(Regex(r'\s+'),' '),N.Prepend('▁'),N.Replace(' ','▁')]),unk_token='<unk>'),
 'bpe_bert':lambda:bpe(norm=N.BertNormalizer(),pre=P.BertPreTokenizer(),unk_token='<unk>'),
}
def wp():
    t=Tokenizer(models.WordPiece(unk_token='[UNK]')); t.normalizer=N.BertNormalizer(); t.pre_tokenizer=P.BertPreTokenizer()
    t.train_from_iterator(corpus,trainers.WordPieceTrainer(vocab_size=900,special_tokens=['[UNK]','[CLS]','[SEP]'],show_progress=False))
    t.post_processor=processors.TemplateProcessing(single='[CLS] $A [SEP]',special_tokens=[('[CLS]',1),('[SEP]',2)]); return t
def ug(bf=False):
    t=Tokenizer(models.Unigram()); t.normalizer=N.NFKC(); t.pre_tokenizer=P.Metaspace()
    t.train_from_iterator(corpus,trainers.UnigramTrainer(vocab_size=9000,special_tokens=['<unk>','<s>','</s>'],unk_token='<unk>',show_progress=False)); return t
cfg['wordpiece']=wp; cfg['unigram']=ug
for k,f in cfg.items():
    t=f()
    if rnd.random()<.7: t.add_tokens([AddedToken('foo_bar',single_word=True),AddedToken('你好',lstrip=True),AddedToken('Hello',normalized=True,rstrip=True)]); t.add_special_tokens([AddedToken('<|im_end|>',special=True)])
    p=f'{D}/{k}.json'; t.save(p)
    cmp(k,p,lambda s:t.encode(s,add_special_tokens=True).ids,3,texts)
open(f'{D}/c.txt','w').write('\n'.join(c.replace('\n',' ') for c in corpus))
for i,(mt,kw) in enumerate([('bpe',dict(byte_fallback=True)),('bpe',dict()),('unigram',dict(byte_fallback=True)),('unigram',dict(user_defined_symbols=['foo_bar','你好'])),('unigram',dict()),('bpe',dict(normalization_rule_name='identity',remove_extra_whitespaces=False)),('unigram',dict(normalization_rule_name='nfkc_cf')),('char',dict()),('bpe',dict(add_dummy_prefix=False)),('bpe',dict(user_defined_symbols=['foo_bar','你好'],byte_fallback=True))]):
    try: spm.SentencePieceTrainer.Train(input=f'{D}/c.txt',model_prefix=f'{D}/s{i}',model_type=mt,vocab_size=5000 if mt!='char' else 3000,character_coverage=.985,minloglevel=2,hard_vocab_limit=False,**kw)
    except Exception as e: print('skip', mt, kw, str(e)[-80:]); continue
    sp=spm.SentencePieceProcessor(model_file=f'{D}/s{i}.model')
    cmp(f'spm{i} {mt} {kw}',f'{D}/s{i}.model',lambda s:sp.encode(s),0,[t.replace('\0','') for t in texts])

if args.data:
    for m in ["stories260K", "llama2xs", "babyllama-1M"]:
        f = os.path.join(args.data, "models", m, "tokenizer.model")
        sp = spm.SentencePieceProcessor(model_file=f)
        cmp(m, f, lambda s: sp.encode(s), 0, texts)
    t = Tokenizer.from_file(os.path.join(args.data, "vocab", "minilm", "tokenizer.json"))
    t.no_truncation()
    t.no_padding()
    cmp("minilm", os.path.join(args.data, "vocab", "minilm"), lambda s: t.encode(s).ids, 3, texts)
    q = Tokenizer(models.BPE.from_file(os.path.join(args.data, "vocab/qwen2.5/vocab.json"), os.path.join(args.data, "vocab/qwen2.5/merges.txt")))
    q.normalizer = N.NFC()
    q.pre_tokenizer = P.Sequence([P.Split(Regex(q2), "isolated"), P.ByteLevel(add_prefix_space=False, use_regex=False)])
    plain = [t.replace("<|im_end|>", "") for t in texts]
    cmp("qwen2.5", os.path.join(args.data, "vocab", "qwen2.5"), lambda s: q.encode(s).ids, 0, plain)
print(f"{compared} texts compared, {failures} vocabularies with differences; seed {args.seed}")
sys.exit(failures != 0)
