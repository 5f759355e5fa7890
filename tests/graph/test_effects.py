"""What statements read and write, each expectation written down before the statement was compiled.

``reads`` are names, ``writes`` are ``name:mode``; a file is ``<name>``, a schema ``name/``.
"""

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.graph.effects import Effects, Mode, Write, merged_effects
from sqlflow_dagster.graph.loose import loose_effects
from sqlflow_dagster.graph.objects import Names, ObjectKind, ObjectRef, model_ref
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.dialects import LEXIS


def step(sql: str, dialect: str) -> Step:
    """The only step of a program."""
    program = compile_program(sql, dialect=dialect, temp_tables="never")
    assert len(program.steps) == 1
    return program.steps[0]


def shown(ref: ObjectRef) -> str:
    match ref.kind:
        case ObjectKind.FILE:
            return f"<{ref.name}>"
        case ObjectKind.SCHEMA:
            return f"{ref.name}/"
        case ObjectKind.MODEL:
            return f"model {ref.name}"
        case ObjectKind.SEQUENCE:
            return f"sequence {ref.name}"
        case ObjectKind.TABLE:
            return ref.name
        case ObjectKind.TEMPORARY:
            return f"temp {ref.name}"


def check(sql: str, dialect: str, reads: str, writes: str) -> None:
    effects = step(sql, dialect).effects
    assert " ".join(sorted(map(shown, effects.reads))) == reads
    assert " ".join(f"{shown(write.ref)}:{write.mode}" for write in effects.writes) == writes
    assert not effects.barrier


@pytest.mark.parametrize("dialect", sorted(LEXIS))
@pytest.mark.parametrize(
    ("sql", "reads", "writes"),
    [
        ("SELECT * FROM orders", "orders", ""),
        ("SELECT o.id FROM orders o LEFT JOIN items AS i ON o.id = i.id", "items orders", ""),
        ("SELECT 1", "", ""),
        ("SELECT (SELECT max(price) FROM items) FROM orders", "items orders", ""),
        ("SELECT id FROM orders WHERE EXISTS (SELECT 1 FROM items)", "items orders", ""),
        ("SELECT id FROM orders GROUP BY id HAVING count(*) > (SELECT n FROM bounds)", "bounds orders", ""),
        ("SELECT id FROM orders ORDER BY (SELECT n FROM bounds)", "bounds orders", ""),
        ("SELECT CASE WHEN id IN (SELECT id FROM vips) THEN 1 END FROM orders", "orders vips", ""),
        ("SELECT * FROM orders JOIN items ON items.id IN (SELECT id FROM vips)", "items orders vips", ""),
        ("SELECT id FROM orders UNION ALL SELECT id FROM items UNION ALL SELECT id FROM vips",
         "items orders vips", ""),
        ("SELECT * FROM (SELECT * FROM (SELECT * FROM orders) a) b", "orders", ""),
        ("WITH orders AS (SELECT * FROM orders) SELECT * FROM orders", "orders", ""),
        ("WITH a AS (SELECT * FROM orders), b AS (SELECT * FROM a) SELECT * FROM b", "orders", ""),
        ("WITH a AS (SELECT * FROM b), b AS (SELECT 1 AS x) SELECT * FROM a, b", "b", ""),
        ("WITH a AS (SELECT 1 AS x) SELECT * FROM s.a", "s.a", ""),
        ("SELECT * FROM (WITH i AS (SELECT * FROM items) SELECT * FROM i) q, i", "i items", ""),
        ("WITH RECURSIVE r AS (SELECT id FROM orders UNION ALL SELECT id FROM r) SELECT * FROM r",
         "orders", ""),
        ("CREATE TABLE big AS SELECT * FROM orders", "orders", "big:create"),
        ("CREATE TABLE big (id INT)", "", "big:create"),
        ("CREATE TABLE IF NOT EXISTS big (id INT)", "", "big:ensure"),
        ("CREATE TABLE s.big AS WITH o AS (SELECT * FROM orders) SELECT * FROM o", "orders",
         "s.big:create"),
        ("CREATE OR REPLACE VIEW big AS SELECT * FROM orders", "orders", "big:replace"),
        ("INSERT INTO big SELECT * FROM orders", "orders", "big:append"),
        ("INSERT INTO big VALUES (1, 2)", "", "big:append"),
        ("INSERT INTO big SELECT * FROM big", "big", "big:append"),
        ("DELETE FROM orders WHERE id IN (SELECT id FROM vips)", "vips", "orders:modify"),
        ("UPDATE orders SET price = (SELECT max(price) FROM items)", "items", "orders:modify"),
        ("DROP TABLE orders", "", "orders:drop"),
        ("DROP VIEW IF EXISTS s.big", "", "s.big:drop"),
        ("ALTER TABLE orders ADD COLUMN x INT", "", "orders:modify"),
        ("ALTER TABLE s.orders RENAME TO olders", "s.orders", "s.orders:drop s.olders:create"),
        ("CREATE SCHEMA s", "", "s/:create"),
        ("CREATE SCHEMA IF NOT EXISTS s", "", "s/:ensure"),
        ("DROP SCHEMA s CASCADE", "", "s/:drop"),
    ],
)  # fmt: skip
def test_in_every_dialect(sql: str, reads: str, writes: str, dialect: str) -> None:
    fold = str.upper if dialect in {"snowflake", "oracle", "calcite"} else str
    modes = {f"{str(mode).upper()}": str(mode) for mode in Mode}
    expected = " ".join(
        f"{fold(name)}:{modes[mode.upper()]}"
        for name, _, mode in (item.partition(":") for item in writes.split())
    )
    check(sql, dialect, " ".join(sorted(fold(reads).split())), expected)


