"""tools/compare: alternation, what it reads from each kind of program, medians and ratios, and that a failed run is never hidden.

Stand-ins print what llama-bench, llama-batched-bench and pingti print; they count their calls in a file, so that the order of the runs
shows and every run can give another number.
"""
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TOOL = ROOT / "tools/compare"
PINGTI = os.environ.get("PINGTI_BINARY")

COMMON = """#!/usr/bin/env python3
import json, os, sys
a = sys.argv[1:]
def value(name, default=None):
    return a[a.index(name) + 1] if name in a else default
log = os.environ["CALLS"]
def called(name):
    with open(log, "a") as f:
        print(name, *a, file=f)
    with open(log) as f:
        return sum(line.split()[0] == name for line in f)
"""
BENCH = COMMON + """
if "--help" in a:
    print("usage: -p -n " + ("-d, --n-depth <n>" if "--old" not in sys.argv[0] else ""))
    sys.exit()
if "--version" in a:
    sys.exit(1)
count = called(os.environ.get("AS", "bench"))
if value("--fail") == str(count):
    print("loading", file=sys.stderr); print("error: no such tensor", file=sys.stderr); sys.exit(3)
depth = 0
if "-gp" in a:
    prompt, gen = map(int, value("-gp").split(","))
else:
    prompt, gen, depth = int(value("-p")), int(value("-n")), int(value("-d", 0))
rate = float(value("--rate", 100)) + count
row = {"build_commit": "abc123", "build_number": 7, "n_prompt": prompt, "n_gen": gen, "avg_ts": rate, "samples_ts": [rate] * int(value("-r"))}
if "-gp" not in a:
    row["n_depth"] = depth
print("llama_load: [not JSON", flush=True)
print(json.dumps([row], indent=2))
"""
BATCH = COMMON + """
if "--help" in a: sys.exit()
if "--version" in a:
    print("version: 42 (feed)", file=sys.stderr); sys.exit()
called("batch")
pp, tg, pl = int(value("-npp")), int(value("-ntg")), int(value("-npl"))
assert int(value("-c")) >= pl * (pp + tg)
if "--jsonl" in a:
    print(json.dumps({"n_kv_max": 1, "pp": pp, "tg": tg, "pl": pl, "speed_pp": 900.5, "speed_tg": 10.0 * pl}))
else:
    print("|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |", file=sys.stderr)
    print("|-------|--------|------|--------|----------|----------|----------|----------|----------|----------|", file=sys.stderr)
    print(f"|{pp:6d} | {tg:6d} | {pl:4d} | {9:6d} | {1:8.3f} | {900.5:8.2f} | {2:8.3f} | {10.0 * pl:8.2f} | {3:8.3f} | {5:8.2f} |", file=sys.stderr)
"""
PINGTI_STAND_IN = COMMON + """
if "--version" in a:
    print("pingti 9.9 (kernels: none)"); sys.exit()
if "--help" in a:
    print("--limits measure the machine beside the model"); sys.exit()
if "--machine" in a:
    print(json.dumps({"limits": {"dram_read_bytes_per_second": 40e9}})); sys.exit()
called("pingti")
assert "--no-limits" in a
rows = []
if "--sequences" in a:
    rows = [{"kind": "batch", "sequences": int(value("--sequences")), "prompt_tokens_per_second": 2000.0, "generated_tokens_per_second": 640.0}]
elif value("-n") != "0":
    rows = [{"kind": "generate", "tokens": int(value("-n")), "depth": int(value("-d")), "tokens_per_second": 200.0}]
    if value("-d") != "0":
        rows[0]["bytes_per_second"] = 30e9
else:
    rows = [{"kind": "prompt", "tokens": int(value("-p")), "depth": 0, "tokens_per_second": 300.0}]
print(json.dumps({"weight_bytes": 100000000, "results": rows}))
"""


