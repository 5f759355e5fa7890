"""Models of the user's own: trained, stored and used where the allow-list has their class."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import numpy as np
import pyarrow as pa
import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.models.verification import verify
from sqlflow_dagster.ml.tasks import Task
from sqlflow_dagster.ml.training.train import train_model
from sqlflow_dagster.own_classes import allowing

MODELS = """
import json
from sklearn.base import BaseEstimator, ClassifierMixin

class Threshold(ClassifierMixin, BaseEstimator):
    def __init__(self, quantile=0.5):
        self.quantile = quantile

    def fit(self, X, y):
        import numpy as np
        self.classes_ = np.unique(y)
        self.cut_ = float(np.quantile(X[:, 0], self.quantile))
        return self

    def predict(self, X):
        return self.classes_[(X[:, 0] > self.cut_).astype(int)]

class Mean:
    '''Knows nothing of scikit-learn.'''
    def __init__(self, plus=0):
        self.plus = plus

    def fit(self, X, y):
        self.mean = float(y.mean())

    def predict(self, X):
        return [self.mean + self.plus] * len(X)

    def to_bytes(self):
        return json.dumps([self.plus, self.mean]).encode()

    @classmethod
    def from_bytes(cls, data):
        made = cls()
        made.plus, made.mean = json.loads(data)
        return made

class Useless:
    pass
"""
NETWORKS = """
import torch
from torch import nn

class Rings(nn.Module):
    def __init__(self, n_features, n_classes, width=16, lengths=(1, 1)):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features, width), nn.ReLU(), nn.Linear(width, n_classes)
        )
        self.register_buffer("scale", torch.tensor(lengths, dtype=torch.float32))

    def forward(self, x):
        return self.layers(x * self.scale)

class Line(nn.Module):
    task = "regression"

    def __init__(self, in_features):
        super().__init__()
        self.layer = nn.Linear(in_features, 1)

    def forward(self, x):
        return self.layer(x).reshape(-1)

class Wrong(Line):
    def forward(self, x):
        return self.layer(x)[:1]

class Demanding(Line):
    def __init__(self, in_features, depth):
        super().__init__(in_features)
        raise ValueError(f"no depth {depth}")
"""
ROWS = pa.table({"x": [1.0, 2.0, 3.0, 4.0], "y": ["a", "a", "b", "b"], "z": [1.0, 2.0, 3.0, 6.0]})


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "own_models_of_a_test.py").write_text(dedent(MODELS))
    (tmp_path / "own_networks_of_a_test.py").write_text(NETWORKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    yield
    sys.modules.pop("own_models_of_a_test", None)
    sys.modules.pop("own_networks_of_a_test", None)


def trained(parse: Callable[[str], TrainStatement], clause: str, *columns: str) -> Model:
    statement = parse(f"TO TRAIN own_models_of_a_test.{clause} INTO m")
    return train_model(statement=statement, training=ROWS.select(columns))


def test_an_estimator_of_scikit_learns_kind(parse: Callable[[str], TrainStatement]) -> None:
    with allowing(["own_models_of_a_test.*"]):
        model = trained(parse, "Threshold WITH quantile=0.5 LABEL y", "x", "y")
        bundle = model.to_bundle()
        assert Model.from_bundle(bundle).predict(ROWS).to_pylist() == ["a", "a", "b", "b"]
        verify(bundle)
    with pytest.raises(TerminalError, match="unknown estimator 'own_models_of_a_te"):
        Model.from_bundle(bundle)


def test_a_class_that_stores_itself(parse: Callable[[str], TrainStatement]) -> None:
    with allowing(["own_models_of_a_test.Mean"]):
        model = trained(parse, "Mean WITH plus=1 LABEL z", "x", "z")
        assert model.manifest.task is Task.REGRESSION
        assert model.trained.files()["model.skops"] == b"[1, 3.0]"
        again = Model.from_bundle(model.to_bundle())
    np.testing.assert_allclose(again.predict(ROWS).to_numpy(), 4.0)


@pytest.mark.parametrize(
    ("clause", "message"),
    [
        ("Useless LABEL y", "is no model that can be trained"),
        ("Meen LABEL y", "own_models_of_a_test.Meen cannot be loaded"),
        ("Mean WITH minus=1 LABEL z", "no attribute 'minus'"),
        ("Mean LABEL y", "predicts numbers here, but label 'y' is text"),
    ],
)
def test_what_is_wrong_is_told(
    clause: str, message: str, parse: Callable[[str], TrainStatement]
) -> None:
    with allowing(["own_models_of_a_test.*"]), pytest.raises(TerminalError, match=message):
        trained(parse, clause, "x", "y", "z")


def rings() -> pa.Table:
    points = np.random.default_rng(0).normal(size=(300, 2))
    inside = np.hypot(*points.T) < 1
    return pa.table({"x": points[:, 0], "y": points[:, 1], "in": np.where(inside, "in", "out")})


@pytest.mark.torch
def test_a_network_of_ones_own(parse: Callable[[str], TrainStatement]) -> None:
    clause = """TO TRAIN own_networks_of_a_test.Rings WITH width=24, model.lengths=[1, 2],
    train.epoch=30, optimizer.learning_rate=0.02 LABEL in INTO m"""
    rows = rings()
    with allowing(["own_networks_of_a_test.*"]):
        model = train_model(statement=parse(clause), training=rows)
        assert model.evaluate(rows, metrics=["accuracy"]).values["accuracy"] > 0.9
        bundle = model.to_bundle()
        again = Model.from_bundle(bundle)
        assert again.predict(rows).equals(model.predict(rows))
        assert {
            row["feature"] for row in again.explain(rows).details["mean absolute contribution"]
        } == {"x", "y"}
        on = train_model(
            statement=parse(clause.replace("INTO", "USING m INTO")), training=rows, base=again
        )
        assert on.manifest.history["train-loss"][0] < model.manifest.history["train-loss"][0]
        verify(bundle)
    with pytest.raises(TerminalError, match="unknown estimator 'own_networks_of_a_t"):
        Model.from_bundle(bundle)


@pytest.mark.torch
def test_a_network_of_ones_own_that_predicts_amounts(
    parse: Callable[[str], TrainStatement],
) -> None:
    rows = pa.table({"x": range(50), "z": [3.0 * x + 1 for x in range(50)]})
    clause = (
        "TO TRAIN own_networks_of_a_test.Line WITH epoch=60, optimizer.learning_rate=0.05 LABEL z"
    )
    with allowing(["own_networks_of_a_test.Line"]):
        model = train_model(statement=parse(f"{clause} INTO m"), training=rows)
    assert model.manifest.task is Task.REGRESSION
    np.testing.assert_allclose(model.predict(rows).to_numpy(), rows["z"].to_numpy(), atol=2.0)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("clause", "message"),
    [
        (
            "Wrong",
            "returned a tensor of shape .1, 1. for 4 rows, but a tensor of shape .4, 1. is w",
        ),
        ("Demanding", "wants model.depth, which the statement does not give"),
        ("Demanding WITH depth=3", "refuses its arguments: no depth 3"),
        ("Line WITH width=3", "has no attribute 'width'"),
    ],
)
def test_what_is_wrong_with_a_network_is_told(
    clause: str, message: str, parse: Callable[[str], TrainStatement]
) -> None:
    statement = parse(f"TO TRAIN own_networks_of_a_test.{clause} LABEL z INTO m")
    with allowing(["own_networks_of_a_test.*"]), pytest.raises(TerminalError, match=message):
        train_model(statement=statement, training=ROWS.select(["x", "z"]))
