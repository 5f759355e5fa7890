"""Every parser keeps the promises of ``lang/parsers.py``."""

import pytest

from sqlflow_dagster.lang.parsers import ExternalParser


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "SELECT a, 'x;y' AS \"b\" FROM t -- it's\nWHERE a > 1",
        "CREATE TABLE t AS WITH u AS (SELECT 1 AS a) SELECT * FROM u",
        "INSERT INTO t SELECT * FROM nowhere",
        "SELECT 'é 🙂'",
    ],
)
def test_sql_is_accepted_whole(parser: ExternalParser, sql: str) -> None:
    parsed = parser.parse("duckdb", sql)
    assert parsed.rejection is None
    assert parsed.accepted == len(sql)
    assert parsed.statements == (sql,)
    assert not parsed.unfinished_select
    assert len(parsed.tables) in {0, 1}


@pytest.mark.parametrize(
    ("sql", "offending"),
    [("SELECT 'é 🙂' FROM t x y", "y"), ("SELECT a\nFROM t WHERE )", ")")],
    ids=["one word too many", "a parenthesis"],
)
def test_what_is_no_sql_is_rejected_at_its_place(
    parser: ExternalParser, sql: str, offending: str
) -> None:
    parsed = parser.parse("duckdb", sql)
    assert parsed.rejection is not None
    assert parsed.rejection.message
    assert sql[parsed.rejection.start : parsed.rejection.end] == offending
    assert parsed.statements == ()
    assert parsed.accepted == 0


def test_a_rejection_is_forgotten(parser: ExternalParser) -> None:
    for _ in range(3):
        assert parser.parse("duckdb", "SELECT FROM WHERE").rejection is not None
        assert parser.parse("duckdb", "SELECT 1").rejection is None