@pytest.mark.parametrize(
    ("dialect", "sql", "reads", "writes"),
    [
        # Files
        ("duckdb", "SELECT * FROM 'in/*.parquet'", "<in/*.parquet>", ""),
        ("duckdb", "FROM 'IN.CSV' SELECT a", "<IN.CSV>", ""),
        ("duckdb", "SELECT * FROM read_csv(['a.csv', 'b.csv'], delim = ';')", "<a.csv> <b.csv>", ""),
        ("duckdb", "SELECT * FROM read_parquet('a.parquet', union_by_name = true)", "<a.parquet>", ""),
        ("duckdb", "SELECT * FROM parquet_scan('a.parquet')", "<a.parquet>", ""),
        ("duckdb", "SELECT * FROM read_json_auto('a.json') j JOIN t ON true", "<a.json> t", ""),
        ("duckdb", "SELECT * FROM range(10), generate_series(1, 3)", "", ""),
        ("duckdb", "COPY orders FROM 'a.csv' (HEADER)", "<a.csv>", "orders:append"),
        ("duckdb", "COPY orders TO 'a.csv'", "orders", "<a.csv>:replace"),
        ("duckdb", "COPY (SELECT * FROM orders) TO 'a.parquet' (FORMAT parquet)", "orders",
         "<a.parquet>:replace"),
        ("snowflake", "COPY INTO orders FROM 's3://b/a.csv'", "<s3://b/a.csv>", "ORDERS:append"),
        ("snowflake", "COPY INTO orders FROM @landing", "<@landing>", "ORDERS:append"),
        ("snowflake", "COPY INTO @landing FROM orders", "ORDERS", "<@landing>:replace"),
        ("snowflake", "COPY INTO @landing FROM (SELECT * FROM orders)", "ORDERS", "<@landing>:replace"),
        ("spark", "SELECT * FROM parquet.`in/x`", "<in/x>", ""),
        ("spark", "CREATE VIEW v USING csv OPTIONS (path 'a.csv', header 'true')", "<a.csv>", "v:create"),
        ("hive", "INSERT OVERWRITE DIRECTORY '/out' SELECT * FROM orders", "orders", "</out>:overwrite"),
        ("hive", "LOAD DATA INPATH '/in' INTO TABLE orders", "</in>", "orders:append"),
        ("hive", "LOAD DATA INPATH '/in' OVERWRITE INTO TABLE orders", "</in>", "orders:overwrite"),
        # DuckDB's own
        ("duckdb", "FROM orders", "orders", ""),
        ("duckdb", "CREATE TABLE big AS FROM orders", "orders", "big:create"),
        ("duckdb", "CREATE OR REPLACE TABLE orders AS SELECT * FROM orders", "orders", "orders:replace"),
        ("duckdb", "INSERT OR REPLACE INTO big BY NAME SELECT * FROM orders", "orders", "big:append"),
        ("duckdb", "PIVOT orders ON kind USING sum(price)", "orders", ""),
        ("duckdb", "SUMMARIZE orders", "orders", ""),
        ("duckdb", "DESCRIBE orders", "orders", ""),
        ("duckdb", "SHOW TABLES", "", ""),
        ("duckdb", "CHECKPOINT", "", ""),
        ("duckdb", "SELECT * FROM main.orders JOIN ORDERS USING (id)", "orders", ""),
        ("duckdb", "SELECT * FROM memory.main.orders", "memory.main.orders", ""),
        ("duckdb", "TRUNCATE orders", "", "orders:truncate"),
        ("duckdb", "CREATE INDEX i ON orders (id)", "", "orders:modify"),
        ("duckdb", "EXPLAIN SELECT * FROM orders", "orders", ""),
        ("duckdb", "EXPLAIN INSERT INTO big SELECT * FROM orders", "orders", ""),
        ("duckdb", "EXPLAIN ANALYZE INSERT INTO big SELECT * FROM orders", "orders", "big:append"),
        ("duckdb", "COMMENT ON TABLE orders IS 'x'", "", "orders:modify"),
        ("duckdb", "COMMENT ON COLUMN s.orders.id IS 'x'", "", "s.orders:modify"),
        # PostgreSQL
        ("postgres", "WITH gone AS (DELETE FROM orders RETURNING *) INSERT INTO old SELECT * FROM gone",
         "", "old:append orders:modify"),
        ("postgres", "WITH a AS (UPDATE o SET x = 1 FROM p RETURNING *) SELECT * FROM a", "p", "o:modify"),
        ("postgres", "INSERT INTO a SELECT * FROM b ON CONFLICT (x) DO UPDATE SET y = (SELECT 1 FROM c)",
         "b c", "a:append"),
        ("postgres", "SELECT * INTO big FROM orders UNION ALL SELECT * FROM items", "items orders",
         "big:create"),
        ("postgres", 'CREATE TABLE "Big" AS SELECT * FROM Orders, "Items", "a.b"', '"a.b" Items orders',
         "Big:create"),
        ("postgres", "SELECT * FROM public.orders", "orders", ""),
        ("postgres", "CREATE TABLE a (LIKE b)", "b", "a:create"),
        ("postgres", "CREATE TABLE a (x INT REFERENCES b (y), FOREIGN KEY (x) REFERENCES c (y))", "",
         "a:create"),
        ("postgres", "CREATE TABLE a PARTITION OF b FOR VALUES IN (1)", "b", "a:create"),
        ("postgres", "CREATE MATERIALIZED VIEW mv AS SELECT * FROM orders", "orders", "mv:create"),
        ("postgres", "DELETE FROM a USING b WHERE a.x = b.x", "b", "a:modify"),
        ("postgres", "UPDATE a SET x = b.x FROM b WHERE a.id = b.id", "b", "a:modify"),
        ("postgres", "TRUNCATE a, b", "", "a:truncate b:truncate"),
        ("postgres", "DROP TABLE IF EXISTS a, s.b", "", "a:drop s.b:drop"),
        ("postgres", "ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES b (y)", "", "a:modify"),
        ("postgres", "MERGE INTO a USING (SELECT * FROM b) s ON a.x IN (SELECT x FROM c) "
         "WHEN MATCHED THEN DELETE", "b c", "a:modify"),
        ("postgres", "ALTER MATERIALIZED VIEW v RENAME TO w", "v", "v:drop w:create"),
        ("postgres", "EXPLAIN (ANALYZE, COSTS) SELECT * FROM orders", "orders", ""),
        ("postgres", "INSERT INTO a TABLE b", "b", "a:append"),
        ("postgres", "ALTER VIEW v AS SELECT * FROM a", "a", "v:replace"),
        ('postgres', 'CREATE SCHEMA "S"', "", "S/:create"),
        # MySQL
        ("mysql", "REPLACE INTO a SELECT * FROM b", "b", "a:append"),
        ("mysql", "RENAME TABLE a TO b, s.c TO s.d", "a s.c", "a:drop b:create s.c:drop s.d:create"),
        ("mysql", "rename table a to b", "a", "a:drop b:create"),
        ("mysql", "UPDATE a JOIN b ON a.k = b.k SET a.v = b.v, b.w = 1", "b", "a:modify b:modify"),
        ("mysql", "DELETE x FROM a AS x JOIN b ON x.k = b.k", "b", "a:modify"),
        ("mysql", "DELETE LOW_PRIORITY FROM a WHERE k IN (SELECT k FROM b)", "b", "a:modify"),
        ("mysql", "SELECT max(x) INTO @v FROM a", "a", ""),
        ("mysql", "CREATE TABLE a LIKE b", "b", "a:create"),
        ("mysql", "DROP INDEX i ON a", "", "a:modify"),
        ("mysql", "SELECT * FROM Orders JOIN orders ON 1 = 1", "Orders orders", ""),
        ("mysql", "SHOW CREATE TABLE a", "", ""),
        # Hive and Spark
        ("hive", "FROM a INSERT OVERWRITE TABLE b SELECT x INSERT INTO TABLE c SELECT y "
         "WHERE z IN (SELECT z FROM d)", "a d", "b:overwrite c:append"),
        ("hive", "INSERT OVERWRITE TABLE b PARTITION (p = 1) SELECT * FROM a", "a", "b:overwrite"),
        ("hive", "SELECT * FROM a LATERAL VIEW explode(xs) e AS x", "a", ""),
        ("hive", "ALTER TABLE a EXCHANGE PARTITION (p = 1) WITH TABLE s.b", "a s.b", "a:modify s.b:modify"),
        ("hive", "DESCRIBE FUNCTION abs", "", ""),
        ("spark", "CACHE TABLE c AS SELECT * FROM a", "a", "c:create"),
        ("spark", "REFRESH TABLE a", "", ""),
        # SQLite, Snowflake, BigQuery
        ("sqlite", "SELECT * FROM a WHERE x IN b", "a b", ""),
        ("sqlite", "INSERT OR IGNORE INTO a SELECT * FROM main.b", "b", "a:append"),
        ("snowflake", "ALTER TABLE a SWAP WITH b", "A B", "A:modify B:modify"),
        ("snowflake", "CREATE TABLE a CLONE b", "B", "A:create"),
        ("snowflake", 'SELECT * FROM "a" JOIN a ON TRUE', "A a", ""),
        ("snowflake", "SELECT * FROM TABLE(flatten(input => parse_json('[1]')))", "", ""),
        ("snowflake", "SELECT * FROM a QUALIFY row_number() OVER (ORDER BY (SELECT 1 FROM b)) = 1",
         "A B", ""),
        ("bigquery", "SELECT * FROM `p.d.t` AS t, UNNEST(t.xs) AS x", "p.d.t", ""),
        ("bigquery", "SELECT ARRAY(SELECT x FROM d.a), * FROM d.t AS t, t.xs", "d.a d.t", ""),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) and " " in value else None,
)  # fmt: skip
def test_in_its_own_dialect(dialect: str, sql: str, reads: str, writes: str) -> None:
    check(sql, dialect, reads, writes)


