"""Files that are made to hurt: by size, by depth, by what they grow to when they are read or rendered."""

from functools import partial
from typing import Final

from fuzzing.sources import Cases, block, flow, task, template

_MANY: Final = 5000


def _value(text: str) -> str:
    return block(f"    environment:\n      A: {text}")


def _gpu(text: str) -> str:
    return block("").replace("  tasks:", f"  resources: {{default: {{gpu: {text}}}}}\n  tasks:")


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
    "laughs, in values": (lambda: "default-values:\n" + _laughs(30, 10) + template("{{ l29 }}"), "E009"),
    "laughs, below the limit": (lambda: "default-values:\n" + _laughs(4, 21) + template("{{ l3 }}"), "E009"),
    "laughs, merged, in values": (
        lambda: "default-values:\n" + _merging_laughs(30, 10) + template("{{ l29 }}"),
        "E009",
    ),
    "laughs, in keys": (lambda: "workflow:\n" + _laughs(20, 10) + "  ? *l19\n  : x\n", "E009"),
    "laughs, in arguments": (lambda: block("    x:\n" + _laughs(30, 10).replace("  l", "      l")), "E009"),
    "alias of all above": (lambda: _value("&a [*a, {b: *a}]"), "E003"),
    "merge of itself": (lambda: block("    environment: &a {<<: *a, x: 1}"), "E003"),
    "a long text, many times": (
        lambda: block(f"    environment: {{A: &a '{'x' * 100_000}'}}\n    args: [{', '.join(['*a'] * 9000)}]"),
        "E009 E605",
    ),
    "many anchors": (lambda: block(f"    args: [{', '.join(f'&a{n} x' for n in range(100_000))}]"), ""),
    "many merges": (
        lambda: block(
            f"    x: [{', '.join(f'&a{n} {{k{n}: 1}}' for n in range(_MANY))}]\n"
            f"    environment: {{<<: [{', '.join(f'*a{n}' for n in range(_MANY))}]}}"
        ),
        "E101",
    ),
    "a chain of merges": (
        lambda: block(
            "    x:\n    - &a0 {k0: 1}\n"
            + "".join(f"    - &a{n} {{<<: *a{n - 1}, k{n}: 1}}\n" for n in range(1, 2000))
            + "    environment: *a1999"
        ),
        "E101 E009",
    ),
}

_SYNTAX: Final[Cases] = {
    "empty lines": (lambda: "\n" * 100_000, "E004"),
    "broken lines": (lambda: "- {a\n" * 100_000, "E004"),
    "broken lines in the workflow": (lambda: "workflow:\n" + "  - {a\n" * 100_000, "E003"),
    "sections": (lambda: "".join(f"s{n}:\n" for n in range(100_000)), "E005"),
    "one section, many times": (lambda: "workflow:\n" * 100_000, "E006"),
    "statements": (lambda: "{% x %}\n" * 100_000, "W021"),
    "ignores": (lambda: "# osmoc: ignore W020\n" * 100_000, "E004"),
    "an ignore of many": (lambda: f"# osmoc: ignore {'W020, ' * 100_000}x\n", "E004"),
    "raw blocks": (lambda: template("{% raw %}{{output}}{% endraw %}\n" * 20_000), "E014"),
    "raw blocks without end": (lambda: template("{% raw %}" * 100_000 + "endraw"), "E010"),
    "raw tokens": (lambda: template("{% raw %}" + "{{output}}\n" * 50_000 + "{% endraw %}"), "E014"),
    "NULs": (lambda: "\0" * 1_000_000, "E002"),
    "a NUL a line": (lambda: block("    # \0\n" * 100_000), "E002"),
    "surrogates": (lambda: _value("\ud800" * 100_000), "E002"),
    "escaped NULs": (lambda: block(f"    args: [{', '.join([chr(34) + chr(92) + '0' + chr(34)] * _MANY)}]"), "E002"),
    "tags": (lambda: block("    args:\n" + "    - !x y\n" * 50_000), "E003"),
    "spaces": (lambda: "workflow:" + " " * 10_000_000, "E004"),
    "tabs": (lambda: "workflow:\n" + "\t" * 1_000_000, "E003"),
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
    "nested defaults": (lambda: "default-values: " + "[" * 100_000 + "\n" + block(""), "E003"),
    "quotes": (lambda: "workflow:\n  a: '" + "''" * 2_000_000, "E003"),
    "a comment": (lambda: block("#" * 10_000_000), ""),
}

