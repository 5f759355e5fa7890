"""The engine checks a whole program before anything of it runs, and nothing is left of the check."""

from pathlib import Path

import pyarrow as pa
import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.errors import Severity
from sqlflow_dagster.runtime.context import RunContext, open_context
from sqlflow_dagster.runtime.execute import execute
from sqlflow_dagster.runtime.rehearsal import rehearse
from tests.engines import mariadb_server, postgresql_server

TRAIN = "TO TRAIN xgboost.gbtree"


@pytest.fixture(params=["duckdb", "sqlite", "postgresql"])
def context(request: pytest.FixtureRequest, tmp_path: Path) -> RunContext:
    file = f"{request.param}:///{tmp_path / 'data.db'}"
    context = open_context(
        postgresql_server.new_database() if request.param == "postgresql" else file
    )
    with context.engine.session() as session:
        table = pa.table({"id": [1, 2, 3], "size": [1.0, 2.0, 3.0]})
        session.replace_table(("raw",), table.to_reader())
    return context


def found(sql: str, context: RunContext) -> list[tuple[str, str]]:
    """The first words of each problem with the text it points to."""
    program = compile_program(sql, dialect=context.engine.dialect)
    return [
        (item.message, item.span.text if item.span else "") for item in rehearse(program, context)
    ]


def test_a_good_program_passes_and_leaves_nothing(context: RunContext) -> None:
    sql = f"""
        CREATE TABLE a AS SELECT id, size * 2 AS double FROM raw;
        CREATE VIEW v AS SELECT double FROM a;
        INSERT INTO a SELECT 1, 2.0;
        SELECT v.double, a.id FROM a JOIN v ON v.double = a.double {TRAIN} LABEL id INTO m;
        SELECT * FROM a TO PREDICT p.id USING m;
        SELECT * FROM p;
        DROP TABLE raw;
    """
    assert found(sql, context) == []
    with context.engine.session() as session:
        assert [name[-1] for name in session.tables()] == ["raw"]
        assert session.count("SELECT * FROM raw") == 3


@pytest.mark.parametrize(
    ("sql", "message", "place"),
    [
        pytest.param(
            f"CREATE TABLE a AS SELECT * FROM raw; SELECT nosuch FROM a {TRAIN} INTO m",
            "nosuch",
            "nosuch",
            id="a column of a table that does not exist yet",
        ),
        pytest.param(
            f"CREATE TABLE a AS SELECT * FROM raw; SELECT * FROM a {TRAIN} LABEL sise INTO m",
            "column 'sise' is not among the columns of the SELECT: id, size",
            "sise",
            id="a label of a star over such a table",
        ),
        pytest.param(
            f"SELECT r.id, q.nosuch FROM raw r JOIN raw q ON r.id = q.id {TRAIN} LABEL id INTO m",
            "nosuch",
            "q|nosuch",
            id="a SELECT that gets a generated table",
        ),
        pytest.param(
            f"SELECT * FROM raw {TRAIN} WITH validation.select='SELECT oops FROM raw' "
            "LABEL id INTO m",
            "oops",
            "oops",
            id="validation.select",
        ),
        pytest.param(
            "CREATE TABLE a AS SELECT id FROM raw; "
            f"SELECT * FROM raw WHERE id > 99 {TRAIN} LABEL id INTO m",
            "the SELECT gives no rows",
            "SELECT * FROM raw WHERE id > 99",
            id="an empty training set",
        ),
        pytest.param(
            "CREATE VIEW v AS SELECT id FROM raw; SELECT size FROM v",
            "size",
            "size",
            id="a column of a view",
        ),
        pytest.param(
            "UPDATE raw SET nosuch = 1",
            "nosuch",
            "UPDATE raw SET nosuch = 1|nosuch",
            id="an update",
        ),
        pytest.param(
            "CREATE TABLE a AS SELECT id FROM raw; SELEC * FORM a",
            "syntax error",
            "SELEC",
            id="text that is no SQL",
        ),
        pytest.param(
            f"CREATE TABLE a AS SELECT * FROM raw; SELECT * FROM a {TRAIN} WITH train.rounds=3 "
            "LABEL id INTO m",
            "xgboost.gbtree has no attribute 'train.rounds'",
            "train.rounds",
            id="an attribute that the estimator has not",
        ),
        pytest.param(
            f"SELECT * FROM raw {TRAIN} LABEL id INTO m; SELECT id FROM raw TO PREDICT p.x USING m",
            "the model needs column 'size'",
            "SELECT id FROM raw",
            id="a feature of a model of the program",
        ),
        pytest.param(
            f"SELECT * FROM raw {TRAIN} LABEL id INTO m; SELECT oops FROM raw TO EXPLAIN m",
            "oops",
            "oops",
            id="a column of a SELECT for a model of the program",
        ),
    ],
)
def test_what_the_engine_refuses(sql: str, message: str, place: str, context: RunContext) -> None:
    [(said, where)] = found(sql, context)
    assert message in said
    assert where in place.split("|")  # engines differ in how exact they are


