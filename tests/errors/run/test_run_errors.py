"""What users get wrong, and what they are told: one clear message with its place, and nothing is changed.

Each directory beside this file is a case: programs, and the message that ``sqlflow run`` gives for them.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sklearn.datasets import load_iris

from tests.cli.command import Sqlflow
from tests.golden import assert_golden

HERE = Path(__file__).parent
CASES = sorted({path.parent.name for path in HERE.glob("*/*.sql")})
COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
TRAIN = (
    "SELECT sepal_length, petal_width, class FROM flowers TO TRAIN xgboost.gbtree "
    'WITH objective="multi:softprob", num_class=3, train.num_boost_round=2 '
    "LABEL class INTO flower_model"
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data source with the table ``flowers`` and ``flower_model``, a model of two of its columns."""
    folder = tmp_path_factory.mktemp("prepared")
    iris = load_iris()
    with duckdb.connect(str(folder / "data.duckdb")) as connection:
        names = ", ".join(f"{name} DOUBLE" for name in COLUMNS)
        connection.execute(f"CREATE TABLE flowers ({names}, class BIGINT)")
        rows = [[*map(float, row), int(kind)] for row, kind in zip(*iris_data(iris), strict=True)]
        connection.executemany("INSERT INTO flowers VALUES (?, ?, ?, ?, ?)", rows)
    assert Sqlflow(folder=folder)("--run", TRAIN).code == 0
    return folder / "data.duckdb"


def iris_data(iris: Any) -> tuple[Any, Any]:
    # Every tenth flower is enough to have something to lose.
    return iris.data[::10], iris.target[::10]


@pytest.fixture
def sqlflow(prepared: Path, tmp_path: Path) -> Sqlflow:
    shutil.copy(prepared, tmp_path / "data.duckdb")
    return Sqlflow(folder=tmp_path)


def dump(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, the package's own tables included."""
    with duckdb.connect(str(folder / "data.duckdb"), read_only=True) as connection:
        names = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL"
        ).fetchall()
        return {
            f"{schema}.{name}": connection.execute(
                f'SELECT * FROM "{schema}"."{name}" ORDER BY ALL'
            ).fetchall()
            for schema, name in names
        }


def told(stderr: str, folder: Path) -> str:
    """A message without what differs from run to run."""
    return re.sub(r"\d+\.\d s\b", "N s", stderr).replace(str(folder), "/folder")


def test_the_cases_are_found() -> None:
    assert {"wrong_column", "missing_table", "two_writers", "unknown_estimator"} <= set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_one_clear_message_and_nothing_changed(case: str, sqlflow: Sqlflow) -> None:
    programs = sorted((HERE / case).glob("*.sql"))
    for program in programs:
        shutil.copy(program, sqlflow.folder)
    before = dump(sqlflow.folder)
    done = sqlflow("run", *(program.name for program in programs))
    assert done.code == 1
    assert done.stdout == ""
    assert_golden(HERE / case / "message.txt", told(done.stderr, sqlflow.folder))
    places = re.findall(r"^\w+\.sql:\d+:\d+: error: ", done.stderr, re.MULTILINE)
    assert len(places) == 1
    assert dump(sqlflow.folder) == before


WRONG_URLS = {
    "no_such_engine": "postgre://reader:geheim@localhost/shop",
    "no_url": "data.duckdb",
    "no_such_directory": "duckdb:///nowhere/data.duckdb",
    "no_database": "sqlite:///notes.txt",
    "in_memory": "duckdb://",
}


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Path]:
    """A file that is no database, and stays as it is."""
    path = tmp_path / "notes.txt"
    path.write_text("Nothing of a database. " * 100, encoding="utf-8")
    yield path
    assert path.read_text(encoding="utf-8") == "Nothing of a database. " * 100


@pytest.mark.parametrize("name", WRONG_URLS)
@pytest.mark.usefixtures("notes")
def test_a_wrong_data_source(name: str, tmp_path: Path) -> None:
    sqlflow = Sqlflow(folder=tmp_path, url=WRONG_URLS[name])
    done = sqlflow("run", sqlflow.write("program.sql", "SELECT * FROM flowers;"))
    assert done.code == 1
    assert_golden(HERE / "data_source" / f"{name}.txt", told(done.stderr, tmp_path))
    assert sorted(path.name for path in tmp_path.glob("*") if ".lock" not in path.name) == [
        "notes.txt",
        "program.sql",
    ]
