"""A parser is asked once about each text, and not at all by a process that was handed its answers."""

import pytest

from sqlflow_dagster.errors import PluginError, TransientError
from sqlflow_dagster.lang.parsers import parsers
from sqlflow_dagster.lang.remembered_parser import RememberedParser
from tests.parsers.servers import answering, dead, response

TEXTS = ("SELECT 'é' FROM t", "SELECT a FROM t x y", "SELECT a FROM t TO TRAIN m")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The specs of the parsers that are opened."""
    opened: list[str] = []
    known = parsers.get("sqlglot")

    def get(_: object, name: str) -> object:
        opened.append(name)
        return known

    monkeypatch.setattr(type(parsers), "get", get)
    return opened


def test_answers_are_those_of_the_parser_in_every_process(asked: list[str]) -> None:
    first = RememberedParser("sqlglot")
    given = [first.parse("duckdb", text) for text in TEXTS]
    first.close()
    assert [first.parse("duckdb", text) for text in TEXTS] == given
    other = RememberedParser("nowhere")
    other.learn(first.dump())
    assert [other.parse("duckdb", text) for text in TEXTS] == given
    assert asked == ["sqlglot"]
    other.parse("mysql", TEXTS[0])
    assert asked == ["sqlglot", "nowhere"]


def test_a_failure_is_not_kept() -> None:
    place = dead()
    parser = RememberedParser(f"grpc://{place}")
    with pytest.raises(TransientError, match="cannot be reached"):
        parser.parse("duckdb", "SELECT 1")
    assert parser.dump() == "[]"
    parser.close()
    with answering(response(sql_statements=["SELECT 1"], index=-1)) as live:
        parser = RememberedParser(f"grpc://{live}")
        assert parser.parse("duckdb", "SELECT 1").accepted == 8
        parser.close()


def test_a_name_that_no_parser_has() -> None:
    with pytest.raises(PluginError, match="unknown parser 'calcite'"):
        RememberedParser("calcite").parse("duckdb", "SELECT 1")
