"""pingti bench and --profile: what they print and write. Timing never decides a test."""
import json
import unittest

import tiny_model
from cli_case import CliCase

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
        seen = set()
        for isa in ("scalar", "avx2", "avxvnni", "avx512", "avx512vnni", "avx512bf16"):
            result = json.loads(self.answers("bench", "--machine", "--json", "-t", "1", env={"PINGTI_ISA": isa}))
            self.assertGreater(result["int8_ops"], 0)
            seen.add((result["kernels"], result["f32_instructions"]))
        self.assertIn(("scalar", "C"), seen)

    def test_for_a_person(self):
        out = self.answers("bench", "--machine", "-t", "1")
        for word in ("memory, read", "f32 products", "bf16 products", "int8 products", "clock", "GHz"):
            self.assertIn(word, out)


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
