from pathlib import Path

import pytest

from sqlflow_dagster.codes import Code
from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.engines.base import Engine
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.preflight import missing_inputs, problems_before
from tests.runtime.conftest import Execute

JOINED = (
    "SELECT n.x, o.id FROM numbers AS n JOIN shop.orders AS o ON n.x = o.id TO TRAIN xgboost.gbtree "
    'WITH objective="reg:squarederror", train.num_boost_round=1 LABEL id INTO m'
)


def found(text: str, context: RunContext, steps: set[int] | None = None) -> list[str]:
    chosen = None if steps is None else frozenset(steps)
    program = compile_program(text, path="p.sql")
    problems = missing_inputs(program, context, chosen)
    return [f"{item.span}: {item.message}; {item.hint}" for item in problems]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("CREATE TABLE a AS SELECT * FROM numbers; SELECT * FROM a", id="made before"),
        pytest.param("SELECT * FROM NUMBERS JOIN Shop.Orders ON true", id="case"),
        pytest.param("SELECT * FROM main.numbers", id="the default schema"),
        pytest.param("USE shop; SELECT * FROM orders", id="the schema in force"),
        pytest.param("SELECT * FROM information_schema.tables", id="a standard catalogue view"),
        pytest.param("SELECT * FROM duckdb_tables", id="the engine's catalogue view"),
        pytest.param("SELECT * FROM range(3)", id="a table function"),
        pytest.param("WITH c AS (SELECT 1) SELECT * FROM c", id="a common table expression"),
        pytest.param("DROP TABLE IF EXISTS nothing", id="dropped if there"),
        pytest.param("ALTER TABLE IF EXISTS nothing ADD COLUMN z INT", id="altered if there"),
        pytest.param("EXECUTE something; SELECT * FROM made_by_it", id="after an opaque statement"),
        pytest.param(
            "BEGIN; CREATE TABLE a AS SELECT 1 AS n; INSERT INTO a VALUES (2); COMMIT",
            id="made and filled in a transaction",
        ),
        pytest.param(JOINED, id="a generated table"),
    ],
)
def test_accepts(text: str, context: RunContext) -> None:
    assert found(text, context) == []


def test_names_a_missing_table_and_the_nearest(context: RunContext) -> None:
    assert found("SELECT 1;\nSELECT * FROM shop.order", context) == [
        "p.sql:2:15: there is no table 'shop.order' in the data source; did you mean 'shop.orders'?"
    ]


def test_names_the_data_source_where_nothing_is_near(context: RunContext) -> None:
    (problem,) = found("SELECT * FROM completely_different", context)
    assert problem.endswith(f"; the data source is {context.engine.display_url}")


def test_tells_everything_that_is_missing_in_the_order_of_the_text(context: RunContext) -> None:
    text = """
    SELECT * FROM gone_b JOIN gone_a ON true;
    INSERT INTO gone_c SELECT 1;
    SELECT * FROM numbers TO PREDICT p.y USING gone_model;
    """
    assert [problem.split(": ", 1)[1].split(" in the")[0] for problem in found(text, context)] == [
        "there is no table 'gone_a'",
        "there is no table 'gone_b'",
        "there is no table 'gone_c'",
        "there is no model 'gone_model'",
    ]


def test_what_is_made_only_later_is_missing(context: RunContext) -> None:
    text = "SELECT * FROM late;\nCREATE TABLE late AS SELECT 1;"
    assert found(text, context) == [
        "p.sql:1:15: there is no table 'late' in the data source; p.sql:2:1 makes it; run that first"
    ]


def test_what_a_step_makes_that_does_not_run_is_missing(context: RunContext) -> None:
    text = "CREATE TABLE a AS SELECT 1;\nSELECT * FROM a;"
    assert found(text, context, {0, 1}) == []
    assert found(text, context, {1}) == [
        "p.sql:2:15: there is no table 'a' in the data source; p.sql:1:1 makes it; run that first"
    ]


def test_what_another_program_makes_before_is_not_missing(context: RunContext) -> None:
    program = compile_program("SELECT * FROM a; SELECT * FROM x TO PREDICT p.y USING m")
    made = frozenset(
        {
            ObjectRef(ObjectKind.TABLE, "a"),
            ObjectRef(ObjectKind.TABLE, "x"),
            ObjectRef(ObjectKind.MODEL, "m"),
        }
    )
    assert missing_inputs(program, context, made=made) == []


def test_a_generated_table_that_is_gone_needs_only_what_it_is_made_of(
    context: RunContext, run: Execute, engine: Engine
) -> None:
    run(JOINED)
    with engine.session() as session:
        session.drop(("shop", "orders"))
    # The table is still there, so that its sources are not needed.
    assert found(JOINED, context, {1}) == []
    with engine.session() as session:
        session.drop(("sqlflow_temporary_train_m",))
    (problem,) = found(JOINED, context, {1})
    assert "there is no table 'shop.orders'" in problem


def test_creates_nothing(context: RunContext, tmp_path: Path, engine: Engine) -> None:
    with engine.session() as session:
        before = session.tables()
    assert found("SELECT * FROM gone TO PREDICT p.y USING gone_model", context)
    with engine.session() as session:
        assert session.tables() == before


def test_what_is_missing_hides_no_other_problem(context: RunContext) -> None:
    text = (
        "SELECT z FROM numbers; SELECT z FROM gone; CREATE TABLE a AS SELECT * FROM numbers; "
        "INSERT INTO a (w) VALUES (1); SELECT z FROM a; SELECT x FROM a TO PREDICT p.z USING gone"
    )
    problems = problems_before(compile_program(text, path="p.sql"), context)
    missing = [item for item in problems if item.code is Code.MISSING_INPUT]
    assert [item.message for item in missing] == [
        "there is no table 'gone' in the data source",
        "there is no model 'gone' in the data source",
    ]
    refused = [item.span.text for item in problems if item.span and item not in missing]
    assert refused == ["z", "INSERT INTO a (w) VALUES (1)", "z"]


def test_a_generated_table_that_is_gone_is_rehearsed_before_its_reader(context: RunContext) -> None:
    program = compile_program(JOINED, path="p.sql")
    assert problems_before(program, context, frozenset({1})) == []
    misspelt = compile_program(JOINED.replace("n.x, ", "n.z, "), path="p.sql")
    (problem,) = problems_before(misspelt, context, frozenset({1}))
    assert '"z"' in problem.message


def test_what_another_program_makes_before_is_not_rehearsed(context: RunContext) -> None:
    program = compile_program("SELECT a FROM numbers; SELECT z FROM shop.orders", path="p.sql")
    made = frozenset({ObjectRef(ObjectKind.TABLE, "numbers")})
    (problem,) = problems_before(program, context, made=made)
    assert problem.span is not None
    assert problem.span.text == "z"
