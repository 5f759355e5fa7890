"""Metrics against scikit-learn, the reference for their meaning."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.features.spec import LabelSpec
from sqlflow_dagster.ml.metrics.by_name import find_metric, known_metrics, metric_names
from sqlflow_dagster.ml.metrics.judging import Truth, judge
from sqlflow_dagster.ml.tasks import Task

RNG = np.random.default_rng(0)
TWO = LabelSpec(name="y", type="int64", task=Task.CLASSIFICATION, classes=(0, 1), counts=(30, 10))
FOUR = LabelSpec(
    name="y", type="int64", task=Task.CLASSIFICATION, classes=(0, 1, 2, 3), counts=(4, 3, 2, 1)
)
AMOUNT = LabelSpec(name="y", type="double", task=Task.REGRESSION, means=(2.0,), stds=(1.0,))


def answers(label: LabelSpec, rows: int = 60) -> tuple[Any, Any]:
    """Actual values, and predictions that are right more often than not."""
    if label.task is Task.REGRESSION:
        amounts = RNG.gamma(2.0, 1.0, rows)
        return amounts, np.abs(amounts + RNG.normal(0, 0.5, rows))
    size = len(label.classes)
    actual = RNG.integers(0, size, rows)
    # Rounded, so that scores have ties.
    scores = (RNG.random((rows, size)) + np.eye(size)[actual]).round(1) + 0.05
    return actual, scores / scores.sum(axis=1, keepdims=True)


def average(probabilities: Any) -> str:
    return "binary" if probabilities.shape[1] == 2 else "macro"


def scores_of(probabilities: Any) -> Any:
    return probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities


CLASS_METRICS: dict[str, Callable[[Any, Any], float]] = {
    "accuracy_score": lambda y, p: sk.accuracy_score(y, p.argmax(1)),
    "BinaryAccuracy": lambda y, p: sk.accuracy_score(y, p.argmax(1)),
    "balanced_accuracy_score": lambda y, p: sk.balanced_accuracy_score(y, p.argmax(1)),
    "precision_score": lambda y, p: sk.precision_score(y, p.argmax(1), average=average(p)),
    "Recall": lambda y, p: sk.recall_score(y, p.argmax(1), average=average(p)),
    "f1_score": lambda y, p: sk.f1_score(y, p.argmax(1), average=average(p)),
    "fbeta_score": lambda y, p: sk.fbeta_score(y, p.argmax(1), beta=0.5, average=average(p)),
    "cohen_kappa_score": lambda y, p: sk.cohen_kappa_score(y, p.argmax(1)),
    "matthews_corrcoef": lambda y, p: sk.matthews_corrcoef(y, p.argmax(1)),
    "hamming_loss": lambda y, p: sk.hamming_loss(y, p.argmax(1)),
    "zero_one_loss": lambda y, p: sk.zero_one_loss(y, p.argmax(1)),
    "log_loss": sk.log_loss,
    "brier_score_loss": lambda y, p: sk.brier_score_loss(y, scores_of(p)),
    "AUC": lambda y, p: sk.roc_auc_score(y, scores_of(p), multi_class="ovr"),
    "average_precision_score": lambda y, p: sk.average_precision_score(y, scores_of(p)),
    "hinge_loss": lambda y, p: sk.hinge_loss(
        y, np.log(p[:, 1] / p[:, 0]) if p.shape[1] == 2 else np.log(p)
    ),
}
AMOUNT_METRICS: dict[str, Callable[[Any, Any], float]] = {
    "r2_score": sk.r2_score,
    "explained_variance_score": sk.explained_variance_score,
    "MeanSquaredError": sk.mean_squared_error,
    "root_mean_squared_error": sk.root_mean_squared_error,
    "mean_absolute_error": sk.mean_absolute_error,
    "median_absolute_error": sk.median_absolute_error,
    "max_error": sk.max_error,
    "mean_squared_log_error": sk.mean_squared_log_error,
    "mean_absolute_percentage_error": sk.mean_absolute_percentage_error,
    "MeanAbsolutePercentageError": lambda y, p: 100 * sk.mean_absolute_percentage_error(y, p),
}


@pytest.mark.parametrize("label", [pytest.param(TWO, id="two"), pytest.param(FOUR, id="four")])
@pytest.mark.parametrize("name", CLASS_METRICS)
def test_class_metrics_are_those_of_scikit_learn(name: str, label: LabelSpec) -> None:
    actual, probabilities = answers(label)
    found = judge(probabilities, label, Truth(actual=actual), [name])
    assert found.values[name] == pytest.approx(CLASS_METRICS[name](actual, probabilities))
    assert found.values["loss"] == pytest.approx(sk.log_loss(actual, probabilities))


@pytest.mark.parametrize("name", AMOUNT_METRICS)
def test_amount_metrics_are_those_of_scikit_learn(name: str) -> None:
    actual, predicted = answers(AMOUNT)
    found = judge(predicted, AMOUNT, Truth(actual=actual), [name])
    assert found.values[name] == pytest.approx(AMOUNT_METRICS[name](actual, predicted))
    assert found.values["loss"] == pytest.approx(sk.mean_squared_error(actual, predicted))


def test_the_counts_of_two_classes() -> None:
    probabilities = np.eye(2)[[1, 1, 0, 1, 0]]
    names = ["TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives"]
    found = judge(probabilities, TWO, Truth(actual=np.array([1, 1, 1, 0, 0])), names)
    assert [found.values[name] for name in names] == [2, 1, 1, 1]
    assert found.confusion == {"0": {"0": 1, "1": 1}, "1": {"0": 1, "1": 2}}


def test_the_five_likeliest_classes() -> None:
    label = LabelSpec(
        name="y",
        type="int64",
        task=Task.CLASSIFICATION,
        classes=tuple(range(10)),
        counts=(1,) * 10,
    )
    actual, probabilities = answers(label)
    found = judge(probabilities, label, Truth(actual=actual), ["TopKCategoricalAccuracy"])
    expected = sk.top_k_accuracy_score(actual, probabilities + np.arange(10)[::-1] * 1e-9, k=5)
    assert found.values["TopKCategoricalAccuracy"] == pytest.approx(expected)


def test_the_baseline_gives_the_answer_that_training_suggests() -> None:
    actual = np.array([0, 0, 1, 1])
    found = judge(np.eye(2)[actual], TWO, Truth(actual=actual), ["accuracy", "roc_auc_score"])
    assert found.values["accuracy"] == 1
    assert found.baseline["accuracy"] == 0.5
    assert found.baseline["roc_auc_score"] == 0.5
    assert found.baseline["loss"] == pytest.approx(-np.log([0.75, 0.25]).mean())
    amounts = judge(np.array([1.0, 3.0]), AMOUNT, Truth(actual=np.array([1.0, 3.0])), ["mae"])
    assert amounts.baseline == {"loss": 1.0, "mae": 1.0}


def test_a_metric_that_is_not_defined_is_nan() -> None:
    found = judge(np.array([[0.2, 0.8], [0.4, 0.6]]), TWO, Truth(actual=np.array([1, 1])), ["auc"])
    assert math.isnan(found.values["auc"])


@pytest.mark.parametrize(
    ("value", "names"),
    [
        pytest.param("accuracy_score,  f1_score", ("accuracy_score", "f1_score"), id="text"),
        pytest.param(("AUC", "f1"), ("AUC", "f1"), id="list"),
        pytest.param("", (), id="nothing"),
    ],
)
def test_names_are_read_from_text_and_lists(value: Any, names: tuple[str, ...]) -> None:
    assert metric_names(value) == names


@pytest.mark.parametrize(
    ("name", "task", "message", "hint"),
    [
        pytest.param(
            "accuracy_scor",
            Task.CLASSIFICATION,
            "unknown metric 'accuracy_scor'",
            "did you mean 'accuracy_score'",
            id="typo",
        ),
        pytest.param(
            "R2_SCORE",
            Task.CLASSIFICATION,
            "metric R2_SCORE is for regression, but the model does classification",
            "such as accuracy_score, log_loss",
            id="another task",
        ),
        pytest.param(
            "xyz", Task.REGRESSION, "unknown metric 'xyz'", "known for regression: ", id="unknown"
        ),
    ],
)
def test_an_unknown_metric_is_refused(name: str, task: Task, message: str, hint: str) -> None:
    with pytest.raises(TerminalError) as caught:
        find_metric(name, task)
    assert caught.value.message == message
    assert str(caught.value.hint).startswith(hint)


@pytest.mark.parametrize("task", [Task.CLASSIFICATION, Task.REGRESSION])
def test_every_metric_says_which_way_is_better(task: Task) -> None:
    label = AMOUNT if task is Task.REGRESSION else TWO
    actual = np.array([0.0, 1.0, 3.0]) if task is Task.REGRESSION else np.array([0, 1, 1])
    good = actual + 0.01 if task is Task.REGRESSION else np.abs(np.eye(2)[actual] - 0.01)
    bad = actual[::-1] + 1.0 if task is Task.REGRESSION else 1 - good
    checked = 0
    for metric in known_metrics(task):
        name = metric.names[0]
        best = judge(good, label, Truth(actual=actual), [name]).values[name]
        worst = judge(bad, label, Truth(actual=actual), [name]).values[name]
        if name != "TopKCategoricalAccuracy":  # always 1 where there are fewer than five classes
            assert (best > worst) is metric.greater_is_better, name
            checked += 1
    assert checked > 8