@pytest.mark.parametrize(
    ("select", "warned"),
    [
        pytest.param(f"SELECT * FROM raw {TRAIN}", True, id="of a star"),
        pytest.param(f"SELECT * FROM raw {TRAIN} COLUMN id", False, id="that COLUMN names"),
        pytest.param(f'SELECT * FROM raw {TRAIN} COLUMN "i.+"', False, id="that COLUMN matches"),
        pytest.param(f"SELECT id, size FROM raw {TRAIN}", False, id="that the compile has told"),
    ],
)
def test_a_key_among_the_features_is_a_warning(
    select: str, warned: bool, context: RunContext
) -> None:
    program = compile_program(f"{select} LABEL size INTO m", dialect=context.engine.dialect)
    problems = rehearse(program, context)
    expected = ["model m learns from what looks like a key: id"] * warned
    assert [item.message.partition(";")[0] for item in problems] == expected
    assert all(item.severity is Severity.WARNING for item in problems)


def test_every_problem_is_reported(context: RunContext) -> None:
    sql = "SELECT a FROM raw; SELECT id FROM raw; SELECT b FROM raw"
    assert [place for _, place in found(sql, context)] == ["a", "b"]


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param(
            f"SELECT * FROM raw {TRAIN} LABEL id INTO m; SELECT * FROM raw TO PREDICT p.x USING m; "
            "SELECT whatever FROM p",
            id="what a model writes",
        ),
        pytest.param("ALTER TABLE raw ADD COLUMN c INT; SELECT c FROM raw", id="an altered table"),
    ],
)
def test_what_nobody_can_tell_is_not_judged(sql: str, context: RunContext) -> None:
    assert found(sql, context) == []


def test_only_the_chosen_steps_are_checked(context: RunContext) -> None:
    program = compile_program("SELECT a FROM raw; SELECT b FROM raw")
    [problem] = rehearse(program, context, frozenset({1}))
    assert problem.span is not None
    assert problem.span.text == "b"


@pytest.mark.parametrize(
    ("sql", "places"),
    [
        pytest.param("SELECT 1; USE away; SELECT x FROM t", [], id="another schema"),
        pytest.param(
            "SELECT 1; USE away; SELECT size FROM t", ["size"], id="a column of its table"
        ),
        pytest.param(
            "SELECT 1; USE nowhere; SELECT y FROM t", ["USE nowhere"], id="no such schema"
        ),
        pytest.param(
            "SELECT 1; SET limit_of_memory = 1; SELECT 1", ["SET limit_of_memory = 1"], id="SET"
        ),
        pytest.param(
            "SELECT y; ATTACH 'other.duckdb' AS other; SELECT nosuch FROM raw",
            ["y"],
            id="nothing is said after ATTACH, which may make a file",
        ),
    ],
)
def test_session_statements_are_followed(sql: str, places: list[str], tmp_path: Path) -> None:
    context = open_context(f"duckdb:///{tmp_path / 'data.duckdb'}")
    with context.engine.session() as session:
        session.create_schema("away")
        session.replace_table(("away", "t"), pa.table({"x": [1]}).to_reader())
    assert [place for _, place in found(sql, context)] == places
    assert not (tmp_path / "other.duckdb").exists()


