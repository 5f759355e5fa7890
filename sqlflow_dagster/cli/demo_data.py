"""``sqlflow demo-data``: tables to try the examples on."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from sqlflow_dagster.cli.options import datasource_option, required

if TYPE_CHECKING:
    import pyarrow as pa

_HOUSES = 1000
_SEED = 20260101
_LISTED_COLUMNS = 8


@click.command("demo-data", short_help="Load the tables that the examples read.")
@datasource_option
def demo_data(datasource: str | None) -> None:
    """Load the tables that the examples read, in place of what has their names.

    iris, diabetes, breast_cancer and wine are the data sets that come with scikit-learn. housing is made
    up: random houses, always the same, whose price follows a formula with noise.
    """
    from sqlflow_dagster.cli.output import print_table
    from sqlflow_dagster.cli.tables import TextTable
    from sqlflow_dagster.engines.base import open_engine

    engine = open_engine(required(datasource))
    loaded = []
    with engine.session() as session:
        for name, rows in demo_tables():
            session.create_schema(name[0])
            count = session.replace_table(name, rows.to_reader())
            loaded.append((".".join(name), str(count), _listed(rows.column_names)))
    header = ("table", "rows", "columns")
    print_table(TextTable(header=header, rows=tuple(loaded), right=frozenset({1})))


def _listed(names: Sequence[str]) -> str:
    """Names of columns; of many, the first and the last."""
    if len(names) <= _LISTED_COLUMNS:
        return ", ".join(names)
    return f"{', '.join(names[:3])}, … {len(names) - 4} more …, {names[-1]}"


def demo_tables() -> "Iterator[tuple[tuple[str, str], pa.Table]]":
    """The names of the demo tables and their rows."""
    import pyarrow as pa
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

    iris = load_iris()
    species = [str(name) for name in iris.target_names]
    names = [name.removesuffix(" (cm)") for name in iris.feature_names]
    yield (
        ("iris", "raw"),
        _numbered(names, iris.data).append_column(
            "species", pa.array([species[place] for place in iris.target])
        ),
    )
    yield (
        ("iris", "species"),
        pa.table({"name": species, "class": pa.array(range(len(species)), pa.int64())}),
    )
    diabetes = load_diabetes(scaled=False)
    yield ("diabetes", "raw"), _with_target(diabetes, "progression")
    yield ("breast_cancer", "raw"), _with_target(load_breast_cancer(), "benign")
    yield ("wine", "raw"), _with_target(load_wine(), "class")
    yield ("housing", "raw"), houses()


def _numbered(names: Sequence[str], columns: Any) -> "pa.Table":
    """A table with the column ``id`` from 1 and these columns, their names made fit for SQL."""
    import pyarrow as pa

    table = {"id": pa.array(range(1, len(columns) + 1), pa.int64())}
    for place, name in enumerate(names):
        table[name.replace(" ", "_").replace("/", "_")] = pa.array(columns[:, place], pa.float64())
    return pa.table(table)


def _with_target(data: Any, target: str) -> "pa.Table":
    """A data set of scikit-learn as one table."""
    import pyarrow as pa

    whole = data.target.dtype.kind == "i"
    return _numbered(data.feature_names, data.data).append_column(
        target, pa.array(data.target, pa.int64() if whole else pa.float64())
    )


def houses() -> "pa.Table":
    """A thousand houses that do not exist, the same on every call.

    The price, in thousands, is 60 + 2.4 for a square metre of ``area`` + 9 for one of ``rooms`` - 0.7 for a
    year of ``age`` - 3.5 for a kilometre of ``distance`` to the centre + what the ``district`` is worth, and
    noise with a standard deviation of 15.
    """
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng(_SEED)
    area = random.uniform(35, 220, _HOUSES).round(1)
    rooms = np.clip((area / 28 + random.normal(0, 0.8, _HOUSES)).round(), 1, 9).astype("int64")
    age = random.integers(0, 110, _HOUSES)
    distance = random.gamma(2.0, 4.0, _HOUSES).round(2)
    worth = {"harbour": 45.0, "hill": 25.0, "old town": 60.0, "station": -20.0, "suburb": 0.0}
    district = random.choice(list(worth), _HOUSES)
    price = (
        60
        + 2.4 * area
        + 9 * rooms
        - 0.7 * age
        - 3.5 * distance
        + np.array([worth[str(name)] for name in district])
        + random.normal(0, 15, _HOUSES)
    )
    return pa.table(
        {
            "id": pa.array(range(1, _HOUSES + 1), pa.int64()),
            "area": area,
            "rooms": rooms,
            "age": age,
            "distance": distance,
            "district": [str(name) for name in district],
            "price": price.round(1),
        }
    )
