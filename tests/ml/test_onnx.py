"""Models as ONNX graphs, which answer as the models do."""

import json
import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.features.encode import encode
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.models.onnx_export import export_onnx
from sqlflow_dagster.ml.training.train import train_model
from tests.ml.conftest import Parse

NETWORK = "train.epoch=2, train.batch_size=64, model.hidden_units=[8,4]"
CLAUSES = {
    "trees of two classes": "TO TRAIN xgboost.gbtree WITH train.num_boost_round=5 LABEL bought INTO m",
    "trees of amounts": "TO TRAIN xgboost.gbtree WITH train.num_boost_round=5 LABEL price INTO m",
    "trees that drop out": "TO TRAIN xgboost.dart WITH train.num_boost_round=9, rate_drop=0.5 "
    "LABEL bought INTO m",
    "trees of a count": 'TO TRAIN xgboost.gbtree WITH objective="count:poisson", '
    "train.num_boost_round=5 LABEL price INTO m",
    "linear": "TO TRAIN xgboost.gblinear WITH train.num_boost_round=5 LABEL bought INTO m",
    "linear amounts": "TO TRAIN xgboost.gblinear WITH train.num_boost_round=5 LABEL price INTO m",
    "linear, three classes": "TO TRAIN xgboost.gblinear WITH train.num_boost_round=5 "
    "LABEL color INTO m",
    "trees of three classes": "TO TRAIN xgboost.gbtree WITH train.num_boost_round=5 "
    "LABEL color INTO m",
}
ESTIMATORS = {
    "forest": "TO TRAIN sklearn.RandomForestClassifier WITH n_estimators=5 LABEL bought INTO m",
    "logistic": "TO TRAIN sklearn.LogisticRegression LABEL color INTO m",
    "ridge": "TO TRAIN sklearn.Ridge LABEL price INTO m",
    "boosting": "TO TRAIN sklearn.GradientBoostingRegressor WITH n_estimators=5 LABEL price INTO m",
    "outliers": "TO TRAIN IsolationForest WITH n_estimators=5 INTO m",
    "vectors of amounts": "TO TRAIN SVR LABEL price INTO m",
    "leaves": "TO TRAIN LGBMClassifier WITH n_estimators=5 LABEL bought INTO m",
    "leaves of three classes": "TO TRAIN LGBMClassifier WITH n_estimators=5 LABEL color INTO m",
    "leaves of amounts": "TO TRAIN LGBMRegressor WITH n_estimators=5 LABEL price INTO m",
    "neighbours": "TO TRAIN sklearn.KNeighborsClassifier LABEL bought INTO m",
}
NETWORKS = {
    **{
        f"network with {name}": f"TO TRAIN DNNClassifier WITH {NETWORK}, "
        f'model.activation_fn="{name}", model.dropout=0.1, model.batch_norm=true '
        "LABEL bought INTO m"
        for name in ("relu", "tanh", "sigmoid", "elu", "gelu", "selu", "silu", "leaky_relu")
    },
    "network of three classes": f"TO TRAIN DNNClassifier WITH {NETWORK} LABEL color INTO m",
    "network of amounts": f"TO TRAIN DNNRegressor WITH {NETWORK} LABEL price INTO m",
}


def trained(clause: str, parse: Parse, people: pa.Table) -> Model:
    rows = people.filter(people["color"].is_valid())
    return train_model(statement=parse(clause), training=rows)


def check(model: Model, people: pa.Table) -> None:
    session = onnxruntime.InferenceSession(export_onnx(model))
    features = encode(people, model.manifest.features)
    (answers,) = session.run(None, {"features": features.matrix})
    wanted = model.trained.predict(features).reshape(len(people), -1)
    assert answers.shape == wanted.shape
    assert np.abs(answers - wanted).max() < 1e-5 * max(1.0, np.abs(wanted).max())


