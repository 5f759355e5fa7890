"""What an engine runs, no compile calls a misspelt column."""

import sqlite3
from contextlib import closing

import duckdb
import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.errors import CompileError

TABLES = """CREATE TABLE t (id INT, grp VARCHAR, x DOUBLE);
CREATE TABLE u AS SELECT id, x * 2 AS y, grp AS "Kind" FROM t;
"""
VALID = [
    "SELECT ID, T.X, t.Grp FROM t",
    "SELECT x * 2 AS twice, twice + 1 AS more FROM t WHERE twice > 1 ORDER BY more",
    "SELECT grp, count(*) AS n FROM t GROUP BY grp HAVING n > 1 ORDER BY n",
    "SELECT grp, max(x) AS top FROM t GROUP BY grp WINDOW w AS (ORDER BY top) QUALIFY row_number() OVER w > 1",
    "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.id = t.id AND kind = grp)",
    "SELECT a.id, b.y FROM t AS a JOIN u AS b USING (id) NATURAL JOIN (SELECT id, y AS z FROM u) AS c WHERE z > 1",
    "WITH r(k, v) AS (SELECT id, x FROM t) SELECT k, v, r.k FROM r",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r, t WHERE n < 3) SELECT n FROM r",
    "SELECT rowid, id FROM t ORDER BY rowid",
    "SELECT s.a, s.b.c FROM (SELECT {'a': id, 'b': {'c': x}} AS s FROM t)",
    "SELECT t FROM t",
    "SELECT list_transform([x], e -> e + id), [w * 2 FOR w IN [x]] FROM t",
    "SELECT v, item FROM t, unnest([1, 2]) AS i(item), (VALUES (1)) AS w(v)",
    "SELECT i.range FROM t, range(3) AS i",
    "SELECT l.d FROM t, LATERAL (SELECT x * 2 AS d) AS l",
    "SELECT date_trunc('month', DATE '2026-01-01'), extract(year FROM DATE '2026-01-01') FROM t",
    "SELECT * FROM (PIVOT t ON grp USING sum(x))",
    "SELECT one FROM (SELECT * RENAME (id AS one) FROM t)",
    "SELECT COLUMNS('x|id') FROM t",
    'SELECT "count_star()" FROM (SELECT count(*) FROM t)',
    "SELECT x: id + 1, x FROM t ORDER BY x",
    "FROM t SELECT id, struct_pack(q := x).q",
    "INSERT INTO t (id, x) SELECT id, y FROM u",
    "INSERT INTO t BY NAME SELECT y AS x FROM u",
    "UPDATE t SET x = u.y FROM u WHERE u.id = t.id",
    "DELETE FROM t USING u WHERE u.id = t.id AND y > 1",
    "CREATE TABLE w AS SELECT grp AS g FROM t; SELECT g FROM w",
    "CREATE TABLE w AS SELECT * EXCLUDE (x), 1 AS x1 FROM t; SELECT id, x1, grp FROM w",
    "CREATE TABLE w AS SELECT unnest({'a': 1, 'b': 2}), id FROM t; SELECT a, b FROM w",
    "CREATE TABLE w AS (SELECT id FROM t) UNION ALL BY NAME (SELECT x FROM t); SELECT x FROM w",
    "CREATE VIEW w AS SELECT * FROM t; SELECT grp FROM w",
    "ALTER TABLE t ADD COLUMN z INT; SELECT z FROM t",
    "ALTER TABLE t RENAME COLUMN x TO z; SELECT z FROM t; CREATE TABLE v AS SELECT * FROM t; SELECT z FROM v",
    "DROP TABLE t; CREATE TABLE t (q INT); SELECT q FROM t",
    "CREATE TABLE IF NOT EXISTS fresh AS SELECT 1 AS k; SELECT k FROM fresh",
    "CREATE TEMP TABLE t AS SELECT 1 AS hidden; SELECT hidden FROM t; SELECT x FROM main.u, (SELECT 1 AS x)",
    "CREATE MACRO f(a) AS a + 1; SELECT f(id) FROM t",
]


@pytest.mark.parametrize("sql", VALID)
def test_what_runs_is_not_called_wrong(sql: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(TABLES + sql)
    compile_program(TABLES + sql)


def test_a_quoted_name_that_sqlite_takes_for_a_text() -> None:
    sql = 'CREATE TABLE t (a INT);\nSELECT "nothing", oid, _rowid_ FROM t'
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(sql)
    compile_program(sql, dialect="sqlite")


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("postgres", "SELECT ctid, tableoid, xmin FROM t"),
        ("postgres", "SELECT count(*), x FROM t GROUP BY x ORDER BY count"),
        ("postgres", "SELECT x COLLATE de_DE, current_user FROM t"),
        (
            "postgres",
            "INSERT INTO t (x) VALUES (DEFAULT) ON CONFLICT (x) DO UPDATE SET x = excluded.x",
        ),
        ("postgres", "CREATE TABLE c (y INT) INHERITS (t); SELECT x, y FROM c"),
        ("mysql", "CREATE TABLE c (y INT) AS SELECT x AS z FROM t; SELECT y, z FROM c"),
        ("mysql", "SELECT TIMESTAMPDIFF(MONTH, x, now()), @v, GET_FORMAT(DATE, 'USA') FROM t"),
        ("snowflake", "SELECT DATEDIFF(day, x, x), seq.nextval, $1, METADATA$ACTION FROM t"),
        ("bigquery", "DECLARE limit_ INT64 DEFAULT 3; SELECT x FROM t WHERE x < limit_"),
        ("bigquery", "SELECT _PARTITIONTIME, item FROM t, t.x AS item"),
        ("hive", "SELECT word FROM t LATERAL VIEW explode(split(x, ' ')) e AS word"),
        ("hive", "SELECT INPUT__FILE__NAME, BLOCK__OFFSET__INSIDE__FILE FROM t"),
        ("spark", "INSERT INTO t SELECT 1 AS x, 2 AS y; SELECT y FROM t"),
        ("oracle", "SELECT level, rownum, sysdate, ora_rowscn FROM t CONNECT BY PRIOR x = x"),
        ("trino", 'SELECT "$path", a FROM t CROSS JOIN UNNEST(ARRAY[1]) AS n (a)'),
        ("duckdb", "CALL anything(); SELECT y FROM t"),
    ],
)
def test_names_that_engines_bring(dialect: str, sql: str) -> None:
    compile_program(f"CREATE TABLE t (x INT);\n{sql}", dialect=dialect)


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("postgres", "SELECT T.Y FROM t"),
        ("snowflake", "SELECT SUM(y) OVER (PARTITION BY x) FROM T"),
        ("mysql", "UPDATE t SET y = 1"),
        ("hive", "INSERT INTO other SELECT x FROM t WHERE y > 1"),
        ("sqlite", "DELETE FROM t WHERE y IN (SELECT x FROM t)"),
        ("bigquery", "SELECT x FROM t ORDER BY y"),
        ("duckdb", "BEGIN; INSERT INTO t SELECT y FROM t; COMMIT"),
    ],
)
def test_a_column_that_no_table_has(dialect: str, sql: str) -> None:
    with pytest.raises(CompileError, match=r"(?i)column 'y' is not among the columns of t"):
        compile_program(f"CREATE TABLE t (x INT);\n{sql}", dialect=dialect)
