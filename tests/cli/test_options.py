"""Help, wrong use, and where options come from."""
import json
import unittest

from cli_case import COMMANDS, CliCase


class Options(CliCase):
    def test_help_of_every_command(self):
        general = self.answers("help")
        for command in COMMANDS:
            self.assertIn(f"  {command} ", general)
            for text in (self.answers(command, "--help"), self.answers("help", command), self.answers(command, "-h")):
                self.assertIn(f"Usage: pingti {command}", text)
                self.assertIn("Examples\n", text)
                self.assertIn("PINGTI_", text)
                self.assertNotIn("\x1b", text)
                self.assertLessEqual(max(map(len, text.splitlines())), 140)

    def test_version(self):
        self.assertRegex(self.answers("--version"), r"^pingti \d+\.\d+\.\d+ \(kernels: \w+\)\n$")

    def test_no_command_teaches(self):
        status, out, _ = self.pingti()
        self.assertEqual(status, 2)
        self.assertIn(b"Usage", out)

    def test_unknown_names_are_suggested(self):
        self.refused("rnu", status=2, says="did you mean `pingti run`?")
        self.refused("run", "--tmep", "0", status=2, says=("--tmep", "did you mean --temp?"))
        self.refused("run", "-m", self.model, "--temp", "hot", "x", status=2, says=("--temp", "a number", "'hot'"))
        self.refused("run", "-m", self.model, "--cache-type", "f12", "x", status=2, says="f16|q8_0|f32")
        self.refused("run", "-m", self.model, "--logit-bias", "5", "x", status=2, says="ID=BIAS")
        self.refused("run", "-m", self.model, "--backend", "abacus", "x", status=2, says=("abacus", "cpu_ref"))
        self.refused("run", "x", status=2, says=("no model", "PINGTI_MODEL"))
        self.refused("run", "-m", self.model, "a", "b", status=2, says="'b'")

    def tokens(self, *arguments, env=None):
        out = self.answers("run", "-m", self.model, "--temp", "0", "--json", *arguments, "hello", env=env)
        return json.loads(out)["usage"]["generated_tokens"]

    def test_options_that_could_do_nothing_are_refused(self):
        for alone, needed in ((["--json-compact"], "--json-schema"), (["--mirostat-tau", "3"], "--mirostat"), (["--mirostat-eta", "0.2", "--mirostat", "0"], "--mirostat"),
                              (["--draft", self.model, "--speculate", "0"], "--speculate")):
            for command in ("run", "chat"):
                self.refused(command, "-m", self.model, *alone, stdin=b"hello", status=2, says=[alone[0], f"does nothing without {needed}"])
        ask = ("run", "-m", self.model, "-n", "1", "-q", "hello")
        self.answers(*ask, "--no-json-compact")
        self.answers(*ask, "--mirostat-tau", "3", "--mirostat", "2")
        self.answers(*ask, "--speculate", "0", env={"PINGTI_DRAFT": self.model, "PINGTI_MIROSTAT_ETA": "0.2"})  # what holds for all runs may rest

    def test_command_line_over_environment_over_config(self):
        config = self.home / "config"
        config.write_text("max-tokens = 5\n[run]\nmax-tokens = 6\n[bench]\nrepeat = 1\n")
        env = {"PINGTI_CONFIG": str(config)}
        self.assertEqual(self.tokens(env=env), 6)
        env["PINGTI_MAX_TOKENS"] = "4"
        self.assertEqual(self.tokens(env=env), 4)
        self.assertEqual(self.tokens("-n", "3", env=env), 3)

    def test_the_usual_config_file(self):
        folder = self.home / "xdg/pingti"
        folder.mkdir(parents=True)
        (folder / "config").write_text(f"model = {self.model}\n")
        env = self.environment(XDG_CONFIG_HOME=str(self.home / "xdg"))
        del env["PINGTI_CONFIG"]
        import subprocess
        from cli_case import PROGRAM
        done = subprocess.run([PROGRAM, "inspect", "--json"], env=env, capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["name"], "tiny")

    def test_config_mistakes_name_file_and_line(self):
        config = self.home / "bad"
        config.write_text("# fine\nmax-tokns = 5\n")
        self.refused("run", "-m", self.model, "x", status=2, env={"PINGTI_CONFIG": str(config)}, says=("bad, line 2", "max-tokens"))
        self.refused("run", "-m", self.model, "x", env={"PINGTI_CONFIG": str(self.home / "none")}, says="PINGTI_CONFIG")
        self.refused("run", "-m", self.model, "x", status=2, env={"PINGTI_SEED": "abc"}, says="PINGTI_SEED")
        self.assertIn("Usage", self.answers("run", "--help", env={"PINGTI_CONFIG": str(config)}))

    def test_doctor(self):
        report = json.loads(self.answers("doctor", "--json", env={"PINGTI_NONSENSE": "1", "PINGTI_ISA": "scalar"}))
        text = json.dumps(report)
        self.assertFalse(report["broken"])
        for word in ("processor", "memory", "backend cuda", "PINGTI_NONSENSE", "lowered by PINGTI_ISA"):
            self.assertIn(word, text)
        self.assertIn("fits", self.answers("doctor", "-m", self.model))
        status, out, _ = self.pingti("doctor", "-m", self.model, "--memory-limit", "10k", "-c", "256")
        self.assertEqual(status, 1)
        self.assertIn(b"does not fit", out)
        self.assertEqual(self.pingti("doctor", env={"PINGTI_ISA": "mmx"})[0], 1)


if __name__ == "__main__":
    unittest.main()
