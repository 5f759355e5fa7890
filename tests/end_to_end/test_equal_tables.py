"""However a program is run, it leaves the same tables. The page's button has its test in tests/page."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pytest

from tests.dagster.home import Home
from tests.dagster.iris import EXAMPLES, load_iris_tables
from tests.end_to_end.tables import iris_tables

PROGRAM = EXAMPLES / ("iris.sql" if find_spec("torch") else "no_torch/iris.sql")
DG_PROJECT = """\
[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "sqlflow_dagster"
code_location_target_module = "sqlflow_dagster.definitions"
"""


def by_command(home: Home) -> tuple[str, ...]:
    return ("sqlflow", "run", str(home.programs / "iris.sql"))


def by_dagster(home: Home) -> tuple[str, ...]:
    return ("dagster", "job", "execute", "-m", "sqlflow_dagster.definitions", "-j", "iris")


def by_dg(home: Home) -> tuple[str, ...]:
    (home.root / "pyproject.toml").write_text(DG_PROJECT)
    return ("dg", "launch", "--job", "iris")


@pytest.mark.parametrize("way", [by_dagster, by_dg], ids=["dagster", "dg"])
def test_every_way_leaves_equal_tables(
    tmp_path: Path, expected: dict[str, pa.Table], way: Callable[[Home], tuple[str, ...]]
) -> None:
    assert tables_after(tmp_path / "home", way) == expected


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    return tables_after(tmp_path_factory.mktemp("command") / "home", by_command)


def tables_after(root: Path, way: Callable[[Home], tuple[str, ...]]) -> dict[str, pa.Table]:
    home = Home.create(root, {"iris.sql": PROGRAM.read_text()})
    load_iris_tables(home.engine)
    done = home.run(*way(home))
    assert done.returncode == 0, done.stdout
    return iris_tables(home.engine)


def test_the_checkout_is_a_project_of_dg() -> None:
    pyproject = (EXAMPLES.parent / "pyproject.toml").read_text()
    assert DG_PROJECT in pyproject
