"""Judging models on rows of any kind."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.training.train import train_model

Parse = Callable[[str], TrainStatement]


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    rng = np.random.default_rng(0)
    x = np.sort(rng.normal(size=60))
    x[-3:] += 20
    return pa.table(
        {
            "x": x,
            "amount": 2 * x,
            "kind": pa.array([None if i % 10 == 0 else "ab"[i > 30] for i in range(60)]),
            "query": np.arange(60) // 6,
            "rank": np.arange(60) % 3,
            "odd": x > 10,
            "sign": np.where(x > 10, -1, 1),
        }
    )


@pytest.fixture(scope="module")
def outliers(rows: pa.Table, parse: Parse) -> Model:
    statement = parse("TO TRAIN IsolationForest WITH contamination=0.05 INTO m")
    return train_model(statement=statement, training=rows.select(["x"]))


def test_rows_without_a_label_are_skipped_and_counted(rows: pa.Table, parse: Parse) -> None:
    known = rows.filter(rows.column("kind").is_valid()).select(["x", "kind"])
    model = train_model(
        statement=parse("TO TRAIN xgboost.gbtree LABEL kind INTO m"), training=known
    )
    found = model.evaluate(rows)
    assert (found.rows, found.skipped) == (54, 6)
    assert found.values == model.evaluate(known).values
    nothing = rows.set_column(2, "kind", pa.array([None] * 60, pa.string()))
    for rows_without, skipped in ((nothing, 60), (rows.slice(0, 0), 0)):
        empty = model.evaluate(rows_without, metrics=["f1_score", "AUC"])
        assert (empty.rows, empty.skipped) == (0, skipped)
        assert list(empty.values) == ["loss", "f1_score", "AUC"]
        assert np.isnan(list(empty.values.values())).all()
    with pytest.raises(TerminalError, match="unknown metric 'f2'"):
        model.evaluate(nothing, metrics=["f2"])


CLASSES = [
    pytest.param("n", [1, 2, 1, 2, 1, 2], [1, 2, 1, 3, 2, 7], id="numbers"),
    pytest.param("n", [1, 2, 1, 2, 1, 2], [1.0, 2.0, 1.0, 2.5, 2.0, 7.0], id="fractions"),
    pytest.param("t", ["a", "b"] * 3, ["a", "b", "a", "c", "b", "d"], id="texts"),
    pytest.param("b", [False, True] * 3, [0, 1, 0, 2, 1, 3], id="booleans"),
]


@pytest.mark.parametrize(("name", "trained_on", "judged_on"), CLASSES)
def test_a_class_that_training_never_saw_is_a_wrong_prediction(
    name: str, trained_on: list[object], judged_on: list[object], parse: Parse
) -> None:
    x = [0.0, 1.0] * 3
    model = train_model(
        statement=parse(f"TO TRAIN DecisionTreeClassifier LABEL {name} INTO m"),
        training=pa.table({"x": x, name: trained_on}),
    )
    asked = {
        "accuracy_score": 3
        / 6,  # of six rows two have no class that could be found, one has another
        "recall_score": 1 / 2,  # of the second class, as always
        "precision_score": 1 / 3,
        "balanced_accuracy_score": (1 + 1 / 2 + 0) / 3,
        "TruePositives": 1,
        "zero_one_loss": 3 / 6,
        "TopKCategoricalAccuracy": 4 / 6,
        "AUC": 4 / 8,
    }
    found = model.evaluate(pa.table({"x": x, name: judged_on}), metrics=list(asked))
    assert (found.rows, found.unseen) == (6, 2)
    assert {key: found.values[key] for key in asked} == pytest.approx(asked)
    assert found.values["loss"] > 10
    names = [str(item) for item in model.manifest.label.classes]
    assert found.confusion == {
        names[0]: {names[0]: 2, names[1]: 0},
        names[1]: {names[0]: 1, names[1]: 1},
        "(not trained on)": {names[0]: 0, names[1]: 2},
    }


def test_a_set_with_a_class_that_training_never_saw_is_wrong(parse: Parse) -> None:
    x = [0.0, 1.0] * 3
    model = train_model(
        statement=parse(
            'TO TRAIN DecisionTreeClassifier WITH train.label_separator="," LABEL t INTO m'
        ),
        training=pa.table({"x": x, "t": ["a", "a,b"] * 3}),
    )
    rows = pa.table({"x": x, "t": ["a", "a,b", "a,z", "b,y,z", "a", "a,b"]})
    found = model.evaluate(rows, metrics=["accuracy_score", "f1_score", "AUC"])
    assert (found.rows, found.unseen) == (6, 2)
    assert found.values["accuracy_score"] == pytest.approx(4 / 6)
    assert found.values["f1_score"] < model.evaluate(rows.slice(0, 2)).values["f1_score"]


@pytest.mark.parametrize("label", ["odd", "sign"])
def test_outliers_are_judged_by_a_label(label: str, outliers: Model, rows: pa.Table) -> None:
    found = outliers.evaluate(rows, label=label, metrics=["recall_score", "AUC"])
    assert found.values["recall_score"] == pytest.approx(2 / 3)
    assert found.values["AUC"] > 0.95


def test_a_label_that_tells_no_outliers_is_refused(outliers: Model, rows: pa.Table) -> None:
    with pytest.raises(TerminalError, match="label 'rank' of an outlier is -1 or true") as caught:
        outliers.evaluate(rows, label="rank")
    assert caught.value.hint


def test_outliers_without_a_label_are_not_judged(outliers: Model, rows: pa.Table) -> None:
    assert outliers.manifest.metrics == {}
    with pytest.raises(TerminalError, match="outliers are judged by a label") as caught:
        outliers.evaluate(rows)
    assert "LABEL" in str(caught.value.hint)


def test_components_have_no_metrics(rows: pa.Table, parse: Parse) -> None:
    model = train_model(
        statement=parse("TO TRAIN PCA WITH n_components=1 INTO m"),
        training=rows.select(["x", "amount"]),
    )
    with pytest.raises(TerminalError, match="no metric for a model that does decomposition"):
        model.evaluate(rows)


def test_a_ranking_is_judged_by_its_groups(rows: pa.Table, parse: Parse) -> None:
    statement = parse("TO TRAIN XGBRanker WITH train.group_column=query LABEL rank INTO m")
    model = train_model(statement=statement, training=rows.select(["x", "query", "rank"]))
    again = Model.from_bundle(model.to_bundle())
    found = again.evaluate(rows)
    assert found.values["ndcg_score"] > found.baseline["ndcg_score"]
    assert found.values["ndcg_score"] == pytest.approx(
        model.manifest.metrics["training"].values["ndcg_score"]
    )
    with pytest.raises(TerminalError, match="names column 'query', which the SELECT does not give"):
        model.evaluate(rows.select(["x", "rank"]))
