"""``sqlflow lineage``."""

import json
from pathlib import Path

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.graph.lineage_formats import lineage_json, lineage_mermaid, lineage_text
from sqlflow_dagster.graph.program_lineage import program_lineage
from tests.cli.command import EXAMPLES, Sqlflow
from tests.golden import assert_golden

GOLDEN = Path(__file__).parent / "lineage"
FORMATS = {"text": lineage_text, "json": lineage_json, "mermaid": lineage_mermaid}
PROGRAM = """
CREATE TABLE t AS SELECT x, word AS w FROM numbers;
CREATE TABLE u AS SELECT *, x + y AS z FROM t JOIN elsewhere USING (k);
SELECT x, y FROM numbers TO TRAIN xgboost.gbtree LABEL y INTO m;
SELECT * FROM numbers TO PREDICT p.guess USING m;
"""


@pytest.mark.parametrize("name", ["housing", "iris"])
def test_text_of_an_example(name: str) -> None:
    path = EXAMPLES / f"{name}.sql"
    program = compile_program(path.read_text(encoding="utf-8"), path=path.name)
    assert_golden(GOLDEN / f"{name}.txt", lineage_text(program_lineage(program)))


@pytest.mark.parametrize("form", FORMATS)
def test_formats(form: str) -> None:
    lineage = program_lineage(compile_program(PROGRAM, path="program.sql"))
    assert_golden(GOLDEN / f"program_{form}.txt", FORMATS[form](lineage))


@pytest.mark.parametrize("form", FORMATS)
def test_formats_of_one_column(form: str) -> None:
    lineage = program_lineage(compile_program(PROGRAM, path="program.sql"))
    column = lineage.find("t.x")
    assert column is not None
    assert_golden(GOLDEN / f"column_{form}.txt", FORMATS[form](lineage, column))


def test_knows_the_columns_of_the_data_source(sqlflow: Sqlflow) -> None:
    file = sqlflow.write("p.sql", "CREATE TABLE t AS SELECT *, x * y AS z FROM numbers;")
    done = sqlflow("lineage", file)
    assert (done.code, done.stdout) == (
        0,
        "table t\n"
        "  x     numbers.x\n"
        "  y     numbers.y\n"
        "  word  numbers.word\n"
        "  z     numbers (x, y)\n",
    )


def test_knows_the_features_of_a_model_in_the_store(sqlflow: Sqlflow) -> None:
    train = "SELECT x, y FROM numbers TO TRAIN xgboost.gbtree WITH train.num_boost_round=1 LABEL y INTO m"
    assert sqlflow("run", sqlflow.write("a.sql", train)).code == 0
    file = sqlflow.write("b.sql", "SELECT * FROM numbers TO PREDICT p.guess USING m;")
    done = sqlflow("lineage", file, "--column", "p.guess")
    assert done.stdout == "p.guess\n├─ model m.x\n└─ numbers.x\n"


def test_one_column_as_json(sqlflow: Sqlflow) -> None:
    file = sqlflow.write("p.sql", PROGRAM)
    done = sqlflow("lineage", file, "--column", "P.GUESS", "--format", "json")
    data = json.loads(done.stdout)
    assert data["column"] == {"kind": "table", "object": "p", "column": "guess"}
    assert [item["name"] for item in data["objects"]] == ["m", "p"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("t.xx", "did you mean 't.x'", id="near another one"),
        pytest.param("nowhere", "neither makes nor reads a column 'nowhere'", id="no column"),
    ],
)
def test_a_column_that_is_not_there(sqlflow: Sqlflow, name: str, message: str) -> None:
    done = sqlflow("lineage", sqlflow.write("p.sql", PROGRAM), "--column", name)
    assert done.code == 2
    assert message in done.stderr
