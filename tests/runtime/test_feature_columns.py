"""Programs whose models read vectors, lists, pairs and combinations of columns."""

from pathlib import Path

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.runtime.context import RunContext, open_context
from sqlflow_dagster.runtime.execute import execute
from sqlflow_dagster.runtime.results import StepResult

TABLE = """
CREATE TABLE visits AS SELECT
    i AS user_id,
    i % 7 AS age,
    (i % 3)::VARCHAR || ',' || (i % 5)::VARCHAR AS place,
    [i % 2, i % 3]::FLOAT[] AS taste,
    CASE WHEN i % 4 = 0 THEN '1:0.5 2:1' ELSE '3:2' END AS words,
    ['red', 'green', 'blue'][i % 3 + 1] AS color,
    DATE '2026-01-01' + (i % 90)::INTEGER AS day,
    i % 3 = 0 AND i % 2 = 0 AS bought
FROM range(120) AS r(i);
"""
TRAIN = """
SELECT * FROM visits
TO TRAIN xgboost.gbtree WITH num_boost_round = 20
COLUMN BUCKET(age, 3), CROSS([color, BUCKET(age, [2, 5])], 50), DENSE(place), "tas.*"
LABEL bought INTO m;
"""


@pytest.fixture
def context(tmp_path: Path) -> RunContext:
    return open_context(f"duckdb:///{tmp_path / 'data.duckdb'}", threads=1)


def run(sql: str, context: RunContext) -> list[StepResult]:
    return [execute(step, context) for step in compile_program(sql).steps]


def test_a_model_of_many_kinds_of_columns_predicts_and_is_explained(context: RunContext) -> None:
    *_, trained, _, explained = run(
        TABLE
        + TRAIN
        + "SELECT * FROM visits TO PREDICT guesses.guess USING m;"
        + "SELECT * FROM visits TO EXPLAIN m INTO reasons;",
        context,
    )
    assert trained.model is not None
    features = trained.model.metadata["features"]["features"]
    assert [(item["name"], item["listed"]) for item in features] == [
        ("user_id", False),
        ("BUCKET(age)", True),
        ("place", True),
        ("taste", True),
        ("words", False),
        ("day", False),
        ("CROSS(color, BUCKET(age))", True),
    ]
    with context.engine.session() as session:
        wrong = session.count("SELECT guess FROM guesses WHERE guess <> (user_id % 6 = 0)")
        columns = session.columns(("reasons",))
    assert wrong == 0
    assert columns is not None
    assert [column.name for column in columns] == [
        *("bought", "user_id", "age", "place", "taste", "words", "day", "color"),
        "base_value",
    ]
    assert explained.artifacts


def test_a_prediction_needs_every_column_that_the_model_reads(context: RunContext) -> None:
    run(TABLE + TRAIN, context)
    with pytest.raises(Exception, match="the model needs columns 'age', 'color', which"):
        run("SELECT * EXCLUDE (age, color) FROM visits TO PREDICT p.guess USING m", context)