@pytest.mark.parametrize(
    ("dialect", "sql", "reads", "writes"),
    [
        ("flink", "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT * FROM s; INSERT INTO b SELECT * FROM u; END",
         {"s", "u"}, {"a", "b"}),
        ("flink", "BEGIN STATEMENT SET; INSERT INTO a SELECT * FROM s; INSERT INTO b SELECT * FROM a; END",
         {"a", "s"}, {"a", "b"}),
        ("flink", "EXPLAIN STATEMENT SET BEGIN INSERT INTO a SELECT * FROM s; END", {"s"}, set()),
        ("bigquery", "BEGIN CREATE TABLE d.a AS SELECT * FROM d.s; DELETE FROM d.b WHERE x IN (SELECT x FROM d.a); END",
         {"d.s"}, {"d.a", "d.b"}),
    ],
)  # fmt: skip
def test_a_block_does_what_its_statements_do(
    dialect: str, sql: str, reads: set[str], writes: set[str]
) -> None:
    found = step(sql, dialect)
    assert not found.effects.barrier
    assert {str(ref) for ref in found.reads} == reads
    assert {str(ref) for ref in found.writes} == writes


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("mysql", "CALL refresh()"),
        ("postgres", "EXECUTE q"),
        ("postgres", "REFRESH MATERIALIZED VIEW mv"),
        ("postgres", "GRANT SELECT ON t TO run"),
        ("postgres", "ALTER TABLE a SET SCHEMA s2"),
        ("bigquery", "CREATE SCHEMA IF NOT EXISTS @project"),
        ("bigquery", "DROP SCHEMA @project"),
        ("postgres", "COMMENT ON SCHEMA s IS 'x'"),
        ("duckdb", "CREATE MACRO f(x) AS x + 1"),
        ("duckdb", "CREATE SEQUENCE s"),
        ("duckdb", "DROP INDEX i"),
        ("duckdb", "DROP SEQUENCE s"),
        ("duckdb", "foo bar"),
        ("postgres", "ALTER INDEX i RENAME TO j"),
        ("postgres", "COPY (SELECT 1) FROM 'x'"),
        ("postgres", "ALTER TABLE a ATTACH PARTITION b DEFAULT"),
        ("snowflake", "CREATE TASK t SCHEDULE = '1 MINUTE' AS INSERT INTO a SELECT * FROM b"),
        ("snowflake", "CREATE STREAM s ON TABLE a"),
        ("postgres", "CREATE RULE r AS ON INSERT TO a DO ALSO INSERT INTO b VALUES (1)"),
        ("postgres", "ALTER USER u SET x = 1"),
        ("bigquery", "BEGIN EXECUTE IMMEDIATE 'SELECT 1'; END"),
        ("oracle", "BEGIN SELECT a INTO b FROM t; END;"),
        ("oracle", "BEGIN refresh(1); INSERT INTO a SELECT * FROM b; END;"),
        ("mysql", "RENAME TABLE a TO"),
        ("sqlite", "CREATE TRIGGER g AFTER INSERT ON a BEGIN DELETE FROM b; END"),
    ],
)
def test_what_may_do_anything_is_a_barrier(dialect: str, sql: str) -> None:
    assert step(sql, dialect).effects.barrier


