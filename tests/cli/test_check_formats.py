"""``sqlflow check --format json|github``."""

import json
from pathlib import Path

import pytest

from sqlflow_dagster.cli.diagnostic_formats import diagnostics_github, diagnostics_json
from sqlflow_dagster.codes import Code
from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.errors import Diagnostic, PluginError, Severity
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.registry import Registry
from sqlflow_dagster.runtime.train_attributes import attribute_problem
from sqlflow_dagster.source import Source
from tests.cli.command import Sqlflow

PROGRAM = """SELECT a, user_id, y FROM t
TO TRAIN xgboost.gbtre
COLUMN b LABEL y INTO m;
"""


def test_json(sqlflow: Sqlflow) -> None:
    done = sqlflow("check", sqlflow.write("p.sql", PROGRAM), "--format", "json")
    assert (done.code, done.stderr) == (1, "")
    data = json.loads(done.stdout)
    assert data["format"] == 1
    found = [
        (
            item["file"],
            (item["line"], item["column"]),
            (item["end_line"], item["end_column"]),
            item["severity"],
            item["code"],
        )
        for item in data["diagnostics"]
    ]
    assert found == [
        ("p.sql", (1, 1), (1, 28), "warning", "key-as-feature"),
        ("p.sql", (2, 10), (2, 23), "error", "unknown-estimator"),
        ("p.sql", (3, 8), (3, 9), "error", "unknown-column"),
    ]
    assert data["diagnostics"][1]["message"] == "unknown estimator 'xgboost.gbtre'"
    assert data["diagnostics"][1]["hint"].startswith("did you mean 'xgboost.gbtree'")


def test_json_of_a_program_without_problems(sqlflow: Sqlflow) -> None:
    done = sqlflow("check", sqlflow.write("p.sql", "SELECT 1;"), "--format", "json")
    assert (done.code, json.loads(done.stdout)) == (
        0,
        {"format": 1, "diagnostics": [], "features": []},
    )


def test_github(sqlflow: Sqlflow) -> None:
    done = sqlflow("check", sqlflow.write("p.sql", PROGRAM), "--format", "github")
    assert done.code == 1
    assert done.stdout.splitlines()[1:] == [
        "::error file=p.sql,line=2,endLine=2,col=10,endColumn=23,title=unknown-estimator::unknown estimator 'xgboost.gbtre'"
        "%0Ahint: did you mean 'xgboost.gbtree'?",
        "::error file=p.sql,line=3,endLine=3,col=8,endColumn=9,title=unknown-column::column 'b' is not among the columns "
        "of the SELECT: a, user_id, y",
        "1 file, 2 errors, 1 warning",
    ]


@pytest.mark.parametrize(
    ("diagnostic", "expected"),
    [
        pytest.param(
            Diagnostic(
                code=Code.NOT_UNDERSTOOD,
                message="100 %: a, b\r\nc",
                span=Source(text="ab\ncd", path="a,b:c%.sql").span(1, 4),
                severity=Severity.WARNING,
            ),
            "::warning file=a%2Cb%3Ac%25.sql,line=1,endLine=2,title=not-understood::100 %25: a, b%0D%0Ac",
            id="what means something in a command, and a place of two lines",
        ),
        pytest.param(
            Diagnostic(code=Code.CIRCLE, message="no place"),
            "::error title=circle::no place",
            id="no place",
        ),
    ],
)
def test_escapes(diagnostic: Diagnostic, expected: str) -> None:
    assert diagnostics_github([diagnostic]) == expected


def test_json_without_a_place() -> None:
    (item,) = json.loads(diagnostics_json([Diagnostic(code=Code.CIRCLE, message="no place")]))[
        "diagnostics"
    ]
    assert item == {
        "file": None,
        "line": None,
        "column": None,
        "end_line": None,
        "end_column": None,
        "severity": "error",
        "code": "circle",
        "message": "no place",
        "hint": None,
    }


LEARNS = """SELECT * FROM numbers
TO TRAIN XGBClassifier WITH train.weight_column = w COLUMN BUCKET(y, 3), "wo.*" LABEL label INTO m;
SELECT * FROM numbers TO TRAIN XGBClassifier COLUMN y LABEL label USING m INTO n;
SELECT * FROM numbers TO PREDICT p USING n;
"""


def test_features_are_told_as_listed_or_derived(sqlflow: Sqlflow) -> None:
    before = "CREATE TABLE numbers AS SELECT 1 AS x, 2 AS y, 'a' AS word, 'b' AS label, 1.5 AS w;\n"
    program = sqlflow.write("p.sql", before + LEARNS)
    done = sqlflow("check", program)
    assert (done.code, done.stdout) == (
        0,
        "features of m: listed BUCKET(y, 3), word; derived x\n"
        "features of n: those of m\n"
        "\n"
        "1 file, 0 errors, 0 warnings\n",
    )
    told = json.loads(sqlflow("check", program, "--format", "json").stdout)["features"]
    assert told == [
        {"model": "m", "base": None, "listed": ["BUCKET(y, 3)", "word"], "derived": ["x"]},
        {"model": "n", "base": "m", "listed": [], "derived": []},
    ]


def test_attributes_are_checked_without_a_data_source(tmp_path: Path) -> None:
    """In a program with other errors, too: one report has all of them."""
    sqlflow = Sqlflow(folder=tmp_path, url=None)
    text = (
        "SELECT * FROM t TO TRAIN xgboost.gbtree WITH max_dept = 3 LABEL y INTO m;\n"
        "SELECT * FROM t TO TRAIN;\n"
        "SELECT * FROM t TO TRAIN xgboost.gbtree WITH eta = 'fast' LABEL y INTO n;\n"
    )
    done = sqlflow("check", sqlflow.write("p.sql", text), "--format", "json")
    found = [
        (item["line"], item["column"], item["code"], item["hint"])
        for item in json.loads(done.stdout)["diagnostics"]
    ]
    assert [item[:3] for item in found] == [
        (1, 46, "invalid-attribute"),
        (2, 25, "syntax-error"),
        (3, 52, "invalid-attribute"),
    ]
    assert found[0][3].startswith("did you mean 'max_depth'")


def test_a_library_that_is_not_installed_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def get(name: str) -> object:
        raise PluginError(f"estimator {name!r} cannot be loaded", hint="pip install it")

    monkeypatch.setattr(Registry, "get", lambda _, name: get(name))
    program = compile_program("SELECT * FROM t TO TRAIN xgboost.gbtree LABEL y INTO m")
    (step,) = program.steps
    assert isinstance(step.statement, TrainStatement)
    problem = attribute_problem(step.statement)
    assert problem is not None
    assert (problem.code, problem.severity) == (Code.MISSING_LIBRARY, Severity.WARNING)
    assert (problem.message, problem.hint) == (
        "estimator 'xgboost.gbtree' cannot be loaded",
        "pip install it",
    )
