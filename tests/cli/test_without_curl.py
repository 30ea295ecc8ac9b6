"""A build without libcurl's header: pull says how to get it, and the rest works."""
import unittest

from cli_case import CliCase


class WithoutCurl(CliCase):
    def test_pull_says_how_to_get_it(self):
        self.refused("pull", "o/n", says=("cannot pull models", "libcurl4-gnutls-dev", "-m"))
        self.refused("pull", "no name", status=2, says="names no model")
        self.assertIn("not possible: this build cannot pull models", self.answers("doctor"))

    def test_the_rest_works(self):
        self.assertEqual(self.answers("models"), "")
        self.assertIn("tiny", self.answers("inspect", self.model))
        self.answers("run", "-q", "-m", self.model, "-n", "1", "hello")


if __name__ == "__main__":
    unittest.main()
