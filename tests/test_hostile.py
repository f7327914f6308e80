"""Files made to hurt, and files that are only very large: each ends soon, with findings or with a result.

The only timed tests. They count processor time, of this process and of those it started, so that a busy machine does
not fail them; what was measured is well below the limits.
"""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from fuzzing.promises import check_place, check_reports

from osmoc import sandbox
from osmoc.pipeline import Options, Result, compile_workflow

_HOSTILE_SECONDS: Final = 2.0
_LARGE_SECONDS: Final = 5.0
_MANY: Final = 5000

# What is made, and the codes of which one must be found; "" if it must compile.
Cases = dict[str, tuple[Callable[[], str], str]]


def _flow(*tasks: str, **keys: Any) -> str:
    """A workflow of tasks in flow style, a line each. JSON is YAML."""
    head = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in keys.items())
    return f"workflow:\n  name: flow\n{head}  tasks:\n" + "".join(f"  - {task}\n" for task in tasks)


def _task(name: str = "a", **keys: Any) -> str:
    return json.dumps({"name": name, "image": "ubuntu", "command": ["sh"]} | keys)


def _block(rest: str) -> str:
    """A task in block style with more lines."""
    return f"workflow:\n  name: flow\n  tasks:\n  - name: a\n    image: ubuntu\n    command: [sh]\n{rest}\n"


def _value(text: str) -> str:
    return _block(f"    environment:\n      A: {text}")


def _gpu(text: str) -> str:
    return _block("").replace("  tasks:", f"  resources: {{default: {{gpu: {text}}}}}\n  tasks:")


def _template(text: str) -> str:
    return _block(f"    # {text}")


def _laughs(levels: int, width: int) -> str:
    lines = ["l0: &l0 [lol]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * width)}]" for n in range(1, levels)]
    return "".join(f"  {line}\n" for line in lines)


def _merging_laughs(levels: int, width: int) -> str:
    lines = ["l0: &l0 {a: lol}"]
    lines += [f"l{n}: &l{n} {{<<: [{', '.join([f'*l{n - 1}'] * width)}], k{n}: 1}}" for n in range(1, levels)]
    return "".join(f"  {line}\n" for line in lines)


_ALIASES: Final[Cases] = {
    "laughs": (lambda: "workflow:\n" + _laughs(30, 10), "E009"),
    "laughs, wide": (lambda: "workflow:\n" + _laughs(4, 2000), "E009"),
    "laughs, merged": (lambda: "workflow:\n" + _merging_laughs(30, 10), "E009"),
    "laughs, merged, wide": (lambda: "workflow:\n" + _merging_laughs(4, 2000), "E009"),
    "laughs, in values": (lambda: "default-values:\n" + _laughs(30, 10) + _template("{{ l29 }}"), "E009"),
    "laughs, below the limit": (lambda: "default-values:\n" + _laughs(4, 21) + _template("{{ l3 }}"), "E009"),
    "laughs, merged, in values": (lambda: "default-values:\n" + _merging_laughs(30, 10) + _template("{{ l29 }}"), "E009"),
    "laughs, in keys": (lambda: "workflow:\n" + _laughs(20, 10) + "  ? *l19\n  : x\n", "E009"),
    "laughs, in arguments": (lambda: _block("    x:\n" + _laughs(30, 10).replace("  l", "      l")), "E009"),
    "alias of all above": (lambda: _value("&a [*a, {b: *a}]"), "E003"),
    "merge of itself": (lambda: _block("    environment: &a {<<: *a, x: 1}"), "E003"),
    "a long text, many times": (
        lambda: _block(f"    environment: {{A: &a '{'x' * 100_000}'}}\n    args: [{', '.join(['*a'] * 9000)}]"), "E009 E605"
    ),
    "many anchors": (lambda: _block(f"    args: [{', '.join(f'&a{n} x' for n in range(100_000))}]"), "E605"),
    "many merges": (
        lambda: _block(f"    x: [{', '.join(f'&a{n} {{k{n}: 1}}' for n in range(_MANY))}]\n"
                       f"    environment: {{<<: [{', '.join(f'*a{n}' for n in range(_MANY))}]}}"), "E101"
    ),
    "a chain of merges": (
        lambda: _block("    x:\n    - &a0 {k0: 1}\n" + "".join(f"    - &a{n} {{<<: *a{n-1}, k{n}: 1}}\n" for n in range(1, 2000))
                       + "    environment: *a1999"), "E101 E009"
    ),
}  # fmt: skip

