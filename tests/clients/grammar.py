"""JSON Schema grammars against the `jsonschema` package: every schema of the JSON-Schema-Test-Suite (draft 2020-12, required keywords) is
compiled or refused with a reason; what a random-weight model then writes at temperature 1 has to be valid under it, texts that the suite
calls invalid must not follow the grammar, and no schema may end the process. A valid text that is not offered has to be so for a reason
that docs/grammar.md names. A schema that refers to other documents is refused until they are in its $defs, and is then held like the
others. The suite comes with the package's source on PyPI.

python grammar.py --build BUILD [--data DIR] [--seed N] [--times 4] [--most 400] [--only NAME] [--part 1/1] [--show]

--times 200 --most 300 is the whole claim: some ten minutes of both processors; --part 2/6 is the second sixth of the schemas. Answers that
are cut prove nothing: others are drawn instead, up to ten times as many."""
import argparse
import decimal
import copy
import glob
import importlib.metadata
import itertools
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from urllib.parse import urljoin

import jsonschema
import jsonschema_specifications
import referencing
import referencing.jsonschema

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
    p.add_argument("--times", type=int, default=4, help="answers for each schema that come to their end")
    p.add_argument("--most", type=int, default=400, help="tokens of one answer; longer ones are counted as cut")
    p.add_argument("--only", default="", help="files of the suite whose name contains this")
    p.add_argument("--part", default="1/1", help="K/N: every Nth schema, from the Kth on")
    p.add_argument("--show", action="store_true", help="name every schema that is refused and every valid text that is not offered")
    return p.parse_args()


def fetch_suite(folder):
    """The folder of the suite's tests, out of the source distribution of the package that is installed."""
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "jsonschema", "-d", folder,
                    "jsonschema==" + importlib.metadata.version("jsonschema")], check=True)
    with tarfile.open(glob.glob(folder + "/jsonschema-*.tar.gz")[0]) as t:
        t.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))  # Debian 12 has no filters yet
    return glob.glob(folder + "/jsonschema-*/json")[0]


class Documents:
    """The documents beside a schema: those that the suite's README says are served, and the metaschemas."""

    def __init__(self, suite):
        self.by_uri = {uri: jsonschema_specifications.REGISTRY.contents(uri) for uri in jsonschema_specifications.REGISTRY if "2020-12" in uri}
        root = suite + "/remotes/"
        for path in glob.glob(root + "**/*.json", recursive=True):
            if not any("/draft%s/" % d in path for d in ("3", "4", "6", "7", "2019-09", "-next")):
                with open(path, encoding="utf-8") as f:
                    self.by_uri["http://localhost:1234/" + path[len(root):]] = json.load(f)
        kind = referencing.jsonschema.DRAFT202012
        self.registry = referencing.Registry().with_resources((uri, referencing.Resource.from_contents(d, default_specification=kind)) for uri, d in self.by_uri.items())

    def named(self, schema, base):
        """Those that a schema's references name."""
        if isinstance(schema, list):
            return set().union(*(self.named(s, base) for s in schema))
        if not isinstance(schema, dict):
            return set()
        if isinstance(schema.get("$id"), str):
            base = urljoin(base, schema["$id"])
        found = set().union(*(self.named(s, base) for s in schema.values()))
        for keyword in ("$ref", "$dynamicRef"):
            if isinstance(schema.get(keyword), str):
                found.add(urljoin(base, schema[keyword]).split("#")[0])
        return found & set(self.by_uri)

    def bundle(self, schema):
        """The schema with what it refers to in its $defs, each under the $id that it was referred to by; None: it needs nothing."""
        todo, whole, done = self.named(schema, ""), copy.deepcopy(schema), set()
        if not todo:
            return None
        while todo:
            uri = todo.pop()
            done.add(uri)
            document = copy.deepcopy(self.by_uri[uri])
            own = document.setdefault("$id", uri)
            if urljoin(uri, own) != uri:  # it calls itself otherwise: both names lead to it
                document = {"$id": uri, "$ref": own, "$defs": {"itself": document}}
            document["$id"] = urljoin(uri, document["$id"])
            whole.setdefault("$defs", {})["bundled " + uri] = document
            todo |= self.named(self.by_uri[uri], uri) - done
        return whole