@pytest.mark.parametrize(
    ("dialect", "sql", "reads", "writes"),
    [
        pytest.param(
            "mysql",
            "CREATE PROCEDURE fill() BEGIN DELETE FROM a; INSERT INTO a SELECT * FROM b; END; CALL fill()",
            "b",
            "a:modify a:append",
            id="a block",
        ),
        pytest.param(
            "oracle",
            "CREATE OR REPLACE PROCEDURE s.fill AS BEGIN UPDATE t SET x = 1; END;\n/\nCALL s.fill()",
            "",
            "T:modify",
            id="PL/SQL",
        ),
        pytest.param(
            "postgres",
            "CREATE PROCEDURE fill(n int) LANGUAGE sql AS $$ INSERT INTO a SELECT * FROM b $$; CALL Fill(3)",
            "b",
            "a:append",
            id="a quoted body",
        ),
        pytest.param(
            "bigquery",
            "CREATE PROCEDURE d.p() BEGIN CREATE OR REPLACE TABLE d.a AS SELECT 1 AS x; "
            "INSERT INTO d.b SELECT * FROM d.a; END; CALL d.p()",
            "",
            "d.a:replace d.b:append",
            id="what it makes itself is no input",
        ),
    ],
)
def test_a_call_does_what_the_procedure_says(
    dialect: str, sql: str, reads: str, writes: str
) -> None:
    created, call = compile_program(sql, dialect=dialect).steps
    assert created.effects.barrier
    assert not created.effects.writes
    assert not call.effects.barrier
    assert " ".join(sorted(map(shown, call.reads))) == reads
    assert " ".join(f"{shown(item.ref)}:{item.mode}" for item in call.effects.writes) == writes


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("CALL q()", id="another one"),
        pytest.param("CALL p((SELECT max(x) FROM c))", id="with a query among its arguments"),
        pytest.param(
            "CREATE PROCEDURE p() BEGIN CALL q(); END; CALL p()", id="that calls what is not known"
        ),
        pytest.param(
            "CREATE PROCEDURE p() BEGIN IF x THEN DELETE FROM a; END IF; END; CALL p()",
            id="with a condition",
        ),
    ],
)
def test_a_call_of_what_is_not_understood_may_do_anything(sql: str) -> None:
    known = "CREATE PROCEDURE p() BEGIN DELETE FROM a; END; "
    assert compile_program(known + sql, dialect="mysql").steps[-1].effects.barrier


