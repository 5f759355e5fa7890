"""The tables that the iris programs read."""

from pathlib import Path

import pyarrow as pa
from sklearn.datasets import load_iris

from sqlflow_dagster.engines.base import Engine

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FEATURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")


def load_iris_tables(engine: Engine) -> None:
    """Write iris.raw and iris.species into a data source."""
    flowers = load_iris()
    names = [str(name) for name in flowers.target_names]
    raw = pa.table(
        {
            "id": range(len(flowers.data)),
            **dict(zip(FEATURES, flowers.data.T, strict=True)),
            "species": [names[kind] for kind in flowers.target],
        }
    )
    species = pa.table({"name": names, "class": range(len(names))})
    with engine.session() as session:
        session.create_schema("iris")
        session.replace_table(("iris", "raw"), raw.to_reader())
        session.replace_table(("iris", "species"), species.to_reader())
