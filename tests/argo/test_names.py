"""Names of a cluster: always allowed, never two texts with one name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlflow_dagster.argo.names import EXPRESSION_WORDS, RFC1123, kubernetes_name


@pytest.mark.parametrize(
    ("text", "start", "digest"),
    [
        pytest.param("train_iris", "train-iris", False, id="snake case"),
        pytest.param("iris2", "iris2", False, id="plain"),
        pytest.param("iris.train", "iris-train", True, id="dot"),
        pytest.param("a-b", "a-b", True, id="a dash, which an underline becomes"),
        pytest.param("Iris", "iris", True, id="case"),
        pytest.param("2024", "x-2024", True, id="digit in front"),
        pytest.param("größe", "gr-e", True, id="not ASCII"),
        pytest.param("表", "x", True, id="nothing left"),
        pytest.param("", "x", True, id="empty"),
        pytest.param("a_", "a", True, id="underline at the end"),
        pytest.param("in", "in", True, id="reserved"),
        pytest.param("a" * 64, "a" * 54, True, id="too long"),
    ],
)
def test_names(text: str, start: str, digest: bool) -> None:
    name = kubernetes_name(text, reserved=EXPRESSION_WORDS)
    assert name.startswith(start)
    assert len(name) == len(start) + (9 if digest else 0)


@given(st.text(), st.text())
def test_no_two_texts_have_one_name(one: str, other: str) -> None:
    assert (kubernetes_name(one) == kubernetes_name(other)) == (one == other)


@given(st.text(alphabet="ab_-A.", max_size=6), st.text(alphabet="ab_-A.", max_size=6))
def test_no_two_like_texts_have_one_name(one: str, other: str) -> None:
    assert (kubernetes_name(one) == kubernetes_name(other)) == (one == other)


@given(st.text(), st.integers(min_value=20, max_value=63))
def test_every_name_is_allowed(text: str, limit: int) -> None:
    name = kubernetes_name(text, limit=limit, reserved=EXPRESSION_WORDS)
    assert RFC1123.fullmatch(name)
    assert name[0].isalpha()
    assert len(name) <= limit
    assert name not in EXPRESSION_WORDS
