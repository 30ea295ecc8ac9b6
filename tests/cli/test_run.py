"""pingti run: the text alone, reproducible, interruptible, and errors that say what to do."""
import json
import os
import resource
import signal
import subprocess
import time
import unittest

import tiny_model
from cli_case import PROGRAM, STORIES, CliCase

STORY = ("Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, "
         "red ball. She wanted to play with it, but it was too high.")


class Run(CliCase):
    def greedy(self, *arguments, **more):
        return self.answers("run", "-m", self.model, "--temp", "0", *arguments, **more)

    def test_text_alone_on_standard_output(self):
        status, out, err = self.pingti("run", "-m", self.model, "-n", "12", "--temp", "0", "hello")
        self.assertEqual(status, 0, err)
        self.assertEqual(len(out), 12)
        self.assertRegex(err, r"generated 12, .* t/s")
        self.assertEqual(self.pingti("run", "-m", self.model, "-n", "12", "--temp", "0", "-q", "hello")[1:], (out, ""))

    def test_the_prompt_comes_from_anywhere(self):
        expected = self.greedy("-n", "12", "hello")
        prompt = self.home / "prompt"
        prompt.write_text("hello")
        self.assertEqual(self.greedy("-n12", "--file", prompt), expected)
        self.assertEqual(self.greedy("-n", "12", stdin=b"hello"), expected)
        self.assertEqual(self.greedy("-n", "12", "-", stdin=b"hello"), expected)
        self.refused("run", "-m", self.model, "--file", prompt, "hello", status=2, says="twice")

    def test_threads_batches_and_caches_change_nothing(self):
        expected = self.greedy("-n", "40", "hello world")
        for more in (["-t", "1"], ["-t", "3"], ["--batch", "2"], ["--no-cache"], ["-c", "200"]):
            self.assertEqual(self.greedy("-n", "40", *more, "hello world"), expected, more)

    def test_a_seed_repeats(self):
        one, two, other = (self.pingti("run", "-m", self.model, "-n", "30", "--temp", "1.5", "--seed", s, "-q", "hello") for s in "778")
        self.assertEqual(one, two)
        self.assertNotEqual(one, other)

    def test_json_and_logprobs(self):
        result = json.loads(self.greedy("-n", "3", "--json", "--logprobs", "2", "hello"))
        self.assertEqual((result["finish"], len(result["text"])), ("length", 3))
        for token in result["logprobs"]:
            self.assertEqual(len(token["top"]), 2)
            self.assertEqual(token["top"][0]["id"], token["id"])
            self.assertLessEqual(token["logprob"], 0)
        lines = [json.loads(line) for line in self.greedy("-n", "3", "--stream-json", "hello").splitlines()]
        self.assertEqual("".join(line["text"] for line in lines[:-1]), result["text"])
        self.assertEqual(lines[-1]["text"], result["text"])

    def test_logit_bias_and_stop(self):
        first = json.loads(self.greedy("-n", "1", "--json", "--logprobs", "0", "hello"))["logprobs"][0]["id"]
        other = json.loads(self.greedy("-n", "1", "--json", "--logprobs", "0", "--logit-bias", f"{first}=-100", "hello"))
        self.assertNotEqual(other["logprobs"][0]["id"], first)
        text = self.greedy("-n", "20", "hello")
        stop = text[5:7]
        result = json.loads(self.greedy("-n", "20", "--json", "--stop", stop, "--stop", "\n\n\n", "hello"))
        self.assertEqual((result["text"], result["finish"], result["stop_string"]), (text[:text.index(stop)], "stop", stop))

    def test_chat_uses_the_template(self):
        result = json.loads(self.greedy("-n", "2", "--chat", "--system", "S", "--json", "hi"))
        self.assertEqual(result["usage"]["prompt_tokens"], len(self.answers("template", "-m", self.model, "--ids", stdin=json.dumps(
            [{"role": "system", "content": "S"}, {"role": "user", "content": "hi"}]).encode()).split()))

    def test_memory_plan(self):
        plan = json.loads(self.answers("run", "-m", self.model, "--memory-plan", "--json"))
        self.assertEqual(plan["total"], plan["kv_bytes"] + plan["scratch"] + plan["weights_copied"])
        self.assertIn("to allocate", self.answers("run", "-m", self.model, "--memory-plan"))

    def test_a_memory_limit_lowers_a_context_that_nobody_asked_for(self):
        plan = json.loads(self.answers("run", "-m", self.long, "--memory-plan", "--json"))
        self.assertEqual((plan["context"], plan["context_lowered"], plan["weights_reread"]), (65536, False, False))
        limit = plan["total"] + plan["weights_in_files"] - plan["kv_bytes"] + 8192 * plan["kv_bytes_per_token"]
        lowered = json.loads(self.answers("run", "-m", self.long, "--memory-plan", "--json", "--memory-limit", limit))
        self.assertEqual((lowered["context"], lowered["context_lowered"], lowered["total"] + lowered["weights_in_files"]), (8192, True, limit))
        status, out, err = self.pingti("run", "-m", self.long, "--memory-limit", limit, "-n", "3", "--temp", "0", "hello")
        self.assertEqual((status, len(out)), (0, 3), err)
        self.assertIn("the context is lowered to 8192 of the model's 65536 tokens", err)
        self.refused("run", "-m", self.long, "--memory-limit", limit, "-c", "8193", "hello", says=("MiB available", "MiB needed", "cache for 8256 tokens"))

    def test_what_does_not_fit_is_refused_with_both_numbers(self):
        self.refused("run", "-m", self.model, "-c", "256", "--memory-limit", "10k", "x", says=("0.0 MiB available", "MiB needed", "--ctx"))
        self.refused("run", "-m", self.model, "-c", "100000", "x", says=("256", "100000"))

    def test_a_prompt_longer_than_the_context(self):
        self.refused("run", "-m", self.model, "-c", "64", "x" * 500, says=("64", "50"))
        self.refused("run", "-m", self.model, "-c", "64", "-n", "64", "hello", says="64")

    def start(self, *arguments, **more):
        return subprocess.Popen([PROGRAM, "run", "-m", self.long, "--temp", "0", *arguments, "hello"], env=self.environment(),
                                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, bufsize=0, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **more)   # a shell's background job ignores it

    def test_ctrl_c_keeps_what_came(self):
        p = self.start(stdout=subprocess.PIPE)
        came = p.stdout.read(5)  # unbuffered: what is not taken here is left for communicate
        p.send_signal(signal.SIGINT)
        rest, err = p.communicate(timeout=20)
        self.assertEqual(p.returncode, 130, err)
        self.assertEqual((came + rest)[:20], self.answers("run", "-m", self.long, "--temp", "0", "-n", "20", "hello").encode()[:len(came + rest)])
        self.assertIn(b"ended: cancelled", err)

    def test_ctrl_c_at_any_moment(self):
        for delay in (0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2):
            p = self.start(stdout=subprocess.DEVNULL)
            time.sleep(delay)
            p.send_signal(signal.SIGINT)
            p.communicate(timeout=20)
            # before the handler stands the system's own ending is right too
            self.assertIn(p.returncode, (130, -signal.SIGINT), delay)

    def test_a_closed_pipe_ends_quietly(self):
        p = self.start(stdout=subprocess.PIPE)
        p.stdout.read(3)
        p.stdout.close()
        err = p.stderr.read()
        p.stderr.close()
        self.assertEqual((p.wait(timeout=20), err), (141, b""))

    def test_a_full_device_is_an_error(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("this system has no /dev/full")
        with open("/dev/full", "wb") as full:
            p = self.start("-n", "20", stdout=full)
            _, err = p.communicate(timeout=20)
        self.assertEqual(p.returncode, 1)
        self.assertIn(b"No space left", err)

    def test_no_memory_is_an_error_that_says_what_to_do(self):
        def limited(megabytes, *arguments):
            return subprocess.run([PROGRAM, *arguments], env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20)))
        if limited(60, "--version").returncode:
            self.skipTest("this build needs more address space than any limit (a sanitizer)")
        refused = 0
        for megabytes in (*range(10, 31), 40):
            done = limited(megabytes, "run", "-m", self.model, "-n", "5", "--temp", "0", "hello")
            if b"error while loading shared libraries" in done.stderr:
                continue
            self.assertIn(done.returncode, (0, 1), (megabytes, done.stderr))
            refused += done.returncode
            if done.returncode:
                self.assertRegex(done.stderr.decode(), "^pingti: error: .*(memory|thread)")
                self.assertIn("  try: ", done.stderr.decode())
        self.assertGreater(refused, 0)

    def test_the_known_story(self):
        if not STORIES.is_dir():
            self.skipTest(f"{STORIES} is not here")
        for more in ([], ["--exact"]):
            out = self.answers("run", "-m", STORIES, "--temp", "0", "-n", "100", *more, "Once upon a time")
            self.assertTrue(("Once upon a time" + out).startswith(STORY), out)


class Factors(CliCase):
    """GGUF's "X.scale" beside "X.weight" (NVFP4 files have them): weights are the stored ones times it."""
    STEMS = ("blk.0.attn_q", "blk.0.attn_output", "blk.1.ffn_gate", "blk.1.ffn_down", "output")

    def say(self, model, precision):
        return self.answers("run", "-m", model, "-n", "24", "--temp", "0", *precision, "-q", "hello")

    def test_factors_make_the_weights_whole(self):
        scaled = str(self.home / "scaled.gguf")
        tiny_model.write(scaled, factors=[(stem, 2.0 ** (i - 3), [2.0 ** (i - 3)]) for i, stem in enumerate(self.STEMS)])
        for precision in (["--exact"], []):  # powers of two change no digit
            self.assertEqual(self.say(scaled, precision), self.say(self.model, precision))

    def test_another_shape_is_refused(self):
        wrong = str(self.home / "wrong.gguf")
        tiny_model.write(wrong, factors=[("blk.0.attn_q", 1.0, [1.0, 1.0])])
        self.refused("run", "-m", wrong, "hello", says=("blk.0.attn_q.scale", "[1]", "[2]"))


if __name__ == "__main__":
    unittest.main()
