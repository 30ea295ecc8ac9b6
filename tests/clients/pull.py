#!/usr/bin/env python3
"""The hubs' protocols as their own clients speak them: one server on this machine, from which huggingface_hub and modelscope_hub fetch
and pingti fetches too. If the server were not what those packages expect, they would fail; the files must be equal to the byte, and so
must what both sides say of the repository: names, sizes, digests, the commit.

usage: pull.py --build BUILD [--seed 1] [--data DIR (unused)]
"""
import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/cli"))
from hub_server import COMMIT, Hub

TOKEN = "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH"


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def pingti(program, home, hub, *arguments):
    env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy") and not k.startswith(("HF_", "PINGTI_", "MODELSCOPE_"))}
    env.update(HOME=str(home), PINGTI_CONFIG="", HF_ENDPOINT=hub.url, MODELSCOPE_ENDPOINT=hub.url, HF_TOKEN=TOKEN, PINGTI_MODELS=str(home / "pingti"))
    return subprocess.run([program, *arguments], env=env, capture_output=True, text=True, check=True, timeout=120).stdout


def compare(what, ours, theirs, names):
    for name in names:
        a, b = digest(Path(ours) / Path(name).name), digest(Path(theirs) / name)
        if a != b:
            sys.exit(f"{what}: {name} differs: {a} by pingti, {b} by the hub's own client")
    print(f"{what}: {len(names)} files equal")


def huggingface(program, home, hub, repos):
    os.environ.update(HF_ENDPOINT=hub.url, HF_HUB_DISABLE_PROGRESS_BARS="1", HF_HUB_DISABLE_XET="1", HF_HOME=str(home / "hf"), HF_HUB_DISABLE_TELEMETRY="1", NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
    import huggingface_hub
    print("huggingface_hub", huggingface_hub.__version__)
    api = huggingface_hub.HfApi(endpoint=hub.url, token=TOKEN)
    for repo, (asked, names) in repos.items():
        theirs = huggingface_hub.snapshot_download(repo, cache_dir=home / "hf", token=TOKEN, endpoint=hub.url)
        assert Path(theirs).name == COMMIT, theirs
        done = json.loads(pingti(program, home, hub, "pull", "-q", asked, "--json"))
        manifest = done["manifest"]
        assert manifest["commit"] == api.model_info(repo, revision="main").sha, manifest["commit"]
        listed = {f.path: (f.size, f.lfs.sha256 if f.lfs else None) for f in api.list_repo_tree(repo, recursive=True) if hasattr(f, "size")}
        for f in manifest["files"]:
            size, sha = listed[f["path"]]
            assert f["size"] == size and sha in (None, f["sha256"]), f
            url = huggingface_hub.hf_hub_url(repo, f["path"], revision=COMMIT, endpoint=hub.url)
            assert f["url"] == url, (f["url"], url)
            meta = huggingface_hub.get_hf_file_metadata(url, token=TOKEN)
            assert meta.size == f["size"] and meta.commit_hash == COMMIT, meta
            assert meta.etag == f["sha256"] or not sha, meta
        assert sorted(f["path"] for f in manifest["files"]) == sorted(names), manifest["files"]
        compare(f"huggingface {asked}", Path(manifest_folder(done)), theirs, names)


def modelscope(program, home, hub, repos):
    os.environ.update(MODELSCOPE_ENDPOINT=hub.url, MODELSCOPE_CACHE=str(home / "ms"), MODELSCOPE_HOME=str(home / "ms"))
    import modelscope_hub
    print("modelscope_hub", modelscope_hub.__version__)
    api = modelscope_hub.HubApi(endpoint=hub.url, token=TOKEN)
    for repo, (asked, names) in repos.items():
        done = json.loads(pingti(program, home, hub, "pull", "-q", asked, "--hub", "modelscope", "--json"))
        folder = home / "theirs" / repo
        for name in names:
            api.download_file(repo, "model", name, local_dir=str(folder))
        compare(f"modelscope {asked}", Path(manifest_folder(done)), folder, names)


def manifest_folder(done):
    path = Path(done["path"])
    return path if path.is_dir() else path.parent


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--build", required=True)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--data")
    options = options.parse_args()
    r = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder, Hub(token=TOKEN) as hub:
        home = Path(folder)
        hub.add("team/one-GGUF", {"one-q8_0.gguf": r.randbytes(30 << 20), "README.md": b"# one"})
        hub.add("team/split-GGUF", {f"s-Q4_K_M-0000{i}-of-00003.gguf": r.randbytes(1 << 20) for i in (1, 2, 3)})
        hub.add("team/plain", {"config.json": b'{"model_type":"x"}', "tokenizer.json": r.randbytes(5000).hex().encode(), "model-00001-of-00002.safetensors": r.randbytes(3 << 20),
                               "model-00002-of-00002.safetensors": b"", "model.safetensors.index.json": b"{}", "sub dir/odd name (1) \u00fc%23.txt": b"odd"})
        hub.page = 2
        repos = {"team/one-GGUF": ("team/one-GGUF:Q8_0", ["one-q8_0.gguf"]),
                 "team/split-GGUF": ("team/split-GGUF", [f"s-Q4_K_M-0000{i}-of-00003.gguf" for i in (1, 2, 3)]),
                 "team/plain": ("team/plain", ["config.json", "tokenizer.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"])}
        program = str(Path(options.build) / "pingti")
        huggingface(program, home, hub, repos)
        odd = pingti(program, home, hub, "pull", "-q", "team/plain:sub dir/odd name (1) \u00fc%23.txt").strip()
        assert Path(odd).read_bytes() == b"odd"
        hub.token = None   # its client sends a session cookie; tests/cli/test_pull.py holds the token
        modelscope(program, home, hub, repos)
        before = len(hub.log)
        pingti(program, home, hub, "models", "verify")
        assert len(hub.log) == before


main()
