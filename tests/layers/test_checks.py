"""tools/check_layers and tools/check_size on trees that keep and break each rule."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent.parent / "tools"


def run(tool, files):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "src").mkdir()
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        done = subprocess.run([sys.executable, TOOLS / tool, root], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


class Layers(unittest.TestCase):
    def allows(self, name, include):
        code, out = run("check_layers", {name: f"#include {include}\n"})
        self.assertEqual(code, 0, f"{name} including {include}: {out}")

    def refuses(self, name, include, reason):
        code, out = run("check_layers", {name: f"/* a\n comment */\n#  include {include}\n"})
        self.assertEqual(code, 1, f"{name} including {include} passed")
        self.assertIn(f"{name}:3:", out)
        self.assertIn(reason, out)

    def test_a_room_sees_those_to_its_left(self):
        self.allows("src/tensor/x.c", '"base/err.h"')
        self.allows("src/infer/x.c", '"model/model.h"')
        self.allows("src/model/x.c", '"format/gguf.h"')
        self.allows("src/model/arch/x.c", '"model/arch.h"')
        self.allows("src/infer/x.c", '"text/tokenizer.h"')
        self.allows("src/infer/x.c", '"backend/backend.h"')
        self.allows("src/train/x.c", '"infer/engine.h"')
        self.allows("src/api/x.c", '"net/http1.h"')
        self.allows("src/cli/x.c", '"api/chat.h"')
        self.allows("src/base/x.c", "<stdio.h>")
        self.allows("src/base/x.c", "<sys/mman.h>")

    def test_a_room_does_not_see_those_to_its_right(self):
        self.refuses("src/base/x.c", '"tensor/tensor.h"', "base may include base")
        self.refuses("src/tensor/x.h", '"op/ops.h"', "tensor may include")
        self.refuses("src/op/x.c", '"backend/backend.h"', "op may include")
        self.refuses("src/model/x.c", '"infer/engine.h"', "model may include")
        self.refuses("src/model/x.c", '"text/tokenizer.h"', "model may include")
        self.refuses("src/text/x.c", '"tensor/tensor.h"', "text may include base")
        self.refuses("src/format/x.c", '"op/ops.h"', "format may include")
        self.refuses("src/net/x.c", '"model/model.h"', "net may include base")
        self.refuses("src/guard/x.c", '"infer/engine.h"', "guard may include base")
        self.refuses("src/train/x.c", '"net/http1.h"', "train may include")
        self.refuses("src/quantize/x.c", '"infer/engine.h"', "quantize may include")
        self.refuses("src/assist/x.c", '"code/judge.h"', "assist may include")
        self.refuses("src/infer/x.c", '"cli/main.h"', "infer may include")

    def test_only_the_registry_includes_a_backend(self):
        self.allows("src/backend/registry.c", '"backend/cpu/cpu.h"')
        self.allows("src/backend/cpu/ref/x.c", '"backend/cpu/cpu.h"')
        self.refuses("src/backend/other.c", '"backend/cpu/cpu.h"', "only backend/registry.c")
        self.refuses("src/backend/cuda/x.c", '"backend/cpu/cpu.h"', "only backend/registry.c")
        self.refuses("src/infer/x.c", '"backend/cpu/cpu.h"', "outside backend")

    def test_eval_sees_the_sandbox_of_code_and_no_more(self):
        self.allows("src/eval/x.c", '"code/sandbox.h"')
        self.refuses("src/eval/x.c", '"code/judge.h"', "nothing else")

    def test_the_public_header(self):
        self.allows("src/infer/api.c", '"pingti.h"')
        self.allows("src/cli/x.c", '"pingti.h"')
        self.allows("include/pingti.h", "<stdint.h>")
        self.allows("examples/x.c", "<pingti.h>")
        self.refuses("src/infer/engine.c", '"pingti.h"', "public header")
        self.refuses("include/pingti.h", '"base/err.h"', "standard library alone")
        self.refuses("include/pingti.h", "<sys/types.h>", "standard library alone")
        self.refuses("examples/x.c", '"infer/llm.h"', "public header alone")

    def test_how_an_include_is_written(self):
        self.refuses("src/op/x.c", '"../base/err.h"', "without ..")
        self.refuses("src/op/x.c", '"base/../base/err.h"', "without ..")
        self.refuses("src/op/x.c", '"ops.h"', "room/file.h")
        self.refuses("src/op/x.c", "<base/err.h>", "not <...>")
        self.refuses("src/op/x.c", '"jansson/jansson.h"', "no room")

    def test_a_file_lives_in_a_room(self):
        code, out = run("check_layers", {"src/misc/x.c": "", "src/y.c": ""})
        self.assertEqual(code, 1)
        self.assertIn("src/misc/x.c: not in a room", out)
        self.assertIn("src/y.c: not in a room", out)

    def test_comments_do_not_include(self):
        code, out = run("check_layers", {"src/base/x.c": '/*\n#include "op/ops.h"\n*/\n// \\"\nchar *s = "/*";\n'})
        self.assertEqual(code, 0, out)


def function(lines, head="static int f(int a)", brace=" {\n"):
    return head + brace + "    a++;\n" * (lines - 2) + "}\n"


class Size(unittest.TestCase):
    def fails(self, text, *expected, name="src/base/x.c"):
        code, out = run("check_size", {name: text})
        self.assertEqual(code, 1, "passed")
        for e in expected:
            self.assertIn(e, out)

    def passes(self, text, name="src/base/x.c"):
        code, out = run("check_size", {name: text})
        self.assertEqual(code, 0, out)

    def test_the_limits_are_met_exactly(self):
        self.passes(function(60))
        self.fails(function(61), "src/base/x.c:1: f has 61 lines")
        self.passes("int a;\n" * 900)
        self.fails("int a;\n" * 901, "901 lines")
        self.fails("x\n" * 901, "901 lines", name="tools/thing")
        self.fails("x\n" * 901, "901 lines", name="tests/x.py")

    def test_the_function_is_found_however_it_is_written(self):
        self.fails("#include <a.h>\n\n" + function(70, "int\nf(int a,\n  int b)"), "x.c:3: f has 72 lines")
        self.fails(function(70, brace="\n{\n"), "x.c:1: f has 71 lines")
        self.fails('extern "C" {\n' + function(70) + "}\n", "x.c:2: f has 70 lines")
        self.fails("__attribute__((noinline)) " + function(70), "f has 70")
        self.fails("int a(void) { return 1; }\n" + function(70), "x.c:2: f has 70 lines")

    def test_braces_in_strings_comments_and_branches_do_not_mislead(self):
        body = 'static int f(void) {\n    char c = \'{\'; /* { */ // }\n    puts("}\\"{");\n    return 0;\n}\n'
        self.passes(body * 30)
        split = "int f(int a) {\n#if A\n    if (a) {\n#else\n    while (a) {\n#endif\n        a--;\n    }\n    return a;\n}\n"
        self.passes(split * 30)
        self.fails(split * 3 + function(61, "int g(int a)"), "g has 61")

    def test_what_is_not_a_function_may_be_long(self):
        self.passes("static const int t[] = {\n" + "    1,\n" * 300 + "};\n")
        self.passes("struct s {\n" + "    int a;\n" * 300 + "};\n")
        self.passes("#define M(x) do { \\\n" + "    x; \\\n" * 300 + "} while (0)\n")

    def test_generated_tables_are_exempt(self):
        self.passes("/* generated by make.py from x 1.0 */\n" + "int a;\n" * 2000)


if __name__ == "__main__":
    unittest.main()
