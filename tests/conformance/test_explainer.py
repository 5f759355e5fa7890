"""What every registered explainer must do: the suite runs once for each."""

import json
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.expressions import Name
from sqlflow_dagster.lang.statements import QualifiedName, Query, TrainStatement
from sqlflow_dagster.ml.explanation.base import (
    Explainer,
    ExplainRequest,
    Explanation,
    explainers,
    find_explainer,
)
from sqlflow_dagster.ml.explanation.plots import PlotSettings
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.training.train import train_model
from tests.conformance.conftest import EXPLAINERS

NAMES = [
    pytest.param(name, marks=[pytest.mark.torch] if name == "GradientExplainer" else [])
    for name in explainers.names()
]


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    rng = np.random.default_rng(0)
    amount = rng.normal(size=40)
    color = rng.choice(["red", "green"], 40)
    return pa.table(
        {
            "id": range(40),
            "amount": amount,
            "color": color,
            "y": np.where(amount + (color == "red") > 0, "high", "low"),
        }
    )


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    if found not in EXPLAINERS:
        pytest.fail(
            f"add an estimator for {found!r} to EXPLAINERS in tests/conformance/conftest.py"
        )
    return found


@pytest.fixture(scope="module")
def explainer(name: str) -> Explainer:
    return find_explainer(name)


@pytest.fixture(scope="module")
def train(rows: pa.Table) -> Callable[[str], Model]:
    def of(estimator: str) -> Model:
        statement = TrainStatement(
            query=Query(sql="SELECT * FROM t"),
            estimator=estimator,
            label=Name(name="y"),
            into=QualifiedName(parts=("m",)),
        )
        return train_model(statement=statement, training=rows.drop_columns(["id"]))

    return of


@pytest.fixture(scope="module")
def model(name: str, train: Callable[[str], Model]) -> Model:
    return train(EXPLAINERS[name])


@pytest.fixture(scope="module")
def explanation(model: Model, explainer: Explainer, rows: pa.Table) -> Explanation:
    return model.explain(rows if explainer.reads_rows else None, None, explainer)


def test_a_name_means_it_in_any_case(name: str, explainer: Explainer) -> None:
    assert find_explainer(name.upper()) is explainer


def test_it_gives_a_table_and_a_small_plot(explanation: Explanation) -> None:
    assert explanation.rows.num_rows
    assert explanation.png is not None
    assert explanation.png.startswith(b"\x89PNG\r\n")
    assert len(explanation.png) < 100_000
    assert json.loads(json.dumps(explanation.details, allow_nan=False))


def test_of_no_rows_there_is_the_same_table_without_rows(
    explanation: Explanation, model: Model, explainer: Explainer, rows: pa.Table
) -> None:
    if explainer.reads_rows:
        nothing = model.explain(rows.slice(0, 0), None, explainer)
        assert (nothing.rows.num_rows, nothing.png) == (0, None)
        assert nothing.rows.schema == explanation.rows.schema


def test_the_same_again_is_the_same_explanation(
    explanation: Explanation, model: Model, explainer: Explainer, rows: pa.Table
) -> None:
    given = rows if explainer.reads_rows else None
    loaded = Model.from_bundle(model.to_bundle())
    assert loaded.explain(given, None, explainer).rows.equals(explanation.rows)


def test_rows_are_the_first_ones_with_their_keys(
    model: Model, explainer: Explainer, rows: pa.Table
) -> None:
    if not explainer.reads_rows:
        assert model.explain(None, None, explainer).explained is None
        return
    request = ExplainRequest(limit=5, keys=["id"], plot=PlotSettings(plot_type="dot"))
    found = model.explain(rows, request, explainer)
    assert found.explained == 5
    assert found.rows.column("id").to_pylist() == list(range(5))
    with pytest.raises(TerminalError, match="'nr'"):
        model.explain(rows, ExplainRequest(keys=["nr"]), explainer)


@pytest.mark.parametrize("estimator", ["GaussianNB", "xgboost.XGBRFClassifier"])
def test_other_models_are_explained_or_refused(
    estimator: str, train: Callable[[str], Model], explainer: Explainer, rows: pa.Table
) -> None:
    model = train(estimator)
    refused = None
    try:
        found = model.explain(rows if explainer.reads_rows else None, None, explainer)
    except TerminalError as error:
        refused = error.message
    assert refused or found.rows.num_rows
