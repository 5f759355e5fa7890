"""The column of a prediction has the type of the label that was learnt, in the engine's own words."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.engines.base import Engine, open_engine
from sqlflow_dagster.runtime.context import RunContext, open_context
from sqlflow_dagster.runtime.execute import execute
from tests.engines import mariadb_server, postgresql_server

URLS: dict[str, Callable[[Path], str]] = {
    "duckdb": lambda folder: f"duckdb:///{folder / 'data.duckdb'}",
    "mysql": lambda _: mariadb_server.new_database(),
    "postgresql": lambda _: postgresql_server.new_database(),
}
LABELS: dict[str, list[str]] = {
    "duckdb": ["TINYINT", "USMALLINT", "INTEGER", "FLOAT", "DECIMAL(5,1)"],
    "mysql": ["tinyint", "smallint unsigned", "int", "float", "decimal(5,1)"],
    "postgresql": ["smallint", "integer", "bigint", "real", "numeric(5,1)"],
}


@pytest.fixture
def context(request: pytest.FixtureRequest, tmp_path: Path) -> RunContext:
    """A data source with points: a number and a label of each type."""
    context = open_context(URLS[request.param](tmp_path), threads=1)
    labels = ", ".join(f"y{index} {kind}" for index, kind in enumerate(LABELS[request.param]))
    rows = ", ".join(f"({row}.5, {', '.join(['12' if row > 4 else '7'] * 5)})" for row in range(9))
    with context.engine.session() as session:
        session.execute(f"CREATE TABLE points (x REAL, {labels})")
        session.execute(f"INSERT INTO points VALUES {rows}")
    return context


def run(sql: str, context: RunContext) -> None:
    for step in compile_program(sql, dialect=context.engine.dialect).steps:
        execute(step, context)


def predicted(engine: Engine) -> tuple[str, list[object]]:
    with engine.session() as session:
        [_, column] = session.columns(("guessed",)) or ()
        rows = session.read("SELECT * FROM guessed ORDER BY x").read_all()
    return column.type.lower(), rows.column(1).to_pylist()


@pytest.mark.parametrize("context", URLS, indirect=True)
def test_a_predicted_class_has_the_type_of_its_label(context: RunContext, tmp_path: Path) -> None:
    here, elsewhere = context.engine, open_engine(f"sqlite:///{tmp_path / 'other.db'}")
    run_there = replace(context, engine=elsewhere)
    with elsewhere.session() as session:
        session.execute("CREATE TABLE points AS SELECT 0.5 AS x UNION SELECT 8.5")
    for index, kind in enumerate(LABELS[here.name]):
        train = f"SELECT x, y{index} FROM points TO TRAIN GaussianNB LABEL y{index} INTO m{index};"
        predict = f"SELECT x FROM points TO PREDICT guessed.y USING m{index};"
        run(train + predict, context)
        assert predicted(here) == (kind.lower(), [7] * 5 + [12] * 4)
        run(predict, run_there)
        assert predicted(elsewhere)[1] == [7, 12]


@pytest.mark.parametrize("context", URLS, indirect=True)
def test_a_predicted_amount_has_its_fraction(context: RunContext) -> None:
    engine = context.engine
    double = "double precision" if engine.name == "postgresql" else "double"
    for index, kind in list(enumerate(LABELS[engine.name]))[2:]:
        train = f"SELECT x, y{index} FROM points TO TRAIN Ridge LABEL y{index} INTO m{index};"
        run(f"{train} SELECT x FROM points TO PREDICT guessed.y USING m{index};", context)
        type_, values = predicted(engine)
        assert type_ == (kind.lower() if kind.lower() in ("float", "real") else double)
        assert values[:2] == pytest.approx([6.222, 6.972], abs=0.001)
