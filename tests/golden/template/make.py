"""What transformers renders for the template of this folder, for tests/unit/text/test_golden_text.c: python make.py

Made with transformers 5.23.0, jinja2 3.1.6."""
import json
import pathlib

from transformers.utils.chat_template_utils import _compile_jinja_template

here = pathlib.Path(__file__).parent
tool = {"type": "function", "function": {"name": "get_weather", "description": "\"weather\" <now> & 天气", "parameters": {"type": "object", "properties": {"n": {"type": "number", "default": 1.5}}}}}
call = {"type": "function", "id": "c1", "function": {"name": "get_weather", "arguments": {"city": "北京", "n": 1e-7, "x": [None, True, "a\nb"]}}}
conversations = [
    dict(messages=[{"role": "user", "content": "  Hello\n"}], agp=True),
    dict(messages=[{"role": "system", "content": "be brief"}, {"role": "user", "content": "你好 <|stop|>"}, {"role": "assistant", "content": "<think>hm</think>\n\nhi"}, {"role": "user", "content": ""}], agp=True, extra={"enable_thinking": False}),
    dict(messages=[{"role": "user", "content": "weather?"}, {"role": "assistant", "content": None, "tool_calls": [call, call]}, {"role": "tool", "content": "{\"t\": 21}"}], tools=[tool, tool], agp=False),
]
cases = []
for name in sorted(p.name for p in here.glob("*.jinja")):
    source = (here / name).read_text()
    for c in conversations:
        text = _compile_jinja_template(source).render(messages=c["messages"], tools=c.get("tools"), documents=None, add_generation_prompt=c["agp"], bos_token="<s>", eos_token="</s>", **c.get("extra", {}))
        cases.append(dict(template=name, text=text, **c))
snippets = ["{{ [3,1,2]|sort|join('-') }} {{ 'aXbX'.split('X', 1) }} {{ 7 // 2 }} {{ -7 % 3 }} {{ 2 ** 10 }} {{ 1.0 / 3 }} {{ 1e22 }} {{ {'a': none}|tojson }}",
            "{% for k, v in {'x': 1, 'y': [2.5, 'q']}.items() %}{{ loop.index }}:{{ k }}={{ v }}{{ ', ' if not loop.last }}{% endfor %}",
            "{% macro m(a, b='d') %}<{{ a }}|{{ b }}>{% endmacro %}{{ m(1) }}{{ m(b=2, a='z') }}{% set ns = namespace(n=0) %}{% for i in range(4) if i is odd %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}",
            "{{ 'straße ÄÖ'|upper }} {{ 'ab cd'|title }} {{ 'abcdef'[1:-1:2] }} {{ [1,2,3][::-1] }} {{ 'x' in 'xyz' }} {{ 1 < 2 < 3 }} {{ undefined_thing is defined }} {{ (1, 'a') }} {{ \"it's\" ~ [\"it's\"] }}",
            "a\n  {% if true %}\n  b\n  {%- endif %}\n{# c #}\nd {{- ' e' }}\n"]
for s in snippets:
    cases.append(dict(source=s, text=_compile_jinja_template(s).render(messages=[]), messages=[], agp=False))
(here / "cases.json").write_text(json.dumps(cases, ensure_ascii=False, indent=1))
