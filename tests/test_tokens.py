"""Tokens: what is one, what is protected from the template, and what stands in their place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osmoc.tokens import PROTECTED, Token, TokenKind, bind, stand_in, tokens_in

KINDS = TokenKind


@pytest.mark.parametrize(
    ("text", "kind", "argument"),
    [
        ("{{output}}", KINDS.OUTPUT, ""),
        ("{{workflow_id}}", KINDS.WORKFLOW_ID, ""),
        ("{{uuid}}", KINDS.UUID, ""),
        ("{{input:0}}", KINDS.INPUT, "0"),
        ("{{input:a-b_C}}", KINDS.INPUT, "a-b_C"),
        ("{{host:peer}}", KINDS.HOST, "peer"),
        ("{{input:0 }}", KINDS.INPUT, "0"),
        ("{{host:peer  }}", KINDS.HOST, "peer"),
    ],
)
def test_token_is_protected_and_replaced(text: str, kind: TokenKind, argument: str) -> None:
    assert PROTECTED.fullmatch(text)
    assert list(tokens_in(f"a{text}b{text}")) == [Token(kind, argument, text)] * 2
    assert bind(f"a{text}b{text}", lambda token: token.kind.name) == f"a{kind.name}b{kind.name}"


@pytest.mark.parametrize(
    ("text", "is_protected"),
    [
        ("{{ output }}", False),  # a variable of the template; a token if that leaves it so
        ("{{output }}", False),
        ("{{ input:0 }}", False),
    ],
)
def test_spaces_make_it_the_templates_business(text: str, is_protected: bool) -> None:
    assert bool(PROTECTED.search(text)) is is_protected
    assert len(list(tokens_in(text))) == 1


def test_a_space_before_the_argument_is_kept_for_the_check_to_see() -> None:
    assert [token.argument for token in tokens_in("{{input: 0}}{{host: a }}")] == [" 0", " a"]


@pytest.mark.parametrize(
    "text",
    [
        "", "output", "{output}", "{{}}", "{{ }}", "{{OUTPUT}}", "{{outputs}}", "{{output:0}}", "{{input}}",
        "{{workflow.name}}", "{{=1}}", "{{ item }}", "{{input:{{i}}", "{{host:a\n}}", "{ {output} }", "{{output}",
    ],
)  # fmt: skip
def test_other_braces_are_no_tokens(text: str) -> None:
    assert list(tokens_in(text)) == []
    assert bind(text, lambda _: "x") == text


def test_a_token_in_braces_of_its_own() -> None:
    assert bind("{{{output}}}", lambda _: "x") == "{x}"
    assert bind("${{output}}", lambda _: "x") == "$x"
    assert bind("{{input:{{input:1}}}}", lambda token: token.argument) == "{{input:1}}"


def test_what_stands_in_for_a_token_is_not_looked_at_again() -> None:
    assert bind("{{host:a}}{{output}}", lambda token: "{{output}}") == "{{output}}{{output}}"


@pytest.mark.parametrize(
    ("path", "leads"),
    [
        ("/a/{{workflow_id}}/b", "/a/token/b"),
        ("{{output}}/x", "/osmo/data/output/x"),
        ("{{input:task}}/x", "/osmo/data/input/0/x"),
        ("{{host:a}}", "token"),
        ("/plain/{x}", "/plain/{x}"),
    ],
)
def test_stand_in_says_where_a_path_leads(path: str, leads: str) -> None:
    assert stand_in(path) == leads


_PIECES = st.sampled_from(
    ["{{", "}}", "{", "}", "output", "input:", "host:", "workflow_id", "uuid", "0", "a", " ", "\n"]
)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.lists(_PIECES, max_size=12).map("".join))
def test_bind_and_tokens_in_agree(text: str) -> None:
    tokens = list(tokens_in(text))
    assert bind(text, lambda token: token.text) == text
    marked = bind(text, lambda token: "\0")
    assert marked.count("\0") == len(tokens)
    for token in tokens:
        assert token.argument in token.text and token.kind.value in token.text


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.lists(_PIECES, max_size=12).map("".join))
def test_what_is_protected_is_a_token_or_a_fault(text: str) -> None:
    """Else a text that the template may not touch would stay as it is, silently."""
    for found in PROTECTED.finditer(text):
        assert list(tokens_in(found[0])) or "{" in found[0][2:]
