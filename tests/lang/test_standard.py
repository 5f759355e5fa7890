"""The engine's own SQL, parsed or politely refused."""

import pytest
from sqlglot import exp

from sqlflow_dagster.lang.standard import Rejection, parse_sql


def test_a_statement_is_a_tree() -> None:
    assert isinstance(parse_sql("SELECT 1", "duckdb"), exp.Select)


def test_mysql_runs_some_comments() -> None:
    sql = "/*!40101 CREATE TABLE t (a INT) */ /* no */ /*M! ENGINE=InnoDB */"
    assert isinstance(parse_sql(sql, "mysql"), exp.Create)
    quoted = parse_sql("SELECT '/*!1 x*/'", "mysql")
    assert isinstance(quoted, exp.Select)
    assert quoted.sql("mysql") == "SELECT '/*!1 x*/'"
    rejection = parse_sql("SELECT 1 /*!40101 FROM t x y */", "mysql")
    assert isinstance(rejection, Rejection)
    assert (rejection.message, rejection.start) == ("unexpected 'y'", 27)
    assert isinstance(parse_sql("SELECT 1 /*!40101 FROM t x y */", "duckdb"), exp.Select)


@pytest.mark.parametrize(
    ("sql", "message", "offending"),
    [
        ("SELECT 1 FROM t x y", "unexpected 'y'", "y"),
        ("SELECT a\r\nFROM t\r\n x y", "unexpected 'y'", "y"),
        ("SELECT 'two\nlines', a FROM t x yy z", "unexpected 'yy'", "yy"),
        ("SELECT a -- é\n FROM t x yy", "unexpected 'yy'", "yy"),
        ("SELECT * FROM", "expected table name but got the end of the text", "FROM"),
        ("SELECT * FROM ) t", "expected table name but got ')'", ")"),
        ("SELECT * FROM t WHERE )", "something is missing in WHERE near ')'", ")"),
        ("SELECT (1", "expecting )", "1"),
        ("SELECT 'a", "missing ' from 1:7", "SELECT 'a"),
        ("", "this is not one statement", ""),
        ("SELECT 1; SELECT 2", "this is not one statement", "SELECT 1; SELECT 2"),
        (f"SELECT {'(' * 400}1{')' * 400}", "nested too deeply for this parser", None),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_a_refusal_says_what_and_where(sql: str, message: str, offending: str | None) -> None:
    rejection = parse_sql(sql, "duckdb")
    assert isinstance(rejection, Rejection)
    assert rejection.message.lower() == message.lower()
    if offending is not None:
        assert sql[rejection.start : rejection.end] == offending


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("SELECT 1 WHERE " + " AND ".join(f"a{i} = 1" for i in range(2000)), id="AND"),
        pytest.param(" UNION ALL ".join(["SELECT * FROM t"] * 1000), id="UNION"),
        pytest.param("SELECT " + " || ".join(["a"] * 2000), id="concatenation"),
    ],
)
def test_long_chains_are_no_problem(sql: str) -> None:
    assert isinstance(parse_sql(sql, "duckdb"), exp.Query)