_DIGITS: Final = {
    "decimal": "9" * 1_000_000,
    "5,000 digits": "9" * 5000,
    "hexadecimal": "0x" + "f" * 1_000_000,
    "octal": "0" + "7" * 1_000_000,
    "binary": "0b" + "1" * 1_000_000,
    "sexagesimal": "1" + ":59" * 300_000,
    "underscores": "1" + "_" * 1_000_000,
    "float": "9" * 1_000_000 + ".0",
    "exponent": "1.0e+" + "9" * 1_000_000,
    "sexagesimal float": "1" + ":59" * 300_000 + ".5",
    "a tag": "!!int '" + "9" * 1_000_000 + "'",
    "a date": "2001-12-14 21:59:43." + "1" * 1_000_000,
}
_SHORT_DIGITS: Final = {
    "99 digits": "9" * 99,
    "32 times sixty": "1" + ":59" * 32,
    "a large exponent": "1.0e+999999",
    "a million digits in quotes": f"'{'9' * 1_000_000}'",
}
_NUMBERS: Final[Cases] = {
    **{f"{name}, as text": (partial(_value, text), "E009") for name, text in _DIGITS.items()},
    **{f"{name}, as a number": (partial(_gpu, text), "E009") for name, text in _DIGITS.items()},
    **{f"{name}, as text": (partial(_value, text), "") for name, text in _SHORT_DIGITS.items()},
    **{f"{name}, as a number": (partial(_gpu, text), "E501") for name, text in _SHORT_DIGITS.items()},
}

_LONG: Final[Cases] = {
    "a value": (lambda: _value("x" * 10_000_000), "E605"),
    "a key": (lambda: block(f"    environment: {{? {'x' * 10_000_000} : a}}"), "E605"),
    "a key of a task": (lambda: block(f"    ? {'x' * 10_000_000}\n    : a"), "E101"),
    "a name": (lambda: block("").replace("name: flow", "name: " + "x" * 10_000_000), "E202"),
    "an image": (lambda: block("").replace("ubuntu", "x" * 10_000_000), "E503"),
    "an image of many parts": (lambda: block("").replace("ubuntu", "a-" * 5_000_000), "E503"),
    "an image with a host": (lambda: block("").replace("ubuntu", "a." * 200), "E503"),
    "a URL": (lambda: flow(task(inputs=[{"url": "s3://" + "a/" * 5_000_000}])), "E304 W328"),
    "a URL of slashes": (lambda: flow(task(inputs=[{"url": "s3://a" + "/" * 5_000_000 + "*"}])), "E304"),
    "a URL of users": (lambda: flow(task(inputs=[{"url": "s3://a:b" * 500_000}])), "E304 W328"),
    "passwords": (lambda: flow(task(args=["s3://a:b@" * 500_000])), "E605 W622"),
    "signatures": (lambda: flow(task(args=["s3://a?sig=" * 500_000])), "E605 W622"),
    "a dataset": (lambda: flow(task(inputs=[{"dataset": {"name": "a" * 5_000_000 + "."}}])), "E305"),
    "a reference": (lambda: flow(task(inputs=[{"task": "a:" * 5_000_000}])), "E309"),
    "a path": (lambda: flow(task(files=[{"path": "/a" * 5_000_000, "contents": "x"}])), "E601"),
    "a path of dots": (lambda: flow(task(files=[{"path": "/.." * 3_000_000, "contents": "x"}])), "E601"),
    "a mount": (lambda: flow(task(volumeMounts=["/a:" * 3_000_000])), "E504"),
    "exit codes": (lambda: flow(task(exitActions={"FAIL": "1-2," * 1_000_000 + "3"})), "E402"),
    "other exit codes": (
        lambda: flow(task(exitActions={"FAIL": "1," * 50_000 + "3", "COMPLETE": "4," * 50_000 + "5"})),
        "E402",
    ),
    "an exit action": (lambda: flow(task(exitActions={"x" * 5_000_000: 1})), "E003"),
    "a size": (lambda: _gpu("0, memory: '" + "1" * 5_000_000 + "Gi'"), "E502"),
    "a duration": (lambda: flow(task(), timeout={"exec_timeout": "1" * 5_000_000 + "h"}), "E406"),
    "a duration of parts": (lambda: flow(task(), timeout={"exec_timeout": "PT" + "1H" * 2_000_000}), "E406"),
    "a negative duration": (lambda: flow(task(), timeout={"exec_timeout": "-" + " " * 1_000_000 + "1h!"}), "E406"),
    "base64": (lambda: flow(task(files=[{"path": "/a", "contents": "QUJD" * 2_000_000, "base64": True}])), "E605"),
    "a label": (lambda: flow(task(), labels={"a" * 1_000_000: "b" * 1_000_000}), "E003"),
    "a label of dots": (lambda: flow(task(), labels={"a." * 1_000_000 + "/": "b." * 1_000_000}), "E003"),
    "raw blocks behind comments": (
        lambda: flow(task(args=["{#" * 500_000 + "{% raw %}{{output}}{% endraw %}"])),
        "E010",
    ),
    "words": (lambda: flow(task(args=["{{host:" * 1_000_000])), "E010"),
    "braces": (lambda: flow(task(args=["{" * 5_000_000])), "*"),
    "braces with spaces": (
        lambda: flow(task(args=["{% raw %}{{" + " " * 100_000 + "input:" + " " * 100_000 + "{% endraw %}"])),
        "E212",
    ),
    "a regular expression": (lambda: flow(task(outputs=[{"url": "s3://a", "regex": "(a|" * 1_000_000}])), "E303"),
    "a glob": (lambda: flow(task(outputs=[{"url": "s3://a", "regex": "*." + "a" * 3_000_000}])), "E303"),
    "cache size": (lambda: flow(task(cacheSize="1" * 3_000_000)), "W122"),
}

