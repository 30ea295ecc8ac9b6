"""pingti run and chat with --grammar and --json-schema."""
import json
import unittest

import tiny_model
from cli_case import CliCase


class Grammar(CliCase):
    def follow(self, *arguments):
        return self.answers("run", "-m", self.model, "-q", "--seed", "7", "--temp", "1", *arguments, "hello")

    def test_the_answer_follows_a_grammar(self):
        self.assertIn(self.follow("--grammar", 'root ::= "yes" | "no"'), ("yes", "no"))
        path = self.home / "g.gbnf"
        path.write_text("root ::= [a-c]{4} # four letters\n")
        self.assertRegex(self.follow("--grammar", path), "^[a-c]{4}$")

    def test_the_answer_is_valid_json(self):
        schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 9}, "k": {"enum": ["a", "b"]}}, "required": ["n", "k"],
                  "additionalProperties": False}
        whole = json.loads(self.follow("--json", "--json-compact", "--json-schema", json.dumps(schema)))
        value = json.loads(whole["text"])
        self.assertIn(value["k"], "ab")
        self.assertLessEqual(value["n"], 9)
        self.assertNotIn(" ", whole["text"])
        self.assertEqual(whole["finish"], "stop")
        self.assertGreaterEqual(whole["usage"]["forced_tokens"], 0)

    def test_what_cannot_be_compiled_is_an_error(self):
        for arguments, said in ((("--grammar", 'root ::= root "x" | "y"'), "begins with itself"), (("--grammar", "no-such-file"), "no-such-file"),
                                (("--json-schema", '{"$ref":"http://elsewhere/"}'), "$ref"), (("--json-schema", "{"), "JSON"),
                                (("--grammar", 'root ::= "a"', "--json-schema", "{}"), "either --grammar or --json-schema")):
            self.refused("run", "-m", self.model, *arguments, "hello", status=2 if "either" in said else 1, says=said)

    def test_thinking_is_free(self):
        """Where the template opens <think>, the rules hold from its end on (tests/unit/infer/test_grammar.c has answers that get there)."""
        model = str(self.home / "think.gguf")
        tiny_model.write(model, template=tiny_model.THINK)
        arguments = ("-m", model, "-q", "--seed", "7", "--temp", "1", "-n", "12", "--grammar", 'root ::= "ok"')
        whole = json.loads(self.answers("run", "--json", "--chat", *arguments, "hello"))
        self.assertEqual((whole["finish"], whole["usage"]["generated_tokens"]), ("length", 12))
        self.assertEqual(self.answers("run", *arguments, "hello"), "ok")
        self.assertNotEqual(self.answers("chat", "--think", "on", *arguments, stdin=b"hi\n"), "ok\n")

    def test_chat_follows_it_too(self):
        self.assertEqual(self.answers("chat", "-m", self.model, "-q", "--grammar", 'root ::= "ok"', stdin=b"hi\nagain\n"), "ok\nok\n")


if __name__ == "__main__":
    unittest.main()
