"""TEMP tables and TEMP views of a user, across statements that run on connections of their own."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from sqlflow_dagster.argo.step_text import step_text
from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.engines.base import Engine, open_engine
from sqlflow_dagster.graph.program import Program, Step
from sqlflow_dagster.lang.statements import TemporaryTableStatement, TransactionStatement
from sqlflow_dagster.runtime.context import open_context
from sqlflow_dagster.runtime.execute import execute
from sqlflow_dagster.temp_tables import generated_tables
from tests.dagster.home import Home, execute_command

# Every way in which a TEMP table is used, and in which its session is set up.
PROGRAM = """
CREATE TEMP TABLE seen (a INTEGER PRIMARY KEY, y INTEGER DEFAULT 7);
INSERT INTO seen SELECT a, y FROM raw;
{settings}
CREATE TEMP VIEW odd AS SELECT a, y FROM seen WHERE a % 2 = 1;
CREATE TABLE before AS SELECT count(*) AS n, sum(y) AS s FROM odd;
UPDATE seen SET y = y + 100 WHERE a > 30;
INSERT INTO seen (a) VALUES (1000);
BEGIN;
CREATE TEMP TABLE late AS SELECT a, y FROM seen WHERE a > 50;
DELETE FROM seen WHERE a = 1;
CREATE TABLE during AS SELECT count(*) AS n, sum(y) AS s FROM late;
COMMIT;
CREATE TABLE after_it AS SELECT odd.a, odd.y, late.y AS late FROM odd LEFT JOIN late ON odd.a = late.a;
CREATE TEMP TABLE wide AS SELECT s.a, s.y, s.a * 2 AS b FROM seen AS s JOIN odd AS o ON s.a = o.a;
SELECT * FROM wide TO TRAIN xgboost.gbtree LABEL y INTO m;
SELECT max(a) AS a, b FROM wide GROUP BY b TO PREDICT guesses.y USING m;
DROP TABLE seen;
CREATE TABLE seen AS SELECT count(*) AS n FROM guesses;
"""
SETTINGS = {"duckdb": "SET threads = 1;\nUSE main;", "sqlite": "PRAGMA cache_size = 1000;"}
TABLES = ("before", "during", "after_it", "guesses", "seen")
ROWS = "WITH RECURSIVE n(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM n WHERE a < 60)"


def program_for(engine: Engine) -> str:
    return PROGRAM.format(settings=SETTINGS[engine.name])


def load(engine: Engine) -> None:
    with engine.session() as session:
        session.execute(f"CREATE TABLE raw AS {ROWS} SELECT a, a % 3 AS y FROM n")


def tables(engine: Engine) -> dict[str, pa.Table]:
    with engine.session() as session:
        found = {name: session.read(f"SELECT * FROM {name}").read_all() for name in TABLES}
    return {name: table.sort_by(table.column_names[0]) for name, table in found.items()}


def run_step(url: str, step: Step) -> None:
    execute(step, open_context(url, threads=1))


def one_process_a_statement(url: str, program: Program) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["sqlflow_dagster.runtime.execute"])
    for step in program.steps:
        process = context.Process(target=run_step, args=(url, step))
        process.start()
        process.join(60)
        assert process.exitcode == 0, step.name


def on_one_connection(engine: Engine) -> dict[str, pa.Table]:
    """What the plain SQL of the program leaves when one connection runs it all."""
    statements = [item.strip() for item in program_for(engine).split(";")]
    left_out = ("", "BEGIN", "COMMIT")
    plain = [
        sql
        for sql in statements
        if sql not in left_out and " TO " not in sql and "guesses" not in sql
    ]
    with engine.session() as session:
        for sql in plain:
            session.execute(sql)
        found = {name: session.read(f"SELECT * FROM {name}").read_all() for name in TABLES[:3]}
    return {name: table.sort_by(table.column_names[0]) for name, table in found.items()}


@pytest.fixture(scope="module")
def duckdb_tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    """What the program leaves in DuckDB, each statement in its own process."""
    return left_by_processes("duckdb", tmp_path_factory.mktemp("processes"))


def left_by_processes(name: str, folder: Path) -> dict[str, pa.Table]:
    url = f"{name}:///{folder / 'data.db'}"
    engine = open_engine(url)
    load(engine)
    one_process_a_statement(url, compile_program(program_for(engine), dialect=engine.dialect))
    return tables(engine)


@pytest.mark.parametrize("name", ["duckdb", "sqlite"])
def test_each_statement_in_its_own_process_gives_what_one_connection_gives(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if name == "duckdb":
        found = request.getfixturevalue("duckdb_tables")
    else:
        found = left_by_processes(name, tmp_path)
    other = open_engine(f"{name}:///{tmp_path / 'one.db'}")
    load(other)
    expected = on_one_connection(other)
    assert {name: found[name] for name in expected} == expected
    assert expected["before"].to_pylist() == [{"n": 30, "s": 30}]
    assert expected["during"].to_pylist() == [{"n": 11, "s": 1016}]


def by_command(home: Home) -> tuple[str, ...]:
    return ("sqlflow", "run", str(home.programs / "scratch.sql"))


def by_dagster(home: Home) -> tuple[str, ...]:
    return execute_command("scratch")


@pytest.mark.parametrize("way", [by_command, by_dagster], ids=lambda way: way.__name__)
def test_the_command_and_dagster_leave_the_same_tables(
    tmp_path: Path, way: Callable[[Home], tuple[str, ...]], duckdb_tables: dict[str, pa.Table]
) -> None:
    program = PROGRAM.format(settings=SETTINGS["duckdb"])
    home = Home.create(tmp_path / "home", {"scratch.sql": program})
    load(home.engine)
    done = home.run(*way(home))
    assert done.returncode == 0, done.stdout
    assert tables(home.engine) == duckdb_tables


def kept(program: Program) -> dict[str, tuple[str, ...]]:
    """The statements that run before each generated table is written, by its name."""
    found = [step.statement for step in program.steps]
    return {
        str(item.table): tuple(sql.sql for sql in item.setup)
        for item in found
        if isinstance(item, TemporaryTableStatement)
    }


def test_no_text_of_the_user_is_changed() -> None:
    program = compile_program(
        "CREATE TEMP TABLE t (a INT);\nINSERT INTO t SELECT a FROM raw;\n"
        "SELECT t.a -- as it is\nFROM t;",
        path="shop.sql",
    )
    assert kept(program) == {
        "sqlflow_temporary_shop_t": (
            "CREATE TEMP TABLE t (a INT)",
            "INSERT INTO t SELECT a FROM raw",
        )
    }
    reader = program.steps[-1]
    assert reader.statement.span is not None
    assert reader.statement.span.text == "SELECT t.a -- as it is\nFROM t"
    assert reader.prefix == ("CREATE TEMPORARY VIEW t AS SELECT * FROM sqlflow_temporary_shop_t",)


def test_a_write_after_a_reader_goes_on_from_the_kept_table() -> None:
    program = compile_program(
        "CREATE TEMP TABLE t AS SELECT 1 AS a; CREATE TABLE u AS SELECT * FROM t; DELETE FROM t;"
        "CREATE TABLE v AS SELECT * FROM t"
    )
    assert kept(program)["sqlflow_temporary_program_t_2"] == (
        "CREATE TEMPORARY TABLE t AS SELECT * FROM sqlflow_temporary_program_t",
        "DELETE FROM t",
    )
    assert [{ref.name for ref in step.reads} for step in program.steps] == [
        set(),
        {"sqlflow_temporary_program_t"},
        {"sqlflow_temporary_program_t"},
        {"sqlflow_temporary_program_t_2"},
    ]


def test_a_write_after_a_reader_finds_the_keys_and_the_defaults_of_the_columns() -> None:
    program = compile_program(
        "CREATE TEMP TABLE t (a INT PRIMARY KEY, y INT DEFAULT 7); ALTER TABLE t ADD COLUMN z INT DEFAULT 1;"
        "SELECT * FROM t; INSERT INTO t (a) VALUES (1);"
        "SELECT * FROM t; BEGIN; INSERT INTO t (a) VALUES (2); COMMIT"
    )
    restored = (
        "CREATE TEMP TABLE t (a INT PRIMARY KEY, y INT DEFAULT 7)",
        "ALTER TABLE t ADD COLUMN z INT DEFAULT 1",
        "INSERT INTO t SELECT * FROM ",
    )
    later = kept(program)["sqlflow_temporary_program_t_2"]
    assert later[:3] == (*restored[:2], restored[2] + "sqlflow_temporary_program_t")
    assert inside(program.steps[-1])[2] == restored[2] + "sqlflow_temporary_program_t_2"


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        pytest.param(
            "CREATE TEMP TABLE t AS SELECT * FROM t; SELECT * FROM t",
            [{"t"}, {"sqlflow_temporary_program_t"}],
            id="it hides the table that it is made of",
        ),
        pytest.param(
            "CREATE TEMP TABLE t AS SELECT 1; DROP TABLE t; SELECT * FROM t",
            [set(), {"t"}],
            id="dropped, it hides nothing",
        ),
        pytest.param(
            "CREATE TEMP TABLE t AS SELECT 1; SELECT * FROM temp.t; SELECT * FROM s.t",
            [set(), {"sqlflow_temporary_program_t"}, {"s.t"}],
            id="by its schema, and another one",
        ),
        pytest.param(
            "CREATE TEMP VIEW v AS SELECT * FROM t; SELECT * FROM v",
            [{"t"}],
            id="a view is no step",
        ),
        pytest.param(
            "CREATE TEMP TABLE t AS SELECT 1; CREATE TEMP VIEW v AS FROM t;"
            "CREATE OR REPLACE TEMP TABLE t AS SELECT 2; SELECT * FROM v",
            [set(), set(), {"sqlflow_temporary_program_t_2"}],
            id="a view shows the table as it is then",
        ),
        pytest.param(
            "CREATE TEMP TABLE t AS SELECT 1 AS a; CREATE TEMP VIEW v AS FROM t; DROP TABLE t;"
            "CREATE TEMP TABLE t AS SELECT 2 AS a; SELECT * FROM v",
            [set(), set(), {"sqlflow_temporary_program_t_2"}],
            id="a view shows a table that was dropped and made again",
        ),
        pytest.param(
            "CREATE TEMP TABLE t AS SELECT 1 AS a; CREATE TEMP VIEW v AS FROM t; INSERT INTO t FROM v",
            [set(), {"sqlflow_temporary_program_t"}],
            id="it is written through a view of itself",
        ),
        pytest.param(
            "CREATE TEMP VIEW v AS FROM w; CREATE TEMP VIEW w AS FROM v; SELECT * FROM w",
            [{"w"}],
            id="a view of a view, called like its table",
        ),
        pytest.param(
            "CREATE TEMP TABLE t AS SELECT 1; CREATE OR REPLACE TEMP TABLE t AS SELECT a + 1 FROM t;"
            "SELECT * FROM t",
            [set(), {"sqlflow_temporary_program_t"}],
            id="made of itself",
        ),
    ],
)
def test_who_reads_what(text: str, reads: list[set[str]]) -> None:
    program = compile_program(text)
    assert [{ref.name for ref in step.reads} for step in program.steps] == reads


KEPT = "sqlflow_temporary_program_t"


@pytest.mark.parametrize(
    ("dialect", "name", "reads"),
    [
        # The engines were asked: DuckDB's main.t is TEMP table t even where main has a table t.
        pytest.param("duckdb", "t", KEPT, id="duckdb"),
        pytest.param("duckdb", "main.t", KEPT, id="duckdb, by main"),
        pytest.param("duckdb", "temp.main.t", KEPT, id="duckdb, by its catalogue"),
        pytest.param("duckdb", "s.t", "s.t", id="duckdb, another schema"),
        pytest.param("sqlite", "temp.t", KEPT, id="sqlite, by temp"),
        pytest.param("sqlite", "main.t", "t", id="sqlite, by main"),
        pytest.param("postgres", "pg_temp.t", KEPT, id="postgres, by pg_temp"),
        pytest.param("postgres", "public.t", "t", id="postgres, by public"),
        pytest.param("spark", "s.t", "s.t", id="spark, a database"),
        pytest.param("mysql", "t", KEPT, id="mysql"),
        pytest.param("mysql", "s.t", "s.t", id="mysql, another database"),
    ],
)
def test_which_names_are_those_of_a_temp_table(dialect: str, name: str, reads: str) -> None:
    text = f"CREATE TEMPORARY TABLE t AS SELECT 1 AS a; CREATE TABLE u AS SELECT * FROM {name}"
    reader = compile_program(text, dialect=dialect).steps[-1]
    assert {ref.name for ref in reader.reads} == {reads}


@pytest.mark.parametrize(
    ("dialect", "use", "reads"),
    [
        pytest.param("duckdb", "USE s", [{f"s.{KEPT}"}, {"s.t"}], id="duckdb"),
        pytest.param("postgres", "SET search_path = s", [{f"s.{KEPT}"}, {"s.t"}], id="postgres"),
        # There it is a table of the schema in which it was made, and hides the other one of that name.
        pytest.param("mysql", "USE s", [{f"s.{KEPT}"}, {f"s.{KEPT}"}], id="mysql"),
        pytest.param("hive", "USE s", [{f"s.{KEPT}"}, {f"s.{KEPT}"}], id="hive"),
        pytest.param("snowflake", "USE SCHEMA S", [{f"S.{KEPT}".upper()}] * 2, id="snowflake"),
    ],
)
def test_the_schema_in_force_names_no_temp_table(
    dialect: str, use: str, reads: list[set[str]]
) -> None:
    program = compile_program(
        f"{use}; CREATE TEMPORARY TABLE t AS SELECT 1 AS a;"
        "CREATE TABLE u AS SELECT * FROM t; CREATE TABLE v AS SELECT * FROM s.t",
        dialect=dialect,
    )
    found = [{ref.name for ref in step.reads} for step in program.steps[1:]]
    assert found == reads


def test_a_temp_table_and_the_table_that_it_hides_in_one_statement(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'data.db'}")
    text = (
        "CREATE TABLE t AS SELECT 1 AS a; CREATE TEMP TABLE t AS SELECT 2 AS a;"
        "CREATE TABLE both AS SELECT t.a AS hiding, m.a AS hidden FROM t, main.t AS m;"
        "INSERT INTO main.t VALUES (3)"
    )
    program = compile_program(text, dialect="sqlite")
    assert [{ref.name for ref in step.reads} for step in program.steps] == [
        set(),
        set(),
        {KEPT, "t"},
        set(),
    ]
    one_after_the_other(engine, program)
    with engine.session() as session:
        assert session.read("SELECT * FROM both").read_all().to_pylist() == [
            {"hiding": 2, "hidden": 1}
        ]
        assert session.count("SELECT * FROM t") == 2


def one_after_the_other(engine: Engine, program: Program) -> None:
    for step in program.steps:
        run_step(engine.display_url, step)


@pytest.mark.parametrize("dialect", ["mysql", "hive"])
def test_where_there_are_no_temporary_views_readers_get_a_copy(dialect: str) -> None:
    program = compile_program(
        "USE shop; CREATE TEMPORARY TABLE t AS SELECT * FROM raw; USE other;"
        "CREATE TABLE u AS SELECT a FROM shop.t; INSERT INTO shop.t SELECT * FROM new;"
        "CREATE TABLE v AS SELECT a FROM shop.t",
        dialect=dialect,
    )
    copy = "CREATE TEMPORARY TABLE shop.t AS SELECT * FROM shop.sqlflow_temporary_program_t"
    made, reader, changed, last = program.steps
    assert made.prefix == ("USE shop",)
    assert reader.prefix == ("USE shop", copy, "USE other")
    assert changed.prefix == ("USE shop", "USE other")
    assert kept(program)["other.sqlflow_temporary_program_t"] == (
        copy,
        "INSERT INTO shop.t SELECT * FROM new",
    )
    assert last.views == (
        "CREATE TEMPORARY TABLE shop.t AS SELECT * FROM other.sqlflow_temporary_program_t",
    )


def test_a_view_is_made_after_what_it_shows() -> None:
    program = compile_program(
        "CREATE TEMP TABLE t AS SELECT 1 AS a; CREATE TEMP VIEW v AS FROM t; DROP TABLE t; USE s;"
        "CREATE TEMP TABLE t AS SELECT 2 AS a; SELECT * FROM v"
    )
    assert program.steps[-1].prefix == (
        "USE s",
        f"CREATE TEMPORARY VIEW t AS SELECT * FROM s.{KEPT}",
        "CREATE TEMP VIEW v AS FROM t",
    )


def inside(step: Step) -> tuple[str, ...]:
    assert isinstance(step.statement, TransactionStatement)
    return tuple(item.sql for item in step.statement.statements)


def test_a_transaction_keeps_the_temp_tables_that_are_used_after_it() -> None:
    program = compile_program(
        "BEGIN; CREATE TEMP TABLE t AS SELECT * FROM raw; CREATE TEMP TABLE own AS SELECT * FROM t;"
        "CREATE TEMP VIEW v AS SELECT a FROM t; INSERT INTO sums SELECT sum(a) FROM own; COMMIT;"
        "CREATE TABLE u AS SELECT * FROM v"
    )
    transaction, reader = program.steps
    assert inside(transaction)[-1] == f"CREATE TABLE {KEPT} AS SELECT * FROM t"
    assert len(inside(transaction)) == 5
    assert {ref.name for ref in transaction.reads} == {"raw"}
    assert {ref.name for ref in transaction.writes} == {"sums", KEPT}
    assert reader.views == (
        f"CREATE TEMPORARY VIEW t AS SELECT * FROM {KEPT}",
        "CREATE TEMP VIEW v AS SELECT a FROM t",
    )
    assert generated_tables(program) == {ref for ref in transaction.writes if ref.name == KEPT}


def test_a_transaction_goes_on_from_the_kept_table() -> None:
    program = compile_program(
        "CREATE TEMP TABLE t AS SELECT 1 AS a; CREATE TEMP VIEW v AS SELECT a FROM t;"
        "BEGIN; UPDATE t SET a = 2; INSERT INTO log SELECT a FROM v; COMMIT;"
        "BEGIN; DROP TABLE t; CREATE TABLE u AS SELECT * FROM t; COMMIT"
    )
    _, changes, drops = program.steps
    restored = f"CREATE TEMPORARY TABLE t AS SELECT * FROM {KEPT}"
    assert inside(changes)[:3] == (
        restored,
        "UPDATE t SET a = 2",
        "CREATE TEMP VIEW v AS SELECT a FROM t",
    )
    assert inside(changes)[-1] == f"CREATE TABLE {KEPT}_2 AS SELECT * FROM t"
    assert inside(drops)[0] == f"{restored}_2"
    # What it drops hides t no more.
    assert {ref.name for ref in drops.reads} == {f"{KEPT}_2", "t"}
    for step in (changes, drops):
        assert step_text(step, program).sql.endswith("COMMIT")


def test_statements_that_use_no_temp_table_do_not_wait_for_one() -> None:
    program = compile_program("CREATE TEMP TABLE t AS SELECT 1; CREATE TABLE u AS SELECT 2")
    assert program.steps[1].prefix == ()
    assert program.steps[1].waits_for == frozenset()


def test_a_statement_that_nobody_can_foresee_sees_every_temp_table() -> None:
    program = compile_program("CREATE TEMP TABLE t AS SELECT 1; CALL p()", dialect="postgres")
    assert program.steps[1].views == (
        "CREATE TEMPORARY VIEW t AS SELECT * FROM sqlflow_temporary_program_t",
    )


def test_a_pod_runs_the_same_statements() -> None:
    program = compile_program(PROGRAM.format(settings=SETTINGS["duckdb"]))
    texts = [step_text(step, program).sql for step in program.steps]
    assert texts[0] == (
        "BEGIN;\nCREATE TEMP TABLE seen (a INTEGER PRIMARY KEY, y INTEGER DEFAULT 7);\n"
        "INSERT INTO seen SELECT a, y FROM raw;\n"
        "CREATE TABLE sqlflow_temporary_program_seen AS\nSELECT * FROM seen;\nCOMMIT"
    )
    assert texts[1].endswith("CREATE TABLE before AS SELECT count(*) AS n, sum(y) AS s FROM odd")


def test_a_view_of_what_a_transaction_creates_is_made_after_it() -> None:
    program = compile_program(
        "CREATE TABLE a AS SELECT 1 AS x; CREATE TEMP VIEW v AS SELECT x FROM a; DROP TABLE a;"
        "BEGIN; CREATE TABLE a AS SELECT 2 AS x; INSERT INTO log SELECT x FROM v; COMMIT"
    )
    transaction = program.steps[-1]
    assert transaction.views == ()
    assert inside(transaction) == (
        "CREATE TABLE a AS SELECT 2 AS x",
        "CREATE TEMP VIEW v AS SELECT x FROM a",
        "INSERT INTO log SELECT x FROM v",
    )
    # It makes what it reads: run again, it replaces it.
    assert transaction.reads == frozenset()


def test_a_view_of_a_temp_table_that_a_transaction_makes_anew() -> None:
    program = compile_program(
        "CREATE TEMP TABLE t AS SELECT 1 AS x; CREATE TEMP VIEW v AS SELECT x FROM t;"
        "BEGIN; CREATE OR REPLACE TEMP TABLE t AS SELECT 2 AS x; INSERT INTO log SELECT x FROM v; COMMIT"
    )
    transaction = program.steps[-1]
    assert inside(transaction)[1] == "CREATE TEMP VIEW v AS SELECT x FROM t"
    assert transaction.reads == frozenset()
