"""What sqlglot does not understand, and the engine does, still runs."""

from pathlib import Path

import pytest
from sqlglot import exp

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.lang.standard import Rejection, parse_sql
from sqlflow_dagster.runtime.context import open_context
from sqlflow_dagster.runtime.execute import execute
from tests.engines import mariadb_server, postgresql_server

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
    "postgres": """
        CREATE TABLE t (id INT PRIMARY KEY, k TEXT, v INT);
        INSERT INTO t VALUES (1, 'a', 10), (2, 'b', 20);
        CREATE TABLE u AS SELECT * FROM t LIMIT 0;
        CREATE SEQUENCE numbers;
    """,
    "mysql": """
        CREATE TABLE t (id INT PRIMARY KEY, k VARCHAR(9), v INT);
        INSERT INTO t VALUES (1, 'a', 10), (2, 'b', 20);
        CREATE TABLE u LIKE t;
        CREATE SEQUENCE numbers;
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
POSTGRES = [
    "SELECT @ -5",
    "SELECT # path '((1,0),(0,1))'",
    "SELECT ?- lseg '((0,0),(1,0))'",
    "SELECT point '(0,0)' <@ circle '<(0,0),1>'",
    "SELECT 'a' ~<=~ 'b'",
    "SELECT * FROM t ORDER BY v USING >",
    "SELECT xmlparse(CONTENT '<a/>')",
    "SELECT XMLSERIALIZE(CONTENT '<a/>'::xml AS text)",
    "EXPLAIN (ANALYZE, COSTS off) SELECT * FROM t",
    "INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (5, 'e', 1)",
    "COMMENT ON CONSTRAINT t_pkey ON t IS 'the key'",
    "CREATE TABLE made (a INT GENERATED ALWAYS AS IDENTITY (START 5))",
    "CREATE RECURSIVE VIEW made (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM made WHERE n < 3",
    "CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq)",
    "CREATE AGGREGATE made (integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0')",
    "CREATE RULE made AS ON INSERT TO u DO ALSO NOTIFY news",
    "CREATE POLICY made ON t USING (v > 1)",
    "CREATE STATISTICS made (dependencies) ON k, v FROM t",
    "CREATE DOMAIN made AS INT CHECK (VALUE > 0)",
    "CREATE TYPE made AS RANGE (SUBTYPE = float8)",
    "CREATE UNIQUE INDEX made ON t (v) NULLS NOT DISTINCT",
    "ALTER SEQUENCE numbers RESTART WITH 5",
    "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
    "CLUSTER t USING t_pkey",
    "DO $$ BEGIN INSERT INTO u SELECT * FROM t; END $$",
    "REINDEX TABLE t",
    "VACUUM t",
]
MYSQL = [
    "SELECT * FROM t PROCEDURE ANALYSE(1, 1)",
    "SELECT * FROM t LIMIT 1 ROWS EXAMINED 100",
    "SELECT NEXT VALUE FOR numbers",
    "WITH RECURSIVE x (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x WHERE n < 3) CYCLE n RESTRICT "
    "SELECT * FROM x",
    "INSERT LOW_PRIORITY INTO u VALUES (1, 'a', 1)",
    "INSERT HIGH_PRIORITY IGNORE INTO u SET id = 1",
    "REPLACE INTO t SET id = 1, k = 'z'",
    "UPDATE LOW_PRIORITY IGNORE t SET v = 1",
    "DELETE IGNORE FROM u",
    "DO SLEEP(0)",
    "ANALYZE FORMAT=JSON SELECT * FROM t",
    "CHECK TABLE t EXTENDED",
    "CHECKSUM TABLE t",
    "OPTIMIZE TABLE t",
    "CREATE TABLE made (a INT) WITH SYSTEM VERSIONING",
    "CREATE TABLE made (s DATE, e DATE, PERIOD FOR p (s, e))",
    "CREATE TABLE made (a INT, b INT AS (a * 2) PERSISTENT)",
    "CREATE TABLE made (a INT ZEROFILL, b NATIONAL VARCHAR(5))",
    "CREATE TABLE made (a INT) PARTITION BY RANGE (a) (PARTITION low VALUES LESS THAN (10), "
    "PARTITION high VALUES LESS THAN MAXVALUE)",
    "CREATE OR REPLACE TABLE made IGNORE SELECT * FROM t",
    "CREATE TRIGGER made BEFORE INSERT ON t FOR EACH ROW SET NEW.v = 1",
    "CREATE INDEX made ON t (v) USING BTREE COMMENT 'by value'",
    "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4",
    "ALTER SEQUENCE numbers RESTART 5",
    "EXECUTE IMMEDIATE 'SELECT 1'",
]
SQL = {"duckdb": DUCKDB, "sqlite": SQLITE, "postgres": POSTGRES, "mysql": MYSQL}


def new_data_source(dialect: str, folder: Path) -> str:
    if dialect == "postgres":
        return postgresql_server.new_database()
    if dialect == "mysql":
        return mariadb_server.new_database()
    return f"{dialect}:///{folder / 'data.db'}"


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        pytest.param(dialect, sql, id=f"{dialect}: {sql[:50]}")
        for dialect, statements in SQL.items()
        for sql in statements
    ],
)
def test_runs(dialect: str, sql: str, tmp_path: Path) -> None:
    tree = parse_sql(sql, dialect)
    assert isinstance(tree, Rejection | exp.Command | exp.Alias | exp.Column)
    context = open_context(new_data_source(dialect, tmp_path), threads=1)
    for step in compile_program(SETUP[dialect], dialect=dialect).steps:
        execute(step, context)
    program = compile_program(f"{sql};\nSELECT count(*) AS n FROM t", dialect=dialect)
    *results, last = [execute(step, context) for step in program.steps]
    assert last.rows is not None
    if sql.startswith(("SELECT", "EXPLAIN")):
        (shown,) = results
        assert shown.rows is not None
