"""A rendered program, run: each container as a process that gets what its spec gives it, nothing else."""

import shutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sqlflow_dagster import compile_program, execute, open_context
from sqlflow_dagster.argo.lint_dag import depends_references
from sqlflow_dagster.argo.render import render_yaml
from tests.argo.manifests import Document, container, environment, loaded, process_arguments, tasks

EXAMPLE = Path(__file__).parents[2] / "examples" / "no_torch" / "iris.sql"
SECRET = ("sqlflow-datasource", "datasource")


def sqlflow() -> str:
    """The command as an image has it on its path."""
    command = shutil.which("sqlflow", path=str(Path(sys.executable).parent))
    assert command is not None
    return command


def run(command: list[str], variables: dict[str, str], folder: Path) -> None:
    done = subprocess.run(
        [sqlflow(), *command[1:]],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def in_order(document: Document) -> list[str]:
    """The tasks, each after all that it depends on."""
    before = {
        name: [other for other, _ in depends_references(task["depends"])]
        if "depends" in task
        else []
        for name, task in tasks(document).items()
    }
    return list(TopologicalSorter(before).static_order())


def run_workflow(document: Document, url: str, folder: Path) -> None:
    """Do what a cluster does."""
    for name in in_order(document):
        spec = container(document, tasks(document)[name]["template"])
        variables = environment(spec, {SECRET: url})
        assert spec["command"] == ["sqlflow"]
        run(process_arguments(spec, variables), variables, folder)


def contents(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of every table but those that hold models, histories and owners."""
    with duckdb.connect(str(database), read_only=True) as connection:
        names = connection.execute(
            "SELECT schema_name || '.' || table_name FROM duckdb_tables() "
            "WHERE table_name NOT SIMILAR TO 'sqlflow_(model|step|generated).*'"
        ).fetchall()
        return {
            name: connection.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall()
            for (name,) in names
        }


@pytest.fixture
def databases(tmp_path: Path) -> tuple[Path, Path]:
    """Two data sources with the tables that the examples read."""
    one, other = tmp_path / "one.duckdb", tmp_path / "other.duckdb"
    run(["sqlflow", "demo-data"], {"SQLFLOW_DATASOURCE": f"duckdb:///{one}"}, tmp_path)
    shutil.copy(one, other)
    return one, other


def test_gives_the_tables_that_a_run_without_a_cluster_gives(
    databases: tuple[Path, Path], tmp_path: Path
) -> None:
    by_argo, by_execute = databases
    program = compile_program(EXAMPLE.read_text(encoding="utf-8"), path=EXAMPLE)
    run_workflow(loaded(render_yaml(program)), f"duckdb:///{by_argo}", tmp_path)
    context = open_context(f"duckdb:///{by_execute}")
    for step in program.steps:
        execute(step, context)
    found, wanted = contents(by_argo), contents(by_execute)
    assert found.keys() == wanted.keys()
    assert {"main.sqlflow_temporary_train_iris_xgb", "iris.explanation"} <= found.keys()
    for name, rows in wanted.items():
        assert found[name] == rows, name


def test_a_second_run_computes_a_generated_table_anew(tmp_path: Path) -> None:
    database = tmp_path / "one.duckdb"
    program = compile_program("SELECT DISTINCT x FROM t TO PREDICT p.y USING m")
    document = loaded(render_yaml(program))
    for rows in ([(1,)], [(1,), (2,)]):
        with duckdb.connect(str(database)) as connection:
            connection.execute("CREATE OR REPLACE TABLE t (x INT)")
            connection.executemany("INSERT INTO t VALUES (?)", [*rows, *rows])
        table = container(document, "sqlflow-temporary-predict-p")
        variables = environment(table, {SECRET: f"duckdb:///{database}"})
        run(process_arguments(table, variables), variables, tmp_path)
        assert contents(database)["main.sqlflow_temporary_predict_p"] == rows