_SYNTAX: Final[Cases] = {
    "empty lines": (lambda: "\n" * 100_000, "E004"),
    "broken lines": (lambda: "- {a\n" * 100_000, "E004"),
    "broken lines in the workflow": (lambda: "workflow:\n" + "  - {a\n" * 100_000, "E003"),
    "sections": (lambda: "".join(f"s{n}:\n" for n in range(100_000)), "E005"),
    "one section, many times": (lambda: "workflow:\n" * 100_000, "E006"),
    "the same key": (lambda: "workflow:\n" + "  name: x\n" * 100_000, "W020"),
    "keys that nobody knows": (lambda: "workflow:\n" + "".join(f"  k{n}: x\n" for n in range(100_000)), "E101"),
    "keys of a task": (lambda: _block("".join(f"    k{n}: x\n" for n in range(100_000))), "E101"),
    "keys that are lists": (lambda: "workflow:\n" + "  ? [a]\n  : x\n" * 50_000, "E003"),
    "statements": (lambda: "{% x %}\n" * 100_000, "W021"),
    "ignores": (lambda: "# osmoc: ignore W020\n" * 100_000, "E004"),
    "an ignore of many": (lambda: f"# osmoc: ignore {'W020, ' * 100_000}x\n", "E004"),
    "raw blocks": (lambda: _template("{% raw %}{{output}}{% endraw %}\n" * 20_000), "E014"),
    "raw blocks without end": (lambda: _template("{% raw %}" * 100_000 + "endraw"), "E010"),
    "raw tokens": (lambda: _template("{% raw %}" + "{{output}}\n" * 50_000 + "{% endraw %}"), "E014"),
    "NULs": (lambda: "\0" * 1_000_000, "E002"),
    "a NUL a line": (lambda: _block("    # \0\n" * 100_000), "E002"),
    "surrogates": (lambda: _value("\ud800" * 100_000), "E002"),
    "escaped NULs": (lambda: _block(f"    args: [{', '.join([chr(34) + chr(92) + '0' + chr(34)] * _MANY)}]"), "E002"),
    "tags": (lambda: _block("    args:\n" + "    - !x y\n" * 50_000), "E003"),
    "spaces": (lambda: "workflow:" + " " * 10_000_000, "E004"),
    "tabs": (lambda: "workflow:\n" + "\t" * 1_000_000, "E003 E004"),
    "no line ends": (lambda: "workflow: " + "x" * 10_000_000, "E004"),
    "other line ends": (lambda: _value(chr(34) + "x\u2028" * 500_000 + chr(34)), "E605"),
    "words before the colon": (lambda: "x" * 10_000_000 + ":", "E005"),
    "nearly a workflow": (lambda: " " * 1_000_000 + "workflow :", "E004"),
    "nearly workflows": (lambda: '{"workflow' * 500_000, "E004"),
    "flow lists": (lambda: "workflow: " + "[" * 100_000, "E003"),
    "flow lists, closed": (lambda: "workflow: " + "[" * 100_000 + "]" * 100_000, "E003"),
    "flow mappings": (lambda: "workflow: " + "{a: " * 100_000, "E003"),
    "block lists": (lambda: "workflow:\n  " + "- " * 100_000, "E003"),
    "block mappings": (lambda: "workflow:\n" + "".join(" " * n + "a:\n" for n in range(1, 3000)), "E003"),
    "question marks": (lambda: "workflow:\n  " + "? " * 100_000, "E003"),
    "nested defaults": (lambda: "default-values: " + "[" * 100_000 + "\n" + _block(""), "E003"),
    "quotes": (lambda: "workflow:\n  a: '" + "''" * 2_000_000, "E003"),
    "a comment": (lambda: _block("#" * 10_000_000), ""),
}  # fmt: skip