class Compare(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.home = Path(self.folder.name)
        self.calls = self.home / "calls"
        self.calls.touch()
        self.model = self.home / "the model.gguf"
        self.model.write_bytes(b"GGUF")
        self.bench, self.old = self.program("llama-bench", BENCH), self.program("llama-bench--old", BENCH)
        self.batch, self.pingti = self.program("batched", BATCH), self.program("pingti", PINGTI_STAND_IN)

    def tearDown(self):
        self.folder.cleanup()

    def program(self, name, text):
        path = self.home / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def compare(self, *arguments):
        environment = os.environ | {"CALLS": str(self.calls)}
        return subprocess.run([TOOL, "-m", self.model, "-q", *map(str, arguments)], env=environment, text=True, capture_output=True,
                              timeout=120, check=False)

    def report(self, *arguments, status=0):
        done = self.compare("--json", "-", "--pingti", self.pingti, *arguments)
        self.assertEqual(done.returncode, status, done.stderr)
        return json.loads(done.stdout)

    def test_runs_alternate_and_medians_count(self):
        r = self.report("-p", "512", "-n", "0", "-N", "3", "--peer", f"a=AS=a {self.bench} --rate 100", "--peer", f"b=AS=b {self.old} --rate 200")
        self.assertEqual([line.split()[0] for line in self.calls.read_text().splitlines()], ["pingti", "a", "b"] * 3)
        (w,) = r["workloads"]
        self.assertEqual(w["results"]["a"]["samples"], [101, 102, 103])
        self.assertEqual(w["results"]["b"]["tokens_per_second"], 202)
        self.assertEqual((w["best_other"], w["ratio"]), ("b", 300 / 202))
        self.assertEqual([e["programs"][0]["version"] for e in r["engines"]], ["pingti 9.9 (kernels: none)", "abc123 (build 7)", "abc123 (build 7)"])
        self.assertIn("AS=a", r["runs"][1]["command"])
        self.assertIn("'" + str(self.model) + "'", r["runs"][1]["command"])

    def test_depth_is_asked_for_in_either_way(self):
        r = self.report("-p", "0", "-n", "16", "-d", "0,4k", "-N", "1", "--peer", f"new={self.bench}", "--peer", f"old={self.old}")
        self.assertEqual([w["title"] for w in r["workloads"]], ["generate 16", "generate 16 at depth 4096"])
        self.assertTrue(all(len(w["results"][e]["samples"]) == 1 for w in r["workloads"] for e in ("new", "old", "pingti")))
        calls = self.calls.read_text()
        self.assertIn("-d 4096", calls)
        self.assertIn("-gp 4096,16", calls)

    def test_generating_is_held_against_the_probe(self):
        r = self.report("-p", "0", "-n", "16", "-N", "2", "--peer", f"a={self.bench}")
        (w,) = r["workloads"]
        self.assertEqual(w["probe"], {"samples": [40e9, 40e9], "dram_read_bytes_per_second": 40e9})
        self.assertEqual(w["share_of_probe"]["pingti"], 0.5)
        (deep,) = self.report("-p", "0", "-n", "16", "-d", "64", "-N", "1")["workloads"]
        self.assertEqual((deep["bytes_per_token"], deep["share_of_probe"]["pingti"]), (150e6, 0.75))
        text = self.compare("--pingti", self.pingti, "-p", "0", "-n", "16", "-N", "1").stdout
        self.assertIn("reads 50 % of the probe", text)
        self.assertIn("read probe 40.0 GB/s", text)

    def test_sequences_from_tables_and_lines_of_json(self):
        r = self.report("-p", "0", "-n", "0", "-B", "1,8", "--batch-prompt", "100", "-N", "1", "--batch-peer", f"t={self.batch}",
                        "--batch-peer", f"j={self.batch} --jsonl")
        one, eight = r["workloads"]
        self.assertEqual(eight["title"], "8 sequences, 100 + 128")
        self.assertEqual([eight["results"][e]["tokens_per_second"] for e in ("pingti", "t", "j")], [640, 80, 80])
        self.assertEqual([one["results"][e]["prompt_tokens_per_second"] for e in ("pingti", "t", "j")], [2000, 900.5, 900.5])
        self.assertEqual(eight["ratio"], 8)
        self.assertEqual(r["engines"][1]["programs"][0]["version"], "version: 42 (feed)")

    def test_a_failed_run_is_shown_and_the_others_go_on(self):
        r = self.report("-p", "512", "-n", "0", "-N", "3", "--peer", f"a={self.bench} --fail 2", status=1)
        result = r["workloads"][0]["results"]["a"]
        self.assertEqual(result["samples"], [101, 103])
        self.assertEqual(result["failures"], ["exit status 3: loading / error: no such tensor"])
        shown = self.compare("--pingti", self.pingti, "-p", "512", "-n", "0", "-N", "1", "--peer", "a=true").stdout
        self.assertIn("a failed: its JSON holds no result for prompt 512", shown)
        self.assertRegex(shown, r"prompt 512 +300.0 +failed +-")

    def test_two_builds_of_pingti(self):
        other = self.program("pingti2", PINGTI_STAND_IN.replace("300.0", "150.0"))
        r = json.loads(self.compare("--json", "-", "--pingti", f"new={self.pingti}", "--pingti", f"old={other}", "-n", "0", "-N", "1").stdout)
        self.assertEqual((r["workloads"][0]["ratio"], r["workloads"][0]["best_other"]), (2, "old"))

    def test_the_report_is_written_beside_the_table(self):
        path = self.home / "report.json"
        done = self.compare("--pingti", self.pingti, "-n", "0", "-N", "2", "--json", path, "--note", "a busy machine", "--peer", f"a={self.bench}")
        self.assertEqual(done.returncode, 0, done.stderr)
        r = json.loads(path.read_text())
        self.assertEqual((r["note"], r["rounds"], len(r["runs"])), ("a busy machine", 2, 4))
        self.assertIn("a busy machine", done.stdout)
        self.assertIn("(101.0 102.0)", done.stdout)
        self.assertRegex(done.stdout, r"prompt 512 +300.0 +101.5 +2.96 x a")

    def test_wrong_use_is_said(self):
        for arguments, words in ((["--peer", "a"], "--peer takes NAME=PROGRAM FLAGS"), (["--peer", "a=absent-program -x"], "there is no program 'absent-program'"),
                                 (["--peer", f"a={self.bench}", "--peer", f"a={self.bench}"], "that name is taken"),
                                 (["--peer", f"pingti={self.bench}"], "that name is taken"), (["--peer", "a='"], "No closing quotation"),
                                 (["-p", "0", "-n", "0"], "nothing to measure"), (["-p", "x"], "no list of lengths"), (["-N", "0"], "no number from 1 on"),
                                 (["-m", self.home / "absent.gguf"], "there is no model"), (["--json", self.home / "absent/r"], "no folder")):
            done = self.compare("--pingti", self.pingti, *arguments)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(words, done.stderr)
        done = self.compare("--no-pingti", "-p", "512", "-n", "0", "-B", "4", "--batch-peer", f"a={self.batch}")
        self.assertIn("no engine measures 'prompt 512'", done.stderr)
        self.assertEqual(self.calls.read_text(), "")


class WithPingti(unittest.TestCase):
    def test_the_real_program(self):
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "m.gguf"
            subprocess.run([ROOT / "tools/random_model", "tiny", "Q4_0", "-q", "-o", model], timeout=60, check=True)
            done = subprocess.run([TOOL, "-m", model, "--pingti", PINGTI, "-p", "40", "-n", "8", "-d", "0,16", "-N", "2", "--no-probe", "-q", "--json", "-"],
                                  text=True, capture_output=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        for w in json.loads(done.stdout)["workloads"]:
            samples = w["results"]["pingti"]["samples"]
            self.assertTrue(len(samples) == 2 and all(s > 0 for s in samples), w)


if __name__ == "__main__":
    unittest.main()
