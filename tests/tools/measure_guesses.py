#!/usr/bin/env python3
"""Measures guesses ahead: runs of `pingti run` with them and without, by turns, whose bytes must be the same.

The model must be one that goes on with what it was shown, or there is nothing to guess: a trained one, or

  tools/random_model qwen2.5-0.5b BF16 --copies -o copies.gguf && pingti quantize -m copies.gguf -o copies-q4_0.gguf --type q4_0
  tests/tools/measure_guesses.py -m copies-q4_0.gguf retrieval

Prints each run, then the medians with the spread, and how many guesses were right. Python's standard library only.
"""
import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
WORDS = ("notice party agreement supplier customer delivery term payment invoice liability damage written period breach remedy service level "
         "report audit record confidential disclosure employee subcontractor transfer assignment insurance policy premium claim court law "
         "arbitration language amendment waiver annex schedule price currency tax duty export licence patent mark name site access safety").split()
NAMES = "anna bruno carla dmitri elena farid greta hugo irina jonas kira luca mona nils olga pavel quentin rosa stefan tara".split()
CITIES = "lisbon prague oslo dublin vienna madrid warsaw athens geneva tallinn".split()


def clause(rng, number):
    sentences = []
    for _ in range(3):
        words = [rng.choice(WORDS) for _ in range(rng.randrange(9, 15))]
        sentences.append("the " + " ".join(words) + ".")
    return f"clause {number}. " + " ".join(sentences)


def retrieval():
    """A contract, and a question that is answered by quoting from it."""
    rng = random.Random("contract")
    clauses = [clause(rng, n + 1) for n in range(16)]
    start = " ".join(clauses[6].split()[:6])
    return "\n".join(clauses) + "\n\nquestion: what does the seventh clause say? quote it.\nanswer: " + start, []


def record(rng, n):
    return {"id": 100 + n, "name": rng.choice(NAMES), "city": rng.choice(CITIES), "email": f"{rng.choice(NAMES)}.{rng.randrange(1000)}@example.org",
            "active": rng.random() < 0.5, "score": round(rng.random() * 100, 1)}


def records():
    rng = random.Random("records")
    return ", ".join(json.dumps(record(rng, n)) for n in range(12))


def repetitive():
    """Records as JSON, to be returned as they are."""
    return "the records: [" + records() + "]\nreturn the same records as a list.\nanswer: [", []


def constrained():
    """The same, and a JSON Schema that fixes the keys."""
    kinds = {"id": "integer", "name": "string", "city": "string", "email": "string", "active": "boolean", "score": "number"}
    item = {"type": "object", "properties": {k: {"type": v} for k, v in kinds.items()}, "required": list(kinds), "additionalProperties": False}
    schema = {"type": "array", "items": item, "minItems": 12, "maxItems": 12}
    return "the records: [" + records() + "]\nreturn the same records as a list.\nanswer: ", ["--json-schema", json.dumps(schema)]


def misleading():
    """A prompt full of beginnings that come back and go on differently each time."""
    rng = random.Random("misleading")
    return " ".join(f"the {rng.choice(NAMES)} of {rng.choice(CITIES)} {rng.choice(WORDS)}" for _ in range(150)), ["--temp", "2", "--seed", "3"]


def unrelated():
    """Nothing comes back."""
    return "once upon a time", ["--temp", "2", "--seed", "3"]


KINDS = {k.__name__: k for k in (retrieval, repetitive, constrained, misleading, unrelated)}


def run(o, prompt, options):
    """(answer, usage, processor seconds) of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [o.pingti, "run", "-m", o.model, "-n", str(o.tokens), "--ignore-eos", "--json", "-q", "-f", prompt, *options]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        sys.exit(done.stderr.decode(errors="replace"))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer = json.loads(done.stdout)
    return answer["text"], answer["usage"], after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def told(values):
    return f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


def compare(o, prompt, options):
    ways = {"without": ["--speculate", "0"], "with": ["--draft", o.draft] if o.draft else []}
    rates, seconds, used, text = {w: [] for w in ways}, {w: [] for w in ways}, {}, None
    for _ in range(o.runs):
        for way, more in ways.items():
            answer, usage, cpu = run(o, prompt, [*options, *more])
            if text is not None and answer != text:
                sys.exit("the answers differ")
            text, used[way] = answer, usage
            rates[way].append(usage["generated_tokens"] / usage["generate_seconds"])
            seconds[way].append(cpu)
            print(f"{way:8} {rates[way][-1]:7.1f} tokens/s, {cpu:6.2f} s of processors, {usage['accepted_tokens']} of {usage['guessed_tokens']} guesses right", flush=True)
    if o.show:
        print(text)
    a, b = (statistics.median(rates[w]) for w in ways)
    print(f"tokens/s without {told(rates['without'])}, with {told(rates['with'])}: {b / a:.3f} x; processors {told(seconds['without'])}, "
          f"{told(seconds['with'])} s; {used['with']['accepted_tokens']} of {used['with']['guessed_tokens']} right in {used['with']['generated_tokens']} tokens "
          f"behind {used['with']['prompt_tokens']}")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("kind", choices=KINDS, help="; ".join(f"{n}: {k.__doc__.split('.')[0].strip()}" for n, k in KINDS.items()))
    p.add_argument("-m", "--model", required=True)
    p.add_argument("-n", "--tokens", type=int, default=128)
    p.add_argument("-N", "--runs", type=int, default=5)
    p.add_argument("--draft", help="a draft model for the runs with guesses")
    p.add_argument("--show", action="store_true", help="print the answer")
    p.add_argument("--pingti", default=str(ROOT / "build/release/pingti"))
    p.add_argument("options", nargs="*", help="more options of run, behind --")
    o = p.parse_args()
    prompt, options = KINDS[o.kind]()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prompt"
        file.write_text(prompt)
        compare(o, str(file), ["--temp", "0", *options, *o.options])


if __name__ == "__main__":
    main()