_NUMBERS: Final[Cases] = {
    f"{kind}, {place.__name__.strip('_')}": (lambda text=text, place=place: place(text()), codes)
    for kind, text in {
        "decimal": lambda: "9" * 1_000_000,
        "5,000 digits": lambda: "9" * 5000,
        "100 digits": lambda: "9" * 99,
        "hexadecimal": lambda: "0x" + "f" * 1_000_000,
        "octal": lambda: "0" + "7" * 1_000_000,
        "binary": lambda: "0b" + "1" * 1_000_000,
        "sexagesimal": lambda: "1" + ":59" * 300_000,
        "sexagesimal, short": lambda: "1" + ":59" * 32,
        "underscores": lambda: "1" + "_" * 1_000_000,
        "float": lambda: "9" * 1_000_000 + ".0",
        "exponent": lambda: "1.0e+" + "9" * 1_000_000,
        "exponent, short": lambda: "1.0e+999999",
        "sexagesimal float": lambda: "1" + ":59" * 300_000 + ".5",
        "text of digits": lambda: "'" + "9" * 1_000_000 + "'",
        "a tag": lambda: "!!int '" + "9" * 1_000_000 + "'",
        "a date": lambda: "2001-12-14 21:59:43." + "1" * 1_000_000,
    }.items()
    for place, codes in ((_value, ""), (_gpu, ""))
}

_LONG: Final[Cases] = {
    "a value": (lambda: _value("x" * 10_000_000), "E605"),
    "a key": (lambda: _block(f"    environment: {{? {'x' * 10_000_000} : a}}"), "E606"),
    "a key of a task": (lambda: _block(f"    ? {'x' * 10_000_000}\n    : a"), "E101"),
    "a name": (lambda: _block("").replace("name: flow", "name: " + "x" * 10_000_000), "E202"),
    "an image": (lambda: _block("").replace("ubuntu", "x" * 10_000_000), "E503"),
    "an image of many parts": (lambda: _block("").replace("ubuntu", "a-" * 5_000_000), "E503"),
    "an image with a host": (lambda: _block("").replace("ubuntu", "a." * 200), "E503"),
    "a URL": (lambda: _flow(_task(inputs=[{"url": "s3://" + "a/" * 5_000_000}])), "E304 W328"),
    "a URL of slashes": (lambda: _flow(_task(inputs=[{"url": "s3://a" + "/" * 5_000_000 + "*"}])), "E304"),
    "a dataset": (lambda: _flow(_task(inputs=[{"dataset": {"name": "a" * 5_000_000 + "."}}])), "E305"),
    "a reference": (lambda: _flow(_task(inputs=[{"task": "a:" * 5_000_000}])), "E309"),
    "a path": (lambda: _flow(_task(files=[{"path": "/a" * 5_000_000, "contents": "x"}])), ""),
    "a path of dots": (lambda: _flow(_task(files=[{"path": "/.." * 3_000_000, "contents": "x"}])), "E601"),
    "a mount": (lambda: _flow(_task(volumeMounts=["/a:" * 3_000_000])), "E504"),
    "exit codes": (lambda: _flow(_task(exitActions={"FAIL": "1-2," * 1_000_000 + "3"})), ""),
    "other exit codes": (lambda: _flow(_task(exitActions={"FAIL": "1," * 50_000 + "3", "COMPLETE": "4," * 50_000 + "5"})), ""),
    "an exit action": (lambda: _flow(_task(exitActions={"x" * 5_000_000: 1})), "E401"),
    "a size": (lambda: _gpu("0, memory: '" + "1" * 5_000_000 + "Gi'"), "E502"),
    "a duration": (lambda: _flow(_task(), timeout={"exec_timeout": "1" * 5_000_000 + "h"}), "E406"),
    "a duration of parts": (lambda: _flow(_task(), timeout={"exec_timeout": "PT" + "1H" * 2_000_000}), "E406"),
    "a negative duration": (lambda: _flow(_task(), timeout={"exec_timeout": "-" + " " * 1_000_000 + "1h!"}), "E406"),
    "base64": (lambda: _flow(_task(files=[{"path": "/a", "contents": "QUJD" * 2_000_000, "base64": True}])), "E605"),
    "a label": (lambda: _flow(_task(), labels={"a" * 1_000_000: "b" * 1_000_000}), "E609"),
    "a label of dots": (lambda: _flow(_task(), labels={"a." * 1_000_000 + "/": "b." * 1_000_000}), "E609"),
    "words": (lambda: _flow(_task(args=["{{host:" * 1_000_000])), "E212"),
    "braces": (lambda: _flow(_task(args=["{" * 5_000_000])), "E010 E605"),
    "braces with spaces": (lambda: _flow(_task(args=["{% raw %}{{" + " " * 100_000 + "input:" + " " * 100_000 + "{% endraw %}"])), "E212"),
    "a glob": (lambda: _flow(_task(outputs=[{"url": "s3://a", "regex": "*." + "a" * 3_000_000}])), "E303"),
    "cache size": (lambda: _flow(_task(cacheSize="1" * 3_000_000)), "W122"),
}  # fmt: skip