_TEMPLATES: Final[Cases] = {
    name: (partial(template, text), codes)
    for name, (text, codes) in {
        "loops": ("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "E013"),
        "loops that write": (
            "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
            "E013",
        ),
        "a long range": ("{% for a in range(10**9) %}{% endfor %}", "E012"),
        "a list of ranges": ("{{ [range(99999) | list] * 10**6 }}", "E013"),
        "power": ("{{ 9**(9**9) }}", "E013"),
        "power of power": ("{{ (9**(9**7)) % 7 }}", "E013"),
        "long text": ("{{ 'x' * 10**10 }}", "E013"),
        "rather long text": ("{{ 'x' * 10**8 }}", "E013"),
        "long list": ("{{ ([0] * 10**10) | length }}", "E013"),
        "long tuple": ("{{ ((0,) * 10**9) | length }}", "E013"),
        "doubling": (
            "{% set n = namespace(s='x') %}{% for a in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
            "E013",
        ),
        "doubling a list": (
            "{% set n = namespace(s=[1]) %}{% for a in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}",
            "E013",
        ),
        "growing": (
            "{% set n = [] %}{% for a in range(99999) %}{% set _ = n.append('x' * 99999) %}{% endfor %}",
            "E013",
        ),
        "recursion": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "E013"),
        "recursion, branching": (
            "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(60) }}",
            "E013",
        ),
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
        "wordwrap": ("{{ ('x ' * 10**6) | wordwrap(1) | length }}", "*"),
        "urlize": ("{{ ('a.com ' * 10**6) | urlize }}", "E013"),
        "urlize, catastrophic": ("{{ ('(' * 10**5) | urlize }}", ""),
        "striptags": ("{{ ('<' * 10**6) | striptags | length }}", ""),
        "a regular expression of striptags": ("{{ ('<!--' * 10**5) | striptags | length }}", ""),
        "cycles": ("{% set a = [] %}{% set _ = a.append(a) %}{{ a }}{{ a | tojson }}", "E012 E013"),
        "pprint": (
            "{% set a = [] %}{% for n in range(10000) %}{% set _ = a.append({'a': [n]}) %}{% endfor %}{{ a | pprint }}",
            "E003",
        ),
        "nested sort": ("{% for a in range(99999) %}{{ range(99999) | sort | length }}{% endfor %}", "E013"),
        "classes": ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "E012"),
        "globals": ("{{ cycler.__init__.__globals__.os.system('id') }}", "E012"),
        "attr": ("{{ '' | attr('__class__') }}", "E012"),
        "format to classes": ("{{ '{0.__class__.__mro__}'.format('') }}", "E012"),
        "format_map to classes": ("{{ '{a.__class__}'.format_map({'a': 1}) }}", "E012"),
        "map attribute": ("{{ [''] | map(attribute='__class__') | list }}", ""),
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
        "nested loops": ("{% for a in [1] %}" * 30 + "{% endfor %}" * 30, "E013"),
        "long sums": ("{{ " + "+".join(["1"] * 20_000) + " }}", "E013"),
        "long not": ("{{ " + "not " * 20_000 + "1 }}", "E013"),
        "long filters": ("{{ 1" + " | e" * 10_000 + " }}", "E013"),
        "long attributes": ("{{ x" + ".a" * 10_000 + " }}", "E013 E011"),
        "many undefined": ("{{ x }}\n    #" * 20_000, "*"),
        "many variables": ("".join(f"{{{{ x{n} }}}}\n    #" for n in range(5_000)), "*"),
        "many statements": ("{% set x = 1 %}" * 20_000, "*"),
        "many tokens": ("{{output}}{# x #}" * 100_000, "*"),
        "many comments": ("{# x #}\n    #" * 100_000, "*"),
        "long comment": ("{#" + "x" * 10_000_000 + "#}", "*"),
        "open comment": ("{#" * 1_000_000, "E010"),
        "open braces": ("{{ " * 100_000, "E010 E013"),
        "long literal": ("{{ '" + "x" * 10_000_000 + "' | length }}", "*"),
        "long number": ("{{ " + "9" * 1_000_000 + " }}", "E012 E010"),
        "many macros": ("".join(f"{{% macro m{n}() %}}{{% endmacro %}}" for n in range(3_000)), "*"),
        "stop of process": ("{{ '\\ud800' }}", "E002"),
        "markers of lines": ("{{ '\\0001\\000' }}", "E002"),
        "a deep text": ("{% for a in range(99999) %}[{% endfor %}", ""),
        "many lines": ("{% for a in range(99999) %}\n    # x{% endfor %}", ""),
    }.items()
}


HOSTILE: Final[Cases] = {
    f"{kind}: {name}": case
    for kind, cases in {
        "aliases": _ALIASES,
        "syntax": _SYNTAX,
        "numbers": _NUMBERS,
        "long": _LONG,
        "templates": _TEMPLATES,
    }.items()
    for name, case in cases.items()
}
