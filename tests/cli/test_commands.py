"""check, graph, plan, demo-data, and the options that all commands have."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sqlflow_dagster.cli import main
from tests.cli.command import EXAMPLES, Sqlflow
from tests.cli.conftest import Ask

HEAVY = (
    "dagster",
    "duckdb",
    "matplotlib",
    "numpy",
    "pandas",
    "pyarrow",
    "sklearn",
    "sqlalchemy",
    "torch",
    "xgboost",
)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--help"], id="help"),
        pytest.param(["run", "--help"], id="help of a command"),
        pytest.param(["check", "untrained.sql"], id="check without a training"),
        pytest.param(["graph", str(EXAMPLES / "iris.sql")], id="graph"),
    ],
)
def test_imports_no_heavy_library(sqlflow: Sqlflow, arguments: list[str]) -> None:
    sqlflow.write("untrained.sql", "SELECT * FROM t TO PREDICT p.c USING m;")
    program = (
        "import sys\n"
        "from sqlflow_dagster.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "finally:\n"
        f"    print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    environment = {
        name: value for name, value in sqlflow.environment.items() if name != "SQLFLOW_DATASOURCE"
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=sqlflow.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.endswith("LOADED []\n")


def test_says_its_version() -> None:
    done = CliRunner().invoke(main, ["--version"])
    assert re.fullmatch(r"sqlflow-dagster \d+\.\d+\.\d+\n", done.output)


def test_shows_help_without_arguments() -> None:
    done = CliRunner().invoke(main, [])
    assert done.exit_code == 0
    for command in ("check", "demo-data", "graph", "plan", "run"):
        assert re.search(rf"^  {command} +\w", done.output, re.MULTILINE)
    assert "75 a later attempt may succeed" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["run"], "Missing argument 'FILE…'", id="no file"),
        pytest.param(
            ["run", "gone.sql"], "'gone.sql' does not exist", id="a file that is not there"
        ),
        pytest.param(["frobnicate"], "No such command 'frobnicate'", id="no such command"),
        pytest.param(
            ["demo-data"],
            "no data source is given: write --datasource URL or set SQLFLOW_DATASOURCE",
            id="no data source",
        ),
        pytest.param(
            ["check", __file__, "--variable", "X"],
            "'X' is not of the form NAME=VALUE",
            id="variable",
        ),
        pytest.param(
            ["run", __file__, "--max-concurrent", "0"], "0 is not in the range x>=1", id="limit"
        ),
        pytest.param(
            ["graph", __file__, "--format", "png"], "'png' is not one of", id="no such format"
        ),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(main, arguments, env={"SQLFLOW_DATASOURCE": None})
    assert done.exit_code == 2
    assert message in done.output


def test_a_data_source_given_before_the_command_wins_over_the_environment(
    sqlflow: Sqlflow, ask: Ask
) -> None:
    other = Sqlflow(folder=sqlflow.folder, url="duckdb:///other.duckdb")
    program = sqlflow.write("p.sql", "CREATE TABLE t AS SELECT 1 AS x;")
    assert other("--datasource", "duckdb:///data.duckdb", "run", program).code == 0
    assert ask("SELECT * FROM t") == [(1,)]
    assert not (sqlflow.folder / "other.duckdb").exists()


# -- check


@pytest.mark.torch
def test_check_accepts_the_examples(sqlflow: Sqlflow) -> None:
    files = sorted(str(path) for path in EXAMPLES.glob("*.sql"))
    done = Sqlflow(folder=sqlflow.folder, url=None)("check", *files)
    assert (done.code, done.stdout) == (0, f"{len(files)} files, 0 errors, 0 warnings\n")


def test_check_tells_every_problem_of_every_file(sqlflow: Sqlflow) -> None:
    first = sqlflow.write(
        "a.sql",
        "SELECT * FROM t TO TRAIN nothing LABEL y INTO m;\nSELECT * FROM t TO PREDICT;\nSELECT (1;",
    )
    second = sqlflow.write("b.sql", "SELECT ${NAME};")
    done = Sqlflow(folder=sqlflow.folder, url=None)("check", first, second)
    assert done.code == 1
    assert "a.sql:1:26: error: unknown estimator 'nothing'" in done.stdout
    assert "a.sql:2:27: error: " in done.stdout
    assert "a.sql:3:9: warning: not understood, sent to the engine as it is" in done.stdout
    assert "b.sql:1:8: error: the variable 'NAME'" in done.stdout
    assert re.fullmatch(r"2 files, 3 errors, 1 warning", done.stdout.splitlines()[-1])


def test_check_tells_of_two_files_that_write_one_table(sqlflow: Sqlflow) -> None:
    first = sqlflow.write("a.sql", "CREATE TABLE t AS SELECT 1 AS x;")
    second = sqlflow.write("b.sql", "SELECT 1;\nCREATE TABLE t AS SELECT 2 AS x;")
    done = sqlflow("check", first, second)
    assert done.code == 1
    assert done.stdout == (
        "b.sql:2:1: error: table 't' is written by two programs, here and at a.sql:1:1 [two-writers]\n"
        "2 | CREATE TABLE t AS SELECT 2 AS x;\n"
        "    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "hint: let one program write it and the others read it\n"
        "\n"
        "2 files, 1 error, 0 warnings\n"
    )


def test_check_asks_the_data_source_and_changes_nothing(sqlflow: Sqlflow, ask: Ask) -> None:
    program = sqlflow.write(
        "p.sql",
        "CREATE TABLE a AS SELECT * FROM numbers;\nSELECT * FROM nunbers;\n"
        "CREATE TABLE b AS SELECT x FROM a;",
    )
    done = sqlflow("check", program)
    assert done.code == 1
    assert "p.sql:2:15: error: there is no table 'nunbers' in the data source" in done.stdout
    assert "hint: did you mean 'numbers'?" in done.stdout
    assert ask("SELECT table_name FROM information_schema.tables") == [("numbers",)]


def test_check_lets_the_data_source_judge_columns(sqlflow: Sqlflow, ask: Ask) -> None:
    program = sqlflow.write(
        "p.sql", "CREATE TABLE a AS SELECT * FROM numbers;\nCREATE TABLE b AS SELECT z FROM a;"
    )
    done = sqlflow("check", program)
    assert done.code == 1
    assert 'p.sql:2:26: error: Binder Error: Referenced column "z" not found' in done.stdout
    assert ask("SELECT table_name FROM information_schema.tables") == [("numbers",)]


def test_check_knows_what_other_files_make(sqlflow: Sqlflow) -> None:
    reader = sqlflow.write("a.sql", "SELECT * FROM made;")
    maker = sqlflow.write("b.sql", "CREATE TABLE made AS SELECT * FROM numbers;")
    assert sqlflow("check", reader, maker).stdout == "2 files, 0 errors, 0 warnings\n"


def test_check_refuses_a_file_that_is_no_text(sqlflow: Sqlflow) -> None:
    (sqlflow.folder / "p.sql").write_bytes(b"SELECT '\xff'")
    done = sqlflow("check", "p.sql")
    assert done.code == 1
    assert "error: p.sql is not UTF-8 text: byte 8 is 0xff" in done.stdout


# -- graph and plan


def test_graph_writes_each_format(sqlflow: Sqlflow) -> None:
    program = sqlflow.write("p.sql", "CREATE TABLE a AS SELECT * FROM numbers;")
    assert "table a  (line 1)" in sqlflow("graph", program).stdout
    assert sqlflow("graph", program, "--format", "mermaid").stdout.startswith("flowchart LR\n")
    assert sqlflow("graph", program, "--format", "dot").stdout.startswith('digraph "p" {\n')
    data = json.loads(sqlflow("graph", program, "--format", "json").stdout)
    assert [item["name"] for item in data["segments"]] == ["a"]


def test_plan_says_what_runs_and_why(sqlflow: Sqlflow) -> None:
    text = "CREATE TABLE a AS SELECT x FROM numbers; CREATE TABLE b AS SELECT * FROM {};"
    program = sqlflow.write("p.sql", text.format("a"))
    assert sqlflow("run", program, "--select", "a").code == 0
    lines = sqlflow("plan", program).stdout.splitlines()
    assert lines[0].split() == ["step", "runs?", "reason"]
    assert re.fullmatch(r"CREATE a  no     up to date since 20\S+ \S+", lines[2])
    assert lines[3] == "CREATE b  yes    never ran"


# -- demo-data


def test_demo_data_loads_tables_for_the_examples(sqlflow: Sqlflow, ask: Ask) -> None:
    done = sqlflow("demo-data")
    assert done.code == 0, done.stderr
    assert re.search(r"^iris\.raw +150  id, sepal_length, ", done.stdout, re.MULTILINE)
    assert ask("SELECT DISTINCT species FROM iris.raw ORDER BY 1") == [
        ("setosa",),
        ("versicolor",),
        ("virginica",),
    ]
    assert ask("SELECT name, class FROM iris.species ORDER BY class") == [
        ("setosa", 0),
        ("versicolor", 1),
        ("virginica", 2),
    ]
    assert ask("SELECT count(*), count(DISTINCT district) FROM housing.raw") == [(1000, 5)]
    counts = [
        ask(f"SELECT count(*) FROM {name}.raw")[0][0]
        for name in ("diabetes", "breast_cancer", "wine")
    ]
    assert counts == [442, 569, 178]


def test_demo_data_is_the_same_every_time(sqlflow: Sqlflow, ask: Ask) -> None:
    digest = "SELECT md5(string_agg(h::VARCHAR, ',' ORDER BY id)) FROM housing.raw AS h"
    sqlflow("demo-data")
    first = ask(digest)
    sqlflow("demo-data")
    assert ask(digest) == first


def test_demo_data_goes_into_sqlite_too(tmp_path: Path) -> None:
    sqlite = Sqlflow(folder=tmp_path, url="sqlite:///data.db")
    assert sqlite("demo-data").code == 0
    done = sqlite("--run", "SELECT count(*) AS n FROM iris.raw")
    assert done.stdout == "  n\n---\n150\n"
