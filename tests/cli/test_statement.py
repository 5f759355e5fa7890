"""``sqlflow --run``: one statement in one process."""

import base64

import pytest

from tests.cli.command import Sqlflow
from tests.cli.conftest import Ask

TRAIN = (
    "SELECT a.x, b.y FROM numbers AS a JOIN numbers AS b USING (x) TO TRAIN xgboost.gbtree "
    'WITH objective="reg:squarederror", train.num_boost_round=2 LABEL y INTO m'
)
SELECT = "SELECT x, word FROM numbers WHERE x < 2 ORDER BY x"
ROWS = "x  word\n-  ----\n0  n0\n1  n1\n"


def test_rows_go_to_standard_output(sqlflow: Sqlflow) -> None:
    done = sqlflow("--run", SELECT)
    assert (done.code, done.stdout, done.stderr) == (0, ROWS, "")


def test_takes_a_file(sqlflow: Sqlflow) -> None:
    assert sqlflow("--run", "@" + sqlflow.write("s.sql", SELECT + ";\n")).stdout == ROWS


def test_takes_base64(sqlflow: Sqlflow) -> None:
    text = base64.b64encode(SELECT.encode()).decode()
    assert sqlflow("--run-base64", text).stdout == ROWS


def test_trains_over_a_table_of_its_own_and_keeps_no_history(sqlflow: Sqlflow, ask: Ask) -> None:
    done = sqlflow("--run", TRAIN)
    assert done.code == 0, done.stderr
    assert "training xgboost.gbtree on 50 rows" in done.stderr
    assert "stored m version 1" in done.stderr
    tables = {name for (name,) in ask("SELECT table_name FROM information_schema.tables")}
    assert "sqlflow_temporary_train_m" in tables
    assert "sqlflow_step_runs" not in tables


def test_session_statements_may_stand_before(sqlflow: Sqlflow) -> None:
    assert sqlflow("--run", "CREATE SCHEMA s").code == 0
    assert sqlflow("--run", "CREATE TABLE s.only_there AS SELECT 7 AS n").code == 0
    assert sqlflow("--run", "USE s; SELECT * FROM only_there").stdout == "n\n-\n7\n"


def test_an_error_has_its_place(sqlflow: Sqlflow) -> None:
    done = sqlflow("--run", "@" + sqlflow.write("s.sql", "\n\nSELECT nothing FROM numbers"))
    assert done.code == 1
    assert done.stdout == ""
    assert done.stderr.startswith('s.sql:3:8: error: Binder Error: Referenced column "nothing"')


def test_a_bad_clause_is_told_before_anything_runs(sqlflow: Sqlflow) -> None:
    done = sqlflow("--run", "SELECT * FROM numbers TO TRAIN xgboost.gbtre LABEL y INTO m")
    assert done.code == 1
    assert "unknown estimator 'xgboost.gbtre'" in done.stderr
    assert "did you mean 'xgboost.gbtree'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ["--run", "SELECT 1; SELECT 2; SELECT 3"],
            "--run takes one statement, and the text has 3; run a program with: sqlflow run FILE",
            id="several statements",
        ),
        pytest.param(
            ["--run", " -- nothing\n"], "--run takes a statement, and the text has none", id="none"
        ),
        pytest.param(
            ["--run", "@gone.sql"], "--run @gone.sql: the file cannot be read", id="no such file"
        ),
        pytest.param(
            ["--run-base64", "%%"], "--run-base64 is not UTF-8 text in Base64", id="no base64"
        ),
        pytest.param(
            ["--run", "SELECT 1", "--run-base64", "QQ=="],
            "--run and --run-base64 are two ways to give one statement",
            id="both ways",
        ),
        pytest.param(
            ["--run", "SELECT 1", "demo-data"],
            "--run does not go with the command 'demo-data'",
            id="with a command",
        ),
    ],
)
def test_wrong_usage(sqlflow: Sqlflow, arguments: list[str], message: str) -> None:
    done = sqlflow(*arguments)
    assert done.code == 2
    assert message in done.stderr
