"""However a program is run, it leaves the same tables."""

from pathlib import Path

import pyarrow as pa
import pytest

from sqlflow_dagster.engines.base import Engine
from tests.dagster.home import Home
from tests.dagster.iris import EXAMPLES, load_iris_tables

TABLES = ("iris.train", "iris.test", "iris.predict", "iris.evaluation", "iris.explanation")


def tables(engine: Engine) -> dict[str, pa.Table]:
    with engine.session() as session:
        return {
            name: session.read(f"SELECT * FROM {name} ORDER BY ALL").read_all() for name in TABLES
        }


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("no_torch/iris.sql", id="xgboost"),
        pytest.param("iris.sql", marks=pytest.mark.torch, id="with a network"),
    ],
)
def test_dagster_and_sqlflow_run_leave_equal_tables(tmp_path: Path, program: str) -> None:
    text = (EXAMPLES / program).read_text()
    found = []
    for way in ("dagster", "sqlflow"):
        home = Home.create(tmp_path / way, {"iris.sql": text})
        load_iris_tables(home.engine)
        if way == "dagster":
            done = home.execute("iris")
        else:
            done = home.run("sqlflow", "run", str(home.programs / "iris.sql"))
        assert done.returncode == 0, done.stdout
        found.append(tables(home.engine))
    by_dagster, by_command = found
    for name in TABLES:
        assert by_dagster[name].equals(by_command[name]), name
        assert by_dagster[name].num_rows > 0
