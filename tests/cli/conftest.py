"""The command in an empty directory, and in one with a small data source."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.cli.command import Sqlflow

Ask = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def sqlflow(tmp_path: Path) -> Sqlflow:
    """The command on a DuckDB file with the table ``numbers``: x from 0 to 49, y from 0 to 6, a word."""
    with duckdb.connect(str(tmp_path / "data.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE numbers AS "
            "SELECT range AS x, range % 7 AS y, 'n' || range AS word FROM range(50)"
        )
    return Sqlflow(folder=tmp_path)


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Asks the data source, while no command runs."""

    def rows(sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(tmp_path / "data.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    return rows
