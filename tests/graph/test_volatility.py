"""Which statements give something else in each run, although their tables are the same."""

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.graph.volatility import volatile_function


@pytest.mark.parametrize(
    ("dialect", "sql", "function"),
    [
        ("duckdb", "SELECT now()", "NOW()"),
        ("duckdb", "CREATE TABLE t AS SELECT * FROM u ORDER BY random()", "RANDOM()"),
        ("duckdb", "INSERT INTO t SELECT uuid()", "UUID()"),
        ("duckdb", "SELECT CURRENT_DATE", "CURRENT_DATE"),
        ("duckdb", "CREATE TEMP TABLE t AS SELECT today()", "CURRENT_DATE"),
        ("duckdb", "BEGIN; INSERT INTO t VALUES (random()); COMMIT", "RANDOM()"),
        (
            "duckdb",
            "SELECT random() AS r, y FROM t TO TRAIN xgboost.gbtree LABEL y INTO m",
            "RANDOM()",
        ),
        ("postgres", "SELECT clock_timestamp(), nextval('s')", "CLOCK_TIMESTAMP()"),
        ("sqlite", "SELECT date('now', '-1 day')", "'now'"),
        ("duckdb", "SELECT 'now()', now FROM t", None),
        ("duckdb", "SELECT date '2026-01-31', abs(-1)", None),
        ("duckdb", "-- sqlflow: stable\nSELECT now()", None),
        pytest.param("duckdb", "SELECT now( ! !", None, id="what the parser refuses"),
    ],
)
def test_volatile_function(dialect: str, sql: str, function: str | None) -> None:
    assert volatile_function(compile_program(sql, dialect=dialect).steps[0]) == function