@pytest.mark.parametrize(
    ("dialect", "sql", "reads", "writes", "barrier"),
    [
        ("sqlite", "UPDATE OR IGNORE a SET x = 1", "", "a:modify", False),
        ("hive", "INSERT OVERWRITE TABLE s.a PARTITION (p=1) IF NOT EXISTS SELECT * FROM b JOIN c",
         "b c", "s.a:overwrite", False),
        ("hive", "INSERT INTO TABLE a PARTITION (p=1) IF NOT EXISTS SELECT * FROM b", "b", "a:append",
         False),
        ("mysql", "LOAD DATA INFILE 'FROM x' INTO TABLE a", "FROM x", "a:append", False),
        ("mysql", "ALTER TABLE s.a RENAME AS b", "s.a", "s.a:drop s.b:create", False),
        ("oracle", "ALTER TABLE a MODIFY (x NUMBER)", "", "A:modify", False),
        ("postgres", "ALTER TABLE a SET SCHEMA b", "", "a:modify", True),
        ("mysql", 'INSERT INTO a SELECT "DROP TABLE x" FROM b, c AS d, `e f` WHERE ! ) !', 'b c e f',
         "a:append", False),
        ("duckdb", "WITH a AS (SELECT 1) SELECT * FROM a JOIN b ! ) !", "b", "", False),
        ("duckdb", "CREATE OR REPLACE TEMP TABLE IF NOT EXISTS a ! ) ! FROM b", "b", "temp a:ensure",
         False),
        ("duckdb", "DROP TABLE IF EXISTS \"a\" ! ) !", "", "a:drop", False),
        ("duckdb", "TRUNCATE TABLE a ! ) !", "", "a:truncate", False),
        ("duckdb", "DELETE FROM a ! ) ! USING b", "b", "a:modify", False),
        ("duckdb", "INSERT INTO a VALUES ! ) ! ON CONFLICT DO UPDATE SET x = 1", "", "a:append", False),
        ("duckdb", "SELECT * FROM (SELECT 1 FROM a) AS s, b JOIN (c JOIN d USING (k)) ON (b.k = c.k), e ! ) !",
         "a b c d e", "", False),
        ("duckdb", "SELECT trim(BOTH '-' FROM x), extract(day FROM y), substring(z FROM 2) FROM a ! ) !", "a",
         "", False),
        ("duckdb", "SELECT * FROM a WHERE x IS DISTINCT FROM y GROUP BY u, v ! ) !", "a", "", False),
        ("postgres", "CREATE TABLE a PARTITION OF b FOR VALUES FROM (MINVALUE) TO (5) ! ) !", "", "a:create",
         False),
        ("postgres", "DELETE FROM ONLY a USING b, c ! ) !", "b c", "a:modify", False),
        ("snowflake", "TRUNCATE TABLE IF EXISTS a ! ) !", "", "A:truncate", False),
        ("hive", "FROM a INSERT OVERWRITE TABLE b SELECT x INSERT INTO TABLE c SELECT y ! ) !", "a",
         "b:overwrite c:append", False),
        ("spark", "INSERT OVERWRITE b SELECT * FROM a LATERAL VIEW explode(m) AS x, y ! ) !", "a",
         "b:overwrite", False),
        ("duckdb", "! ) !", "", "", True),
    ],
)  # fmt: skip
def test_what_the_parser_refuses_is_guessed_from_its_words(
    dialect: str, sql: str, reads: str, writes: str, barrier: bool
) -> None:
    effects = loose_effects(sql, Names(dialect=dialect))
    assert effects.loose
    assert effects.barrier is barrier
    assert " ".join(sorted(ref.name for ref in effects.reads)) == reads
    assert " ".join(f"{shown(write.ref)}:{write.mode}" for write in effects.writes) == writes


