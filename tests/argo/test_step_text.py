"""Whatever a statement holds, a pod gets exactly that text, and it means exactly that step."""

import base64
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sqlflow_dagster import compile_program
from sqlflow_dagster.argo.arguments import container_arguments
from sqlflow_dagster.argo.render import render_yaml
from sqlflow_dagster.argo.step_text import StepText, step_text
from sqlflow_dagster.argo.yaml_text import to_yaml
from sqlflow_dagster.errors import CompileError
from sqlflow_dagster.temp_tables import TemporaryTables, duration_text, parse_duration
from tests.argo.manifests import container, expanded, loaded, process_arguments

SECRET = {"SQLFLOW_DATASOURCE": "postgresql://user:hunter2@db/prod", "workflow.name": "w"}
HOSTILE = {
    "dollar quotes": "SELECT $$body$$, $tag$it's$tag$, $1",
    "reference to the secret": "SELECT '$(SQLFLOW_DATASOURCE)'",
    "doubled reference": "SELECT '$$(SQLFLOW_DATASOURCE)', '$$$(SQLFLOW_DATASOURCE)'",
    "reference never closed": "SELECT '$(SQLFLOW_DATASOURCE'",
    "dollar before a letter that is not ASCII": "SELECT '$é'",
    "dollar at the end": "SELECT 1 AS a$",
    "template of Argo": "SELECT '{{workflow.name}}'",
    "expression of Argo": "SELECT '{{=sprig.env(\"HOME\")}}'",
    "template never closed": "SELECT '{{', '{ {'",
    "template and dollars": "SELECT '{{workflow.name}}', '$(SQLFLOW_DATASOURCE)$$'",
    "single braces": "SELECT {'a': {'b': 1}}",
    "quotes": "SELECT 'it''s', \"a \"\"b\"\" c\", 'back\\slash', `d`",
    "shell": "SELECT '`id`; $(id) && \\$HOME | cat #' -- !",
    "lines": "SELECT\n  1,\n\n  2",
    "lines of Windows": "SELECT\r\n  1\r\n",
    "old line ends": "SELECT\r1",
    "blanks at the ends": "  SELECT 1,  \n 2 \n\n",
    "tabs": "\tSELECT\t1\n\t, 2",
    "leading blank line": "\n\n  SELECT 1",
    "unicode": "SELECT 'Grüße, 世界, 🙂, \u00a0'",
    "line ends of unicode": "SELECT 'a\u0085b\u2028c\u2029d'\n, 1",
    "byte order mark": "SELECT '\ufeff'\n, 1",
    "control characters": "SELECT '\x07\x1b\x7f'\n, 1",
    "null": "null",
    "yes": "y",
    "number": "1e3",
    "octal": "0o17",
    "date": "2024-01-01",
    "sexagesimal": "12:30:45",
    "comment of YAML": "SELECT 1 # 2",
    "key of YAML": "SELECT a: 1",
    "document of YAML": "---\nSELECT 1\n...",
    "anchor of YAML": "&a *b !c %d @e",
    "name of a file": "@/etc/passwd",
    "option": "--help",
    "empty": "",
}


def received(arguments: list[str]) -> str:
    """The text that the command finds in its arguments, in the end of a container's life."""
    manifest = to_yaml({"container": {"command": ["sqlflow"], "args": arguments}})
    read = yaml.safe_load(manifest)["container"]
    command, option, text = process_arguments(read, SECRET)
    assert command == "sqlflow"
    if option == "--run-base64":
        return base64.b64decode(text, validate=True).decode()
    assert option == "--run"
    assert "{{" not in text
    assert not text.startswith("@")
    return text


