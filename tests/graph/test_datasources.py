"""Statements of one program that are for several data sources."""

import json

import pytest

from sqlflow_dagster.codes import Code
from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.errors import CompileError, Severity
from sqlflow_dagster.graph.formats import to_json, to_text
from sqlflow_dagster.graph.lineage_formats import lineage_text
from sqlflow_dagster.graph.program import Program
from sqlflow_dagster.graph.program_lineage import program_lineage
from sqlflow_dagster.graph.selection import select_steps

OTHERS = {"pg": "postgres", "shop": "mysql"}


def compiled(text: str) -> Program:
    return compile_program(text, datasources=OTHERS)


def problems(text: str) -> list[str]:
    with pytest.raises(CompileError) as caught:
        compiled(text)
    return [item.render() for item in caught.value.diagnostics]


def test_a_comment_names_the_data_source_of_its_statement() -> None:
    program = compiled(
        "CREATE TABLE a AS SELECT 1 AS x;\n"
        "-- sqlflow: datasource=pg\n"
        "CREATE TABLE b AS SELECT 2 AS x;\n"
        "CREATE TABLE c AS SELECT 3 AS x;"
    )
    assert [step.datasource for step in program.steps] == ["default", "pg", "default"]
    assert [step.names.dialect for step in program.steps] == ["duckdb", "postgres", "duckdb"]


@pytest.mark.parametrize(
    "head",
    [
        "-- sqlflow: program.datasource=pg\n",
        "-- sqlflow: program.datasource=PG\n-- What this is about.\n\n",
        "/* Licence */\n\n-- sqlflow: program.datasource='pg', name=first\n\n-- The first.\n",
    ],
    ids=["first-line", "upper-case", "after-a-licence"],
)
def test_a_comment_at_the_top_is_for_the_whole_program(head: str) -> None:
    program = compiled(
        f"{head}SELECT 1 AS x;\n"
        "-- sqlflow: datasource=default\n"
        "CREATE TABLE b AS SELECT 2 AS x;\n"
        "CREATE TABLE c AS SELECT 3 AS x"
    )
    assert [step.datasource for step in program.steps] == ["pg", "default", "pg"]
    assert not program.diagnostics


def test_a_program_says_it_before_its_first_statement() -> None:
    (problem,) = problems("SELECT 1;\n-- sqlflow: program.datasource=pg\nSELECT 2")
    assert "before its first statement" in problem
    assert "-- sqlflow: datasource=pg" in problem


def test_each_statement_is_read_in_the_dialect_of_its_data_source() -> None:
    program = compiled(
        "-- sqlflow: datasource=shop\n"
        "CREATE TABLE `a` AS SELECT 'it\\'s; one' AS x # the shop's; words\n;\n"
        "CREATE TABLE b AS SELECT 'c:\\' AS x;\n"
        "-- sqlflow: datasource=pg\n"
        "CREATE TABLE c AS SELECT $$a;b$$ AS x"
    )
    assert [str(next(iter(step.writes))) for step in program.steps] == ["shop:a", "b", "pg:c"]


def test_tables_of_one_name_are_two_tables() -> None:
    program = compiled(
        "CREATE TABLE t AS SELECT 1 AS x;\n"
        "-- sqlflow: datasource=pg\n"
        "CREATE TABLE t AS SELECT 2 AS x;\n"
        "-- sqlflow: datasource=pg\n"
        "CREATE TABLE u AS SELECT * FROM t;"
    )
    assert [segment.name for segment in program.segments] == ["t", "pg:t", "pg:u"]
    assert [step.name for step in program.steps] == ["create_t", "create_pg_t", "create_pg_u"]
    assert [set(step.waits_for) for step in program.steps] == [set(), set(), {1}]
    assert select_steps(program, ["pg:t"]) == {1}
    assert "table pg:u  (line 5)\n  CREATE pg:u\n  reads table pg:t" in to_text(program)
    last = json.loads(to_json(program))["segments"][-1]["outputs"]
    assert last == [{"kind": "table", "name": "u", "object": "u", "datasource": "pg"}]


def test_a_table_keeps_its_version_when_its_data_source_does() -> None:
    text = "CREATE TABLE t AS SELECT 1 AS x"
    versions = {
        compiled(comment + text).steps[0].code_version
        for comment in ("", "-- sqlflow: datasource=default\n", "-- sqlflow: datasource=pg\n")
    }
    assert len(versions) == 2
    assert compile_program(text).steps[0].code_version in versions


