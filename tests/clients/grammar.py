"""JSON Schema grammars against the `jsonschema` package: every schema of the JSON-Schema-Test-Suite (draft 2020-12, required keywords) is
compiled or refused with a reason; what a random-weight model then writes at temperature 1 has to be valid under it, texts that the suite
calls invalid must not follow the grammar, and no schema may end the process. The suite comes with the package's source on PyPI.

python grammar.py --build BUILD [--data DIR] [--seed N] [--times 4] [--most 400] [--only NAME] [--show]"""
import argparse
import decimal
import glob
import importlib.metadata
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter

import jsonschema

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
import tiny_model

decimal.getcontext().prec = 5000
PARSE = {"parse_float": decimal.Decimal}  # multiples of 0.01 are not those of the nearest double


def is_integer(checker, value):
    """1.0 is one too, as the standard has it; the package knows that of floats alone."""
    return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, decimal.Decimal) and value == value.to_integral_value()))


Judge = jsonschema.validators.extend(jsonschema.Draft202012Validator,
                                     type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", is_integer))


def options():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True)
    p.add_argument("--data")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--times", type=int, default=4, help="answers for each schema; 200 takes some minutes")
    p.add_argument("--most", type=int, default=400, help="tokens of one answer; longer ones are counted as cut")
    p.add_argument("--only", default="", help="files of the suite whose name contains this")
    p.add_argument("--show", action="store_true", help="name every schema that is refused and every valid text that is not offered")
    return p.parse_args()


def fetch_suite(folder):
    """The folder of the suite's tests, out of the source distribution of the package that is installed."""
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "jsonschema", "-d", folder,
                    "jsonschema==" + importlib.metadata.version("jsonschema")], check=True)
    with tarfile.open(glob.glob(folder + "/jsonschema-*.tar.gz")[0]) as t:
        t.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))  # Debian 12 has no filters yet
    return glob.glob(folder + "/jsonschema-*/json/tests/draft2020-12")[0]


class Driver:
    def __init__(self, build, model):
        self.p = subprocess.Popen([build + "/tests/grammar_driver", model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def ask(self, **request):
        self.p.stdin.write(json.dumps(request) + "\n")
        self.p.stdin.flush()
        line = self.p.stdout.readline()
        if not line:
            sys.exit(f"grammar: the driver ended at {json.dumps(request)[:500]}")
        return json.loads(line)


class Tally:
    def __init__(self, show):
        self.count, self.reasons, self.wrong, self.show = Counter(), Counter(), [], show

    def note(self, *text):
        if self.show:
            print("  ", *text)

    def judge(self, name, schema, tests, reply):
        self.count["schemas"] += 1
        if "error" in reply:
            return self.refused(name, tests, reply)
        self.count["compiled"] += 1
        self.count["cut"] += reply["cut"]
        validator = Judge(schema)
        for answer in reply["answers"]:
            self.count["answers"] += 1
            try:
                errors = [e.message for e in validator.iter_errors(json.loads(answer, **PARSE))]
            except Exception as e:
                errors = [repr(e)]
            if errors:
                self.wrong.append(f"{name}: wrote {answer!r}: {errors[0][:200]}")
        for test, matches in zip(tests, reply["matches"]):
            self.count["texts, " + ("valid" if test["valid"] else "invalid")] += 1
            if matches and not test["valid"]:
                self.wrong.append(f"{name}: the grammar allows {test['data']!r}, which is invalid ({test['description']})")
            if matches and test["valid"]:
                self.count["valid texts offered"] += 1
            elif test["valid"]:
                self.note(f"not offered: {name}: {json.dumps(test['data'])} ({test['description']})")

    def refused(self, name, tests, reply):
        lines = reply["error"].splitlines()
        self.note(f"refused: {name}: {' | '.join(l.strip() for l in lines)}")
        if reply["code"] == "format" and not any(t["valid"] for t in tests):
            self.count["refused, and nothing is valid"] += 1
        elif reply["code"] in ("unsupported", "limit", "format"):
            self.count["refused with a reason"] += 1
            self.reasons[lines[0]] += 1
        else:
            self.wrong.append(f"{name}: {reply['error']}")


def main():
    o = options()
    with tempfile.TemporaryDirectory() as folder:
        suite, model = fetch_suite(folder), folder + "/tiny.gguf"
        tiny_model.write(model, context=2048, seed=o.seed)
        driver, tally = Driver(o.build, model), Tally(o.show)
        for path in sorted(glob.glob(suite + "/*.json")):
            file = os.path.basename(path)[:-5]
            if o.only not in file:
                continue
            with open(path, encoding="utf-8") as f:
                raw = f.read()
            for group, precise in zip(json.loads(raw), json.loads(raw, **PARSE)):
                name = f"{file}: {group['description']}"
                reply = driver.ask(schema=json.dumps(group["schema"]), times=o.times, most=o.most,
                                   texts=[json.dumps(t["data"], ensure_ascii=False) for t in group["tests"]])
                tally.judge(name, precise["schema"], group["tests"], reply)
        driver.p.stdin.close()
        ended = driver.p.wait()
    for k in sorted(tally.count):
        print(f"{tally.count[k]:7d} {k}")
    for reason, n in tally.reasons.most_common():
        print(f"{n:7d} refused: {reason}")
    for line in tally.wrong:
        print("WRONG", line)
    if tally.wrong or ended or not tally.count["compiled"]:
        sys.exit(f"grammar: {len(tally.wrong)} wrong, the driver's exit status was {ended}")


main()
