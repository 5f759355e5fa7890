"""Statements as users write them, and small data sets that ship with scikit-learn."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_diabetes, load_iris

from sqlflow_dagster.lang.clause_parser import parse_clause
from sqlflow_dagster.lang.statements import Query, TrainStatement
from sqlflow_dagster.source import Source

Parse = Callable[[str], TrainStatement]
IRIS = ("sepal_length", "sepal_width", "petal_length", "petal_width")


@pytest.fixture(scope="session")
def parse() -> Parse:
    def parse_train(clause: str) -> TrainStatement:
        source = Source(text=f"SELECT * FROM t {clause}")
        start = source.text.index(clause)
        query = Query(sql="SELECT * FROM t", span=source.span(0, start - 1))
        span = source.span(0, len(source.text))
        statement = parse_clause(source, start, len(source.text), query, span)
        assert isinstance(statement, TrainStatement)
        return statement

    return parse_train


@pytest.fixture(scope="session")
def iris() -> tuple[pa.Table, pa.Table]:
    """110 rows to train on and 40 to test on; ``class`` is 0, 1 or 2."""
    data = load_iris()
    order = np.random.default_rng(0).permutation(len(data.target))
    columns = {name: data.data[order, index] for index, name in enumerate(IRIS)}
    table = pa.table({**columns, "class": data.target[order]})
    return table.slice(0, 110), table.slice(110)


@pytest.fixture(scope="session")
def diabetes() -> tuple[pa.Table, pa.Table]:
    """342 rows to train on and 100 to test on; ``target`` is a double."""
    data = load_diabetes()
    order = np.random.default_rng(0).permutation(len(data.target))
    columns = {name: data.data[order, i] for i, name in enumerate(data.feature_names)}
    table = pa.table({**columns, "target": data.target[order]})
    return table.slice(0, 342), table.slice(342)


@pytest.fixture(scope="session")
def people() -> pa.Table:
    """Every kind of column, with NULLs; ``bought`` follows from ``color`` and ``age``."""
    rng = np.random.default_rng(0)
    size = 200
    color = rng.choice(["red", "green", "blue"], size)
    age = rng.integers(18, 80, size)
    born = np.datetime64("2020-01-01") + rng.integers(0, 365, size)
    return pa.table(
        {
            "color": pa.array([None if i % 20 == 0 else c for i, c in enumerate(color)]),
            "age": pa.array([None if i % 25 == 1 else int(a) for i, a in enumerate(age)]),
            "member": pa.array(rng.random(size) < 0.5),
            "born": pa.array(born.astype("datetime64[D]")),
            "price": pa.array([f"{x:.2f}" for x in rng.random(size)]).cast(pa.decimal128(10, 2)),
            "bought": np.where((color == "red") | (age > 60), "yes", "no"),
        }
    )
