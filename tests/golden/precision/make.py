"""A small random Llama whose rows are whole blocks of 32, for tests/unit/infer/test_precision.c: python make.py

Weights are stored in bfloat16 to stay small; the test re-encodes them itself. Made with torch 2.13.0, transformers 5.23.0."""
import pathlib

import torch
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(7)
config = LlamaConfig(hidden_size=96, intermediate_size=160, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=1,
                     vocab_size=131, max_position_embeddings=512)
model = LlamaForCausalLM(config)
for name, p in model.named_parameters():
    with torch.no_grad():
        p.copy_(1 + 0.2 * torch.randn_like(p) if p.dim() == 1 else torch.randn_like(p) * (1 if "embed" in name else 1 / p.shape[1] ** 0.5))
model.to(torch.bfloat16).save_pretrained(pathlib.Path(__file__).parent / "model")