_TEMPLATES: Final[Cases] = {
    name: (lambda text=text: _template(text), codes)
    for name, (text, codes) in {
        "loops": ("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "E013"),
        "loops that write": ("{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}", "E013"),
        "a long range": ("{% for a in range(10**9) %}{% endfor %}", "E012"),
        "a list of ranges": ("{{ [range(99999) | list] * 10**6 }}", "E013"),
        "power": ("{{ 9**9**9 }}", "E013"),
        "power of power": ("{{ (9**9**7) % 7 }}", "E013"),
        "long text": ("{{ 'x' * 10**10 }}", "E013"),
        "rather long text": ("{{ 'x' * 10**8 }}", "E013"),
        "long list": ("{{ ([0] * 10**10) | length }}", "E013"),
        "long tuple": ("{{ ((0,) * 10**9) | length }}", "E013"),
        "doubling": ("{% set n = namespace(s='x') %}{% for a in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}", "E013"),
        "doubling a list": ("{% set n = namespace(s=[1]) %}{% for a in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}", "E013"),
        "growing": ("{% set n = [] %}{% for a in range(99999) %}{% set _ = n.append('x' * 99999) %}{% endfor %}", "E013"),
        "recursion": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "E013"),
        "recursion, branching": ("{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(60) }}", "E013"),
        "recursive loop": ("{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}", "E013"),
        "format": ("{{ '%999999999d' % 1 }}", "E013"),
        "format, by method": ("{{ '{:>999999999}'.format(1) }}", "E013"),
        "center": ("{{ 'x' | center(10**10) }}", "E013"),
        "indent": ("{{ ('x\n' * 100000) | indent(100000) }}", "E013"),
        "ljust": ("{{ 'x'.ljust(10**10) }}", "E013"),
        "replace": ("{{ ('x' * 99999).replace('x', 'y' * 99999) }}", "E013"),
        "join": ("{{ range(99999) | join('x' * 99999) }}", "E013"),
        "digits": ("{{ (10**100000) }}", "E012"),
        "bits": ("{{ (1 * 2**62) | batch(2**62) }}", ""),
        "batch": ("{{ [1] | batch(10**10, 0) | list | length }}", "E013"),
        "slice": ("{{ [1] | slice(10**10) | list | length }}", "E013"),
        "wordwrap": ("{{ ('x ' * 10**6) | wordwrap(1) | length }}", ""),
        "urlize": ("{{ ('a.com ' * 10**6) | urlize }}", "E013"),
        "urlize, catastrophic": ("{{ ('(' * 10**5) | urlize }}", ""),
        "striptags": ("{{ ('<' * 10**6) | striptags | length }}", ""),
        "a regular expression of striptags": ("{{ ('<!--' * 10**5) | striptags | length }}", ""),
        "cycles": ("{% set a = [] %}{% set _ = a.append(a) %}{{ a }}{{ a | tojson }}", "E012 E013"),
        "pprint": ("{% set a = [] %}{% for n in range(10000) %}{% set _ = a.append({'a': [n]}) %}{% endfor %}{{ a | pprint }}", ""),
        "nested sort": ("{% for a in range(99999) %}{{ range(99999) | sort | length }}{% endfor %}", "E013"),
        "classes": ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "E012"),
        "globals": ("{{ cycler.__init__.__globals__.os.system('id') }}", "E012"),
        "attr": ("{{ '' | attr('__class__') }}", "E012"),
        "format to classes": ("{{ '{0.__class__.__mro__}'.format('') }}", "E012"),
        "format_map to classes": ("{{ '{a.__class__}'.format_map({'a': 1}) }}", "E012"),
        "map attribute": ("{{ [''] | map(attribute='__class__') | list }}", "E012"),
        "self": ("{{ self._TemplateReference__context.environment }}", "E012"),
        "generator frames": ("{% set g = (range(1) | map('string')) %}{{ g.gi_frame.f_globals }}", "E012"),
        "functions": ("{% macro m() %}{% endmacro %}{{ m.__call__.__func__.__globals__ }}", "E012"),
        "include": ("{% include '/etc/passwd' %}", "E012"),
        "import": ("{% import '/etc/passwd' as x %}", "E012"),
        "extends": ("{% extends '/etc/passwd' %}", "E012"),
        "open": ("{{ open('/etc/passwd') }}", "E011"),
        "nested brackets": ("{{ " + "(" * 10_000 + ")" * 10_000 + " }}", "E010 E013"),
        "nested lists": ("{{ " + "[" * 1_000 + "]" * 1_000 + " }}", "E013"),
        "nested statements": ("{% if 1 %}" * 5_000 + "{% endif %}" * 5_000, "E013 E012"),
        "nested loops": ("{% for a in [1] %}" * 30 + "{% endfor %}" * 30, ""),
        "long sums": ("{{ " + "+".join(["1"] * 20_000) + " }}", "E013"),
        "long not": ("{{ " + "not " * 20_000 + "1 }}", "E013"),
        "long filters": ("{{ 1" + " | e" * 10_000 + " }}", "E013"),
        "long attributes": ("{{ x" + ".a" * 10_000 + " }}", "E013 E011"),
        "many undefined": ("{{ x }}\n    #" * 20_000, "E011"),
        "many variables": ("".join(f"{{{{ x{n} }}}}\n    #" for n in range(5_000)), "E011"),
        "many statements": ("{% set x = 1 %}" * 20_000, ""),
        "many tokens": ("{{output}}{# x #}" * 100_000, ""),
        "many comments": ("{# x #}\n    #" * 100_000, ""),
        "long comment": ("{#" + "x" * 10_000_000 + "#}", ""),
        "open comment": ("{#" * 1_000_000, "E010"),
        "open braces": ("{{ " * 100_000, "E010"),
        "long literal": ("{{ '" + "x" * 10_000_000 + "' | length }}", ""),
        "long number": ("{{ " + "9" * 1_000_000 + " }}", "E012 E010"),
        "many macros": ("".join(f"{{% macro m{n}() %}}{{% endmacro %}}" for n in range(3_000)), ""),
        "stop of process": ("{{ '\\ud800' }}", ""),
        "markers of lines": ("{{ '\\0001\\000' }}", ""),
        "a deep text": ("{% for a in range(99999) %}[{% endfor %}", ""),
        "many lines": ("{% for a in range(99999) %}\n    # x{% endfor %}", ""),
    }.items()
}  # fmt: skip


