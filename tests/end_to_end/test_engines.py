"""The examples leave the same tables and print the same rows on every engine."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sqlflow_dagster.cli.demo_data import demo_tables
from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.engines.base import Engine, open_engine
from sqlflow_dagster.graph.program import Program
from sqlflow_dagster.model_store.settings import ModelSettings
from sqlflow_dagster.runtime.context import RunContext, open_context
from sqlflow_dagster.runtime.execute import execute
from tests.dagster.iris import EXAMPLES
from tests.engines import mariadb_server, postgresql_server, spark_server

Rows = list[dict[str, Any]]

NAMES = (
    "iris.sql" if find_spec("torch") else "no_torch/iris.sql",
    "housing.sql",
    "planning.sql",
)
# Engines give rows in orders of their own, and sums of floating-point numbers depend on the order.
TOLERANCE = 1e-6


def everything_made(url: str, models: ModelSettings | None = None) -> dict[str, Rows]:
    """What the examples leave in a data source and print, by the name of the table or the statement."""
    engine = open_engine(url)
    load(engine)
    found: dict[str, Rows] = {}
    for name in NAMES:
        program = compiled(name, engine)
        context = open_context(url, models=models, threads=1, program=program.name)
        found |= made_by(program, context)
    return found


def load(engine: Engine) -> None:
    with engine.session() as session:
        for name, rows in demo_tables():
            if name[0] in {"iris", "housing"}:
                session.create_schema(name[0])
                session.replace_table(name, rows.to_reader())


def compiled(name: str, engine: Engine) -> Program:
    path = EXAMPLES / name
    return compile_program(path.read_text(), path=path, dialect=engine.dialect)


def made_by(program: Program, context: RunContext) -> dict[str, Rows]:
    found: dict[str, Rows] = {}
    for step in program.steps:
        result = execute(step, context)
        if result.rows is not None:
            found[step.name] = in_order(result.rows.to_pylist())
        for table in result.tables:
            name = context.engine.quote(table.name)
            with context.engine.session() as session:
                rows = session.read(f"SELECT * FROM {name}").read_all()
            found[".".join(table.name)] = in_order(rows.to_pylist())
    return found


def in_order(rows: Rows) -> Rows:
    """Rows sorted by their values, of which no digit counts that the tolerance lets differ."""
    return sorted(rows, key=lambda row: [shown(value) for value in row.values()])


def shown(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rows]:
    return everything_made(f"duckdb:///{tmp_path_factory.mktemp('duckdb') / 'data.duckdb'}")


URLS: dict[str, Callable[[Path], str]] = {
    "mysql": lambda _: mariadb_server.new_database(),
    "postgresql": lambda _: postgresql_server.new_database(),
    "sqlite": lambda folder: f"sqlite:///{folder / 'data.db'}",
}


@pytest.mark.parametrize("engine", URLS)
def test_it_leaves_the_tables_of_duckdb(
    engine: str, tmp_path: Path, expected: dict[str, Rows]
) -> None:
    check(everything_made(URLS[engine](tmp_path)), expected)


@pytest.mark.hive
def test_it_leaves_the_tables_of_duckdb_in_spark(expected: dict[str, Rows], tmp_path: Path) -> None:
    models = ModelSettings(store=str(tmp_path / "models"))
    check(everything_made(spark_server.new_database(), models), expected)


def check(found: dict[str, Rows], expected: dict[str, Rows]) -> None:
    assert found.keys() == expected.keys()
    for name, rows in expected.items():
        assert len(rows) == len(found[name]) > 0
        for row, other in zip(rows, found[name], strict=True):
            assert other == pytest.approx(row, abs=TOLERANCE), name