def test_features_of_a_stored_model_are_wanted(context: RunContext) -> None:
    for step in compile_program(f"SELECT * FROM raw {TRAIN} LABEL id INTO m").steps:
        execute(step, context)
    sql = "CREATE TABLE a AS SELECT id FROM raw; SELECT * FROM a TO PREDICT p.x USING m;"
    [(message, place)] = found(sql, context)
    assert message == "the model needs column 'size', which the SELECT does not give"
    assert place == "SELECT * FROM a"


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param(
            "CREATE OR REPLACE TABLE raw AS SELECT * FROM raw WHERE id > 1; SELECT size FROM raw",
            id="a table made anew from itself",
        ),
        pytest.param(
            "CREATE TABLE t AS SELECT 1 AS x; ALTER TABLE t ADD COLUMN y INT; UPDATE t SET y = 2; "
            "SELECT y FROM t",
            id="an altered table",
        ),
        pytest.param(
            "CREATE TABLE p AS SELECT * FROM (PIVOT raw ON id USING sum(size)); "
            'CREATE TABLE q AS SELECT "1" FROM p; SELECT * FROM q',
            id="columns named after values",
        ),
        pytest.param(
            "CREATE TABLE t AS SELECT 1 AS x; CREATE OR REPLACE TABLE t AS SELECT x + 1 AS y FROM t; "
            "INSERT INTO t SELECT 5; SELECT y FROM t",
            id="a table of the program made anew from itself",
        ),
    ],
)
def test_what_the_engine_accepts_is_accepted(sql: str, tmp_path: Path) -> None:
    context = open_context(f"duckdb:///{tmp_path / 'data.duckdb'}")
    with context.engine.session() as session:
        table = pa.table({"id": [1, 2, 3], "size": [1.0, 2.0, 3.0]})
        session.replace_table(("raw",), table.to_reader())
    program = compile_program(sql)
    assert rehearse(program, context) == []
    for step in program.steps:
        execute(step, context)


@pytest.mark.parametrize(
    ("sql", "places"),
    [
        pytest.param(
            "CREATE TABLE a AS SELECT id, size * 2 AS twice FROM raw; CREATE VIEW v AS SELECT id FROM a; "
            f"SELECT twice, id FROM a {TRAIN} LABEL id INTO m; SELECT nobody_knows FROM v; DROP TABLE raw",
            [],
            id="a good program",
        ),
        pytest.param("CREATE TABLE a AS SELECT oops FROM raw", ["oops"], id="a table of a SELECT"),
        pytest.param("CREATE VIEW a AS SELECT oops FROM raw", ["oops"], id="a view"),
        pytest.param("UPDATE raw SET oops = 1", ["oops"], id="an update"),
        pytest.param(f"SELECT * FROM raw {TRAIN} LABEL sise INTO m", ["sise"], id="a label"),
        pytest.param(
            "CREATE TABLE raw AS SELECT 1 AS other; SELECT other FROM raw; SELECT oops FROM x.y",
            ["y"],
            id="a table that the program makes anew",
        ),
        pytest.param(
            "ALTER TABLE raw ADD COLUMN c INT; SELECT c FROM raw", [], id="an altered table"
        ),
        pytest.param("SELECT id FROM raw; SELEC 1", ["SELEC"], id="no SQL"),
    ],
)
def test_where_nothing_can_be_created_for_a_while(sql: str, places: list[str]) -> None:
    """On MySQL, which commits at every CREATE, what the program makes is not judged before it is there."""
    context = open_context(mariadb_server.new_database())
    with context.engine.session() as session:
        table = pa.table({"id": [1, 2, 3], "size": [1.0, 2.0, 3.0]})
        session.replace_table(("raw",), table.to_reader())
    assert [place for _, place in found(sql, context)] == places
    with context.engine.session() as session:
        assert [name[-1] for name in session.tables()] == ["raw"]
        assert session.count("SELECT size FROM raw") == 3
