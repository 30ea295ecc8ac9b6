"""Ways to choose tokens, and guesses ahead, as options: they repeat with a seed, guesses change nothing, and nonsense is refused."""
import json
import unittest

import tiny_model
from cli_case import STORIES, CliCase

WAYS = (["--typical-p", "0.6"], ["--xtc-probability", "0.5", "--xtc-threshold", "0.05"], ["--dynatemp-range", "0.9", "--dynatemp-exp", "2"],
        ["--temp-last", "--min-p", "0.1"], ["--mirostat", "1", "--mirostat-tau", "2"], ["--mirostat", "2", "--mirostat-eta", "0.3"],
        ["--dry-multiplier", "3", "--dry-allowed-length", "1", "--dry-breaker", "z"])
# as sure of itself as a trained model would be, and a text that repeats itself: there are guesses
REPEATS = "abc def abc def abc def abc def "


class Sampling(CliCase):
    def usage(self, *arguments):
        result = json.loads(self.answers("run", "-m", self.long, "--json", *arguments))
        return result["text"], result["usage"]

    def test_each_way_repeats_and_differs(self):
        plain = self.answers("run", "-m", self.model, "-n", "60", "--temp", "1.2", "--seed", "5", REPEATS)
        for way in WAYS:
            one, two, threads = (self.answers("run", "-m", self.model, "-n", "60", "--temp", "1.2", "--seed", "5", *way, *more, REPEATS)
                                 for more in ([], ["--no-cache", "--batch", "3"], ["-t", "3", "--speculate", "0"]))
            self.assertEqual(one, two, way)
            self.assertEqual(one, threads, way)
            self.assertNotEqual(one, plain, way)

    def test_nonsense_is_refused(self):
        for way, says in ((["--mirostat", "3"], "0 to 2"), (["--mirostat", "2", "--top-k", "5"], "takes the place"), (["--typical-p", "1.5"], "0 to 1"),
                          (["--dry-multiplier", "1", "--dry-breaker", "x" * 41], "41"), (["--speculate", "17"], "0 to 16"),
                          (["--heal", "--chat"], "plain prompt"), (["--heal", "--grammar", 'root ::= "a"'], "grammar")):
            status, out, err = self.pingti("run", "-m", self.model, *way, "hello")
            self.assertNotEqual(status, 0, way)
            self.assertEqual(out, b"")
            self.assertIn(says, err)

    def test_guesses_change_nothing_and_are_counted(self):
        for more in (["--temp", "0"], ["--temp", "0.4", "--seed", "9"], ["--temp", "0", "--repeat-penalty", "1.05"]):
            plain, none = self.usage("-n", "400", "--speculate", "0", *more, REPEATS)
            text, some = self.usage("-n", "400", *more, REPEATS)
            self.assertEqual(text, plain)
            self.assertEqual((none["guessed_tokens"], none["accepted_tokens"]), (0, 0))
            self.assertGreaterEqual(some["guessed_tokens"], some["accepted_tokens"])
            self.assertEqual(some["generated_tokens"], 400)

    def test_a_draft_model_changes_nothing(self):
        draft = str(self.home / "draft.gguf")
        tiny_model.write(draft, context=128, seed=2)
        for more in (["--temp", "0"], ["--temp", "0.7", "--seed", "4"]):
            plain, _ = self.usage("-n", "200", "--speculate", "0", *more, "hello")
            for model in (draft, self.long):
                text, usage = self.usage("-n", "200", "--draft", model, *more, "hello")
                self.assertEqual(text, plain)
                self.assertGreater(usage["guessed_tokens"], 0)
            self.assertGreater(usage["accepted_tokens"], 0)  # it drafted for itself; how often it may is a matter of time

    def test_a_draft_of_another_vocabulary_is_refused(self):
        known, other = tiny_model.TOKENS, str(self.home / "other.gguf")
        tiny_model.TOKENS = known[:-1] + ["zz"]
        try:
            tiny_model.write(other)
        finally:
            tiny_model.TOKENS = known
        self.refused("run", "-m", self.model, "--draft", other, "hello", status=2, says=["another vocabulary", "'zz'"])
        self.refused("run", "-m", self.model, "--draft", self.home / "none.gguf", "hello", says="none.gguf")

    def test_drafts_of_any_size_and_with_everything_else(self):
        """Longer, shorter, larger, ending within a draft, under a grammar: the same text, and what can only cost time is said."""
        large, ending = str(self.home / "large.gguf"), str(self.home / "ending.gguf")
        sizes = tiny_model.LAYERS
        tiny_model.LAYERS = 2 * sizes
        try:
            tiny_model.write(large, context=4096, seed=3)
        finally:
            tiny_model.LAYERS = sizes
        tiny_model.write(ending, context=64, seed=4)
        schema = '{"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}, "maxItems": 3}'
        ways = (["--temp", "0"], ["--temp", "0.8", "--seed", "4", "--logit-bias", "2=9"], ["--temp", "0.9", "--seed", "5", "--json-schema", schema],
                ["--temp", "0.7", "--seed", "6", "--dry-multiplier", "0.4", "--xtc-probability", "0.3", "--grammar", 'root ::= ("abc def " | [a-z ])*'])
        for way in ways:
            plain, _ = self.usage("-n", "120", "--speculate", "0", *way, REPEATS)
            for draft, more in ((large, []), (ending, ["-t", "2"]), (large, ["--speculate", "3", "--cache-tokens", "512", "-c", "512"])):
                text, usage = self.usage("-n", "120", "--draft", draft, *more, *way, REPEATS)
                self.assertEqual(text, plain, (way, draft))
                self.assertGreaterEqual(usage["guessed_tokens"], usage["accepted_tokens"])
        for draft, says in ((large, "not smaller than the model"), (ending, "beyond 64 tokens")):
            _, _, err = self.pingti("run", "-m", self.long, "-n", "2", "--draft", draft, "hello")
            self.assertIn(says, err)
            _, _, err = self.pingti("run", "-m", self.long, "-n", "2", "-q", "--draft", draft, "hello")
            self.assertNotIn("warning", err)

    def test_the_draft_is_planned_for(self):
        plan = json.loads(self.answers("run", "-m", self.model, "--draft", self.model, "--memory-plan", "--json"))
        self.assertLess(plan["draft"]["available"], plan["available"])
        limit = str(plan["total"] + plan["draft"]["total"] - 1)
        for more in (["--memory-plan"], ["hello"]):
            self.refused("run", "-m", self.model, "--draft", self.model, "--memory-limit", limit, *more, says=["does not fit", "MiB available", "MiB needed"])

    def test_healing_goes_on_within_a_word(self):
        plain = json.loads(self.answers("run", "-m", self.model, "-n", "8", "--temp", "0", "--json", "hello"))
        healed = json.loads(self.answers("run", "-m", self.model, "-n", "9", "--temp", "0", "--json", "--heal", "hello"))
        self.assertEqual((plain["usage"]["prompt_tokens"], healed["usage"]["prompt_tokens"], healed["healed"]), (7, 6, 1))
        self.assertEqual(len(healed["text"]), 8)
        if not STORIES.exists():
            return print("real models are absent")
        text = self.answers("run", "-m", STORIES, "-n", "6", "--temp", "0", "--heal", "Once upon a time, there was a little gir")
        self.assertTrue(text.startswith("l named"), text)


if __name__ == "__main__":
    unittest.main()
