"""LightGBM behind TO TRAIN: names, parameters, tasks, weights, categories."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.base import trainers
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.training.train import train_model

Parse = Callable[[str], TrainStatement]
Tables = tuple[pa.Table, pa.Table]


def trained(
    parse: Parse,
    clause: str,
    rows: pa.Table,
    base: Model | None = None,
    validation: pa.Table | None = None,
) -> Model:
    statement = parse(f"TO TRAIN {clause} INTO m")
    return train_model(statement=statement, training=rows, base=base, validation=validation)


def metric(model: Model, rows: pa.Table, name: str) -> float:
    return model.evaluate(rows, metrics=[name]).values[name]


@pytest.mark.parametrize(
    "clause",
    [
        "LGBMClassifier WITH n_estimators=20, num_leaves=7",
        "lightgbm.gbdt WITH num_class=3, num_boost_round=20",
        "lightgbm.dart WITH objective=multiclassova, n_estimators=20",
        "lightgbm.goss WITH n_classes=3, n_estimators=20",
        "lightgbm.rf WITH num_class=3, n_estimators=20",
    ],
)
def test_iris_is_told(clause: str, parse: Parse, iris: Tables) -> None:
    model = trained(parse, f"{clause} LABEL class", iris[0])
    assert metric(model, iris[1], "accuracy_score") >= 0.95
    probabilities = model.probabilities(iris[1])
    assert probabilities is not None
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


@pytest.mark.parametrize("name", ["LGBMRegressor", "lightgbm.gbdt"])
def test_diabetes_is_told_better_than_by_its_mean(
    name: str, parse: Parse, diabetes: Tables
) -> None:
    model = trained(parse, f"{name} WITH n_estimators=40, num_leaves=5 LABEL target", diabetes[0])
    assert metric(model, diabetes[1], "r2_score") > 0.25


def test_categories_are_split_as_such(parse: Parse) -> None:
    color = np.array(["a", "b", "c", "d", "e", "f"] * 40, dtype=object)
    rows = pa.table({"color": color, "y": np.isin(color, ["b", "d", "f"]) * 1.0})
    options = "n_estimators=1, learning_rate=1.0, num_leaves=2, min_data_per_group=1, cat_smooth=0"
    model = trained(parse, f"LGBMRegressor WITH {options}, cat_l2=0 LABEL y", rows)
    np.testing.assert_allclose(model.predict(rows).to_numpy(), rows.column("y").to_numpy())


@pytest.mark.parametrize(
    ("clause", "message"),
    [
        ("LGBMRegressor WITH num_leafs=3", "LGBMRegressor has no attribute 'num_leafs'"),
        (
            "LGBMRegressor WITH num_leaves=1",
            r"LightGBM refuses: Check failed: \(num_leaves\) > \(1\)",
        ),
        ("LGBMRegressor WITH eta=0.1, learning_rate=0.2", "attribute learning_rate is given twice"),
        ("LGBMRegressor WITH objective=squared", "Unknown objective type name: squared"),
        ("LGBMRegressor WITH objective=binary", "LGBMRegressor does regression, but objective"),
        ("LGBMRegressor WITH num_class=3", "num_class is for classes"),
        ("LGBMRegressor WITH boosting=gbds", "boosting has no choice 'gbds'"),
        ("lightgbm.gbdt WITH boosting_type=dart", "write TO TRAIN lightgbm.dart"),
        ("LGBMRegressor WITH input_model=x", "LGBMRegressor has no attribute 'input_model'"),
        ("LGBMRegressor WITH forcedsplits_filename=x", "no attribute 'forcedsplits_filename'"),
        ("LGBMRanker", "ranks the rows of groups"),
    ],
)
def test_what_is_wrong_is_told(clause: str, message: str, parse: Parse) -> None:
    rows = pa.table({"x": [1.0, 2.0], "y": [1.0, 2.0]})
    with pytest.raises(TerminalError, match=message):
        trained(parse, f"{clause} LABEL y", rows)


def test_the_rows_of_a_group_are_ranked(parse: Parse) -> None:
    x = np.random.default_rng(0).normal(size=300)
    rows = pa.table(
        {"x": x, "query": np.repeat(np.arange(30), 10), "grade": np.digitize(x, [-0.5, 0.5])}
    )
    model = trained(
        parse, "LGBMRanker WITH n_estimators=10, train.group_column=query LABEL grade", rows
    )
    low, high = model.predict(pa.table({"x": [-2.0, 2.0]})).to_pylist()
    assert low < high


def test_rows_that_weigh_nothing_do_not_count(parse: Parse) -> None:
    x = [1.0, 2.0] * 40
    rows = pa.table({"x": x, "y": [0.0] * 40 + [9.0] * 40, "w": [1] * 40 + [0] * 40})
    model = trained(parse, "LGBMRegressor WITH train.weight_column=w LABEL y", rows)
    assert model.predict(pa.table({"x": [1.0]})).to_pylist() == pytest.approx([0.0], abs=1e-3)


def test_training_stops_early_and_keeps_the_best_round(parse: Parse, diabetes: Tables) -> None:
    clause = (
        "LGBMRegressor WITH n_estimators=300, learning_rate=0.3, early_stopping_rounds=5, "
        'validation.select="SELECT 1" LABEL target'
    )
    model = trained(parse, clause, diabetes[0], validation=diabetes[1])
    rounds = len(model.manifest.history["validate-l2"])
    assert rounds < 100
    again = Model.from_bundle(model.to_bundle())
    assert again.trained.booster.num_trees() == rounds - 5  # type: ignore[attr-defined]
    assert again.predict(diabetes[1]).equals(model.predict(diabetes[1]))


def test_going_on_from_a_model(parse: Parse, diabetes: Tables) -> None:
    clause = "LGBMRegressor WITH n_estimators=5 LABEL target"
    one = trained(parse, clause, diabetes[0])
    more = trained(parse, f"{clause} USING one", diabetes[0], base=one)
    assert metric(more, diabetes[0], "r2") > metric(one, diabetes[0], "r2")


def test_without_the_library(monkeypatch: pytest.MonkeyPatch, parse: Parse) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    rows: Any = pa.table({"x": [1.0], "y": [1.0]})
    with pytest.raises(TerminalError, match=r"LGBMRegressor needs LightGBM") as caught:
        trained(parse, "LGBMRegressor LABEL y", rows)
    assert caught.value.hint == "pip install 'sqlflow-dagster[lightgbm]'"


@pytest.mark.parametrize("file", [{"model.txt": b"tree\nversion=v4\n"}, {"training.json": b"[]"}])
def test_a_damaged_model_is_refused(file: dict[str, bytes], parse: Parse, iris: Tables) -> None:
    files = trained(
        parse, "LGBMClassifier WITH n_estimators=2 LABEL class", iris[0]
    ).trained.files()
    with pytest.raises(TerminalError, match="no LightGBM model"):
        trainers.get("LGBMClassifier").load(files | file)
