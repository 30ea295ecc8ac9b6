#!/usr/bin/env python3
"""Writes small.gguf and small.safetensors with the formats' own Python packages; read by tests/unit/format.
Needs gguf, safetensors, numpy; the versions are written into the files."""
from importlib.metadata import version
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent


def main():
    quarters = (np.arange(12, dtype=np.float32) / 4).reshape(3, 4)
    made_by = f"gguf {version('gguf')}, safetensors {version('safetensors')}, numpy {np.__version__}"
    w = gguf.GGUFWriter(HERE / "small.gguf", "llama")
    w.add_string("golden.made_by", made_by)
    w.add_uint64("golden.uint64", 1 << 40)
    w.add_array("golden.strings", ["a", "é", ""])
    w.add_tensor("f32", quarters)
    w.add_tensor("f16", quarters.astype(np.float16))
    q8 = gguf.quantize(np.linspace(-1, 1, 64, dtype=np.float32).reshape(2, 32), gguf.GGMLQuantizationType.Q8_0)
    w.add_tensor("q8_0", q8, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    save_file({"f32": quarters, "f16": quarters.astype(np.float16), "ids": np.arange(3, dtype=np.int64)}, HERE / "small.safetensors", {"made_by": made_by})


main()