def whole_numbers(v):
    """1.0 as 1, which is how whole numbers are written."""
    if isinstance(v, dict):
        return {k: whole_numbers(x) for k, x in v.items()}
    if isinstance(v, list):
        return [whole_numbers(x) for x in v]
    return int(v) if isinstance(v, float) and v == int(v) else v


def reorderings(v):
    """A value with the properties of its objects in every order."""
    if isinstance(v, list):
        yield from (list(x) for x in itertools.product(*map(list, map(reorderings, v))))
    elif isinstance(v, dict):
        for order in itertools.permutations(v):
            yield from (dict(zip(order, x)) for x in itertools.product(*(list(reorderings(v[k])) for k in order)))
    else:
        yield v


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
    def __init__(self, driver, documents, show):
        self.driver, self.documents, self.show = driver, documents, show
        self.count, self.reasons, self.wrong = Counter(), Counter(), []

    def note(self, *text):
        if self.show:
            print("  ", *text)

    def why_not(self, file, schema, value):
        """Why a valid text is not offered."""
        if file == "format":
            return "its format is kept to"
        for why, values in (("a whole number is written without a point", [whole_numbers(value)]), ("properties come in the schema's order", itertools.islice(reorderings(value), 720))):
            texts = [json.dumps(v, ensure_ascii=False) for v in values]
            if any(self.driver.ask(schema=schema, times=0, most=0, texts=texts).get("matches", [])):
                return why
        return None

    def judge(self, name, given, schema, tests, reply):
        if "error" in reply:
            return self.refused(name, tests, reply)
        self.count["compiled"] += 1
        self.count["cut"] += reply["cut"]
        validator = Judge(schema, registry=self.documents.registry)
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
                why = self.why_not(name.split(":")[0], given, test["data"])
                self.count[f"valid texts not offered: {why}"] += 1
                self.note(f"not offered: {name}: {json.dumps(test['data'])} ({test['description']}): {why}")
                if not why:
                    self.wrong.append(f"{name}: does not offer {test['data']!r}, which is valid ({test['description']})")

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


def schemas_of(suite, only):
    for path in sorted(glob.glob(suite + "/tests/draft2020-12/*.json")):
        file = os.path.basename(path)[:-5]
        if only not in file:
            continue
        with open(path, encoding="utf-8") as f:
            raw = f.read()
        for group, precise in zip(json.loads(raw), json.loads(raw, **PARSE)):
            yield f"{file}: {group['description']}", group, precise["schema"]


def hold(driver, tally, documents, o, name, group, precise):
    given, tests = json.dumps(group["schema"]), group["tests"]
    texts = [json.dumps(t["data"], ensure_ascii=False) for t in tests]
    reply = driver.ask(schema=given, times=o.times, most=o.most, texts=texts)
    tally.count["schemas"] += 1
    whole = documents.bundle(group["schema"]) if reply.get("code") == "unsupported" else None
    if whole and "document that is not in the schema" in reply["error"]:
        tally.count["refused until the documents that they name are in them"] += 1
        given = json.dumps(whole)
        reply = driver.ask(schema=given, times=o.times, most=o.most, texts=texts)
    tally.judge(name, given, precise, tests, reply)


def main():
    o = options()
    part, parts = map(int, o.part.split("/"))
    with tempfile.TemporaryDirectory() as folder:
        suite, model = fetch_suite(folder), folder + "/tiny.gguf"
        tiny_model.write(model, context=2048, seed=o.seed)
        driver, documents = Driver(o.build, model), Documents(suite)
        tally = Tally(driver, documents, o.show)
        for i, (name, group, precise) in enumerate(schemas_of(suite, o.only)):
            if i % parts == part - 1:
                hold(driver, tally, documents, o, name, group, precise)
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
