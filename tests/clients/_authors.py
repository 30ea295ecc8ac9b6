"""Weights as the packages that publish GPTQ and AWQ checkpoints read them, in float32: GPTQModel's file converter, AutoAWQ's own unpacking. Both
packages bring a hundred others for calibrating and for GPUs; what is used here are single files of theirs, which need torch alone
(requirements-alone.txt), so their folders are entered without running the packages' own beginnings."""
import importlib, importlib.util, logging, os, sys, tempfile, types

import torch
from safetensors.torch import save_file


def enter(package, *folders):
    """The package and folders of it as empty modules that find their files."""
    root = list(importlib.util.find_spec(package).submodule_search_locations)[0]
    for name in (package, *(f"{package}.{f}" for f in folders)):
        module = types.ModuleType(name)
        module.__path__ = [os.path.join(root, *name.split(".")[1:])]
        sys.modules[name] = module


def stand_in(name, **what):
    module = types.ModuleType(name)
    module.__dict__.update(what)
    sys.modules[name] = module


def converter():
    if "gptqmodel" not in sys.modules:
        enter("gptqmodel", "utils", "quantization")
        stand_in("gptqmodel.utils.torch", HAS_NPU=False)
        stand_in("gptqmodel.utils.logger", setup_logger=lambda: logging.getLogger("gptqmodel"))
    return importlib.import_module("gptqmodel.utils.model_dequant")


def gptq(parts, bits, group, v2):
    """(weight[out, in], where it counts): a stored zero point of all ones means 2^bits to some readers of version 1 and 0 to others."""
    theirs, (words, out) = converter(), parts["qweight"].shape
    cols = words * 32 // bits
    size = cols if group < 0 or group > cols else group
    parts = dict(parts, g_idx=parts.get("g_idx", (torch.arange(cols) // size).to(torch.int32)))  # as their tools always write it
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "one.safetensors")
        save_file({f"m.{k}": v.contiguous() for k, v in parts.items() if k != "bias"}, path)
        w = theirs.convert_gptq_file(path, torch.float32, {"bits": bits, "checkpoint_format": "gptq_v2" if v2 else "gptq"}, "cpu")["m.weight"]
    assert w.shape == (out, cols)
    counts = theirs.unpack_cols(parts["qzeros"], bits)[parts["g_idx"].long()].t() != 2 ** bits - 1
    return w, counts if not v2 else torch.ones_like(counts)


def awq(parts, group):
    """Where the last group is not whole, rows of nothing fill it up: AutoAWQ unpacks whole groups alone."""
    if "awq" not in sys.modules:
        enter("awq", "utils")
    rows, groups = parts["qweight"].shape[0], parts["scales"].shape[0]
    size = rows if group < 0 or group > rows else group
    words = torch.nn.functional.pad(parts["qweight"], (0, 0, 0, groups * size - rows))
    w = importlib.import_module("awq.utils.packing_utils").dequantize_gemm(words, parts["qzeros"], parts["scales"].float(), 4, size)[:rows].t()
    return w, torch.ones_like(w, dtype=torch.bool)
