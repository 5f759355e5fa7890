import json
import re
from pathlib import Path

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.graph.formats import step_label, to_dot, to_json, to_mermaid, to_text
from sqlflow_dagster.graph.program import Program
from tests.golden import assert_golden

GOLDEN = Path(__file__).parent / "formats"
PROGRAM = compile_program(
    (GOLDEN / "program.sql").read_text(encoding="utf-8"), path="program.sql", dialect="duckdb"
)
FORMATS = {"text": to_text, "json": to_json, "mermaid": to_mermaid, "dot": to_dot}


@pytest.fixture
def odd_names() -> Program:
    """Names that mean something to the formats: quotes, brackets, backslashes, arrows, keywords."""
    return compile_program(
        r"""
        CREATE TABLE "a ""quoted"" [name]" AS SELECT 1 AS x;
        CREATE TABLE "back\slash" AS SELECT * FROM "a ""quoted"" [name]";
        CREATE TABLE "x --> y; #35; `md` <b>" AS SELECT * FROM "back\slash";
        CREATE TABLE "end" AS SELECT * FROM "x --> y; #35; `md` <b>";
        CREATE TABLE "Größe" AS SELECT * FROM "{graph}|end";
        """
    )


@pytest.mark.parametrize("name", FORMATS)
def test_shows_a_program(name: str) -> None:
    assert_golden(GOLDEN / f"{name}.txt", FORMATS[name](PROGRAM))


def test_json_points_at_segments_and_steps_by_their_places() -> None:
    data = json.loads(to_json(PROGRAM))
    assert [item["index"] for item in data["segments"]] == list(range(len(PROGRAM.segments)))
    by_name = {item["name"]: item for item in data["segments"]}
    model, predicted = by_name["price_model"], by_name["shop.predicted"]
    assert model["index"] in predicted["upstream"]
    assert [data["steps"][place]["label"] for place in model["steps"]] == ["TRAIN price_model"]


def test_json_has_the_warnings() -> None:
    program = compile_program("SELECT (1 FROM b;")
    (warning,) = json.loads(to_json(program))["warnings"]
    assert warning["line"] == 1
    assert warning["message"]


_DOT_LINE = re.compile(
    r"""
    digraph\ "(?:[^"\\]|\\.)*"\ \{ | \ \ \ \ rankdir=LR; | \}
    | \ \ \ \ [is]\d+\ \[label="(?:[^"\\]|\\.)*",\ shape=\w+(?:,\ style=rounded)?\];
    | \ \ \ \ [is]\d+\ ->\ [is]\d+(?:\ \[style=dotted\])?;
    """,
    re.VERBOSE,
)


def test_dot_stays_well_formed_with_odd_names(odd_names: Program) -> None:
    lines = to_dot(odd_names).splitlines()
    assert [line for line in lines if not _DOT_LINE.fullmatch(line)] == []
    labels = re.findall(r'label="((?:[^"\\]|\\.)*)"', to_dot(odd_names))
    # A drawing program reads \" and \\ of a label as the characters themselves.
    shown = {re.sub(r"\\(.)", r"\1", label) for label in labels}
    assert 'a "quoted" [name]' in shown
    assert r"back\slash" in shown


_MERMAID_LINE = re.compile(
    r"""
    flowchart\ LR
    | \ \ \ \ [is]\d+(?:\[\("[^"]*"\)\]|\{\{"[^"]*"\}\}|\("[^"]*"\))
    | \ \ \ \ [is]\d+\ (?:-->|-\.->)\ [is]\d+
    """,
    re.VERBOSE,
)


def test_mermaid_stays_well_formed_with_odd_names(odd_names: Program) -> None:
    text = to_mermaid(odd_names)
    assert [line for line in text.splitlines() if not _MERMAID_LINE.fullmatch(line)] == []
    names = re.findall(r'"([^"]*)"', text)
    shown = {re.sub(r"#(\d+);", lambda code: chr(int(code[1])), name) for name in names}
    assert "x --> y; #35; `md` <b>" in shown
    assert "größe" in shown
    assert not any(set(name) & set("[]{}`<>\\|") for name in names)


@pytest.mark.parametrize(
    ("sql", "label"),
    [
        pytest.param("CREATE TABLE s.t AS SELECT 1", "CREATE s.t", id="create"),
        pytest.param("INSERT INTO t SELECT * FROM u", "INSERT t", id="insert"),
        pytest.param("SELECT * FROM b, a", "SELECT a", id="a printing select"),
        pytest.param("WITH c AS (SELECT 1) FROM c", "SELECT", id="nothing read"),
        pytest.param("SHOW TRAIN m", "SHOW TRAIN m", id="show train"),
        pytest.param(
            "BEGIN; DELETE FROM t; INSERT INTO t SELECT 1; COMMIT",
            "TRANSACTION t",
            id="transaction",
        ),
        pytest.param("SELECT * FROM t TO EXPLAIN m", "EXPLAIN m", id="explain"),
        pytest.param("SELECT * FROM t TO PREDICT s.p.x USING m@2", "PREDICT s.p", id="predict"),
        pytest.param("SELECT * FROM t TO EVALUATE m@2 LABEL y", "EVALUATE m@2", id="evaluate"),
    ],
)
def test_calls_a_step_by_verb_and_object(sql: str, label: str) -> None:
    assert step_label(compile_program(sql).steps[-1]) == label


def test_calls_a_generated_step_by_its_table() -> None:
    program = compile_program(
        "SELECT a.x, b.y FROM a JOIN b USING (x) TO TRAIN xgboost.gbtree "
        'WITH objective="reg:squarederror" LABEL y INTO m'
    )
    assert [step_label(step) for step in program.steps] == [
        "COMPUTE sqlflow_temporary_train_m",
        "TRAIN m",
    ]
