"""What drives predictions."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.model import Model
from sqlflow_dagster.ml.training import train_model

Parse: TypeAlias = Callable[[str], TrainStatement]
Tables: TypeAlias = tuple[pa.Table, pa.Table]
PNG = b"\x89PNG\r\n"
estimators = pytest.mark.parametrize(
    "estimator",
    [
        pytest.param("xgboost.gbtree", id="gbtree"),
        pytest.param("xgboost.dart", id="dart"),
        pytest.param("xgboost.gblinear", id="gblinear"),
        pytest.param("DNN", marks=pytest.mark.torch, id="torch"),
    ],
)


def train(parse: Parse, estimator: str, rows: pa.Table, label: str, *, classes: int = 0) -> Model:
    if estimator == "DNN":
        estimator = "DNNClassifier" if classes else "DNNRegressor"
    elif classes:
        estimator += f" WITH num_class={classes}"
    return train_model(statement=parse(f"TO TRAIN {estimator} LABEL {label} INTO m"), training=rows)


def totals(rows: pa.Table, names: list[str]) -> np.ndarray:
    columns = np.stack([rows.column(name).to_numpy() for name in [*names, "base_value"]])
    return np.asarray(columns.sum(axis=0))


@estimators
def test_contributions_add_up_to_a_regression(
    estimator: str, parse: Parse, diabetes: Tables
) -> None:
    training, test = diabetes
    model = train(parse, estimator, training, "target")
    found = model.explain(test)
    names = training.column_names[:-1]
    assert found.rows.column_names == [*names, "base_value"]
    predicted = model.predict(test).to_numpy()
    np.testing.assert_allclose(totals(found.rows, names), predicted, rtol=1e-3, atol=1e-2)


@estimators
def test_contributions_add_up_to_the_log_odds_of_two_classes(
    estimator: str, parse: Parse, people: pa.Table
) -> None:
    model = train(parse, estimator, people, "bought", classes=2)
    found = model.explain(people)
    names = people.column_names[:-1]
    assert found.rows.column_names == [*names, "base_value"]
    probabilities = model.probabilities(people)
    assert probabilities is not None
    expected = np.log(probabilities[:, 1] / probabilities[:, 0])
    np.testing.assert_allclose(totals(found.rows, names), expected, rtol=1e-3, atol=1e-3)
    assert set(found.summary.column("feature").to_pylist()[:2]) == {"color", "age"}


@estimators
def test_of_many_classes_the_predicted_one_is_explained(
    estimator: str, parse: Parse, iris: Tables
) -> None:
    training, test = iris
    model = train(parse, estimator, training, "class", classes=3)
    found = model.explain(test)
    assert found.rows.column_names[-2:] == ["base_value", "explained_class"]
    assert found.rows.column("explained_class").combine_chunks().equals(model.predict(test))
    assert found.rows.num_rows == 40
    best = found.summary.column("feature").to_pylist()[0]
    assert best.startswith("petal") or estimator == "DNN"


def test_the_summary_is_sorted_by_size(parse: Parse, diabetes: Tables) -> None:
    found = train(parse, "xgboost.gbtree", diabetes[0], "target").explain(diabetes[1])
    sizes = found.summary.column("mean_abs_contribution").to_pylist()
    assert sizes == sorted(sizes, reverse=True)
    name = found.summary.column("feature")[0].as_py()
    assert sizes[0] == pytest.approx(np.abs(found.rows.column(name).to_numpy()).mean())


@pytest.fixture(scope="module")
def model(parse: Parse, people: pa.Table) -> Model:
    return train(parse, "xgboost.gbtree", people, "bought")


@pytest.mark.parametrize("plot_type", ["bar", "dot", "violin", "BAR"])
def test_plots_are_small_pictures(plot_type: str, model: Model, people: pa.Table) -> None:
    many = pa.concat_tables([people] * 20)
    for rows in (many, people.slice(0, 1)):
        png = model.explain(rows, plot_type=plot_type, max_display=3).png
        assert png.startswith(PNG)
        assert 2_000 < len(png) < 100_000


@pytest.mark.parametrize(
    ("plot_type", "max_display", "size", "message"),
    [
        pytest.param("bars", 20, 10, "unknown plot type 'bars'", id="plot type"),
        pytest.param("bar", 0, 10, "one column or more, not 0", id="no column"),
        pytest.param("bar", 20, 0, "the SELECT gives none", id="no rows"),
    ],
)
def test_an_explanation_that_cannot_be_is_refused(
    plot_type: str, max_display: int, size: int, message: str, *, model: Model, people: pa.Table
) -> None:
    with pytest.raises(TerminalError, match=message):
        model.explain(people.slice(0, size), plot_type=plot_type, max_display=max_display)


def test_a_column_named_as_a_result_keeps_its_name(parse: Parse) -> None:
    rows = pa.table({"base_value": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0]})
    model = train(parse, "xgboost.gbtree", rows, "y")
    assert model.explain(rows).rows.column_names == ["base_value", "base_value_"]
