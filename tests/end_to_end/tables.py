"""The tables that the iris program leaves."""

import pyarrow as pa

from sqlflow_dagster.engines.base import Engine

TABLES = ("iris.train", "iris.test", "iris.predict", "iris.evaluation", "iris.explanation")


def iris_tables(engine: Engine) -> dict[str, pa.Table]:
    """The tables by name, their rows sorted; none of them is empty."""
    with engine.session() as session:
        found = {
            name: session.read(f"SELECT * FROM {name} ORDER BY ALL").read_all() for name in TABLES
        }
    assert all(table.num_rows for table in found.values())
    return found