def test_a_guess_is_a_warning() -> None:
    program = compile_program("UPDATE OR IGNORE a SET x = 1", dialect="sqlite")
    assert program.steps[0].effects.loose
    assert [(item.severity, item.hint) for item in program.diagnostics] == [
        ("warning", "its tables were guessed from its keywords")
    ]


@pytest.mark.parametrize(
    ("sql", "reads", "writes"),
    [
        ("SELECT a, y FROM t TO TRAIN xgboost.gbtree LABEL y INTO s.m", "t", "model s.m:replace"),
        ("SELECT a, y FROM t TO TRAIN xgboost.gbtree WITH Validation.Select='SELECT * FROM v;' "
         "LABEL y USING old INTO m", "model old t v", "model m:replace"),
        ("SELECT a FROM t TO PREDICT s.p.y USING m", "model m t", "s.p:replace"),
        ("SELECT a FROM t TO PREDICT main.p.y USING m@2", "model m t", "p:replace"),
        ("SELECT a, y FROM t TO EVALUATE m LABEL y INTO r", "model m t", "r:replace"),
        ("SELECT a, y FROM t TO EVALUATE m LABEL y", "model m t", ""),
        ("SELECT a FROM t TO EXPLAIN m INTO r", "model m t", "r:replace"),
        ("SHOW TRAIN m", "model m", ""),
    ],
)  # fmt: skip
def test_machine_learning_statements(sql: str, reads: str, writes: str) -> None:
    check(sql, "duckdb", reads, writes)