@pytest.mark.parametrize("clause", CLAUSES.values(), ids=CLAUSES)
def test_a_graph_answers_as_the_booster_does(clause: str, parse: Parse, people: pa.Table) -> None:
    # More rows than it was checked with, among them NULLs and a color that no one had seen.
    color = pa.array(["violet", None] * (len(people) // 2))
    model = trained(clause, parse, people)
    check(model, people)
    if model.manifest.label.column != "color":
        check(model, people.set_column(people.column_names.index("color"), "color", color))


@pytest.mark.parametrize("clause", ESTIMATORS.values(), ids=ESTIMATORS)
def test_a_graph_answers_as_the_estimator_does(clause: str, parse: Parse, people: pa.Table) -> None:
    check(trained(clause, parse, people), people)


@pytest.mark.parametrize(
    ("clause", "message"),
    [
        pytest.param(
            "sklearn.CategoricalNB COLUMN CATEGORY_ID(color)", "does not take the slots", id="codes"
        ),
        pytest.param("sklearn.LinearSVC", "trained without probabilities", id="no probabilities"),
        pytest.param("sklearn.SVC", "trained without probabilities", id="nor in this one"),
        pytest.param("sklearn.LabelSpreading", "skl2onnx has no conversion", id="no converter"),
        pytest.param("ScoreCard", "ScoreCard cannot be written as ONNX", id="no library"),
        pytest.param(
            "lightgbm.rf WITH bagging_freq=1, bagging_fraction=0.7, train.num_boost_round=5",
            "would answer differently",
            id="converter that is wrong",
        ),
    ],
)
def test_an_estimator_that_has_no_graph_is_told(
    clause: str, message: str, parse: Parse, people: pa.Table
) -> None:
    rows = people.select(["color", "bought"])
    model = train_model(statement=parse(f"TO TRAIN {clause} LABEL bought INTO m"), training=rows)
    with pytest.raises(TerminalError, match=message):
        export_onnx(model)


@pytest.mark.torch
@pytest.mark.parametrize("clause", NETWORKS.values(), ids=NETWORKS)
def test_a_graph_answers_as_the_network_does(clause: str, parse: Parse, people: pa.Table) -> None:
    check(trained(clause, parse, people), people)


def test_a_graph_says_what_it_is(parse: Parse, people: pa.Table) -> None:
    model = trained(CLAUSES["trees of two classes"], parse, people)
    graph = onnx.load_from_string(export_onnx(model))
    facts = {item.key: item.value for item in graph.metadata_props}
    assert json.loads(facts["sqlflow.classes"]) == ["no", "yes"]
    assert json.loads(facts["sqlflow.slots"])[:2] == ["color", "age"]
    assert json.loads(facts["sqlflow.feature_specification"]) == json.loads(
        json.dumps(model.manifest.features.to_json())
    )
    assert facts["sqlflow.estimator"] == "xgboost.gbtree"


def test_a_graph_that_would_answer_differently_is_not_written(
    parse: Parse, people: pa.Table
) -> None:
    clause = 'TO TRAIN xgboost.gbtree WITH objective="binary:hinge" LABEL bought INTO m'
    with pytest.raises(TerminalError, match="the graph would answer differently") as caught:
        export_onnx(trained(clause, parse, people))
    assert caught.value.hint == "export it without --onnx: the bundle holds the whole model"


@dataclass(frozen=True)
class Secretive:
    """A model of a library that writes no ONNX."""

    model: Any


def test_a_library_that_writes_no_onnx_is_told(parse: Parse, people: pa.Table) -> None:
    model = trained(CLAUSES["trees of two classes"], parse, people)
    secretive: Any = Secretive(model)
    with pytest.raises(TerminalError, match=r"xgboost\.gbtree cannot be written as ONNX"):
        export_onnx(replace(model, trained=secretive))


def test_without_the_libraries_the_error_says_what_to_install(
    parse: Parse, people: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = trained(CLAUSES["trees of two classes"], parse, people)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(TerminalError, match="writing ONNX needs a library") as caught:
        export_onnx(model)
    assert caught.value.hint == "pip install 'sqlflow-dagster[onnx]'"
