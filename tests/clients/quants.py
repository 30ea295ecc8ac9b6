"""Storage formats against the `gguf` package (and FP8 against PyTorch), bit for bit, on random blocks that are new each run; what can be encoded here
is encoded to the same bytes. tests/golden/quant holds a small fixed part of the same for ./test.

python quants.py --build BUILD [--data DIR] [--seed N] [--golden]   (--golden writes tests/golden/quant/cases.bin anew)"""
import argparse
import os
import pathlib
import struct
import subprocess
import sys
import time
import warnings

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as G, quants

warnings.filterwarnings("ignore")
args = argparse.ArgumentParser()
args.add_argument("--build", required=True)
args.add_argument("--data")
args.add_argument("--seed", type=int, default=int(time.time()))
args.add_argument("--golden", action="store_true")
args = args.parse_args()
rng = np.random.default_rng(args.seed)
FORMATS = ("F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS "
           "IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S IQ1_S IQ1_M TQ1_0 TQ2_0 MXFP4 NVFP4").split()
bad = 0


def run(name, n, how, data):
    return subprocess.run([os.path.join(args.build, "tests", "quant_driver"), name, str(n), how], input=data, capture_output=True, check=True).stdout


def differing(got, want):
    nan = np.isnan(want)
    return int(((got.view("<u4") != want.view("<u4")) & ~(nan & np.isnan(got))).sum())


def report(name, what, count, n):
    global bad
    bad += count != 0
    print("ok  " if count == 0 else "DIFF", name, what, n, "values,", count, "differ")


def decoded(name, blocks):
    block, size = gguf.GGML_QUANT_SIZES[G[name]]
    raw = rng.integers(0, 256, (blocks, size), dtype=np.uint8)
    return raw, quants.dequantize(raw.reshape(-1), G[name]).astype("<f4").reshape(-1)


def encoded(name, x):
    """Rows as the package encodes them; None where it cannot. NVFP4 it only reads: the largest magnitude of 16 is 6 scales, levels are the nearest."""
    if name != "NVFP4":
        try:
            return quants.quantize(x, G[name]).tobytes()
        except NotImplementedError:
            return None
    groups = x.reshape(-1, 4, 16)
    scale = quants.NVFP4.fp32_to_ue4m3(np.abs(groups).max(axis=-1) / np.float32(6))
    half = quants.NVFP4.ue4m3_to_fp32(scale).astype("<f4")
    levels = np.array(quants.NVFP4.kvalues, dtype="<f4")
    best = np.abs(half[..., None, None] * levels - groups[..., None]).argmin(axis=-1).astype(np.uint8)
    return np.concatenate([scale, (best[..., :8] | best[..., 8:] << 4).reshape(-1, 32)], axis=-1).tobytes()


if args.golden:
    out = b""
    for name in FORMATS:
        raw, want = decoded(name, 1 if gguf.GGML_QUANT_SIZES[G[name]][0] > 1 else 64)
        out += struct.pack("<8sII", name.encode(), raw.size, want.size) + raw.tobytes() + want.tobytes()
    (pathlib.Path(__file__).parent.parent / "golden" / "quant" / "cases.bin").write_bytes(out)
    sys.exit(0)
for name in FORMATS:
    raw, want = decoded(name, 4000)
    report(name, "decoded", differing(np.frombuffer(run(name, want.size, "decode", raw.tobytes()), "<f4"), want), want.size)
    x = (rng.standard_normal((8, 8192)) * np.exp(rng.standard_normal((8, 1)))).astype("<f4")
    x[0, :64] = 0
    x[1] *= np.exp2(rng.integers(-20, 10, (128, 1))).repeat(64, 0).reshape(-1).astype("<f4")
    want = encoded(name, x)
    if want is None:
        continue
    got = run(name, x.size, "encode", x.tobytes())
    report(name, "encoded", sum(a != b for a, b in zip(got, want)) + (len(got) != len(want)), x.size)
every = np.arange(256, dtype=np.uint8)
report("F8_E4M3", "decoded", differing(np.frombuffer(run("F8_E4M3", 256, "decode", every.tobytes()), "<f4"), torch.from_numpy(every).view(torch.float8_e4m3fn).float().numpy()), 256)
x = (rng.standard_normal(100000) * np.exp2(rng.integers(-12, 30, 100000))).astype("<f4")   # beyond 448 both saturate
x[:8] = [448, 463.9, 464, 464.1, 480, np.inf, -np.inf, -1e38]
want = torch.from_numpy(x).to(torch.float8_e4m3fn).view(torch.uint8).numpy()
report("F8_E4M3", "encoded", int((np.frombuffer(run("F8_E4M3", x.size, "encode", x.tobytes()), np.uint8) != want).sum()), x.size)
print(f"seed {args.seed}")
sys.exit(bad != 0)
