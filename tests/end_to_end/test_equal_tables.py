"""However a program is run, it leaves the same tables. The page's button has its test in tests/page."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dagster.home import Home
from tests.dagster.iris import EXAMPLES, load_iris_tables
from tests.end_to_end.tables import iris_tables

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


@pytest.mark.parametrize(
    ("program", "ways"),
    [
        pytest.param("no_torch/iris.sql", (by_command, by_dagster, by_dg), id="xgboost"),
        pytest.param(
            "iris.sql", (by_command, by_dagster), marks=pytest.mark.torch, id="with a network"
        ),
    ],
)
def test_every_way_leaves_equal_tables(
    tmp_path: Path, program: str, ways: tuple[Callable[[Home], tuple[str, ...]], ...]
) -> None:
    text = (EXAMPLES / program).read_text()
    found = {}
    for way in ways:
        home = Home.create(tmp_path / way.__name__, {"iris.sql": text})
        load_iris_tables(home.engine)
        done = home.run(*way(home))
        assert done.returncode == 0, done.stdout
        found[way.__name__] = iris_tables(home.engine)
    expected = found.pop("by_command")
    for name, tables in found.items():
        assert tables == expected, name


def test_the_checkout_is_a_project_of_dg() -> None:
    pyproject = (EXAMPLES.parent / "pyproject.toml").read_text()
    assert DG_PROJECT in pyproject
