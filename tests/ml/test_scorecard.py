"""Score cards."""

import json
import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.training.train import train_model

Parse: TypeAlias = Callable[[str], TrainStatement]


def train(parse: Parse, rows: pa.Table, label: str, attributes: str = "") -> Model:
    return train_model(
        statement=parse(f"TO TRAIN ScoreCard {attributes} LABEL {label} INTO m"), training=rows
    )


def test_breast_cancer_is_told_from_held_out_rows(parse: Parse) -> None:
    data = load_breast_cancer()
    order = np.random.default_rng(0).permutation(len(data.target))
    columns = {f"c{place}": data.data[order, place] for place in range(10)}
    rows = pa.table({**columns, "benign": data.target[order]})
    model = train(parse, rows.slice(0, 400), "benign")
    answers = model.answers(rows.slice(400))
    assert roc_auc_score(rows["benign"].to_numpy()[400:], answers[:, 1]) > 0.98


def test_the_points_of_the_bins_add_up_to_the_score(parse: Parse, people: pa.Table) -> None:
    model = train(parse, people, "bought", "WITH pf_bin_size=3, base_points=500, pdo=40")
    card = [item for item in model.manifest.parameters["card"] if item["column"] == "age"]
    assert [item["bin"] for item in card][-1] == "NULL"
    assert len(card) == 4
    row = people.select(["color", "age", "member", "born", "price"]).slice(3, 1)
    points = [
        next(item["points"] for item in card if _is_in(age, item["bin"]))
        for age in people["age"].to_pylist()
    ]
    explained = model.explain(people).rows["age"].to_numpy() * 40 / math.log(2)
    np.testing.assert_allclose(np.diff(explained), np.diff(points), atol=1e-9)
    one = model.explain(row).rows
    odds = np.log(model.answers(row)[0, 1] / model.answers(row)[0, 0])
    total = sum(one[name][0].as_py() for name in (*row.column_names, "base_value"))
    assert total == pytest.approx(odds)


def _is_in(value: float | None, label: str) -> bool:
    if value is None or label == "NULL":
        return value is None and label == "NULL"
    if label.startswith("<"):
        return value < float(label[2:])
    if label.startswith(">="):
        return value >= float(label[3:])
    low, high = map(float, label.strip("[)").split(","))
    return low <= value < high


def test_what_training_did_not_see_is_no_evidence(parse: Parse, people: pa.Table) -> None:
    rows = people.select(["color", "bought"]).filter(people["color"].is_valid())
    model = train(parse, rows, "bought")
    answers = model.answers(pa.table({"color": ["violet", None]}))
    np.testing.assert_allclose(answers[0], answers[1])
    assert model.answers(pa.table({"color": ["red"]}))[0, 1] > answers[0, 1]


def test_it_is_stored_as_plain_json(parse: Parse, people: pa.Table) -> None:
    model = train(parse, people, "bought")
    [(name, data)] = model.trained.files().items()
    assert name == "scorecard.json"
    assert json.loads(data)["parameters"]["pf_bin_size"] == 5


def test_three_classes_are_refused(parse: Parse, iris: tuple[pa.Table, pa.Table]) -> None:
    with pytest.raises(TerminalError, match="tells two classes apart, but label 'class' has 3"):
        train(parse, iris[0], "class")
