"""pingti bench and --profile: what they print and write. Timing never decides a test."""
import json
import unittest
from xml.etree import ElementTree

import tiny_model
from cli_case import EMULATED, ROOT, CliCase

RATES = ("dram_read_bytes_per_second", "dram_read_bytes_per_second_1", "f32_flops", "bf16_flops", "int8_ops", "clock_hz",
         "dispatch_seconds", "wake_seconds", "processor_share")


class Machine(CliCase):
    def test_every_limit_is_measured(self):
        result = json.loads(self.answers("bench", "--machine", "--json", "-t", "2"))
        for key in RATES:
            self.assertGreater(result[key], 0, key)
        self.assertEqual(result["threads"], 2)
        self.assertTrue(result["processor"] and result["kernels"] and result["int8_instructions"])

    def test_every_instruction_set_has_its_loops(self):
        x86 = {"scalar": "C", "avx2": "vpmaddubsw", "avxvnni": "vpdpbusd ymm", "avx512": "vpmaddubsw", "avx512vnni": "vpdpbusd zmm", "avx512bf16": "vpdpbusd zmm"}
        arm = {"scalar": "C", "neon": "smull", "dotprod": "sdot", "i8mm": "smmla"}
        best = self.answers("--version").split("kernels: ")[1].rstrip(")\n")
        for isa in arm if best in arm else x86:
            result = json.loads(self.answers("bench", "--machine", "--json", "-t", "1", env={"PINGTI_ISA": isa}))
            self.assertGreater(result["int8_ops"], 0)
            self.assertTrue(result["int8_instructions"].startswith((arm | x86)[result["kernels"]]), result)
            self.assertIn(result["kernels"], (isa, best))

    def test_for_a_person(self):
        out = self.answers("bench", "--machine", "-t", "1")
        for word in ("memory, read", "f32 products", "bf16 products", "int8 products", "clock", "GHz"):
            self.assertIn(word, out)


