"""One directory through llama.cpp's own converter, in a process of its own: it brings its own gguf package.

python _reference.py FOLDER_OF_convert_hf_to_gguf.py DIRECTORY OUT.gguf F32|F16|BF16"""
import logging, pathlib, sys

source, folder, out, kind = sys.argv[1:]
sys.path[:0] = [source, source + "/gguf-py"]
logging.disable(logging.WARNING)
import conversion
import gguf
import torch
from conversion.base import ModelBase, ModelType, TextModel, get_model_architecture

TextModel.get_vocab_base_pre = lambda self, tokenizer: "llama-bpe"  # it knows published tokenizers by a digest; this one is none of them
kinds = {"F32": gguf.LlamaFileType.ALL_F32, "F16": gguf.LlamaFileType.MOSTLY_F16, "BF16": gguf.LlamaFileType.MOSTLY_BF16}
with torch.inference_mode():
    model = conversion.get_model_class(get_model_architecture(ModelBase.load_hparams(pathlib.Path(folder), False), ModelType.TEXT))
    model(pathlib.Path(folder), kinds[kind], pathlib.Path(out)).write()