@pytest.mark.parametrize("sql", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_text_arrives_as_it_was_written(sql: str) -> None:
    text = StepText(sql=sql, temp_tables=TemporaryTables.AUTO)
    assert received(container_arguments(text)) == sql


@given(
    st.text(
        alphabet=st.one_of(
            st.sampled_from("$(){}'\"\\-:#@&*!| \n\r\t0ey"), st.characters(codec="utf-8")
        )
    )
)
def test_any_text_arrives_as_it_was_written(sql: str) -> None:
    text = StepText(sql=sql, temp_tables=TemporaryTables.AUTO)
    assert received(container_arguments(text)) == sql


TEXT = st.text(st.characters(codec="utf-8"))


@given(
    st.recursive(
        TEXT | st.booleans() | st.integers(),
        lambda inner: st.lists(inner, min_size=1) | st.dictionaries(TEXT, inner, min_size=1),
    )
)
def test_yaml_is_read_as_what_was_written(value: Any) -> None:
    assert yaml.safe_load(to_yaml({"value": value})) == {"value": value}


def test_readable_where_it_can_be() -> None:
    text = StepText(sql="SELECT 1,\n  $1", temp_tables=TemporaryTables.AUTO)
    manifest = to_yaml({"args": container_arguments(text)})
    assert manifest == "args:\n  - --run\n  - |-\n    SELECT 1,\n      $$1\n"


@pytest.mark.parametrize(
    "filler",
    [
        pytest.param("x", id="plain"),
        pytest.param('"', id="longer in JSON"),
        pytest.param("<", id="longer in the JSON of Go"),
        pytest.param("$", id="doubled"),
    ],
)
def test_a_large_text_does_not_depend_on_the_way_it_is_handed_over(filler: str) -> None:
    text = StepText(sql=filler * 102_401, temp_tables=TemporaryTables.AUTO)
    option, argument = container_arguments(text)
    assert option == "--run-base64"
    # Over 128 KiB Argo hands it over in a file, past the kubelet: there must be nothing to expand.
    assert expanded(argument, SECRET) == argument


def texts(sql: str, **settings: Any) -> list[str]:
    """What the pods of a program are given."""
    program = compile_program(sql, **settings)
    return [step_text(step, program).sql for step in program.steps]


TRAIN = "TO TRAIN xgboost.gbtree WITH num_class=3"


def test_a_simple_statement_is_its_own_text() -> None:
    sql = f"SELECT a, b FROM t /* all */ {TRAIN} -- here\nLABEL b INTO m"
    assert texts(f"{sql} ; -- after") == [sql]


def test_a_complex_select_is_computed_by_a_pod_of_its_own() -> None:
    assert texts(f"SELECT a, count(*) AS n FROM t GROUP BY a -- each\n{TRAIN} LABEL n INTO m;") == [
        "CREATE TABLE sqlflow_temporary_train_m AS\nSELECT a, count(*) AS n FROM t GROUP BY a",
        f"SELECT * FROM sqlflow_temporary_train_m -- each\n{TRAIN} LABEL n INTO m",
    ]


def test_statements_share_the_table_of_their_select() -> None:
    select = "SELECT DISTINCT a, n FROM t"
    _, first, second = texts(f"{select} {TRAIN} LABEL n INTO m; {select} {TRAIN} LABEL n INTO k")
    assert first.startswith("SELECT * FROM sqlflow_temporary_train_m TO TRAIN")
    assert second.startswith("SELECT * FROM sqlflow_temporary_train_m TO TRAIN")


def test_a_complex_validation_select_too_and_nothing_else_changes() -> None:
    clause = """TO TRAIN xgboost.gbtree WITH validation.select /* v */ = "SELECT DISTINCT a, b FROM \\"v\\"",
        objective="reg:squarederror" LABEL b INTO m"""
    table, train = texts(f"SELECT a, b FROM t {clause}")
    name = "sqlflow_temporary_train_m_validation"
    assert table == f'CREATE TABLE {name} AS\nSELECT DISTINCT a, b FROM "v"'
    assert train == (
        f'SELECT a, b FROM t TO TRAIN xgboost.gbtree WITH validation.select /* v */ = "SELECT * FROM {name}",\n'
        '        objective="reg:squarederror" LABEL b INTO m'
    )


def test_a_table_in_a_schema_with_an_odd_name_is_quoted() -> None:
    table, predict = texts('SELECT DISTINCT a FROM t TO PREDICT "My Schema".p.y USING m')
    assert table.startswith('CREATE TABLE "My Schema".sqlflow_temporary_predict_p AS\n')
    assert predict.startswith('SELECT * FROM "My Schema".sqlflow_temporary_predict_p TO PREDICT')


def test_the_session_travels() -> None:
    assert texts(
        "USE s; SET threads = 1; -- c\nCREATE TABLE t AS SELECT 1 AS x; USE r; SELECT 2"
    ) == [
        "USE s;\nSET threads = 1;\nCREATE TABLE t AS SELECT 1 AS x",
        "USE s;\nSET threads = 1;\nUSE r;\nSELECT 2",
    ]


def test_a_transaction_is_one_text() -> None:
    sql = "BEGIN; DELETE FROM t; INSERT INTO t SELECT 1; COMMIT"
    assert texts(f"{sql}; SELECT 2") == [sql, "SELECT 2"]


def test_what_a_comment_declares_travels_where_it_matters() -> None:
    refresh = "-- sqlflow: reads a writes b\nCALL refresh()"
    sized = "-- sqlflow: resources.cpu=1\nSELECT 2"
    assert texts(f"USE s;\n{refresh};\n{sized}") == [f"USE s;\n{refresh}", "USE s;\nSELECT 2"]


@pytest.mark.parametrize("label", ["r.y", '"r.y"'])
def test_a_qualified_label_is_a_column_of_the_generated_table(label: str) -> None:
    select = "SELECT r.a, r.y AS target FROM r JOIN s ON r.a = s.a"
    made, train = texts(f"{select} {TRAIN} /* of r */ LABEL {label} INTO m")
    assert made == f"CREATE TABLE sqlflow_temporary_train_m AS\n{select}"
    name = label.replace("r.y", "target")
    assert train.endswith(f"{TRAIN} /* of r */ LABEL {name} INTO m")
    assert train.startswith("SELECT * FROM")


def test_the_old_spelling_stays() -> None:
    sql = "SELECT a, b FROM t TRAIN xgboost.gbtree WITH num_class=3 LABEL b INTO m"
    assert texts(sql) == [sql]


def test_a_pod_is_told_when_there_shall_be_no_table() -> None:
    sql = f"SELECT DISTINCT a, n FROM t {TRAIN} LABEL n INTO m"
    manifest = loaded(render_yaml(compile_program(sql, temp_tables="never")))
    args = container(manifest, "train-m")["args"]
    assert args == ["--temp-tables", "never", "--run", sql]


def test_a_pod_is_told_whose_generated_table_it_makes() -> None:
    sql = f"SELECT DISTINCT a, n FROM t {TRAIN} LABEL n INTO m"
    program = compile_program(sql, path="$shop.sql", temp_tables_life="ttl=36h")
    made, train = (container_arguments(step_text(step, program)) for step in program.steps)
    assert made[:5] == ["--generated-by", "$$shop", "--time-to-live", "36h", "--run"]
    assert train[0] == "--run"


@pytest.mark.parametrize("text", ["90s", "5m", "36h", "9d", "2w", "999999d"])
def test_a_time_is_written_as_it_is_read(text: str) -> None:
    time = parse_duration(text)
    assert parse_duration(duration_text(time)) == time


def test_a_table_for_every_select_needs_no_word() -> None:
    sql = f"SELECT a, n FROM t {TRAIN} LABEL n INTO m"
    program = compile_program(sql, temp_tables="always")
    assert [step_text(step, program).temp_tables for step in program.steps] == ["auto", "auto"]


@pytest.mark.parametrize(
    "dialect", ["duckdb", "sqlite", "postgres", "mysql", "hive", "spark", "trino", "bigquery"]
)
def test_in_every_dialect(dialect: str) -> None:
    program = "SELECT a, count(*) AS n FROM t GROUP BY a " + TRAIN + " LABEL n INTO m"
    assert texts(program, dialect=dialect)[1].startswith("SELECT * FROM sqlflow_temporary_train_m")


def test_a_body_with_semicolons_is_one_text() -> None:
    body = "CREATE PROCEDURE p() BEGIN DELETE FROM a; DELETE FROM b; END"
    assert texts(f"DELIMITER //\n{body}//\nDELIMITER ;\nSELECT 1;", dialect="mysql") == [
        body,
        "SELECT 1",
    ]


def test_a_statement_that_is_several_without_its_delimiter_is_refused() -> None:
    program = compile_program("DELIMITER //\nSELECT 1; SELECT 2//\n", dialect="mysql")
    with pytest.raises(CompileError, match="this statement cannot be run by a pod of its own"):
        render_yaml(program)
