"""A day without data: statements that use a model refuse it or, if they allow it, make empty tables."""

from pathlib import Path

import pyarrow as pa
import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.engines.base import Engine
from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.runtime.context import RunContext, SilentProgress, open_context
from sqlflow_dagster.runtime.execute import execute
from sqlflow_dagster.runtime.rehearsal import rehearse
from sqlflow_dagster.runtime.results import StepResult

TRAIN = (
    "SELECT id, x, day, city, kind FROM points TO TRAIN xgboost.gbtree WITH train.num_boost_round=2 "
    "COLUMN x, day, city LABEL kind INTO m"
)
DAY = "SELECT * FROM points WHERE id < 0"


class Notes(SilentProgress):
    """Keeps the lines of the log."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, message: str) -> None:
        self.lines.append(message)


@pytest.fixture(params=["duckdb", "sqlite"])
def context(request: pytest.FixtureRequest, tmp_path: Path) -> RunContext:
    url = f"{request.param}:///{tmp_path / 'data.db'}"
    context = open_context(url, threads=1, progress=Notes())
    with context.engine.session() as session:
        session.execute(
            "CREATE TABLE points (id BIGINT, x DOUBLE, day DATE, city TEXT, kind TEXT, later TEXT, "
            "ok BOOLEAN)"
        )
        for index in range(12):
            kind, city = ("left", "Ulm") if index % 2 else ("right", "Kiel")
            session.execute(
                f"INSERT INTO points VALUES ({index}, {index % 2}.5, '2024-01-{index + 1:02}', "
                f"'{city}', '{kind}', '{kind if index > 2 else 'up'}', {index % 2})"
            )
    run(TRAIN, context)
    return context


def run(sql: str, context: RunContext) -> StepResult:
    program = compile_program(sql, dialect=context.engine.dialect)
    assert rehearse(program, context) == []
    return [execute(step, context) for step in program.steps][-1]


def schema(table: str, engine: Engine) -> dict[str, str]:
    with engine.session() as session:
        columns = session.describe(f"SELECT * FROM {table}")
    return {column.name: column.type for column in columns}


def rows(table: str, engine: Engine) -> pa.Table:
    with engine.session() as session:
        return session.read(f"SELECT * FROM {table}").read_all()


def notes(context: RunContext) -> list[str]:
    assert isinstance(context.progress, Notes)
    return [line for line in context.progress.lines if line.startswith("warning")]


@pytest.mark.parametrize(
    ("clause", "warning"),
    [
        pytest.param(
            "TO PREDICT {}.kind WITH predict.extra_outputs='probabilities,score', predict.allow_empty=true USING m",
            "table {} is empty",
            id="predict",
        ),
        pytest.param(
            "TO EXPLAIN m WITH explain.allow_empty=true INTO {}",
            "nothing is explained",
            id="explain",
        ),
        pytest.param(
            "TO EXPLAIN m WITH explain.key_columns='id, x', explain.allow_empty=true USING KernelExplainer INTO {}",
            "nothing is explained",
            id="sampled",
        ),
    ],
)
def test_the_table_of_no_rows_has_the_usual_columns(
    clause: str, warning: str, context: RunContext
) -> None:
    run(f"SELECT * FROM points {clause.format('usual')}", context)
    result = run(f"{DAY} {clause.format('none')}", context)
    assert [table.rows for table in result.tables] == [0]
    assert result.input_rows == 0
    assert schema("none", context.engine) == schema("usual", context.engine)
    assert notes(context) == [
        f"warning: the SELECT gives no rows: {warning.format('none')}",
    ]
    assert result.artifacts == ()


@pytest.mark.parametrize(
    ("query", "warning"),
    [
        pytest.param(DAY, "the SELECT gives no rows: every metric is NULL", id="no rows"),
        pytest.param(
            "SELECT * FROM points WHERE id > 5",
            "skipped 6 of 6 rows: their label is NULL; every metric is NULL",
            id="no labels",
        ),
    ],
)
def test_nothing_to_judge_gives_metrics_that_are_null(
    query: str, warning: str, context: RunContext
) -> None:
    with context.engine.session() as session:
        session.execute("UPDATE points SET kind = NULL")
    clause = "TO EVALUATE m WITH validation.metrics='accuracy_score, AUC', validation.allow_empty=true LABEL kind INTO e"
    result = run(f"{query} {clause}", context)
    assert rows("e", context.engine).to_pylist() == [
        {"loss": None, "accuracy_score": None, "AUC": None}
    ]
    assert notes(context) == [f"warning: {warning}"]
    assert result.summary.startswith("e: 1 rows, no rows to judge")


@pytest.mark.parametrize(
    ("clause", "attribute"),
    [
        pytest.param("TO PREDICT p.kind {} USING m", "predict.allow_empty", id="predict"),
        pytest.param("TO EVALUATE m {} LABEL kind INTO p", "validation.allow_empty", id="evaluate"),
        pytest.param("TO EXPLAIN m {} INTO p", "explain.allow_empty", id="explain"),
    ],
)
def test_no_rows_are_an_error_unless_they_are_allowed(
    clause: str, attribute: str, context: RunContext
) -> None:
    (step,) = compile_program(f"{DAY} {clause.format('')}", dialect=context.engine.dialect).steps
    with pytest.raises(TerminalError, match="gives no rows") as raised:
        execute(step, context)
    assert raised.value.diagnostic.hint is not None
    assert f"WITH {attribute} = true" in raised.value.diagnostic.hint
    with context.engine.session() as session:
        assert session.relation_kind(("p",)) is None
    program = compile_program(
        f"{DAY} {clause.format(f'WITH {attribute}=1')}", dialect=context.engine.dialect
    )
    (problem,) = rehearse(program, context)
    assert problem.message == f"{attribute} wants true or false, not 1"


def test_labels_that_training_never_saw_are_counted(context: RunContext) -> None:
    result = run("SELECT * FROM points TO EVALUATE m LABEL later", context)
    assert result.details == {"rows with a label that the model was not trained on": 3}
    assert notes(context) == [
        "warning: 3 of 12 rows have a label that the model was not trained on; "
        "they count as wrong predictions"
    ]
