"""``sqlflow argo`` and what a pod asks of ``sqlflow --run``."""

import base64

import duckdb
import pytest

from tests.cli.command import Sqlflow

PROGRAM = "CREATE TABLE t AS SELECT 1 AS x;\n"


@pytest.fixture
def sqlflow(tmp_path: pytest.TempPathFactory) -> Sqlflow:
    return Sqlflow(folder=tmp_path)  # type: ignore[arg-type]


def test_renders_to_standard_output(sqlflow: Sqlflow) -> None:
    done = sqlflow("argo", "render", sqlflow.write("p.sql", PROGRAM))
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.startswith("apiVersion: argoproj.io/v1alpha1\nkind: Workflow\n")


def test_renders_to_a_file_that_has_no_findings(sqlflow: Sqlflow) -> None:
    options = ("--kind", "cron", "--schedule", "0 3 * * *", "--output", "p.yaml")
    assert sqlflow("argo", "render", sqlflow.write("p.sql", PROGRAM), *options).code == 0
    assert sqlflow("argo", "lint", "p.yaml").stdout == ""
    assert sqlflow("argo", "lint", "p.yaml").code == 0


def test_fills_in_templates(sqlflow: Sqlflow) -> None:
    file = sqlflow.write("p.sql", "CREATE TABLE t AS SELECT '${DAY}' AS day")
    done = sqlflow("argo", "render", file, "--variable", "DAY=2024-01-01")
    assert "CREATE TABLE t AS SELECT '2024-01-01' AS day" in done.stdout


def test_never_writes_the_data_source(sqlflow: Sqlflow) -> None:
    file = sqlflow.write("p.sql", PROGRAM)
    done = sqlflow("argo", "render", file, "--datasource", "sqlite:///hunter2.db")
    assert done.code == 0
    assert "hunter2" not in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(["--kind", "cron"], "--kind cron with --schedule", id="no schedule"),
        pytest.param(["--schedule", "@daily"], "--schedule goes with --kind cron", id="no cron"),
        pytest.param(["--timezone", "UTC"], "--timezone goes with --schedule", id="no time"),
        pytest.param(["--output", "gone/p.yaml"], "cannot be written: No such file", id="output"),
        pytest.param(["--parallelism", "0"], "0 is not in the range x>=1", id="no pods"),
    ],
)
def test_wrong_usage(sqlflow: Sqlflow, options: list[str], message: str) -> None:
    done = sqlflow("argo", "render", sqlflow.write("p.sql", PROGRAM), *options)
    assert done.code == 2
    assert message in done.stderr


def test_a_bad_program_is_told_with_its_places(sqlflow: Sqlflow) -> None:
    file = sqlflow.write("p.sql", "-- sqlflow: resources.cpu=many\nSELECT 1")
    done = sqlflow("argo", "render", file)
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr.startswith("p.sql:1:27: error: resources.cpu wants a number of processors")


def test_lint_tells_one_line_for_each_finding(sqlflow: Sqlflow) -> None:
    sqlflow.write("bad.yaml", "kind: Workflow\n---\n- 1\n")
    sqlflow.write("broken.yaml", "a: [")
    sqlflow.write("empty.yaml", "")
    done = sqlflow("argo", "lint", "bad.yaml", "broken.yaml", "empty.yaml")
    assert done.code == 1
    first, *_, listed, broken, empty = done.stdout.splitlines()
    assert first == "bad.yaml: apiVersion: must be argoproj.io/v1alpha1, and is None"
    assert listed == "bad.yaml: the document: a manifest is a mapping"
    assert broken.startswith("broken.yaml: cannot be read: while parsing a flow")
    assert empty == "empty.yaml: holds no manifest"


def test_a_pod_takes_base64_from_the_file_that_argo_writes(sqlflow: Sqlflow) -> None:
    text = base64.b64encode(b"SELECT 7 AS n").decode()
    done = sqlflow("--run-base64", "@" + sqlflow.write("argo_arg_1.txt", text))
    assert (done.code, done.stdout) == (0, "n\n-\n7\n")


def test_what_a_pod_generates_is_found_and_pruned(sqlflow: Sqlflow) -> None:
    table = "CREATE TABLE sqlflow_temporary_train_m AS SELECT 1 AS a"
    assert sqlflow("--generated-by", "shop", "--time-to-live", "7d", "--run", table).code == 0
    listed = sqlflow("temp-tables", "list").stdout.splitlines()[-1].split()
    assert listed[:3] == ["sqlflow_temporary_train_m", "shop", "1"]
    assert listed[-3:] in (["another", "6", "d"], ["another", "7", "d"])
    done = sqlflow("temp-tables", "prune", sqlflow.write("shop.sql", "SELECT 1"))
    assert (done.stdout, done.stderr) == ("sqlflow_temporary_train_m\n", "1 dropped\n")


def test_a_pod_makes_no_table_where_it_is_told_so(sqlflow: Sqlflow) -> None:
    assert sqlflow("--run", "CREATE TABLE t AS SELECT range AS x FROM range(50)").code == 0
    train = (
        "SELECT x, count(*) AS n FROM t GROUP BY x TO TRAIN xgboost.gbtree "
        'WITH objective="reg:squarederror", train.num_boost_round=1 LABEL n INTO m'
    )
    assert sqlflow("--temp-tables", "never", "--run", train).code == 0
    with duckdb.connect(str(sqlflow.folder / "data.duckdb"), read_only=True) as connection:
        tables = {
            name
            for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        }
    assert "sqlflow_models" in tables
    assert "sqlflow_temporary_train_m" not in tables
