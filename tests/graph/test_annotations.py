"""The comments ``-- sqlflow: …``: which statement heeds them, and what becomes of those that none does."""

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.errors import Severity
from sqlflow_dagster.graph.program import Program
from sqlflow_dagster.graph.resources import Resources
from sqlflow_dagster.graph.segment_resources import segment_resources


def of_segments(program: Program) -> dict[str, Resources]:
    return {item.name: segment_resources(program, item) for item in program.segments}


def test_a_plain_statement_asks_in_a_comment() -> None:
    program = compile_program(
        "-- What the models learn from.\n"
        "-- sqlflow: resources.memory=8Gi, resources.cpu=2\n"
        "CREATE TABLE a AS SELECT * FROM raw;\n"
        "CREATE TABLE b AS SELECT * FROM a;"
    )
    assert of_segments(program) == {"a": Resources(cpu="2", memory="8Gi"), "b": Resources()}


def test_a_transaction_asks_above_its_begin() -> None:
    program = compile_program(
        "-- sqlflow: resources.cpu=2\nBEGIN; INSERT INTO a SELECT 1; INSERT INTO b SELECT 1; COMMIT;"
    )
    (resources,) = of_segments(program).values()
    assert resources == Resources(cpu="2")


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        pytest.param("memory=900Mi", "memory=1Gi", Resources(memory="1Gi"), id="binary units"),
        pytest.param("memory=1G", "memory=1Gi", Resources(memory="1Gi"), id="both units"),
        pytest.param("memory=2e9", "memory=1Gi", Resources(memory="2e9"), id="an exponent"),
        pytest.param("memory=2E", "memory=1Pi", Resources(memory="2E"), id="an E that is a unit"),
        pytest.param("cpu=500m", "cpu=0.6", Resources(cpu="0.6"), id="thousandths of a processor"),
        pytest.param("cpu=10", "cpu=9", Resources(cpu="10"), id="numbers, not texts"),
        pytest.param("cpu=1", "memory=1Gi", Resources(cpu="1", memory="1Gi"), id="different ones"),
        pytest.param("gpu=1", "gpu=2", Resources(gpu=2), id="graphics processors"),
        pytest.param("image=a:1", "image=a:1", Resources(image="a:1"), id="the same image"),
        pytest.param(
            "node_selector=a=b",
            "node_selector='c=d,a=b'",
            Resources(node_selector=(("a", "b"), ("c", "d"))),
            id="labels of one node",
        ),
    ],
)
def test_a_segment_asks_for_the_largest_of_each(
    first: str, second: str, together: Resources
) -> None:
    program = compile_program(
        f"-- sqlflow: resources.{first}\nCREATE TABLE a AS SELECT 1 AS x;\n"
        f"-- sqlflow: resources.{second}\nINSERT INTO a SELECT 2;"
    )
    assert of_segments(program) == {"a": together}


def test_where_a_statement_runs_is_no_change_of_it() -> None:
    statement = "SELECT * FROM t TO TRAIN xgboost.gbtree WITH eta=0.1{} LABEL y INTO m"
    plain, settled = (
        compile_program(statement.format(more)).steps[0].code_version
        for more in ("", ", resources.gpu=1, retrain.schedule='@daily'")
    )
    assert plain == settled


def test_a_comment_that_nobody_heeds_is_a_warning() -> None:
    program = compile_program("SELECT 1; -- sqlflow: resources.cpu=2\nSELECT 2;")
    (warning,) = program.diagnostics
    assert warning.severity is Severity.WARNING
    assert str(warning.span) == "<sql>:1:11"
    assert of_segments(program) == {"select": Resources(), "select_2": Resources()}


def test_a_statement_that_writes_nothing_may_have_a_name() -> None:
    program = compile_program(
        "-- sqlflow: name=daily, stable\nSELECT now(); SELECT 1", path="p.sql"
    )
    assert [(step.name, step.stable) for step in program.steps] == [
        ("daily", True),
        ("select", False),
    ]
    assert [item.name for item in program.segments] == ["daily", "select"]


def test_a_given_name_is_taken_by_no_other_statement() -> None:
    program = compile_program("SELECT * FROM t;\n-- sqlflow: name=select_t\nSELECT 1")
    assert [step.name for step in program.steps] == ["select_t_2", "select_t"]


def test_what_is_said_of_a_statement_may_stand_among_what_it_reads() -> None:
    program = compile_program(
        "-- sqlflow: reads=a, b, stable, datasource=default, writes=c\nCALL p()", dialect="postgres"
    )
    (step,) = program.steps
    assert {ref.name for ref in step.reads} == {"a", "b"}
    assert {ref.name for ref in step.writes} == {"c"}
    assert (step.stable, step.datasource) == (True, "default")


def test_a_table_may_be_called_like_an_option() -> None:
    program = compile_program(
        '-- sqlflow: reads stable, "name" writes x\nCALL p()', dialect="postgres"
    )
    assert {ref.name for ref in program.steps[0].reads} == {"stable", "name"}
    assert not program.steps[0].stable


def test_tables_in_backticks() -> None:
    program = compile_program(
        "-- sqlflow: reads `a b`.`c``d` writes `e`\nCALL p()", dialect="mysql"
    )
    assert {ref.name for ref in program.steps[0].reads} == {"a b.c`d"}
    assert {ref.name for ref in program.steps[0].writes} == {"e"}


def test_a_value_in_quotes_is_no_option() -> None:
    program = compile_program(
        '-- sqlflow: resources.node_selector="pool=a, name=b"\nCREATE TABLE t AS SELECT 1'
    )
    assert of_segments(program)["t"].node_selector == (("name", "b"), ("pool", "a"))
