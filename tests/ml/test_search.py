"""Searching the values of attributes."""

import math
import time
from collections.abc import Callable
from typing import Any

import optuna
import pyarrow as pa
import pytest

from sqlflow_dagster.errors import PluginError, TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml import search as searching
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.search import Choices, Range, Search, Trial, best_trial, run_search
from sqlflow_dagster.ml.training.preparation import check_statement, prepare
from sqlflow_dagster.ml.training.train import train_model

Parse = Callable[[str], TrainStatement]
Tables = tuple[pa.Table, pa.Table]
SPACE: dict[str, Range | Choices] = {
    "depth": Range(low=3, high=9),
    "rate": Range(low=0.001, high=1.0, logarithmic=True),
    "kind": Choices(values=("a", (1, 2), True)),
}


def score(values: Any) -> float:
    return float((values["depth"] - 5) ** 2 + abs(math.log10(values["rate"]) + 2))


def test_values_are_of_the_space_and_get_better() -> None:
    trials = run_search(Search(space=SPACE, trials=30), score)
    assert len(trials) == 30
    for trial in trials:
        assert type(trial.values["depth"]) is int
        assert 3 <= trial.values["depth"] <= 9
        assert isinstance(trial.values["rate"], float)
        assert 0.001 <= trial.values["rate"] <= 1.0
        assert trial.values["kind"] in ("a", (1, 2), True)
    best = best_trial(Search(space=SPACE, trials=30), trials)
    assert best.values["depth"] == 5
    assert best.score == min(trial.score for trial in trials)


def test_the_same_seed_tries_the_same_values() -> None:
    first = run_search(Search(space=SPACE, trials=5, seed=7), score)
    assert run_search(Search(space=SPACE, trials=5, seed=7), score) == first
    assert run_search(Search(space=SPACE, trials=5, seed=8), score) != first


def test_a_trial_that_fails_is_no_reason_to_stop() -> None:
    def fails_when_deep(values: Any) -> float:
        if values["depth"] > 5:
            raise TerminalError("too deep")
        return float(values["depth"])

    told: list[Trial] = []
    search = Search(space={"depth": SPACE["depth"]}, trials=10, greater_is_better=True)
    trials = run_search(search, fails_when_deep, told=told.append)
    assert tuple(told) == trials
    assert {trial.failure for trial in trials} == {None, "too deep"}
    assert best_trial(search, trials).score <= 5


def test_a_search_of_failures_fails_as_the_first_one() -> None:
    def fails(values: Any) -> float:
        raise TerminalError("never")

    with pytest.raises(TerminalError, match="never"):
        run_search(Search(space=SPACE, trials=2), fails)


def test_optuna_is_quiet_and_its_logging_is_left_as_it_was(
    capfd: pytest.CaptureFixture[str],
) -> None:
    level = optuna.logging.get_verbosity()
    run_search(Search(space=SPACE, trials=2), score)
    assert optuna.logging.get_verbosity() == level
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_no_trial_begins_after_the_time() -> None:
    def slow(values: Any) -> float:
        time.sleep(0.01)
        return score(values)

    assert 1 <= len(run_search(Search(space=SPACE, trials=50, seconds=0.05), slow)) < 10


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("max_depth=[3, 9]", Range(low=3, high=9), id="whole numbers"),
        pytest.param("gamma=[0, 0.5]", Range(low=0.0, high=0.5), id="fractions"),
        pytest.param(
            "eta=[0.05, 0.5]", Range(low=0.05, high=0.5, logarithmic=True), id="learning rate"
        ),
        pytest.param(
            "reg_lambda=[0.01, 10.0]", Range(low=0.01, high=10.0, logarithmic=True), id="wide"
        ),
        pytest.param("max_depth=[3, 5, 9]", Choices(values=(3, 5, 9)), id="three numbers"),
        pytest.param(
            "tree_method=[hist, exact]", Choices(values=("hist", "exact")), id="two words"
        ),
    ],
)
def test_a_list_is_a_range_or_choices(
    written: str, expected: Range | Choices, parse: Parse, iris: Tables
) -> None:
    statement = parse(
        f"TO TRAIN xgboost.gbtree WITH num_class=3, validation.split=0.2, search.{written} "
        "LABEL class INTO m"
    )
    plan = prepare(statement, [(item.name, item.type) for item in iris[0].schema]).search
    assert plan is not None
    assert list(plan.space.values()) == [expected]


@pytest.mark.parametrize(
    ("attributes", "place", "message"),
    [
        pytest.param(
            "search.max_depht=[3, 9], validation.split=0.2",
            "search.max_depht",
            "has no attribute 'max_depht'",
            id="typo",
        ),
        pytest.param(
            "search.max_depth=[3, -1], validation.split=0.2",
            "[",
            "wants a range from less to more",
            id="downwards",
        ),
        pytest.param(
            "search.trails=5, search.max_depth=[3, 9]", "5", "wants a range such as", id="one value"
        ),
        pytest.param("search.max_depth=3", "3", "wants a range such as", id="a range of one value"),
        pytest.param(
            "search.max_depth=[3, 9]",
            "search.max_depth",
            "wants rows to compare models on",
            id="nothing to compare on",
        ),
        pytest.param("search.trials=5", "search.trials", "no attribute is searched", id="empty"),
        pytest.param(
            "max_depth=3, search.max_depth=[3, 9], validation.split=0.2",
            "search.max_depth",
            "given twice",
            id="fixed and searched",
        ),
        pytest.param(
            "search.max_depth=[3, 9], search.metric=r2_score, validation.split=0.2",
            "r2_score",
            "is for regression",
            id="metric of another task",
        ),
        pytest.param(
            "search.tree_method=[hist, nonsense], validation.split=0.2",
            "[",
            "XGBoost refuses",
            id="a choice that the library refuses",
        ),
    ],
)
def test_a_search_that_cannot_work_is_refused_at_its_place(
    attributes: str, place: str, message: str, parse: Parse, iris: Tables
) -> None:
    statement = parse(f"TO TRAIN xgboost.gbtree WITH num_class=3, {attributes} LABEL class INTO m")
    with pytest.raises(TerminalError) as caught:
        check_statement(statement, [(item.name, item.type) for item in iris[0].schema])
    assert message in caught.value.message
    assert caught.value.span is not None
    assert caught.value.span.text == place