@pytest.mark.parametrize(
    ("dialect", "parts", "quoted", "expected"),
    [
        ("duckdb", ["Main", "T"], [True, True], "t"),
        ("postgres", ["Public", "T"], [False, False], "t"),
        ("postgres", ["Public", "T"], [True, True], "Public.T"),
        ("snowflake", ["s", "t"], [False, True], "S.t"),
        ("mysql", ["s", "T"], [], "s.T"),
        ("mysql", ["a.b"], [True], '"a.b"'),
        ("mysql", ['a"b'], [True], '"a""b"'),
    ],
)
def test_how_names_compare(
    dialect: str, parts: list[str], quoted: list[bool], expected: str
) -> None:
    ref = Names(dialect=dialect).table(parts, quoted=quoted)
    assert ref.name == expected
    assert ObjectRef.of(ObjectKind.TABLE, ref.parts) == ref


def test_the_schema_in_force_completes_a_bare_name() -> None:
    names = Names(dialect="postgres").using("Sales")
    assert names.table(["t"]).name == "sales.t"
    assert names.table(["s", "t"]).name == "s.t"
    assert Names(dialect="duckdb").using("main").table(["t"]).name == "t"


def test_the_parts_of_a_file_are_its_path() -> None:
    assert ObjectRef(ObjectKind.FILE, "a/b.csv").parts == ("a/b.csv",)
    assert str(ObjectRef(ObjectKind.FILE, "a/b.csv")) == "file a/b.csv"
    assert str(model_ref(["s", "m"])) == "model s.m"
    assert str(ObjectRef(ObjectKind.TABLE, "t")) == "t"


def test_statements_that_run_as_one() -> None:
    def table(name: str) -> ObjectRef:
        temporary = name == "scratch"
        return ObjectRef(ObjectKind.TEMPORARY if temporary else ObjectKind.TABLE, name)

    def write(name: str, mode: Mode) -> Write:
        return Write(ref=table(name), mode=mode)

    merged = merged_effects(
        [
            Effects(writes=(write("scratch", Mode.CREATE),), temporary=True),
            Effects(reads=frozenset({table("a")}), writes=(write("scratch", Mode.APPEND),)),
            Effects(reads=frozenset({table("scratch")}), writes=(write("b", Mode.CREATE),)),
            Effects(reads=frozenset({table("b")}), writes=(write("c", Mode.APPEND),)),
            Effects(reads=frozenset({table("c")}), writes=(write("scratch", Mode.DROP),)),
        ]
    )
    assert {ref.name for ref in merged.reads} == {"a", "c"}
    assert [item.ref.name for item in merged.writes] == ["b", "c"]