def _names(count: int = _MANY) -> Iterator[str]:
    return (f"t{n}" for n in range(count))


def _many(**keys: Any) -> str:
    return _flow(*(_task(name, **keys) for name in _names()))


def _chain(count: int, close: bool) -> str:
    upstream = [f"t{count - 1}" if close else "", *(f"t{n}" for n in range(count - 1))]
    return _flow(*(_task(f"t{n}", inputs=[{"task": up}] if up else []) for n, up in enumerate(upstream)))


def _bipartite(count: int) -> str:
    reads = [{"task": f"a{n}"} for n in range(count)]
    return _flow(*(_task(f"a{n}") for n in range(count)), *(_task(f"b{n}", inputs=reads) for n in range(count)))


_LARGE: Final[Cases] = {
    "tasks": (lambda: _many(), "E801"),
    "tasks with findings": (lambda: _many(inputs=[{"task": "nobody"}], environment={"1": "2"}, backend="x"), "E204"),
    "tasks with near misses": (lambda: _flow(*(_task(n, inputs=[{"task": n + "x"}]) for n in _names())), "E204"),
    "tasks of one name": (lambda: _flow(*(_task("a") for _ in range(_MANY))), "E203"),
    "tasks with unknown keys": (lambda: _many(comand="x", enviroment={}, nam="y"), "E101"),
    "tasks without a name": (lambda: _flow(*('{"image": "ubuntu"}' for _ in range(_MANY))), "E102"),
    "tasks with wrong types": (lambda: _many(args="x", files={}, inputs=None), "E104"),
    "tasks with unknown resources": (lambda: _flow(*(_task(n, resource=n) for n in _names())), "E206"),
    "tasks and resources": (lambda: _flow(*(_task(n, resource=n) for n in _names()), resources={n: {} for n in _names()}), "E801"),
    "tasks with near resources": (
        lambda: _flow(*(_task(n, resource=n + "x") for n in _names()), resources={n: {} for n in _names()}), "E206"
    ),
    "a group of tasks": (
        lambda: "workflow:\n  name: flow\n  groups:\n  - name: g\n    tasks:\n"
        + "".join(f"    - {_task(n, lead=n == 't0')}\n" for n in _names()), "E801"
    ),
    "a group of leads": (
        lambda: "workflow:\n  name: flow\n  groups:\n  - name: g\n    tasks:\n"
        + "".join(f"    - {_task(n, lead=True)}\n" for n in _names()), "E207"
    ),
    "groups": (
        lambda: "workflow:\n  name: flow\n  groups:\n"
        + "".join(f'  - {{"name": "g{n}", "tasks": [{_task(n)}]}}\n' for n in _names()), "E801"
    ),
    "hosts of a group": (
        lambda: "workflow:\n  name: flow\n  groups:\n  - name: g\n    tasks:\n"
        + "".join(f"    - {_task(n, lead=n == 't0', args=['{{host:nobody}}'])}\n" for n in _names(2000)), "E211"
    ),
    "host network": (
        lambda: "workflow:\n  name: flow\n  groups:\n  - name: g\n    tasks:\n"
        + "".join(f"    - {_task(n, lead=n == 't0', hostNetwork=True)}\n" for n in _names()), "W523"
    ),
    "a chain": (lambda: _chain(_MANY, False), "E801"),
    "a cycle": (lambda: _chain(_MANY, True), "E301"),
    "cycles of two": (
        lambda: _flow(*(_task(f"t{n}", inputs=[{"task": f"t{n ^ 1}"}]) for n in range(_MANY))), "E301"
    ),
    "a bipartite graph": (lambda: _bipartite(500), "E801"),
    "a clique": (lambda: _flow(*(_task(f"t{n}", inputs=[{"task": f"t{m}"} for m in range(400) if m != n]) for n in range(400))), "E301"),
    "a triangle": (lambda: _flow(*(_task(f"t{n}", inputs=[{"task": f"t{m}"} for m in range(n)]) for n in range(600))), "E801"),
    "environment": (lambda: _flow(_task(environment={f"V{n}": "x" for n in range(_MANY)})), "W328"),
    "environment with findings": (lambda: _flow(_task(environment={f"{n}": "x" for n in range(_MANY)})), "E606"),
    "environment of numbers": (lambda: _block("    environment:\n" + "".join(f"      {n}: 0{n}\n" for n in range(_MANY))), "E606"),
    "environment of nulls": (lambda: _block("    environment:\n" + "".join(f"      A{n}:\n" for n in range(_MANY))), "E103"),
    "environment of tokens": (lambda: _flow(_task(environment={f"A{n}": "{{input:9}}" for n in range(_MANY)})), "E210"),
    "credentials": (lambda: _flow(_task(credentials={f"c{n}": f"/c/{n}" for n in range(_MANY)})), ""),
    "credentials as variables": (lambda: _flow(_task(credentials={f"c{n}": {f"A{n}": "key"} for n in range(_MANY)})), ""),
    "credentials with findings": (lambda: _flow(_task(credentials={f"c{n}": {"A": "/"} for n in range(_MANY)})), "E607"),
    "files": (lambda: _flow(_task(files=[{"path": f"/f/{n}", "contents": "x"} for n in range(20_000)])), ""),
    "files with findings": (lambda: _flow(_task(files=[{"path": f"f/{n}", "contents": "x"} for n in range(20_000)])), "E601"),
    "files at one path": (lambda: _flow(_task(files=[{"path": "/f", "contents": "x"}] * 20_000)), "E602"),
    "files within files": (lambda: _flow(_task(files=[{"path": "/f" * n, "contents": ""} for n in range(1, 1000)])), "E602"),
    "files and mounts": (
        lambda: _flow(_task(files=[{"path": f"/f{n}/x", "contents": ""} for n in range(5000)],
                            volumeMounts=[f"/f{n}" for n in range(5000)])), "E602"
    ),
    "mounts": (lambda: _flow(_task(volumeMounts=[f"/m/{n}" for n in range(_MANY)])), ""),
    "mounts at one path": (lambda: _flow(_task(volumeMounts=["/m"] * _MANY)), "E504"),
    "arguments": (lambda: _flow(_task(args=["x"] * 100_000)), ""),
    "arguments of the wrong type": (lambda: _flow(_task(args=[None] * 20_000)), "E103"),
    "arguments of booleans": (lambda: _block("    args:\n" + "    - yes\n" * 20_000), "W120"),
    "tokens in one text": (lambda: _flow(_task(args=["{{output}}" * 100_000])), "E605"),
    "bad tokens in one text": (lambda: _flow(_task(args=["{{input:1}}" * 100_000])), "E210"),
    "bad tokens in one block": (lambda: _block("    args:\n    - |\n" + "      {{input:1}}\n" * 100_000), "E210"),
    "different bad tokens": (lambda: _flow(_task(args=["".join(f"{{{{host:x{n}}}}}" for n in range(20_000))])), "E211"),
    "bad tokens in many texts": (lambda: _flow(_task(args=["{{input:1}}"] * 20_000)), "E210"),
    "half tokens": (lambda: _flow(_task(args=["{{input:{% raw %}{{input:{% endraw %}"] * 5_000)), "E212 E010"),
    "tokens outside": (lambda: _flow(_task(), pool="{{output}}" * 20_000), "E213"),
    "inputs": (lambda: _flow(_task(inputs=[{"url": f"s3://b/{n}"} for n in range(_MANY)])), "W328"),
    "inputs of many buckets": (lambda: _flow(_task(inputs=[{"url": f"s3://b{n}/x"} for n in range(_MANY)])), "W328"),
    "inputs with findings": (lambda: _flow(_task(inputs=[{"url": f"b/{n}", "regex": "*.png"} for n in range(_MANY)])), "E304"),
    "inputs of no kind": (lambda: _flow(_task(inputs=[{"x": n} for n in range(_MANY)])), "E105"),
    "inputs of unknown tasks": (lambda: _flow(_task(inputs=[{"task": f"t{n}"} for n in range(_MANY)])), "E204"),
    "datasets": (
        lambda: _flow(_task("w", outputs=[{"dataset": {"name": f"d{n}"}} for n in range(_MANY)]),
                      _task("r", inputs=[{"dataset": {"name": f"d{n}"}} for n in range(_MANY)])), "W328"
    ),
    "writers of one dataset": (lambda: _many(outputs=[{"dataset": {"name": "d"}}]), "W323"),
    "writers of one dataset, in order": (
        lambda: _flow(*(_task(f"t{n}", inputs=[{"task": f"t{n - 1}"}] if n else [], outputs=[{"dataset": {"name": "d"}}])
                        for n in range(1000))), "W327"
    ),
    "writers and readers": (
        lambda: _flow(*(_task(f"w{n}", outputs=[{"dataset": {"name": "d"}}]) for n in range(500)),
                      *(_task(f"r{n}", inputs=[{"dataset": {"name": "d"}}]) for n in range(500))), "W323"
    ),
    "updates": (lambda: _many(outputs=[{"update_dataset": {"name": "d"}}]), "W330"),
    "checkpoints": (
        lambda: _flow(_task(checkpoint=[{"path": f"c/{n}", "url": "x", "frequency": "0.5s"} for n in range(_MANY)])), "E406"
    ),
    "resources": (lambda: _flow(_task(), resources={f"r{n}": {"memory": "1G"} for n in range(_MANY)}), "E206"),
    "resources with topology": (
        lambda: _flow(*(_task(n, resource=n) for n in _names()),
                      resources={n: {"topology": [{"key": n, "group": n}]} for n in _names()}), "E505"
    ),
    "topology": (lambda: _flow(_task(), resources={"default": {"topology": [{"key": f"k{n}"} for n in range(_MANY)]}}), ""),
    "excluded nodes": (lambda: _flow(_task(), resources={"default": {"nodesExcluded": [f"n{n}" for n in range(_MANY)]}}), ""),
    "excluded nodes with findings": (lambda: _flow(_task(), resources={"default": {"nodesExcluded": ["-"] * _MANY}}), "E507"),
    "labels": (lambda: _flow(_task(), labels={f"l{n}": "x" for n in range(_MANY)}), "E609"),
    "exit ranges": (
        lambda: _flow(_task(exitActions={"COMPLETE": ",".join(map(str, range(0, 20000, 2))),
                                         "FAIL": ",".join(map(str, range(1, 20000, 2)))})), "W420"
    ),
    "exit actions": (lambda: _flow(_task(exitActions={f"a{n}": 1 for n in range(_MANY)})), "E401"),
    "defaults": (lambda: "default-values:\n" + "".join(f"  v{n}: x\n" for n in range(100_000)) + _block(""), "W022"),
    "defaults of near names": (lambda: "default-values:\n" + "".join(f"  v{n}: x\n" for n in range(_MANY)) + _template("{{ w1 }}"), "E011"),
    "lines": (lambda: _block("    args:\n" + "    - x\n" * 100_000), ""),
    "lines of a text": (lambda: _block("    args:\n    - |\n" + "      x\n" * 100_000), ""),
    "lines of tasks": (
        lambda: "workflow:\n  name: flow\n  tasks:\n"
        + "".join(f"  - name: t{n}\n    image: ubuntu\n    command: [sh]\n" for n in range(33_000)), "E801"
    ),
    "kpis": (lambda: _flow(_task(kpis=[{"index": f"{n}", "path": "../x"} for n in range(_MANY)])), "E307"),
    "dates": (lambda: _block("    args:\n" + "    - 2024-01-01\n" * 20_000), "E104"),
    "a template of many lines": (lambda: _block("    args:\n{% for n in range(50000) %}    - x{{ n }}\n{% endfor %}"), ""),
    "a template of many tasks": (
        lambda: "workflow:\n  name: flow\n  tasks:\n{% for n in range(2000) %}  - name: t{{ n }}\n    image: ubuntu\n"
        "    command: [sh, '{{input:1}}']\n{% endfor %}", "E210"
    ),
}  # fmt: skip


