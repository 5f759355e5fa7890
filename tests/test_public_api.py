"""The names that the package promises, and what they cost to import."""

import subprocess
import sys
from importlib import import_module

import pytest

import sqlflow_dagster

HEAVY = ("dagster", "pandas", "sklearn", "torch", "xgboost", "duckdb", "sqlalchemy", "pyarrow")


@pytest.mark.parametrize("name", sqlflow_dagster.__all__)
def test_every_promised_name_is_there(name: str) -> None:
    assert getattr(sqlflow_dagster, name) is not None
    assert name in dir(sqlflow_dagster)


def test_the_names_are_sorted_and_each_stands_once() -> None:
    assert sqlflow_dagster.__all__ == sorted(set(sqlflow_dagster.__all__))


@pytest.mark.parametrize(
    "name",
    [
        "CompileError",
        "DatasourceResource",
        "ModelStoreResource",
        "ObjectRef",
        "SqlflowTranslator",
        "StepError",
        "TerminalError",
        "TransientError",
        "analyze_sql_graph",
        "assets_from_sql",
        "compile_program",
        "definitions_from_sql",
        "execute",
        "split_sql_statements",
    ],
)
def test_what_users_rely_on_is_promised(name: str) -> None:
    assert name in sqlflow_dagster.__all__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        _ = sqlflow_dagster.nosuch


def test_the_compiler_is_cheap_to_import() -> None:
    script = (
        "import sys; from sqlflow_dagster import compile_program; compile_program('SELECT 1'); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_assets_from_sql_stays_the_function() -> None:
    module = import_module("sqlflow_dagster.assets_from_sql")
    assert sqlflow_dagster.assets_from_sql is module.assets_from_sql
