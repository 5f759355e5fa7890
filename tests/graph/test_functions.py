"""A statement that calls a function of its program reads what the function reads."""

import pytest

from sqlflow_dagster.compiler import compile_program

CASES = [
    pytest.param(
        "duckdb", "CREATE MACRO f(n) AS TABLE SELECT * FROM a WHERE x >= n", "SELECT * FROM f(1)",
        id="table macro",
    ),
    pytest.param(
        "duckdb", "CREATE OR REPLACE FUNCTION f(n) AS (SELECT max(x) FROM a)", "SELECT F (1) AS x",
        id="scalar macro",
    ),
    pytest.param(
        "postgres",
        "CREATE FUNCTION s.f(n int) RETURNS SETOF a LANGUAGE sql AS $$ SELECT * FROM a $$",
        "SELECT * FROM s.f(1)",
        id="dollar-quoted body",
    ),
    pytest.param(
        "postgres",
        "CREATE FUNCTION f() RETURNS int AS 'SELECT max(x) FROM a' LANGUAGE sql",
        "SELECT f() AS x",
        id="body in a string",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "create", "query"), CASES)
@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("CREATE TABLE z AS {}", id="CTAS"),
        pytest.param("{} TO TRAIN xgboost.gbtree LABEL x INTO z", id="TRAIN"),
    ],
)
def test_callers_wait_for_what_the_function_reads(
    dialect: str, create: str, query: str, statement: str
) -> None:
    text = f"""CREATE TABLE a AS SELECT 1 AS x;
{create};
CREATE TABLE g AS {query};
INSERT INTO a VALUES (2);
{statement.format(query)};"""
    program = compile_program(text, dialect=dialect)
    inserts = next(i for i, step in enumerate(program.steps) if step.name == "insert_a")
    assert inserts in program.steps[-1].waits_for or any(
        inserts in program.steps[before].waits_for for before in program.steps[-1].waits_for
    )


def test_a_function_calls_another() -> None:
    program = compile_program("""CREATE MACRO f() AS TABLE SELECT * FROM a;
CREATE MACRO g() AS TABLE SELECT * FROM f();
CREATE TABLE z AS SELECT * FROM g();""")
    assert [str(ref) for ref in program.steps[-1].reads] == ["a"]


def test_a_function_in_another_language_reads_no_table() -> None:
    program = compile_program(
        """CREATE FUNCTION f() RETURNS int AS $$ from math import pi $$ LANGUAGE plpython3u;
CREATE TABLE z AS SELECT f();""",
        dialect="postgres",
    )
    assert not program.steps[-1].reads


def test_the_caller_of_a_function_that_writes_keeps_its_place() -> None:
    program = compile_program(
        """CREATE FUNCTION f() RETURNS int AS $$ INSERT INTO log VALUES (1) RETURNING 1 $$ LANGUAGE sql;
SELECT f();
CREATE TABLE z AS SELECT 1 AS x;""",
        dialect="postgres",
    )
    assert 1 in program.steps[2].waits_for
