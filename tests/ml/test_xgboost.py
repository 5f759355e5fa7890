"""XGBoost behind TO TRAIN: its classes by name, tasks, weights, groups, rows in a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_breast_cancer

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.base import trainers
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.tasks import Task
from sqlflow_dagster.ml.training import datasets
from sqlflow_dagster.ml.training.spool import spooled
from sqlflow_dagster.ml.training.train import train_model

Parse = Callable[[str], TrainStatement]
Tables = tuple[pa.Table, pa.Table]


def trained(parse: Parse, clause: str, rows: pa.Table, base: Model | None = None) -> Model:
    return train_model(statement=parse(f"TO TRAIN {clause} INTO m"), training=rows, base=base)


def metric(model: Model, rows: pa.Table, name: str) -> float:
    return model.evaluate(rows, metrics=[name]).values[name]


@pytest.fixture(scope="module")
def cancer() -> Tables:
    data = load_breast_cancer()
    order = np.random.default_rng(0).permutation(len(data.target))
    columns = {name: data.data[order, i] for i, name in enumerate(data.feature_names)}
    table = pa.table({**columns, "benign": data.target[order]})
    return table.slice(0, 400), table.slice(400)


@pytest.mark.parametrize(
    "clause",
    [
        "XGBClassifier WITH n_estimators=50, max_depth=3, learning_rate=0.2",
        "xgboost.xgbclassifier WITH n_estimators=50, max_depth=3, learning_rate=0.2, booster=dart",
        'xgboost.gbtree WITH objective="binary:logistic", max_depth=3, eta=0.2, train.num_boost_round=50',
        "BoostedTreesClassifier WITH n_trees=50, max_depth=3, learning_rate=0.2",
    ],
)
def test_breast_cancer_is_told(clause: str, parse: Parse, cancer: Tables) -> None:
    model = trained(parse, f"{clause} LABEL benign", cancer[0])
    assert model.manifest.task is Task.CLASSIFICATION
    assert metric(model, cancer[1], "roc_auc_score") >= 0.99


@pytest.mark.parametrize("name", ["XGBClassifier", "XGBRFClassifier", "BoostedTreesClassifier"])
def test_iris_is_told(name: str, parse: Parse, iris: Tables) -> None:
    model = trained(parse, f"{name} LABEL class", iris[0])
    assert metric(model, iris[1], "accuracy_score") >= 0.95


@pytest.mark.parametrize(
    "clause",
    [
        "XGBRegressor WITH n_estimators=50, max_depth=2, learning_rate=0.1",
        "XGBRFRegressor WITH max_depth=4",
        "BoostedTreesRegressor WITH n_trees=50, max_depth=2, l2_regularization=1.0",
    ],
)
def test_diabetes_is_told_better_than_by_its_mean(
    clause: str, parse: Parse, diabetes: Tables
) -> None:
    assert metric(trained(parse, f"{clause} LABEL target", diabetes[0]), diabetes[1], "r2") > 0.25


@pytest.mark.parametrize(
    ("clause", "parameters"),
    [
        ("XGBRegressor", {"objective": "reg:squarederror", "num_boost_round": 100}),
        ("XGBRegressor WITH n_estimators=3", {"num_boost_round": 3}),
        (
            "XGBRFRegressor WITH n_estimators=7, eta=0.5",
            {"num_parallel_tree": 7, "num_boost_round": 1, "subsample": 0.8, "eta": 0.5},
        ),
        (
            "BoostedTreesRegressor WITH n_trees=2, tree_complexity=1.0, center_bias=true, "
            "quantile_sketch_epsilon=0.02, train.batch_size=8",
            {"num_boost_round": 2, "gamma": 1.0, "max_bin": 50, "learning_rate": 0.1},
        ),
    ],
)
def test_parameters_in_force(clause: str, parameters: dict[str, Any], parse: Parse) -> None:
    rows = pa.table({"x": [1.0, 2.0, 3.0, 4.0], "y": [1.0, 2.0, 3.0, 4.0]})
    found = trained(parse, f"{clause} LABEL y", rows).manifest.parameters
    assert {name: found.get(name) for name in parameters} == parameters
    if "eta" in parameters:
        assert "learning_rate" not in found


@pytest.mark.parametrize(
    ("clause", "message"),
    [
        ("XGBClassifier WITH objective=reg:squarederror", "XGBClassifier does classification, but"),
        ("XGBRanker", "ranks the rows of groups, but nothing says which rows are one"),
        ("XGBRegressor WITH booster=tree", "booster has no choice 'tree'"),
        ("XGBRegressor WITH max_dept=3", "XGBRegressor has no attribute 'max_dept'"),
        ("XGBRegressor WITH missing=none", "missing wants a number"),
        ("BoostedTreesRegressor WITH n_tree=3", "has no attribute 'n_tree'"),
        ("BoostedTreesRegressor WITH pruning_mode=pre", "nothing for pruning_mode"),
        ("BoostedTreesRegressor WITH quantile_sketch_epsilon=2", "wants a number up to 0.5"),
        ("BoostedTreesRegressor WITH center_bias=false", "starts from the mean"),
    ],
)
def test_what_is_wrong_is_told(clause: str, message: str, parse: Parse) -> None:
    rows = pa.table({"x": [1.0, 2.0], "y": [1.0, 2.0]})
    with pytest.raises(TerminalError, match=message):
        trained(parse, f"{clause} LABEL y", rows)


def test_a_misspelt_class_is_unknown() -> None:
    assert "xgboost.XGBClasifier" not in trainers
    assert "did you mean 'xgboost.XGBClassifier'" in trainers.hint("xgboost.XGBClasifier")


def test_the_rows_of_a_group_are_ranked(parse: Parse) -> None:
    rng = np.random.default_rng(0)
    x, query = rng.normal(size=300), np.repeat(np.arange(30), 10)
    rows = pa.table({"x": x, "query": query, "grade": np.digitize(x, [-0.5, 0.5])})
    clause = 'XGBRanker WITH n_estimators=10, train.group_column="query" LABEL grade'
    model = trained(parse, clause, rows)
    assert model.manifest.features.columns == ("x",)
    low, high = model.predict(pa.table({"x": [-2.0, 2.0]})).to_pylist()
    assert low < high
    mixed = rows.take(pa.array(rng.permutation(300)))
    with pytest.raises(TerminalError, match="must be neighbours"):
        trained(parse, clause, mixed)


def test_several_classes_a_row(parse: Parse) -> None:
    x = np.linspace(-1, 1, 100)
    tags = [["low"] if a < -0.3 else ["low", "high"] if a < 0.3 else ["high"] for a in x]
    model = trained(parse, "XGBClassifier LABEL tags", pa.table({"x": x, "tags": tags}))
    found = model.predict(pa.table({"x": [-1.0, 0.0, 1.0]})).to_pylist()
    assert [set(item) for item in found] == [{"low"}, {"low", "high"}, {"high"}]
    assert Model.from_bundle(model.to_bundle()).predict(pa.table({"x": [0.0]})).to_pylist()


@pytest.mark.parametrize("strategy", ["one_output_per_tree", "multi_output_tree"])
def test_amounts_that_are_vectors(strategy: str, parse: Parse) -> None:
    x = np.linspace(0, 1, 100)
    rows = pa.table({"x": x, "pair": [[a, 1 - a] for a in x]})
    model = trained(parse, f"XGBRegressor WITH multi_strategy={strategy} LABEL pair", rows)
    assert model.predict(pa.table({"x": [0.25]})).to_pylist()[0] == pytest.approx(
        [0.25, 0.75], abs=0.05
    )


def test_times_that_were_not_reached(parse: Parse) -> None:
    x = np.linspace(0, 1, 100)
    rows = pa.table({"x": x, "time": np.where(np.arange(100) % 5 == 0, -1.0, 1.0) * (2 - x)})
    model = trained(parse, "xgboost.gbtree WITH objective=survival:cox LABEL time", rows)
    early, late = model.predict(pa.table({"x": [0.9, 0.1]})).to_pylist()
    assert early > late > 0


def test_rows_that_weigh_nothing_do_not_count(parse: Parse) -> None:
    rows = pa.table({"x": [1.0] * 20, "y": [0.0] * 10 + [9.0] * 10, "w": [1] * 10 + [0] * 10})
    model = trained(parse, "XGBRegressor WITH train.weight_column=w LABEL y", rows)
    assert model.predict(pa.table({"x": [1.0]})).to_pylist() == pytest.approx([0.0], abs=1e-3)


def test_a_number_that_means_missing(parse: Parse) -> None:
    rows = pa.table({"x": [None, None, 1.0, 2.0] * 10, "y": [5.0, 5.0, 1.0, 2.0] * 10})
    odd = pa.table({"x": [-999.0, -999.0, 1.0, 2.0] * 10, "y": rows.column("y")})
    one = trained(parse, "XGBRegressor LABEL y", rows)
    other = trained(parse, "XGBRegressor WITH missing=-999 LABEL y", odd)
    assert other.predict(odd).equals(one.predict(rows))
    assert Model.from_bundle(other.to_bundle()).predict(odd).equals(one.predict(rows))


def test_rows_in_a_file_give_a_model_as_good(
    parse: Parse, people: pa.Table, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(datasets, "BATCH_ROWS", 64)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    statement = parse(
        "TO TRAIN XGBClassifier WITH n_estimators=20, train.external_memory=true LABEL bought INTO m"
    )
    with spooled(people.to_reader(max_chunksize=50)) as rows:
        model = train_model(statement=statement, training=rows)
    assert metric(model, people, "accuracy_score") > 0.98
    in_memory = trained(parse, "XGBClassifier WITH n_estimators=20 LABEL bought", people)
    assert model.predict(people).equals(in_memory.predict(people))
    assert list(tmp_path.iterdir()) == []
