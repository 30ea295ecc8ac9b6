"""pingti bench and --profile: what they print and write. Timing never decides a test."""
import json
import unittest

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
        for isa in ("scalar", "avx2", "avx512", "avx512vnni"):
            result = json.loads(self.answers("bench", "--machine", "--json", "-t", "1", env={"PINGTI_ISA": isa}))
            self.assertGreater(result["int8_ops"], 0)
            seen.add((result["kernels"], result["f32_instructions"]))
        self.assertIn(("scalar", "C"), seen)

    def test_for_a_person(self):
        out = self.answers("bench", "--machine", "-t", "1")
        for word in ("memory, read", "f32 products", "bf16 products", "int8 products", "clock", "GHz"):
            self.assertIn(word, out)


if __name__ == "__main__":
    unittest.main()
