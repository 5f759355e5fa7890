"""A program leaves the same tables on every engine."""

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sqlflow_dagster.engines.base import open_engine
from tests.dagster.iris import EXAMPLES, load_iris_tables
from tests.end_to_end.tables import TABLES
from tests.engines import mariadb_server, postgresql_server, spark_server

PROGRAM = EXAMPLES / ("iris.sql" if find_spec("torch") else "no_torch/iris.sql")
# Engines give rows in orders of their own, and sums of floating-point numbers depend on the order.
TOLERANCE = 1e-6


def tables_of(url: str, *options: str) -> dict[str, list[dict[str, Any]]]:
    """The tables of the iris program after a run on this data source, with their rows sorted."""
    engine = open_engine(url)
    load_iris_tables(engine)
    command = (str(Path(sys.executable).parent / "sqlflow"), "run", str(PROGRAM))
    done = subprocess.run(
        [*command, "--datasource", url, *options],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    with engine.session() as session:
        rows = {name: session.read(f"SELECT * FROM {name}").read_all() for name in TABLES}
    return {
        name: sorted(table.to_pylist(), key=lambda row: [str(value) for value in row.values()])
        for name, table in rows.items()
    }


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    return tables_of(f"duckdb:///{tmp_path_factory.mktemp('duckdb') / 'data.duckdb'}")


URLS: dict[str, Callable[[Path], str]] = {
    "mysql": lambda _: mariadb_server.new_database(),
    "postgresql": lambda _: postgresql_server.new_database(),
    "sqlite": lambda folder: f"sqlite:///{folder / 'data.db'}",
}


@pytest.mark.parametrize("engine", URLS)
def test_it_leaves_the_tables_of_duckdb(
    engine: str, tmp_path: Path, expected: dict[str, list[dict[str, Any]]]
) -> None:
    check(tables_of(URLS[engine](tmp_path)), expected)


def check(
    found: dict[str, list[dict[str, Any]]], expected: dict[str, list[dict[str, Any]]]
) -> None:
    for name, rows in expected.items():
        assert len(rows) == len(found[name]) > 0
        for row, other in zip(rows, found[name], strict=True):
            assert other == pytest.approx(row, abs=TOLERANCE), name


@pytest.mark.hive
def test_it_leaves_the_tables_of_duckdb_in_spark(
    expected: dict[str, list[dict[str, Any]]], tmp_path: Path
) -> None:
    found = tables_of(spark_server.new_database(), "--model-store", str(tmp_path / "models"))
    check(found, expected)
