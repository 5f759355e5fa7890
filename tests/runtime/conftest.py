"""A data source with a few tables, and statements run on it in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.engines.base import Engine, open_engine
from sqlflow_dagster.graph.program import Program
from sqlflow_dagster.runtime.context import RunContext, open_context
from sqlflow_dagster.runtime.execute import execute

Execute = Callable[..., None]


@pytest.fixture
def datasource(tmp_path: Path) -> str:
    """A DuckDB file with the tables ``numbers`` (x, y) and ``shop.orders`` (id)."""
    url = f"duckdb:///{tmp_path / 'data.duckdb'}"
    with open_engine(url).session() as session:
        session.execute("CREATE TABLE numbers AS SELECT range AS x, range % 7 AS y FROM range(50)")
        session.create_schema("shop")
        session.execute("CREATE TABLE shop.orders AS SELECT 1 AS id")
    return url


@pytest.fixture
def context(datasource: str) -> RunContext:
    return open_context(datasource, threads=1)


@pytest.fixture
def engine(context: RunContext) -> Engine:
    return context.engine


@pytest.fixture
def run(context: RunContext) -> Execute:
    """Runs the steps of a program one after the other, all or those with these names."""

    def run_steps(program: Program | str, *names: str) -> None:
        if isinstance(program, str):
            program = compile_program(program)
        for step in program.steps:
            if not names or step.name in names:
                execute(step, context)

    return run_steps
