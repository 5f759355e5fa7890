"""AutoClassifier and AutoRegressor: the best of some estimators."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import chain

import numpy as np
import pyarrow as pa
import pytest

from sqlflow_dagster.errors import PluginError, TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.base import trainers
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.search import Range
from sqlflow_dagster.ml.search_attributes import attributes_of
from sqlflow_dagster.ml.trainers import automatic
from sqlflow_dagster.ml.training.model_selection import Contest, select_model
from sqlflow_dagster.ml.training.preparation import check_attributes, check_statement, prepare
from sqlflow_dagster.ml.training.train import train_model

Parse = Callable[[str], TrainStatement]
Tables = tuple[pa.Table, pa.Table]
FAST = "model.estimators=[LogisticRegression, GaussianNB]"


def columns_of(table: pa.Table) -> list[tuple[str, pa.DataType]]:
    return list(zip(table.column_names, table.schema.types, strict=True))


def test_iris_is_classified(parse: Parse, iris: Tables) -> None:
    notes: list[str] = []
    told: list[tuple[int, int, str]] = []
    clause = "TO TRAIN AutoClassifier WITH search.trials=3, train.seed=1 LABEL class INTO m"
    model = train_model(
        statement=parse(clause),
        training=iris[0],
        note=notes.append,
        progress=lambda *item: told.append(item),
    )
    found = model.evaluate(iris[1])
    assert found.values["accuracy_score"] >= 0.92 > found.baseline["accuracy_score"]
    manifest = model.manifest
    record = manifest.search
    assert record is not None
    assert record["metric"] == "loss"
    estimators = {"XGBClassifier", "LogisticRegression", "RandomForestClassifier"}
    assert {row["estimator"] for row in record["trials"]} == estimators
    losses = [row["loss"] for row in record["trials"]]
    assert losses == sorted(losses)
    assert record["best"]["estimator"] == record["trials"][0]["estimator"] == manifest.estimator
    assert all(row["seconds"] > 0 and row["attributes"] for row in record["trials"])
    assert manifest.metrics["validation"].values["loss"] == losses[0]
    assert manifest.rows == 110
    assert manifest.seed == 1
    assert notes[0].startswith("trial 1 of 3: loss ")
    assert " with estimator=XGBClassifier, learning_rate=0.1, " in notes[0]
    assert told[0][2].startswith("trial 1 of 3: XGBClassifier: ")
    assert told[-1][:2] == (3, 4)
    again = Model.from_bundle(model.to_bundle())
    assert again.manifest == manifest
    assert again.predict(iris[1]).equals(model.predict(iris[1]))
    assert again.explain(iris[1]).details["explainer"] in ("TreeExplainer", "LinearExplainer")


def test_the_name_of_sqlflow_means_the_same(parse: Parse, iris: Tables) -> None:
    clause = f"sqlflow_models.AutoClassifier WITH {FAST}, search.trials=1 LABEL class INTO m"
    model = train_model(statement=parse(f"TO TRAIN {clause}"), training=iris[0])
    assert model.manifest.estimator == "LogisticRegression"


def test_amounts_are_predicted(parse: Parse, diabetes: Tables) -> None:
    clause = "TO TRAIN AutoRegressor WITH search.trials=2 LABEL target INTO m"
    found = train_model(statement=parse(clause), training=diabetes[0]).evaluate(diabetes[1])
    assert found.values["r2_score"] > 0.35
    assert found.baseline["r2_score"] < 0.05


def test_the_winner_learns_from_all_rows_as_its_own_statement_would(
    parse: Parse, iris: Tables
) -> None:
    clause = """TO TRAIN AutoClassifier WITH model.estimators=LogisticRegression, search.trials=1
    LABEL class INTO m"""
    model = train_model(statement=parse(clause), training=iris[0])
    alone = parse("TO TRAIN LogisticRegression WITH max_iter=1000, C=1.0 LABEL class INTO m")
    plain = train_model(statement=alone, training=iris[0])
    assert model.trained.files() == plain.trained.files()
    assert model.manifest.features == plain.manifest.features


def test_boosting_stops_early_in_trials_and_learns_for_as_long_on_all_rows(
    parse: Parse, iris: Tables
) -> None:
    clause = """TO TRAIN AutoClassifier WITH model.estimators=["xgboost.gbtree"], search.trials=1,
    validation.folds=2, search.metric=accuracy_score LABEL class INTO m"""
    model = train_model(statement=parse(clause), training=iris[0])
    manifest = model.manifest
    assert manifest.estimator == "XGBClassifier"
    assert list(manifest.metrics) == ["cross-validation"]
    assert "accuracy_score" in manifest.metrics["cross-validation"].spread
    assert 1 <= manifest.parameters["num_boost_round"] < 300
    [losses] = manifest.history.values()
    assert len(losses) == manifest.parameters["num_boost_round"]


def test_the_same_seed_chooses_the_same_model(parse: Parse, iris: Tables) -> None:
    clause = f"TO TRAIN AutoClassifier WITH {FAST}, search.trials=6, seed={{}} LABEL class INTO m"

    def of(seed: int) -> Model:
        return train_model(statement=parse(clause.format(seed)), training=iris[0])

    def tried(model: Model) -> list[str]:
        assert model.manifest.search is not None
        return [row["attributes"] for row in model.manifest.search["trials"]]

    first = of(3)
    assert of(3).trained.files() == first.trained.files()
    assert tried(of(3)) == tried(first)
    assert tried(of(4)) != tried(first)


def few_rows() -> pa.Table:
    return pa.table({"x": [0.0, 1.0, 2.0, 3.0], "y": ["a", "a", "b", "b"]})


def test_a_trial_that_fails_is_listed(parse: Parse) -> None:
    clause = """TO TRAIN AutoClassifier
    WITH model.estimators=[KNeighborsClassifier, LogisticRegression], search.trials=2,
         validation.select="SELECT * FROM v"
    LABEL y INTO m"""
    model = train_model(statement=parse(clause), training=few_rows(), validation=few_rows())
    assert model.manifest.search is not None
    good, bad = model.manifest.search["trials"]
    assert (good["estimator"], good["failure"]) == ("LogisticRegression", "")
    assert bad["estimator"] == "KNeighborsClassifier"
    assert math.isnan(bad["loss"])
    assert "n_neighbors" in bad["failure"]
    assert Model.from_bundle(model.to_bundle()).manifest.estimator == "LogisticRegression"


def test_if_every_trial_fails_the_first_says_why(parse: Parse) -> None:
    clause = """TO TRAIN AutoClassifier WITH model.estimators=KNeighborsClassifier, search.trials=2,
    validation.select="SELECT * FROM v" LABEL y INTO m"""
    with pytest.raises(TerminalError, match=r"KNeighborsClassifier: .*n_neighbors"):
        train_model(statement=parse(clause), training=few_rows(), validation=few_rows())


def test_a_failure_of_every_trial_keeps_its_place(parse: Parse, iris: Tables) -> None:
    clause = """TO TRAIN AutoClassifier WITH model.estimators=LogisticRegression, search.trials=1,
    train.class_weight=[1] LABEL class INTO m"""
    with pytest.raises(TerminalError, match="has 1 weights") as caught:
        train_model(statement=parse(clause), training=iris[0])
    assert caught.value.span is not None
    assert caught.value.span.text == "["


def test_no_training_goes_on_after_the_time(parse: Parse, iris: Tables) -> None:
    clause = """TO TRAIN AutoClassifier WITH model.estimators=[LogisticRegression, XGBClassifier]
    LABEL class INTO m"""
    statement = parse(clause)
    prepared = prepare(statement, columns_of(iris[0]))
    assert prepared.plan.selection is not None
    rounds: list[str] = []
    contest = Contest(
        statement=statement,
        prepared=prepared,
        selection=replace(prepared.plan.selection, seconds=0.1),
        rows=iris[0],
        validation=None,
        threads=1,
        seed=0,
        note=lambda message: None,
    )
    winner = select_model(contest, lambda done, total, note: rounds.append(note))
    assert winner.statement.estimator == "LogisticRegression"
    assert winner.before.search is not None
    assert 1 <= len(winner.before.search["trials"]) < 20


def test_ctrl_c_ends_it(parse: Parse, iris: Tables) -> None:
    def interrupted(done: int, total: int, note: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_model(
            statement=parse("TO TRAIN AutoClassifier LABEL class INTO m"),
            training=iris[0],
            progress=interrupted,
        )


def test_weights_and_columns_reach_the_candidates(parse: Parse, iris: Tables) -> None:
    rows = iris[0].append_column("w", pa.array(np.arange(110) % 2 + 0.1))
    clause = f"""TO TRAIN AutoClassifier WITH {FAST}, search.trials=2, train.weight_column=w,
    train.columns=listed, validation.split_by=sepal_width
    COLUMN petal_length, BUCKET(petal_width, 3) LABEL class INTO m"""
    model = train_model(statement=parse(clause), training=rows)
    assert model.manifest.features.columns == ("petal_length", "petal_width")


@pytest.mark.parametrize(
    ("clause", "place", "message"),
    [
        pytest.param(
            "AutoClassifier WITH model.estimators=[XGBClasifier] LABEL class",
            "[",
            "unknown estimator 'XGBClasifier'",
            id="misspelt",
        ),
        pytest.param(
            "AutoClassifier WITH model.estimators=[KMeans] LABEL class",
            "[",
            "wants estimators that do classification, but KMeans does clustering",
            id="other task",
        ),
        pytest.param(
            "AutoClassifier WITH model.estimators=[LogisticRegression, XGBRegressor] LABEL class",
            "[",
            "wants estimators that do classification, but XGBRegressor does regression",
            id="same family, other task",
        ),
        pytest.param(
            "AutoRegressor WITH model.estimators=[AutoRegressor] LABEL class",
            "[",
            "chooses among others",
            id="itself",
        ),
        pytest.param(
            "AutoClassifier WITH model.estimators=3 LABEL class",
            "3",
            "wants names of estimators",
            id="no names",
        ),
        pytest.param(
            "AutoClassifier WITH search.max_depth=[3, 9] LABEL class",
            "search.max_depth",
            "chooses the attributes of its estimators by itself",
            id="a search in the search",
        ),
        pytest.param(
            "AutoClassifier WITH search.metric=r2_score LABEL class",
            "r2_score",
            "is for regression",
            id="metric of another task",
        ),
        pytest.param(
            "AutoRegressor WITH n_classes=3 LABEL class",
            "n_classes",
            "predicts numbers",
            id="classes of numbers",
        ),
        pytest.param(
            "AutoClassifier WITH train.second=5 LABEL class",
            "train.second",
            "has no attribute 'train.second'",
            id="typo",
        ),
        pytest.param(
            "AutoClassifier WITH n_classes=3", "AutoClassifier", "no LABEL clause", id="no label"
        ),
        pytest.param(
            "AutoClassifier LABEL class USING old",
            "old",
            "cannot go on from a model",
            id="going on",
        ),
    ],
)
def test_what_cannot_work_is_refused_at_its_place(
    clause: str, place: str, message: str, parse: Parse, iris: Tables
) -> None:
    statement = parse(f"TO TRAIN {clause} INTO m")
    with pytest.raises(TerminalError) as caught:
        check_statement(statement, columns_of(iris[0]))
    assert message in caught.value.message
    assert caught.value.span is not None
    assert caught.value.span.text.startswith(place)


def test_a_statement_is_checked_without_rows(parse: Parse) -> None:
    check_attributes(parse("TO TRAIN AutoClassifier WITH model.n_classes=3 LABEL class INTO m"))


def test_without_optuna_it_says_what_to_install(
    parse: Parse, iris: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> None:
        raise PluginError("not installed", hint="pip install 'sqlflow-dagster[search]'")

    monkeypatch.setattr(automatic, "check_installed", absent)
    statement = parse("TO TRAIN AutoClassifier LABEL class INTO m")
    with pytest.raises(TerminalError, match="not installed") as caught:
        check_statement(statement, columns_of(iris[0]))
    assert caught.value.hint == "pip install 'sqlflow-dagster[search]'"


def test_without_other_libraries_what_is_there_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automatic, "find_spec", lambda name: None)
    plan = trainers.get("AutoClassifier").plan("AutoClassifier", (), "int64")
    assert plan.selection is not None
    names = [candidate.estimator for candidate in plan.selection.candidates]
    assert names == [
        "XGBClassifier",
        "LogisticRegression",
        "RandomForestClassifier",
        "HistGradientBoostingClassifier",
        "ExtraTreesClassifier",
    ]


@pytest.mark.torch
@pytest.mark.parametrize("name", ["AutoClassifier", "AutoRegressor"])
def test_the_libraries_accept_every_value_that_may_be_tried(name: str) -> None:
    plan = trainers.get(name).plan(name, (), "int64")
    assert plan.selection is not None
    for candidate in plan.selection.candidates:
        ends = {
            key: (item.low, item.high) if isinstance(item, Range) else item.values
            for key, item in candidate.space.items()
        }
        assert candidate.start.keys() == ends.keys()
        for place in range(max(map(len, chain(ends.values(), [()])))):
            values = {key: given[place % len(given)] for key, given in ends.items()}
            for tried in (values, candidate.start):
                attributes = attributes_of({**candidate.fixed, **tried})
                found = trainers.get(candidate.estimator)
                assert found.plan(candidate.estimator, attributes, "int64").task is plan.task


@pytest.mark.torch
@pytest.mark.parametrize("estimator", ["DNNRegressor", "LGBMRegressor", "ExtraTreesRegressor"])
def test_candidates_of_every_kind_are_trained(
    estimator: str, parse: Parse, diabetes: Tables
) -> None:
    clause = f"""TO TRAIN AutoRegressor WITH model.estimators={estimator}, search.trials=1
    LABEL target INTO m"""
    model = train_model(statement=parse(clause), training=diabetes[0].slice(0, 150))
    assert model.manifest.estimator == estimator
    found = model.manifest.metrics["validation"]
    assert found.values["loss"] < found.baseline["loss"]