def test_use_and_set_count_for_their_data_source() -> None:
    program = compiled(
        "-- sqlflow: datasource=pg\n"
        "SET search_path TO lab;\n"
        "CREATE TABLE a AS SELECT 1 AS x;\n"
        "-- sqlflow: datasource=pg\n"
        "CREATE TABLE b AS SELECT 1 AS x;"
    )
    assert [step.prefix for step in program.steps] == [(), ("SET search_path TO lab",)]
    assert {ref.name for ref in program.steps[1].writes} == {"lab.b"}


def test_a_temp_table_is_seen_on_its_data_source_only() -> None:
    program = compiled(
        "-- sqlflow: datasource=pg\n"
        "CREATE TEMP TABLE t AS SELECT 1 AS x;\n"
        "-- sqlflow: datasource=pg\n"
        "CREATE TABLE u AS SELECT * FROM t;\n"
        "CREATE TABLE v AS SELECT * FROM t;"
    )
    kept, there, here = program.steps
    assert kept.writes <= there.reads
    assert {str(ref) for ref in here.reads} == {"t"}
    assert here.views == ()


def test_a_model_is_there_for_all_data_sources() -> None:
    program = compiled(
        "SELECT a.*, b.x FROM a JOIN b USING (id) TO TRAIN xgboost.gbtree LABEL y INTO m;\n"
        "-- sqlflow: datasource=pg\n"
        "SELECT a.*, b.x FROM a JOIN b USING (id) TO PREDICT a_predicted.y USING m"
    )
    names = [step.name for step in program.steps]
    assert names == [
        "sqlflow_temporary_train_m",
        "train_m",
        "pg_sqlflow_temporary_predict_a_predicted",
        "predict_pg_a_predicted",
    ]
    assert set(program.steps[3].waits_for) == {1, 2}


def test_a_statement_that_seems_to_read_across_data_sources_is_told() -> None:
    program = compiled(
        "CREATE TABLE orders AS SELECT 1 AS x;\n"
        "-- sqlflow: datasource=pg\n"
        "CREATE TABLE report AS SELECT * FROM orders"
    )
    (warning,) = program.diagnostics
    assert warning.severity is Severity.WARNING
    assert warning.code is Code.READS_ACROSS
    assert "the table 'orders' of the data source 'pg', and not the one" in warning.message
    assert [step.waits_for for step in program.steps] == [frozenset(), frozenset()]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("-- sqlflow: datasource=pgg\nSELECT 1", "did you mean 'pg'?"),
        ("-- sqlflow: program.datasource=pgg\nSELECT 1", "did you mean 'pg'?"),
        ("-- sqlflow: datasource=warehouse\nSELECT 1", "SQLFLOW_DATASOURCE_WAREHOUSE"),
    ],
    ids=["statement", "program", "nothing-like-it"],
)
def test_an_unknown_data_source_is_an_error_with_its_place(text: str, hint: str) -> None:
    (problem,) = problems(text)
    assert "p" in problem
    assert "[unknown-datasource]" in problem
    assert hint in problem


def test_each_statement_of_a_transaction_says_where_it_runs() -> None:
    (problem,) = problems("-- sqlflow: datasource=pg\nBEGIN;\nCREATE TABLE a AS SELECT 1 AS x")
    assert "above it, too, write -- sqlflow: datasource=pg" in problem


def test_the_schema_of_a_target_is_that_of_unqualified_tables() -> None:
    program = compile_program(
        "CREATE TABLE orders AS SELECT * FROM public.orders; SELECT * FROM dev.orders",
        dialect="postgres",
        schemas={"default": "dev"},
    )
    made, shown = program.steps
    assert {ref.name for ref in made.reads} == {"public.orders"}
    assert {ref.name for ref in made.writes} == {"orders"} == {ref.name for ref in shown.reads}


def test_columns_are_those_of_their_data_source() -> None:
    lineage = program_lineage(
        compiled(
            "CREATE TABLE t AS SELECT a AS x FROM raw;\n"
            "-- sqlflow: datasource=pg\n"
            "CREATE TABLE t AS SELECT b AS x FROM raw"
        )
    )
    for name, source in (("t.x", "raw.a"), ("pg:t.x", "pg:raw.b")):
        found = lineage.find(name)
        assert found is not None
        (above,) = lineage.upstream(found)
        assert f"{above.table}.{above.column}" == source
    assert "table pg:t\n  x  pg:raw.b" in lineage_text(lineage)