class Model(CliCase):
    def bench(self, *arguments):
        return json.loads(self.answers("bench", "-m", self.model, "-r", "1", "-q", "--json", *arguments))

    def test_shares_of_the_limits(self):
        result = self.bench("-p", "8", "-n", "3", "-d", "5")
        self.assertGreater(result["machine"]["int8_ops"], 0)
        beside = [rate for r in result["results"] for rate in r["dram_bytes_per_second"]]
        self.assertLessEqual(min(beside), result["machine"]["dram_read_bytes_per_second"])
        self.assertGreaterEqual(max(beside), result["machine"]["dram_read_bytes_per_second"])
        for row in result["results"]:
            for key in ("dram_share", "peak_share", "tokens_per_second"):
                self.assertGreater(row[key], 0, key)
            self.assertEqual(len(row["dram_bytes_per_second"]), 2)  # before and after the one repetition
            expected = row["bytes_per_second"] / (sum(row["dram_bytes_per_second"]) / 2)
            self.assertAlmostEqual(row["dram_share"], expected, delta=1e-6 * expected)
            self.assertEqual(row["share"], max(row["dram_share"], row["peak_share"]))
            self.assertIn(row["limit"], ("memory", "f32", "bf16", "int8"))
        plain = self.bench("-p", "8", "-n", "3", "-d", "5", "--no-limits")
        self.assertNotIn("machine", plain)
        self.assertEqual([r["weight_bytes"] for r in plain["results"]], [r["weight_bytes"] for r in result["results"]])

    def test_what_a_reader_notices(self):
        result = self.bench("-p", "8,12", "-n", "0", "--first-token", "--streams", "1,2", "--no-limits")
        self.assertEqual(result["results"], [])
        self.assertEqual([r["prompt_tokens"] for r in result["serving"]], [8, 12, 12, 12])
        for row in result["serving"][:2]:
            self.assertLess(0, row["fastest_seconds"])
            self.assertLessEqual(row["fastest_seconds"], row["median_seconds"])
            self.assertLessEqual(row["median_seconds"], row["slowest_seconds"])
        for row in result["serving"][2:]:
            self.assertGreater(row["beside_seconds"], 0)
            self.assertIn(row["outlasting"], range(row["streams"] + 1))
            self.assertLessEqual(row["longest_chunk"], row["prompt_tokens"])  # not of the answers' own prompts
            self.assertLessEqual(row["before"]["p50_seconds"], row["before"]["largest_seconds"])
            if row["outlasting"] == row["streams"]:  # else answers may have ended before the prompt came
                self.assertGreater(row["before"]["gaps"], 0)
        out = self.answers("bench", "-m", self.model, "-p", "8", "-n", "0", "-r", "1", "-q", "--first-token", "--streams", "2", "--no-limits")
        self.assertIn("first token of a prompt of 8 tokens", out)
        self.assertIn("2 other answers while a prompt of 8 tokens is read", out)
        none = self.bench("-p", "8", "-n", "0", "--streams", "0", "--no-limits")
        self.assertEqual([r["kind"] for r in none["results"]], ["prompt"])
        self.refused("bench", "-m", self.model, "-p", "8", "-n", "0", "--streams", "1m", status=2, says="at most 255")
        self.refused("bench", "-m", self.model, "-p", "8", "-n", "0", "--streams", "2", "--batch", "2", status=2, says="--batch")

    def test_bytes_are_those_that_are_read(self):
        d, ff, kv, vocab = tiny_model.D, tiny_model.FF, tiny_model.D * tiny_model.KV // tiny_model.HEADS, len(tiny_model.TOKENS)
        layer = 4 * (2 * d * d + 2 * kv * d + 3 * d * ff + 2 * d)
        step = tiny_model.LAYERS * layer + 4 * (vocab * d + d) + 4 * d  # the output matrix, and one row of the embedding
        row = self.bench("-p", "0", "-n", "3", "-d", "5", "--no-limits", "--exact")["results"][0]
        self.assertEqual(row["weight_bytes"], 3 * step)
        cached = tiny_model.LAYERS * 2 * kv * 2  # K and V of a token as F16
        self.assertGreaterEqual(row["cache_bytes"], (6 + 7 + 8) * cached)  # a layout may pad
        self.assertLessEqual(row["cache_bytes"], 4 * (6 + 7 + 8) * cached)

    def test_active_experts_alone_are_read(self):
        folder = ROOT / "tests/golden/models/mixtral"
        config = json.loads((folder / "config.json").read_text())
        full = json.loads(self.answers("bench", "-m", folder, "-p", "0", "-n", "1", "-r", "1", "-q", "--json", "--no-limits"))
        experts, active = config["num_local_experts"], config["num_experts_per_tok"]
        self.assertLess(active, experts)
        one = 3 * config["hidden_size"] * config["intermediate_size"]
        spared = config["num_hidden_layers"] * (experts - active) * one
        self.assertLess(full["results"][0]["weight_bytes"], full["weight_bytes"] - spared)
        counts = full["results"][0]["experts"]
        self.assertEqual((counts["all"], counts["chosen"], counts["read"]), (experts, active, active))
        self.assertEqual(counts["bytes"], config["num_hidden_layers"] * active * one * 4)  # F32

    def test_a_batch_reads_each_active_expert_once(self):
        folder = ROOT / "tests/golden/models/mixtral"
        run = ("bench", "-m", folder, "-p", "0", "-n", "4", "-s", "1,8", "-r", "1", "-q", "--no-limits")
        one, eight = [r["generate"] for r in json.loads(self.answers(*run, "--json"))["results"] if r["kind"] == "batch"]
        self.assertEqual(eight["experts"]["chosen"], 8 * one["experts"]["chosen"])
        self.assertGreaterEqual(eight["experts"]["read"], one["experts"]["read"])
        self.assertLessEqual(eight["experts"]["read"], eight["experts"]["all"])
        a_set = one["experts"]["bytes"] / one["experts"]["read"]  # one expert of all layers, in all steps
        self.assertAlmostEqual(eight["experts"]["bytes"] / a_set, eight["experts"]["read"], places=6)
        self.assertIn("different ones, each once", self.answers(*run))

    def test_sequences(self):
        result = self.bench("-p", "6", "-n", "4", "--sequences", "1,3", "--no-limits")
        batches = [r for r in result["results"] if r["kind"] == "batch"]
        self.assertEqual([(b["sequences"], b["prompt_tokens"], b["generated_tokens"]) for b in batches], [(1, 6, 4), (3, 6, 4)])
        one, three = batches
        for b in batches:
            for key in ("prompt_tokens_per_second", "generated_tokens_per_second", "total_tokens_per_second"):
                self.assertGreater(b[key], 0)
        # a step of three sequences reads the layers' weights once
        self.assertLess(three["generate"]["weight_bytes"], 1.1 * one["generate"]["weight_bytes"])
        self.assertEqual(three["generate"]["cache_bytes"], 3 * one["generate"]["cache_bytes"])
        self.assertEqual(three["prompt"]["ops"], 3 * one["prompt"]["ops"])
        self.assertIn("3 x generate", self.answers("bench", "-m", self.model, "-p", "6", "-n", "4", "-s", "3", "-r", "1", "-q", "--no-limits"))
        self.refused("bench", "-m", self.model, "-p", "4", "-n", "2", "-s", "600", "--no-limits", says=("600", "512"), status=2)
        self.refused("bench", "-m", self.model, "-p", "0", "-n", "0", status=2, says="nothing to measure")

    def test_plot(self):
        file = self.home / "roof & line.svg"
        self.answers("bench", "-m", self.model, "-p", "8", "-n", "2", "-s", "2", "-r", "1", "-q", "--plot", file)
        svg = ElementTree.parse(file).getroot()
        words = " ".join(t.text for t in svg.iter("{http://www.w3.org/2000/svg}text"))
        for word in ("tiny.gguf", "int8 peak", "f32 peak", "memory", "prompt 8", "generate", "2 prompts", "2 answers"):
            self.assertIn(word, words)
        self.assertEqual(len(list(svg.iter("{http://www.w3.org/2000/svg}circle"))), 4)
        self.answers("bench", "--machine", "-t", "1", "--plot", self.home / "machine.svg")
        ElementTree.parse(self.home / "machine.svg")
        self.refused("bench", "-m", self.model, "-p", "8", "-r", "1", "-q", "--plot", "/nowhere/x.svg", says="/nowhere/x.svg")