def _seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _compile(text: str, target: str, seconds: float) -> Result:
    start = _seconds()
    result = compile_workflow(text, options=Options(target=target), render=sandbox.render)  # type: ignore[arg-type]
    took = _seconds() - start
    print(f"COMPILE {took:.2f}", result.failed, sorted({f.code.id for f in result.findings})[:12], len(result.findings))
    start = _seconds()
    check_reports(result.findings)
    print(f"REPORT {_seconds() - start:.2f}")
    assert took < seconds, f"{took:.1f} s"
    lines = text.split("\n")
    for found in result.findings:
        check_place(found, lines)
    return result


def _check(result: Result, codes: str) -> None:
    assert result.failed != bool(result.manifests)
    found = {one.code.id for one in result.findings}
    assert found & set(codes.split()) if codes else not result.failed, found


@pytest.mark.parametrize("target", ["argo"])
@pytest.mark.parametrize("name", [*_ALIASES, *_SYNTAX, *_NUMBERS, *_LONG, *_TEMPLATES])
def test_hostile_file_ends_soon(name: str, target: str) -> None:
    text, codes = (_ALIASES | _SYNTAX | _NUMBERS | _LONG | _TEMPLATES)[name]
    _check(_compile(text(), target, _HOSTILE_SECONDS), codes)


@pytest.mark.parametrize("target", ["argo", "jobs"])
@pytest.mark.parametrize("name", _LARGE)
def test_large_file_ends_soon(name: str, target: str) -> None:
    text, codes = _LARGE[name]
    _check(_compile(text(), target, _LARGE_SECONDS), codes)
