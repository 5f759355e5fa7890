"""Who takes from a sequence first gets the smaller number, whatever else runs beside."""

import duckdb
import pytest

from sqlflow_dagster.compiler import compile_program


def test_statements_that_take_from_one_sequence_keep_their_order() -> None:
    program = compile_program(
        "CREATE SEQUENCE s; CREATE SEQUENCE other;"
        "CREATE TABLE a AS SELECT nextval('s') AS n;"
        "CREATE TABLE b AS SELECT NEXTVAL('main.S') AS n;"
        "CREATE TABLE c AS SELECT nextval('other') AS n;"
        "SELECT nextval('s')"
    )
    a, b, c, shown = program.steps[2:]
    assert a.index in b.waits_for
    assert not {a.index, b.index} & c.waits_for
    assert b.index in shown.waits_for
    assert c.index not in shown.waits_for


def test_rows_that_a_sequence_numbers_by_default() -> None:
    text = (
        "CREATE SEQUENCE s; CREATE TABLE a (n INT DEFAULT nextval('s'), x INT);"
        "CREATE TABLE b (n INT DEFAULT nextval('s'), x INT);"
        "INSERT INTO b (x) VALUES (1); INSERT INTO a (x) VALUES (2); SELECT n FROM a"
    )
    with duckdb.connect() as connection:
        connection.execute(text)
        assert connection.execute("SELECT n FROM a").fetchall() == [(2,)]
    into_b, into_a, shown = compile_program(text).steps[3:]
    assert into_b.index in into_a.waits_for
    assert into_b.index not in shown.waits_for


@pytest.mark.parametrize(
    ("dialect", "taken"),
    [
        ("postgres", "nextval('public.s'::regclass)"),
        ("postgres", "setval('s', 7)"),
        ("snowflake", "s.nextval"),
        ("oracle", "s.NEXTVAL"),
        ("trino", "NEXT VALUE FOR s"),
    ],
)
def test_the_words_of_other_engines(dialect: str, taken: str) -> None:
    program = compile_program(
        f"CREATE TABLE a AS SELECT {taken} AS n; CREATE TABLE b AS SELECT {taken} AS n",
        dialect=dialect,
    )
    assert program.steps[1].waits_for == {0}