def test_without_optuna_a_search_says_what_to_install(
    parse: Parse, iris: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> None:
        raise PluginError("not installed", hint="pip install 'sqlflow-dagster[search]'")

    monkeypatch.setattr(searching, "check_installed", absent)
    monkeypatch.setattr("sqlflow_dagster.ml.training.checks.check_installed", absent)
    statement = parse(
        "TO TRAIN xgboost.gbtree WITH validation.split=0.2, search.max_depth=[3, 9] "
        "LABEL class INTO m"
    )
    with pytest.raises(TerminalError, match="not installed") as caught:
        check_statement(statement, [(item.name, item.type) for item in iris[0].schema])
    assert caught.value.hint == "pip install 'sqlflow-dagster[search]'"


SEARCH = """TO TRAIN xgboost.gbtree
WITH num_class=3, num_boost_round=3, search.max_depth=[1, 4], search.eta=[0.001, 1.0],
     search.trials=4, search.metric=accuracy_score, {}
LABEL class INTO m"""


@pytest.mark.parametrize(
    ("validation", "judged_on"),
    [
        pytest.param("validation.split=0.3", "validation", id="split"),
        pytest.param("validation.folds=2", "cross-validation", id="folds"),
    ],
)
def test_the_final_model_has_the_best_values(
    validation: str, judged_on: str, parse: Parse, iris: Tables
) -> None:
    notes: list[str] = []
    told: list[tuple[int, int, str]] = []
    clause = SEARCH.format(validation)
    model = train_model(
        statement=parse(clause),
        training=iris[0],
        note=notes.append,
        progress=lambda *item: told.append(item),
    )
    record = model.manifest.search
    assert record is not None
    assert record["metric"] == "accuracy_score"
    assert [set(item) for item in record["trials"]] == [
        {"trial", "accuracy_score", "max_depth", "eta"}
    ] * 4
    best = max(record["trials"], key=lambda item: item["accuracy_score"])
    assert record["best"] == {name: best[name] for name in ("max_depth", "eta")}
    assert model.manifest.parameters["max_depth"] == best["max_depth"]
    assert model.manifest.parameters["eta"] == best["eta"]
    found = model.manifest.metrics[judged_on].values
    assert found["accuracy_score"] == pytest.approx(best["accuracy_score"])
    assert len([note for note in notes if note.startswith("trial ")]) == 4
    assert notes[-1].startswith("the best of 4 trials: accuracy_score ")
    assert told[0][:2] == (0, 5)
    assert told[0][2].startswith("trial 1 of 4: ")
    assert told[-1][2].startswith("the best values: ")
    again = train_model(statement=parse(clause), training=iris[0])
    assert again.manifest.search == record
    assert again.trained.files() == model.trained.files()


def test_values_that_come_again_are_not_trained_again(parse: Parse, iris: Tables) -> None:
    told: list[str] = []
    model = train_model(
        statement=parse(
            """TO TRAIN xgboost.gbtree WITH num_class=3, num_boost_round=1, validation.split=0.3,
            search.max_depth=[1, 2], search.trials=6 LABEL class INTO m"""
        ),
        training=iris[0],
        progress=lambda done, total, note: told.append(note.partition(":")[0]),
    )
    assert model.manifest.search is not None
    assert len(model.manifest.search["trials"]) == 6
    assert len(told) == 3
    assert told[-1] == "the best values"


def test_a_choice_may_be_a_list(parse: Parse, iris: Tables) -> None:
    notes: list[str] = []
    model = train_model(
        statement=parse(
            """TO TRAIN MLPRegressor WITH max_iter=3000, validation.split=0.3, tol=0.01,
            search.hidden_layer_sizes=[[2], [4, 2]], search.trials=2 LABEL class INTO m"""
        ),
        training=iris[0],
        note=notes.append,
    )
    assert model.manifest.search is not None
    best = model.manifest.search["best"]["hidden_layer_sizes"]
    assert best in ([2], [4, 2])
    assert notes[-1].endswith(f"with hidden_layer_sizes={best}")
    assert Model.from_bundle(model.to_bundle()).manifest.search == model.manifest.search


@pytest.mark.parametrize(
    ("attribute", "hint"),
    [
        ("search.max_depth=3", "write a list, such as search.max_depth=[3, 9], or max_depth for one value"),
        ("search.trails=3", "did you mean 'search.trials'?"),
    ],
)  # fmt: skip
def test_the_hint_for_one_value_is_a_list(
    attribute: str, hint: str, parse: Parse, iris: Tables
) -> None:
    statement = parse(f"TO TRAIN xgboost.gbtree WITH num_class=3, {attribute} LABEL class INTO m")
    with pytest.raises(TerminalError) as caught:
        check_statement(statement, [(item.name, item.type) for item in iris[0].schema])
    assert caught.value.hint == hint
