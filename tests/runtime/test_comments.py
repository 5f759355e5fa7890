"""What the tables that statements have made say of themselves."""

from pathlib import Path

import pyarrow as pa
import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.runtime.comments import MAX_LENGTH
from sqlflow_dagster.runtime.context import RunContext, open_context
from sqlflow_dagster.runtime.execute import execute

PROGRAM = """
SELECT DISTINCT id, y FROM points
TO TRAIN xgboost.gbtree WITH objective='reg:squarederror', train.num_boost_round=2 LABEL y INTO m;
SELECT * FROM points TO PREDICT answers.guess WITH predict.allow_empty=false USING m;
SELECT * FROM points TO EVALUATE m WITH validation.metrics='rmse' LABEL y INTO metrics;
SELECT * FROM points TO EXPLAIN m WITH explain.rows=2 INTO why;
SELECT * FROM points
TO MAXIMIZE SUM(x * y) CONSTRAINT SUM(x) <= 5 WITH variables='x(id)', var_type='NonNegativeReals' INTO plan;
CREATE TABLE mine AS SELECT 1 AS a;
CREATE TEMP TABLE few AS SELECT 1 AS a; SELECT * FROM few;
"""


@pytest.fixture
def context(tmp_path: Path) -> RunContext:
    context = open_context(f"duckdb:///{tmp_path / 'data.duckdb'}", program="cell", threads=1)
    with context.engine.session() as session:
        points = pa.table({"id": range(20), "y": [float(n % 7) for n in range(20)]})
        session.replace_table(("points",), points.to_reader())
    return context


def optimization(objective: str) -> str:
    attributes = "variables='x(id)', var_type='NonNegativeReals'"
    return f"TO MAXIMIZE {objective} CONSTRAINT SUM(x) <= 5 WITH {attributes} INTO plan"


def comments(context: RunContext) -> dict[str, str]:
    query = "SELECT table_name AS name, comment FROM duckdb_tables() WHERE comment IS NOT NULL"
    with context.engine.session() as session:
        found = session.read(query).read_all().to_pylist()
    return {row["name"]: row["comment"] for row in found}


def run(text: str, context: RunContext, path: str | None = None) -> None:
    for step in compile_program(text, path=path).steps:
        execute(step, context)


def test_a_table_says_which_statement_made_it(context: RunContext) -> None:
    run(PROGRAM, context, path="/home/me/reports/shop.sql")
    assert comments(context) == {
        "sqlflow_temporary_train_m": "sqlflow: made by shop.sql:2, the rows of its SELECT",
        "sqlflow_temporary_shop_few": "sqlflow: made by shop.sql:10, the rows of its TEMP table",
        "answers": "sqlflow: made by shop.sql:4, SELECT … TO PREDICT answers.guess USING m",
        "metrics": "sqlflow: made by shop.sql:5, SELECT … TO EVALUATE m INTO metrics",
        "why": "sqlflow: made by shop.sql:6, SELECT … TO EXPLAIN m INTO why",
        "plan": "sqlflow: made by shop.sql:7, SELECT … TO MAXIMIZE SUM(x * y) INTO plan",
    }


def test_text_without_a_file_is_called_by_its_program(context: RunContext) -> None:
    run("SELECT DISTINCT id, y FROM points " + optimization("SUM(x * y)"), context)
    assert comments(context) == {
        "sqlflow_temporary_maximize_plan": "sqlflow: made by cell:1, the rows of its SELECT",
        "plan": "sqlflow: made by cell:1, SELECT … TO MAXIMIZE SUM(x * y) INTO plan",
    }


def test_a_long_comment_is_cut(context: RunContext) -> None:
    run("SELECT * FROM points " + optimization(" + ".join(["SUM(x * y)"] * 50)), context)
    comment = comments(context)["plan"]
    assert len(comment) <= MAX_LENGTH
    assert comment.endswith(" …")
