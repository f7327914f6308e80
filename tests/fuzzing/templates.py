"""Templates made of pieces of Jinja: legal ones, broken ones, ones that reach for what they should not have.

Nothing here takes long: these are rendered in the process of the test.
"""

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

_ATOMS: Final = (
    "x", "y", "items", "nothing", "1", "0", "-1", "1.5", "'s'", "''", "none", "true", "[]", "[1, 'a']", "{}",
    "{'a': 1}", "()", "loop", "loop.index", "self", "caller", "varargs", "kwargs", "super()", "range(3)",
    "cycler(1, 2)", "joiner()", "namespace(a=1)", "dict(a=1)", "lipsum", "lipsum()", "x.y.z", "x['a']", "items[0]",
    "items[99]", "items['a']", "''.__class__", "x.__class__.__mro__", "self._TemplateReference__context", "x.format",
    "'{0.__class__}'.format(x)", "'%s' % x", "'{}'.format_map(x)", "range", "osmoc1", "namespace.__init__",
    "cycler.__init__.__globals__", "[].append(1)", "items.append(1)", "items.clear()", "(1).__add__", "_", "__x__",
    "x if y", "x if nothing else y", "nothing.a.b()", "nothing[nothing]", "-nothing", "nothing + 1", "not nothing",
    "'\\u0000'", "'\\ud800'", "'\\x85\\u2028'", "'\\n'",
)  # fmt: skip
_FILTERS: Final = (
    "abs", "attr('a')", "attr('__class__')", "batch(2)", "capitalize", "center(9)", "default('d')", "default",
    "dictsort", "e", "escape", "filesizeformat", "first", "float", "forceescape", "format(1)", "groupby('a')",
    "indent", "indent(2, true)", "int", "int(base=99)", "items", "join", "join(',')", "last", "length", "list",
    "lower", "map('upper')", "map(attribute='a')", "map", "max", "min", "pprint", "random", "reject('odd')",
    "rejectattr('a')", "replace('a', 'b')", "reverse", "round", "round(99)", "safe", "select", "select('x')",
    "slice(3)", "slice(0)", "sort", "sort(attribute='a')", "string", "striptags", "sum", "title", "tojson", "trim",
    "truncate(3)", "unique", "upper", "urlencode", "urlize", "wordcount", "wordwrap(3)", "wordwrap(0)", "xmlattr",
    "nofilter", "batch(0)",
)  # fmt: skip
_TESTS: Final = (
    "is defined", "is undefined", "is none", "is odd", "is divisibleby 0", "is divisibleby 2", "is in [1]",
    "is mapping", "is notest", "== 1", "!= none", "< 1", "> 's'", "in x", "not in items", "~ 'a'", "+ 1", "- 1", "* 2",
    "/ 0", "// 1", "% 0", "and y", "or y",
)  # fmt: skip
_TEXT: Final = (
    "a", "\n", " ", "- b: c\n", "  ", "\t", "\0", "\0", "7\0", "é", "\u2028", "\r\n", "{", "}", "#", "%", "{{output}}",
    "{{input:0}}", "\n\n\n", "{{", "}}", "{%", "%}", "{#", "#}", "{{-", "-}}", "{%-", "-%}", "{%+", "+%}", "{# c #}",
    "{#- \n -#}", "{% raw %}", "{% endraw %}",
)  # fmt: skip
_STATEMENTS: Final = (
    "if {}", "elif {}", "else", "endif", "for i in {}", "for a, b in {}", "for i in {} recursive",
    "for i in [1, 2] if {}", "endfor", "set x = {}", "set x", "endset", "set a, b = {}", "set ns.a = {}", "macro m()",
    "macro m(a, b={})", "endmacro", "call m()", "call(a) m({})", "endcall", "filter upper", "filter {}", "endfilter",
    "with a={}", "endwith", "block b", "block b scoped", "block b required", "endblock", "extends {}", "include {}",
    "include {} ignore missing", "import {} as z", "from {} import z", "autoescape {}", "endautoescape", "do {}",
    "break", "continue", "trans", "debug", "raw", "endraw", "{}", "", "for", "if", "set", "macro",
)  # fmt: skip

_expression: Final = st.recursive(
    st.sampled_from(_ATOMS),
    lambda inner: st.one_of(
        st.builds("{} | {}".format, inner, st.sampled_from(_FILTERS)),
        st.builds("{} {}".format, inner, st.sampled_from(_TESTS)),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("{}({})".format, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{} if {} else {}".format, inner, inner, inner),
    ),
    max_leaves=4,
)
_statement: Final = st.builds(lambda text, value: text.replace("{}", value), st.sampled_from(_STATEMENTS), _expression)


def _block(opening: str, closing: str) -> SearchStrategy[str]:
    return st.builds(
        lambda value, body: f"{{% {opening} {value} %}}{body}{{% {closing} %}}",
        _expression,
        st.lists(_piece, max_size=3).map("".join),
    )


_piece: Final[SearchStrategy[str]] = st.deferred(
    lambda: st.one_of(
        st.sampled_from(_TEXT),
        st.text(max_size=6),
        _expression.map("{{{{ {} }}}}".format),
        _expression.map("{{{{- {} -}}}}".format),
        _statement.map("{{% {} %}}".format),
        _statement.map("{{%- {} -%}}\n".format),
        _block("if", "endif"),
        _block("for i in", "endfor"),
        _block("set x |", "endset"),
        _block("filter upper |", "endfilter"),
    )
)

template_texts: Final[SearchStrategy[str]] = st.lists(_piece, max_size=8).map("".join)

VALUES: Final[dict[str, Any]] = {"x": "text", "y": 2, "items": [1, "two", {"a": None}], "osmoc1": "", "lipsum": 1.5}
