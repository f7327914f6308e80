"""Captions are short, on one line, and say what matters."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture.samples import DATASETS, TRAINING, lone, task

from osmoc.picture.captions import caption, columns, cut, cut_middle, hardware, heading, image_name, plain, title
from osmoc.spec import Resource


@pytest.mark.parametrize(
    ("image", "short"),
    [
        ("ubuntu", "ubuntu"),
        ("nvcr.io/nvidia/pytorch:24.01-py3", "pytorch:24.01-py3"),
        ("localhost:5000/a/b:1", "b:1"),
        ("host/b:1@sha256:0123456789abcdef", "b:1@0123456"),
    ],
)
def test_an_image_loses_its_registry(image: str, short: str) -> None:
    assert image_name(image) == short


def test_caption_and_hardware() -> None:
    train = TRAINING.groups["train-group"].lead
    assert caption(train) == "pytorch:24.03-py3 · 8 GPU · dgx-h100"
    assert hardware(train.resource) == "8 GPU, 32 CPU, platform dgx-h100"
    sizes = Resource.model_validate({"memory": "16Gi", "storage": "1.5Ti", "gpu": 0})
    assert hardware(sizes) == "16Gi memory, 1.5Ti storage"


def test_headings_count_groups_only_if_the_file_has_them() -> None:
    assert heading(TRAINING) == "4 tasks"
    assert heading(DATASETS) == "6 tasks in 3 groups"
    assert title(lone("a")) == "a"


def test_what_does_not_print_is_escaped() -> None:
    assert plain("a\nb\x1b[31m\u202e\ud800é") == r"a\nb\x1b[31m\u202e\ud800é"


@settings(derandomize=True)
@given(st.text(st.characters(codec="utf-8")), st.integers(1, 30))
def test_cutting_keeps_to_the_width(text: str, width: int) -> None:
    for short in (cut(text, width), cut_middle(text, width)):
        assert columns(short) <= width
        assert short == text if columns(text) <= width else "…" in short


def test_the_middle_of_a_url_goes_first() -> None:
    assert cut_middle("s3://my-bucket/a/long/way/to/models", 20) == "s3://my-bu…to/models"
    assert cut(task("x" * 9).name, 5) == "xxxx…"
