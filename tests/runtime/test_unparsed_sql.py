"""What sqlglot does not understand, and the engine does, still runs."""

from pathlib import Path

import pytest
from sqlglot import exp

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.lang.standard import Rejection, parse_sql
from sqlflow_dagster.runtime.context import open_context
from sqlflow_dagster.runtime.execute import execute

SETUP = {
    "duckdb": """
        CREATE TABLE t AS SELECT * FROM (VALUES (1, 'a', 10), (2, 'b', 20)) AS x (id, k, v);
        CREATE TABLE u AS FROM t LIMIT 0;
        CREATE SEQUENCE numbers;
        CREATE TYPE mood AS ENUM ('good', 'bad');
        CREATE MACRO rows_above(n) AS TABLE SELECT * FROM t WHERE v > n;
    """,
    "sqlite": """
        CREATE TABLE t (id INT PRIMARY KEY, k TEXT, v INT);
        INSERT INTO t VALUES (1, 'a', 10), (2, 'b', 20);
        CREATE TABLE u AS SELECT * FROM t LIMIT 0;
        CREATE INDEX by_v ON t (v);
        CREATE VIEW shown AS SELECT * FROM t;
    """,
}
DUCKDB = [
    "INSERT INTO u BY POSITION SELECT * FROM t",
    "INSERT INTO u BY POSITION WITH x AS (SELECT * FROM t) SELECT * FROM x",
    "SELECT 5!",
    "CREATE TABLE made AS SELECT v! AS f FROM (SELECT 3 AS v) AS s",
    "SELECT x'AB'::BLOB",
    "EXPLAIN ANALYZE SELECT * FROM t",
    "EXPLAIN (FORMAT JSON) SELECT * FROM t",
    "CREATE TABLE made (a INT, b INT GENERATED ALWAYS AS (a * 2) VIRTUAL)",
    "CREATE RECURSIVE VIEW made (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM made WHERE n < 3",
    "SELECT reduce([1, 2, 3], lambda total, x: total + x)",
    "CREATE TABLE made AS SELECT reduce([1, 2], lambda total, x: total + x + v) AS r FROM t",
    "DROP TYPE IF EXISTS mood CASCADE",
    "DROP MACRO TABLE rows_above",
    "ALTER SEQUENCE numbers OWNED BY t",
    "LOAD json",
    "RESET threads",
    "CALL pragma_version()",
    "CHECKPOINT",
    "SHOW DATABASES",
    "VACUUM ANALYZE",
    "FORCE CHECKPOINT",
]
SQLITE = [
    "UPDATE OR IGNORE t SET v = 1",
    "UPDATE OR REPLACE t SET v = 2 WHERE id = 1",
    "UPDATE OR FAIL t SET v = (SELECT max(v) FROM u)",
    "REPLACE INTO t SELECT * FROM t",
    "REPLACE INTO t (id, k) VALUES (1, 'z')",
    "CREATE TABLE made (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID",
    "CREATE TABLE made (a UNIQUE ON CONFLICT REPLACE, b CHECK (b > 0))",
    "CREATE TABLE made (a INTEGER PRIMARY KEY ON CONFLICT IGNORE, b)",
    "CREATE TABLE made (a UNSIGNED BIG INT, b NATIVE CHARACTER(70))",
    "CREATE TABLE made (a VARYING CHARACTER(255))",
    "ALTER TABLE t ADD note",
    "SELECT CAST(v AS UNSIGNED BIG INT) FROM t",
    "SELECT * FROM t, u USING (id)",
    "CREATE VIEW made (a, b) AS SELECT t.id, u.v FROM t, u USING (id)",
    "CREATE TRIGGER noted AFTER INSERT ON t BEGIN UPDATE t SET v = 0 WHERE id = NEW.id; END",
    "CREATE TRIGGER kept INSTEAD OF DELETE ON shown BEGIN SELECT 1; END",
    "REINDEX",
    "REINDEX by_v",
    "EXPLAIN SELECT * FROM t",
    "EXPLAIN QUERY PLAN SELECT * FROM t WHERE v = 10",
    "VACUUM",
]


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        pytest.param(dialect, sql, id=f"{dialect}: {sql[:50]}")
        for dialect, statements in (("duckdb", DUCKDB), ("sqlite", SQLITE))
        for sql in statements
    ],
)
def test_runs(dialect: str, sql: str, tmp_path: Path) -> None:
    tree = parse_sql(sql, dialect)
    assert isinstance(tree, Rejection | exp.Command | exp.Alias | exp.Column)
    context = open_context(f"{dialect}:///{tmp_path / 'data.db'}", threads=1)
    for step in compile_program(SETUP[dialect], dialect=dialect).steps:
        execute(step, context)
    program = compile_program(f"{sql};\nSELECT count(*) AS n FROM t", dialect=dialect)
    *results, last = [execute(step, context) for step in program.steps]
    assert last.rows is not None
    if sql.startswith(("SELECT", "EXPLAIN")):
        (shown,) = results
        assert shown.rows is not None
