"""Training with rows to validate on, with weights, and going on from a model."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.manifest import Manifest
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.training.datasets import class_weights, fit_rows
from sqlflow_dagster.ml.training.parts import final_part, folds
from sqlflow_dagster.ml.training.preparation import check_statement, prepare
from sqlflow_dagster.ml.training.train import train_model

Parse = Callable[[str], TrainStatement]
Tables = tuple[pa.Table, pa.Table]
TREES = "TO TRAIN xgboost.gbtree WITH num_class=3, num_boost_round=5"


def columns_of(table: pa.Table) -> list[tuple[str, pa.DataType]]:
    return list(zip(table.column_names, table.schema.types, strict=True))


@pytest.fixture(scope="module")
def whole_iris(iris: Tables) -> pa.Table:
    return pa.concat_tables(iris)


def test_a_share_of_the_rows_validates(parse: Parse, whole_iris: pa.Table) -> None:
    statement = parse(f"{TREES}, validation.split=0.3 LABEL class INTO m")
    model = train_model(statement=statement, training=whole_iris)
    manifest = model.manifest
    assert manifest.rows + manifest.validation_rows == 150
    assert 30 < manifest.validation_rows < 60
    assert list(manifest.metrics) == ["validation"]
    assert manifest.metrics["validation"].rows == manifest.validation_rows
    assert manifest.metrics["validation"].values["accuracy_score"] >= 0.9
    assert any(name.startswith("validate-") for name in manifest.history)
    shuffled = whole_iris.take(np.random.default_rng(3).permutation(150))
    again = train_model(statement=statement, training=shuffled)
    assert again.manifest.validation_rows == manifest.validation_rows


def test_of_many_training_rows_some_are_drawn_and_judged(parse: Parse) -> None:
    # The second half would be judged wrongly as often as not, the first half never.
    x = np.arange(400_000)
    labels = np.where(x < 200_000, x % 2, x // 2 % 2)
    table = pa.table({"x": x % 2, "y": labels})
    statement = parse(
        'TO TRAIN xgboost.gbtree WITH objective="binary:logistic", num_boost_round=1 LABEL y INTO m'
    )
    found = train_model(statement=statement, training=table).manifest
    assert found.rows == 400_000
    assert found.metrics["training"].rows == 100_000
    assert found.metrics["training"].values["accuracy_score"] == pytest.approx(0.75, abs=0.005)


def test_early_stopping_takes_a_share_of_the_rows(parse: Parse, diabetes: Tables) -> None:
    clause = """TO TRAIN xgboost.gbtree WITH num_boost_round=200, early_stopping_rounds=3,
    validation.split=0.3 LABEL target INTO m"""
    model = train_model(statement=parse(clause), training=diabetes[0])
    assert len(model.manifest.history["train-rmse"]) < 200


def test_features_are_measured_on_the_rows_to_learn_from(parse: Parse) -> None:
    table = pa.table(
        {
            "day": range(10),
            "x": [1.0] * 8 + [1000.0] * 2,
            "color": ["red", "blue"] * 4 + ["green"] * 2,
            "y": ["a", "b"] * 4 + ["c", "b"],
        }
    )
    clause = """TO TRAIN LogisticRegression WITH validation.split_by=day, validation.split=0.2
    LABEL y INTO m"""
    prepared = prepare(parse(clause), columns_of(table))
    part = final_part(prepared, table, None, None)
    assert isinstance(part.rows, pa.Table)
    assert part.rows.column("day").to_pylist() == list(range(8))
    assert part.encoder.features.columns == ("x", "color")
    number = part.encoder.features.features[0]
    assert number.parts[0].mean == 1.0
    assert "green" not in str(part.encoder.features.to_json())
    # A class is one wherever it occurs; how often it does is counted where there is learning.
    assert part.label.classes == ("a", "b", "c")
    assert part.label.counts == (4, 4, 0)


def test_amounts_are_measured_on_the_rows_to_learn_from(parse: Parse) -> None:
    table = pa.table({"day": range(5), "x": [1.0] * 5, "y": [1.0, 3.0, 1.0, 3.0, 99.0]})
    clause = "TO TRAIN xgboost.gbtree WITH validation.split_by=day LABEL y INTO m"
    part = final_part(prepare(parse(clause), columns_of(table)), table, None, None)
    assert part.label.means == (2.0,)
    assert part.label.stds == (1.0,)


def test_folds_judge_every_row_and_the_model_learns_from_all(
    parse: Parse, whole_iris: pa.Table
) -> None:
    notes: list[str] = []
    told: list[tuple[int, int, str]] = []
    model = train_model(
        statement=parse(f"{TREES}, validation.folds=3 LABEL class INTO m"),
        training=whole_iris,
        note=notes.append,
        progress=lambda *item: told.append(item),
    )
    plain = train_model(statement=parse(f"{TREES} LABEL class INTO m"), training=whole_iris)
    assert model.trained.files()["model.ubj"] == plain.trained.files()["model.ubj"]
    found = model.manifest.metrics["cross-validation"]
    assert found.rows == 150
    assert found.values["accuracy_score"] >= 0.9
    assert 0 < found.spread["accuracy_score"] < 0.1
    assert found.confusion is not None
    assert sum(sum(row.values()) for row in found.confusion.values()) == 150
    assert notes[0].startswith("3 folds: loss ")
    assert [item[:2] for item in told[::5]] == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert told[0][2].startswith("fold 1 of 3: train-mlogloss ")
    assert told[-1][2].startswith("all rows: ")
    assert Model.from_bundle(model.to_bundle()).manifest == model.manifest


@pytest.mark.torch
@pytest.mark.parametrize(
    ("clause", "rounds"),
    [
        pytest.param(
            "xgboost.gbtree WITH num_class=3, eta=0.9, num_boost_round=100, patience=3",
            "num_boost_round",
            id="XGBoost",
        ),
        pytest.param(
            "LGBMClassifier WITH learning_rate=0.9, num_boost_round=100, patience=3",
            "num_iterations",
            id="LightGBM",
        ),
        pytest.param(
            "DNNClassifier WITH optimizer.learning_rate=0.5, train.epoch=30, patience=2",
            None,
            id="network",
        ),
    ],
)
def test_folds_stop_early_and_the_model_learns_for_their_mean(
    clause: str, rounds: str | None, parse: Parse, whole_iris: pa.Table
) -> None:
    notes: list[str] = []
    model = train_model(
        statement=parse(f"TO TRAIN {clause}, validation.folds=3 LABEL class INTO m"),
        training=whole_iris,
        note=notes.append,
    )
    manifest = model.manifest
    [said] = [note for note in notes if note.startswith("the folds were best after ")]
    mean = int(said.split()[5])
    assert 1 <= mean < 30
    assert {len(losses) for losses in manifest.history.values()} == {mean}
    assert not any(name.startswith("validate") for name in manifest.history)
    if rounds is not None:
        assert manifest.parameters[rounds] == mean
    assert list(manifest.metrics) == ["cross-validation"]


def test_searched_values_are_trained_for_as_long_as_was_best(
    parse: Parse, whole_iris: pa.Table
) -> None:
    clause = """TO TRAIN xgboost.gbtree WITH num_class=3, num_boost_round=60, patience=2,
    search.eta=[0.5, 0.9], search.trials=2, validation.folds=2 LABEL class INTO m"""
    model = train_model(statement=parse(clause), training=whole_iris)
    assert 1 <= model.manifest.parameters["num_boost_round"] < 60


def test_going_on_from_a_model_counts_the_rounds_that_come(
    parse: Parse, whole_iris: pa.Table
) -> None:
    first = train_model(statement=parse(f"{TREES} LABEL class INTO m"), training=whole_iris)
    clause = """TO TRAIN xgboost.gbtree WITH num_class=3, num_boost_round=40, patience=2,
    validation.folds=2 LABEL class USING old INTO m"""
    model = train_model(statement=parse(clause), training=whole_iris, base=first)
    rounds = model.manifest.parameters["num_boost_round"]
    assert len(model.manifest.history["train-mlogloss"]) == rounds < 40


def test_a_fold_is_never_learnt_from(parse: Parse, whole_iris: pa.Table) -> None:
    numbered = whole_iris.append_column("id", pa.array(range(150)))
    prepared = prepare(
        parse(f"{TREES}, validation.folds=4 LABEL class INTO m"), columns_of(numbered)
    )
    seen: list[int] = []
    for part in folds(prepared, numbered, None, seed=1):
        assert part.validation is not None
        assert isinstance(part.rows, pa.Table)
        assert len(part.rows) + len(part.validation.labels) == 150
        assert np.bincount(part.validation.labels).min() >= 12
        seen += set(range(150)) - set(part.rows.column("id").to_pylist())
    assert sorted(seen) == list(range(150))


def test_groups_of_a_ranking_are_not_torn_by_folds(parse: Parse) -> None:
    table = pa.table(
        {
            "x": np.random.default_rng(0).normal(size=60),
            "query": np.arange(60) // 5,
            "rank": np.arange(60) % 3,
        }
    )
    clause = """TO TRAIN XGBRanker WITH validation.folds=3, train.group_column=query
    LABEL rank INTO m"""
    prepared = prepare(parse(clause), columns_of(table))
    for part in folds(prepared, table, None, seed=0):
        assert isinstance(part.rows, pa.Table)
        learnt = set(part.rows.column("query").to_pylist())
        assert len(part.rows) == 5 * len(learnt) == 40


def test_clusters_are_judged_by_themselves(parse: Parse, whole_iris: pa.Table) -> None:
    model = train_model(
        statement=parse("TO TRAIN KMeans WITH n_clusters=3, validation.split=0.3 INTO m"),
        training=whole_iris.drop_columns(["class"]),
    )
    assert model.manifest.metrics["validation"].values["silhouette_score"] > 0.4


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("balanced", [0.5, 2.5], id="balanced"),
        pytest.param("[1, 10]", [1, 10], id="a number for each class"),
    ],
)
def test_classes_have_weights(written: str, expected: list[float], parse: Parse) -> None:
    table = pa.table({"x": range(12), "w": [2.0] * 12, "y": ["a"] * 10 + ["b"] * 2})
    clause = f"""TO TRAIN xgboost.gbtree WITH train.class_weight={written}, train.weight_column=w
    LABEL y INTO m"""
    encoder = fit_rows(prepare(parse(clause), columns_of(table)), table)
    weights = class_weights(encoder.prepared, encoder.label)
    assert weights is not None
    wanted = [0.6, 3.0] if written == "balanced" else expected
    np.testing.assert_allclose(weights, wanted)
    found = encoder.dataset(table).weights
    assert found is not None
    np.testing.assert_allclose(found, [2 * wanted[0]] * 10 + [2 * wanted[1]] * 2)
    assert "w" not in encoder.features.columns


def test_a_class_that_counts_more_is_predicted_more(parse: Parse) -> None:
    rng = np.random.default_rng(0)
    table = pa.table({"x": rng.normal(size=300), "y": rng.random(300) < 0.1})

    def share(attributes: str) -> float:
        model = train_model(
            statement=parse(f"TO TRAIN xgboost.gbtree {attributes} LABEL y INTO m"),
            training=table,
        )
        return float(pc.mean(pc.cast(model.predict(table), pa.int8())).as_py())

    assert share('WITH train.class_weight="balanced"') > share("") + 0.2


@pytest.mark.parametrize(
    ("clause", "place", "message"),
    [
        pytest.param(
            "WITH num_class=3, train.class_weight=heavy LABEL class INTO m",
            "heavy",
            'wants "balanced" or a number from 0 for each class',
            id="word",
        ),
        pytest.param(
            "WITH train.class_weight=balanced LABEL class INTO m",
            "train.class_weight",
            "weighs the classes of a classification, but this is regression",
            id="regression",
        ),
        pytest.param(
            "WITH validation.average=median LABEL class INTO m",
            "median",
            "has no choice 'median'",
            id="average",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_rows_are_read(
    clause: str, place: str, message: str, parse: Parse, iris: Tables
) -> None:
    with pytest.raises(TerminalError) as caught:
        check_statement(parse(f"TO TRAIN xgboost.gbtree {clause}"), columns_of(iris[0]))
    assert message in caught.value.message
    assert caught.value.span is not None
    assert caught.value.span.text == place


def test_weights_of_too_few_classes_are_refused(parse: Parse, iris: Tables) -> None:
    statement = parse(f"{TREES}, train.class_weight=[1, 2] LABEL class INTO m")
    with pytest.raises(TerminalError, match="has 2 weights, but label 'class' has 3 classes"):
        train_model(statement=statement, training=iris[0])


def test_an_estimator_that_starts_afresh_says_so(parse: Parse, iris: Tables) -> None:
    statement = parse("TO TRAIN KMeans USING old INTO m")
    with pytest.raises(TerminalError, match="cannot go on from a model") as caught:
        check_statement(statement, columns_of(iris[0].drop_columns(["class"])))
    assert caught.value.span is not None
    assert caught.value.span.text == "old"


def test_going_on_takes_the_label_of_the_statement(parse: Parse, iris: Tables) -> None:
    first = train_model(statement=parse(f"{TREES} LABEL class INTO m"), training=iris[0])
    renamed = iris[0].rename_columns([*iris[0].column_names[:4], "kind"])
    more = train_model(
        statement=parse(f"{TREES}, validation.split=0.3 LABEL kind USING m INTO m"),
        training=renamed,
        base=first,
    )
    assert more.manifest.label.name == "class"
    assert (
        more.manifest.metrics["validation"].values["loss"]
        < (first.manifest.metrics["training"].values["loss"])
    )


def test_an_average_is_that_of_the_statement(parse: Parse, whole_iris: pa.Table) -> None:
    clause = f"{TREES}, validation.split=0.3, validation.metrics=recall, {{}} LABEL class INTO m"

    def recall(average: str) -> Any:
        statement = parse(clause.format(f"validation.average={average}"))
        manifest: Manifest = train_model(statement=statement, training=whole_iris).manifest
        return manifest.metrics["validation"].values

    micro = recall("micro")
    assert micro["recall"] != recall("macro")["recall"]
