#!/usr/bin/env python3
"""Random GGUF and safetensors files written by the formats' own Python packages, read back by tests/tools/dump_format:
every key, shape, type and byte must be the one that was written.

usage: formats.py --build BUILD [--count 200] [--seed 1] [--data DIR (unused)]
"""
import argparse
import hashlib
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import save_file

V = gguf.GGUFValueType
T = gguf.GGMLQuantizationType
SCALARS = {V.UINT8: ("B", 8), V.INT8: ("b", -8), V.UINT16: ("H", 16), V.INT16: ("h", -16), V.UINT32: ("I", 32), V.INT32: ("i", -32),
           V.UINT64: ("Q", 64), V.INT64: ("q", -64), V.FLOAT32: ("f", 0), V.FLOAT64: ("d", 0), V.BOOL: ("?", 1)}
QUANTS = [t for t in gguf.GGML_QUANT_SIZES if t not in (T.Q8_1, T.F64, T.I64, T.I32, T.I16, T.I8)]
PLAIN = {T.F32: np.float32, T.F16: np.float16, T.F64: np.float64, T.I64: np.int64, T.I32: np.int32, T.I16: np.int16, T.I8: np.int8}
TORCH = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F8_E4M3": torch.float8_e4m3fn}
TORCH_SKIPPED = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool, torch.float64, torch.float8_e5m2]


def blake(data):
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def random_text(r, longest):
    return "".join(r.choice("abcXYZ019 _-é中😀\n\t\"\\\0") for _ in range(r.randrange(longest)))


def random_scalar(r, kind):
    bits = SCALARS[kind][1]
    if kind == V.BOOL:
        return r.random() < 0.5
    if bits == 0:
        return struct.unpack("<f", struct.pack("<f", r.uniform(-1e6, 1e6)))[0]
    return r.randrange(1 << bits) if bits > 0 else r.randrange(-(1 << (-bits - 1)), 1 << (-bits - 1))


def encoded(kind, v):
    if kind == V.STRING:
        b = v.encode()
        return struct.pack("<Q", len(b)) + b
    return struct.pack("<" + SCALARS[kind][0], v)


def add_keys(r, w, lines):
    for i in range(r.randrange(1, 20)):
        key, kind = f"key.{i}.é{r.randrange(100)}", r.choice([*SCALARS, V.STRING, V.ARRAY, V.ARRAY])
        if kind == V.STRING:
            v = random_text(r, 300)
            w.add_key_value(key, v, V.STRING)
            lines.append(f"key {key} 8 {blake(v.encode())}")
        elif kind == V.ARRAY:
            of = r.choice([*SCALARS, V.STRING])
            items = [random_text(r, 20) if of == V.STRING else random_scalar(r, of) for _ in range(r.randrange(1, 50))]
            w.add_key_value(key, items, V.ARRAY, of)
            lines.append(f"key {key} 9 {int(of)} {len(items)} {blake(b''.join(encoded(of, x) for x in items))}")
        else:
            v = random_scalar(r, kind)
            w.add_key_value(key, v, kind)
            lines.append(f"key {key} {int(kind)} {blake(encoded(kind, v))}")


def add_tensors(r, w, lines):
    for i in range(r.randrange(0, 12)):
        kind, name = r.choice([*PLAIN, *QUANTS]), f"t{i}.weight{'x' * r.randrange(40)}"
        block, size = gguf.GGML_QUANT_SIZES[kind]
        outer = [r.randrange(1, 5) for _ in range(r.randrange(0, 4))]
        cols = block * r.randrange(1, 4)
        data = np.frombuffer(r.randbytes(int(np.prod(outer, dtype=np.int64)) * cols // block * size), np.uint8)
        if kind in PLAIN:
            w.add_tensor(name, data.view(PLAIN[kind]).reshape(*outer, cols))
        else:
            w.add_tensor(name, data.reshape(*outer, cols // block * size), raw_dtype=kind)
        lines.append(f"tensor {name} {kind.name} {'x'.join(map(str, [*outer, cols]))} {data.nbytes} {blake(data.tobytes())}")


def make_gguf(r, path):
    alignment = 1 << r.randrange(3, 13)
    w = gguf.GGUFWriter(path, "llama")
    lines = [f"key general.architecture 8 {blake(b'llama')}"]
    if alignment != 32 or r.random() < 0.5:
        w.add_custom_alignment(alignment)
        lines.append(f"key general.alignment 4 {blake(struct.pack('<I', alignment))}")
    add_keys(r, w, lines)
    add_tensors(r, w, lines)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return lines


def make_safetensors(r, path):
    tensors, lines = {}, []
    for i in range(r.randrange(0, 15)):
        name = f"layer.{i}.é{random_text(r, 10).replace(chr(0), '').replace(chr(10), '')}"
        shape = [r.randrange(0 if r.random() < 0.1 else 1, 6) for _ in range(r.randrange(0, 5))]
        held = r.choice([*TORCH, None])
        kind = TORCH[held] if held else r.choice(TORCH_SKIPPED)
        n = int(np.prod(shape, dtype=np.int64)) * torch.empty(0, dtype=kind).element_size()
        raw = bytes(b & 1 for b in r.randbytes(n)) if kind == torch.bool else r.randbytes(n)
        flat = torch.frombuffer(bytearray(raw), dtype=torch.uint8).view(kind) if n else torch.empty(0, dtype=kind)
        tensors[name] = flat.reshape(shape)
        dims = "x".join(map(str, shape)) or "scalar"
        lines.append(f"tensor {name} {held} {dims} {n} {blake(raw)}" if held else f"skipped {name}")
    save_file(tensors, path, {"format": "pt"} if r.random() < 0.5 else None)
    return lines


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", type=Path, required=True)
    p.add_argument("--data")
    p.add_argument("--count", type=int, default=200)
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    dump = a.build / "tests" / "dump_format"
    different = lines = 0
    with tempfile.TemporaryDirectory() as folder:
        for i in range(a.count):
            for make, ending in ((make_gguf, "gguf"), (make_safetensors, "safetensors")):
                path = Path(folder) / f"f.{ending}"
                want = make(random.Random(f"{a.seed} {i} {ending}"), path)
                done = subprocess.run([dump, path], capture_output=True, text=True)
                got = done.stdout.split("\n")[:-1] if done.returncode == 0 else [done.stderr]
                lines += len(want)
                if sorted(got) != sorted(want):
                    different += 1
                    print(f"file {i} ({ending}) differs:", *(set(want) ^ set(got)), sep="\n  ")
    print(f"{2 * a.count} files, {lines} keys and tensors, {different} differences")
    return 1 if different else 0


sys.exit(main())