class Kernels(CliCase):
    def kernels(self, pattern, **env):
        return json.loads(self.answers("bench", f"--kernels={pattern}", "--json", "--no-limits", "-t", "2", env=env))

    @unittest.skipIf(EMULATED, "each case is repeated until it has taken milliseconds: minutes under an emulator")
    def test_against_the_reference(self):
        for env in ({}, {"PINGTI_ISA": "avx2"}, {"PINGTI_ISA": "scalar"}):
            result = self.kernels("linear (Q4_0|Q6_K|BF16) 896x4864 M=(1|2|16) fast|^attn .* depth=127 M=1|^(rmsnorm|rope|moe_route) .*M=8", **env)
            names = [r["name"] for r in result["results"]]
            self.assertIn("linear Q6_K 896x4864 M=16 fast", names)
            self.assertEqual(len([n for n in names if n.startswith("linear")]), 9)
            self.assertEqual({r["op"] for r in result["results"]}, {"linear", "attn", "rmsnorm", "rope", "moe_route"})
            self.assertTrue(all(r["ok"] and r["nanoseconds"] > 0 for r in result["results"]))
            self.assertEqual(result["failed"], 0)

    @unittest.skipIf(EMULATED, "the same")
    def test_every_op_has_a_case(self):
        ops = set()
        for line in (ROOT / "src/op/ops.def").read_text().splitlines():
            if line.startswith("OP("):
                ops.add(line[3:line.index(")")])
        result = self.kernels("896x4864 M=1 fast|^moe_linear Q4_0 .*M=1 fast|^[^m].* M=1$|^moe_(route|combine) .*M=1$")
        self.assertEqual({r["op"] for r in result["results"]}, ops)

    def test_for_a_person(self):
        out = self.answers("bench", "--kernels", "^rmsnorm 896 M=1$", "-t", "1")
        self.assertIn("rmsnorm 896 M=1 ", out)
        self.assertIn("1 cases, 0 failed", out)
        self.refused("bench", "--kernels=(", status=2, says="(")
        self.assertIn("matches", self.pingti("bench", "--kernels=nothing", "--no-limits", "-t", "1")[2])


class Profile(CliCase):
    def trace(self, path):
        trace = json.loads(path.read_text())
        events = {kind: [e for e in trace["traceEvents"] if e["cat"] == kind] for kind in ("pass", "layer", "op")}
        self.assertEqual({e["args"]["layer"] for e in events["layer"]}, set(range(tiny_model.LAYERS)))
        self.assertEqual({e["name"] for e in events["layer"]}, {f"layer {i}" for i in range(tiny_model.LAYERS)})
        self.assertLessEqual(sum(e["dur"] for e in events["op"]), sum(e["dur"] for e in events["pass"]) + 1)
        self.assertLessEqual(trace["otherData"]["op_seconds"], trace["otherData"]["pass_seconds"])
        self.assertTrue({"linear", "attn", "embed", "rmsnorm"} <= {e["name"] for e in events["op"]})
        return events

    def test_run(self):
        plain = self.pingti("run", "-m", self.model, "-n", "5", "--temp", "0", "-q", "hello")
        file = self.home / "trace.json"
        status, out, err = self.pingti("run", "-m", self.model, "-n", "5", "--temp", "0", "-q", f"--profile={file}", "hello")
        self.assertEqual((status, out), (0, plain[1]), err)
        for word in ("linear", "attn", "between ops", "outside", "GB/s"):
            self.assertIn(word, err)
        self.assertEqual(len(self.trace(file)["pass"]), 5)

    def test_other_commands_and_the_table_alone(self):
        for command in (("bench", "-m", self.model, "-p", "8", "-n", "2", "-r", "1", "-q"), ("chat", "-m", self.model, "-n", "2", "-q")):
            file = self.home / f"{command[0]}.json"
            status, _, err = self.pingti(*command, f"--profile={file}", stdin=b"hi\n")
            self.assertEqual(status, 0, err)
            self.trace(file)
        text = self.home / "text"
        text.write_text("hello world " * 20)
        status, _, err = self.pingti("perplexity", "-m", self.model, "-c", "16", "--profile", text)
        self.assertEqual(status, 0, err)
        self.assertIn("between ops", err)

    def test_a_place_that_cannot_be_written(self):
        status, _, err = self.pingti("run", "-m", self.model, "-n", "2", "--profile=/nowhere/trace", "hello")
        self.assertEqual(status, 1)
        self.assertIn("/nowhere/trace", err)


if __name__ == "__main__":
    unittest.main()
