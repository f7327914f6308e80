import pytest
from acceptance.argo_tags import TagError, substitute, tags


def test_tags_are_found_wherever_they_stand() -> None:
    assert tags("a {{x}}{{ y.z }} }} {{=1}}") == ["x", "y.z", "=1"]


def test_tags_pair_a_lone_opening_with_any_closing() -> None:
    assert tags('{"a": "{{ oops", "b": {"c": 1}}') == ['oops", "b": {"c": 1']


def test_tags_refuses_an_opening_without_a_closing() -> None:
    with pytest.raises(TagError, match="without"):
        tags('{"a": "{{ oops"}')


def test_substitute_replaces_known_tags_and_leaves_the_others() -> None:
    assert substitute({"a": ["{{x}} {{ x }} {{y}}"], "{{x}}": 1}, {"x": "v"}) == {"a": ["v v {{y}}"], "v": 1}


def test_substitute_quotes_values() -> None:
    assert substitute(["{{x}}"], {"x": 'a"b\n\\'}) == ['a"b\n\\']


def test_substitute_refuses_a_value_that_go_cannot_quote_as_json() -> None:
    with pytest.raises(TagError, match="control character"):
        substitute(["{{x}}"], {"x": "\x1b"})


def test_substitute_refuses_what_would_leave_no_json() -> None:
    with pytest.raises(TagError, match="no valid JSON"):
        substitute({"a": {"b": "{{x"}, "c": "}}"}, {'x"}, "c": "': "v"})
