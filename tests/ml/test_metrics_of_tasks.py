"""Metrics of averages, sets of classes, vectors, rankings, clusters and outliers: as in scikit-learn."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.base import Metrics
from sqlflow_dagster.ml.features.spec import LabelSpec
from sqlflow_dagster.ml.metrics.judging import Truth, judge, over_folds
from sqlflow_dagster.ml.tasks import Task

AVERAGES = ("macro", "micro", "weighted")
SETS = LabelSpec(
    name="y",
    type="texts",
    task=Task.MULTILABEL,
    classes=("a", "b", "c"),
    counts=(30, 20, 10),
    means=(0.5, 0.3, 0.2),
)
VECTORS = LabelSpec(
    name="y", type="numbers", task=Task.REGRESSION, means=(1.0, 2.0), stds=(1.0, 1.0)
)
RANKS = LabelSpec(name="y", type="int64", task=Task.RANKING)
CLUSTERS = LabelSpec(name="cluster", type="int64", task=Task.CLUSTERING)
OUTLIERS = LabelSpec(name="outlier", type="int64", task=Task.OUTLIER_DETECTION)


def classes(count: int) -> LabelSpec:
    return LabelSpec(
        name="y",
        type="int64",
        task=Task.CLASSIFICATION,
        classes=tuple(range(count)),
        counts=(1,) * count,
    )


def value(
    prediction: Any, label: LabelSpec, name: str, average: str | None = None, **truth: Any
) -> float:
    found = judge(prediction, label, Truth(average=average, **truth), [name])
    return found.values[name]


BY_CLASS: dict[str, Callable[..., float]] = {
    "precision_score": sk.precision_score,
    "recall_score": sk.recall_score,
    "f1_score": sk.f1_score,
    "fbeta_score": lambda y, p, **more: sk.fbeta_score(y, p, beta=0.5, **more),
    "jaccard_score": sk.jaccard_score,
}


@st.composite
def class_answers(draw: st.DrawFn) -> tuple[Any, Any]:
    """Actual classes, and probabilities with ties; not every class need occur."""
    size = draw(st.integers(2, 5))
    rows = draw(st.integers(1, 30))
    actual = draw(st.lists(st.integers(0, size - 1), min_size=rows, max_size=rows))
    weights = st.lists(st.integers(1, 5), min_size=size, max_size=size)
    scores = np.array(draw(st.lists(weights, min_size=rows, max_size=rows)), dtype=np.float64)
    return np.array(actual), scores / scores.sum(axis=1, keepdims=True)


@settings(max_examples=60, deadline=None)
@given(class_answers(), st.sampled_from(AVERAGES))
def test_averages_of_any_answers(answers: tuple[Any, Any], average: str) -> None:
    actual, probabilities = answers
    label, predicted = classes(probabilities.shape[1]), probabilities.argmax(axis=1)
    names = (*BY_CLASS, "accuracy_score", "log_loss")
    found = judge(probabilities, label, Truth(actual=actual, average=average), names).values
    for name, function in BY_CLASS.items():
        expected = function(actual, predicted, average=average, zero_division=0)
        assert found[name] == pytest.approx(expected), name
    assert found["accuracy_score"] == pytest.approx(sk.accuracy_score(actual, predicted))
    expected = sk.log_loss(actual, probabilities, labels=range(probabilities.shape[1]))
    assert found["log_loss"] == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(class_answers(), st.sampled_from(AVERAGES))
def test_areas_of_any_answers(answers: tuple[Any, Any], average: str) -> None:
    actual, probabilities = answers
    size = probabilities.shape[1]
    assume(size > 2 and len(set(actual)) == size)
    truth = Truth(actual=actual, average=average)
    names = ("roc_auc_score", "average_precision_score")
    found = judge(probabilities, classes(size), truth, names).values
    area = sk.roc_auc_score(actual, probabilities, multi_class="ovr", average=average)
    assert found["roc_auc_score"] == pytest.approx(area)
    precision = sk.average_precision_score(np.eye(size)[actual], probabilities, average=average)
    assert found["average_precision_score"] == pytest.approx(precision)


@st.composite
def set_answers(draw: st.DrawFn) -> tuple[Any, Any]:
    rows = draw(st.integers(1, 20))
    cells = st.lists(st.booleans(), min_size=3, max_size=3)
    tenths = st.lists(st.integers(0, 10), min_size=3, max_size=3)
    actual = np.array(draw(st.lists(cells, min_size=rows, max_size=rows)))
    return actual, np.array(draw(st.lists(tenths, min_size=rows, max_size=rows))) / 10


@settings(max_examples=60, deadline=None)
@given(set_answers(), st.sampled_from(AVERAGES))
def test_sets_of_classes(answers: tuple[Any, Any], average: str) -> None:
    actual, probabilities = answers
    predicted = probabilities >= 0.5
    others = {
        "accuracy_score": sk.accuracy_score(actual, predicted),
        "hamming_loss": sk.hamming_loss(actual, predicted),
        "zero_one_loss": sk.zero_one_loss(actual, predicted),
        "BinaryAccuracy": (actual == predicted).mean(),
    }
    truth = Truth(actual=actual.astype(np.int64), average=average)
    found = judge(probabilities, SETS, truth, (*BY_CLASS, *others)).values
    for name, function in BY_CLASS.items():
        expected = function(actual, predicted, average=average, zero_division=0)
        assert found[name] == pytest.approx(expected), name
    for name, expected in others.items():
        assert found[name] == pytest.approx(expected), name


def test_the_area_of_sets_of_classes() -> None:
    rng = np.random.default_rng(0)
    actual = rng.random((50, 3)) < 0.4
    probabilities = np.clip(actual * 0.3 + rng.random((50, 3)) * 0.7, 0, 1).round(1)
    found = value(probabilities, SETS, "AUC", actual=actual)
    assert found == pytest.approx(sk.roc_auc_score(actual, probabilities))
    assert value(probabilities, SETS, "log_loss", actual=actual) == pytest.approx(
        sk.log_loss(actual.reshape(-1), probabilities.reshape(-1))
    )


@pytest.mark.parametrize(
    ("name", "function"),
    [
        pytest.param(name, getattr(sk, name), id=name)
        for name in (
            "r2_score",
            "explained_variance_score",
            "mean_squared_error",
            "root_mean_squared_error",
            "mean_absolute_error",
            "median_absolute_error",
            "mean_squared_log_error",
            "mean_absolute_percentage_error",
        )
    ],
)
def test_vectors(name: str, function: Callable[[Any, Any], float]) -> None:
    rng = np.random.default_rng(0)
    actual = rng.gamma(2.0, 1.0, (40, 2)) * [1, 10]
    predicted = actual * rng.uniform(0.8, 1.2, (40, 2))
    found = judge(predicted, VECTORS, Truth(actual=actual), [name])
    assert found.values[name] == pytest.approx(function(actual, predicted))
    constant = np.tile([1.0, 2.0], (40, 1))
    assert found.baseline[name] == pytest.approx(function(actual, constant))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=2, max_size=12),
        min_size=1,
        max_size=4,
    )
)
def test_rankings(groups: list[list[tuple[int, int]]]) -> None:
    relevant = [group for group in groups if any(gain for gain, _ in group)]
    assume(relevant)
    pairs = np.array([pair for group in groups for pair in group])
    numbers = np.repeat(range(len(groups)), [len(group) for group in groups])
    # The rows of a group need not be neighbours here.
    order = np.random.default_rng(0).permutation(len(pairs))
    gains, scores, numbers = pairs[order, 0], pairs[order, 1].astype(float), numbers[order]
    for name, best in (("ndcg_score", None), ("ndcg_at_10", 10)):
        expected = np.mean(
            [sk.ndcg_score(*np.array(group).T[:, None].astype(float), k=best) for group in relevant]
        )
        found = value(scores, RANKS, name, actual=gains.astype(float), groups=numbers)
        assert found == pytest.approx(expected)


def test_a_ranking_without_anything_to_rank_is_not_judged() -> None:
    assert math.isnan(value(np.ones(3), RANKS, "ndcg", actual=np.zeros(3)))
    found = judge(np.array([2.0, 1.0]), RANKS, Truth(actual=np.array([1.0, 0.0])))
    assert found.values == {"loss": 0.0, "ndcg_score": 1.0}
    assert 0 < found.baseline["ndcg_score"] < 1


def test_clusters_by_themselves() -> None:
    rng = np.random.default_rng(0)
    matrix = (rng.normal(size=(60, 3)) + np.repeat([[0], [5], [10]], 20, axis=0)).astype("f4")
    clusters = np.repeat([0, 1, 2], 20)
    clusters[::7] = -1
    for name in ("silhouette_score", "davies_bouldin_score", "calinski_harabasz_score"):
        expected = getattr(sk, name)(matrix, clusters)
        one = value(clusters, CLUSTERS, name, actual=None, matrix=matrix)
        assert one == pytest.approx(expected), name
    found = judge(clusters.astype(float), CLUSTERS, Truth(actual=None, matrix=matrix))
    assert list(found.values) == ["silhouette_score"]
    assert math.isnan(found.baseline["silhouette_score"])
    with pytest.raises(TerminalError, match="there is no label"):
        value(clusters, CLUSTERS, "adjusted_rand_score", actual=None, matrix=matrix)


def test_clusters_beside_what_rows_are_known_to_be() -> None:
    rng = np.random.default_rng(0)
    actual, clusters = rng.integers(0, 3, 50), rng.integers(0, 4, 50)
    names = (
        "adjusted_rand_score",
        "adjusted_mutual_info_score",
        "normalized_mutual_info_score",
        "homogeneity_score",
        "completeness_score",
        "v_measure_score",
    )
    truth = Truth(actual=actual, matrix=np.zeros((50, 1)))
    found = judge(clusters.astype(float), CLUSTERS, truth, names)
    for name in names:
        assert found.values[name] == pytest.approx(getattr(sk, name)(actual, clusters)), name
    assert list(judge(clusters.astype(float), CLUSTERS, truth).values) == list(names[:3:2])


def test_outliers() -> None:
    scores = np.array([-3.0, -0.1, 0.0, 0.2, 5.0, -40.0])
    actual = np.array([1, 0, 0, 1, 0, 1])
    predicted = scores < 0
    found = judge(
        scores,
        OUTLIERS,
        Truth(actual=actual),
        ["precision_score", "recall_score", "AUC", "average_precision_score", "FalsePositives"],
    )
    assert found.values == {
        "loss": pytest.approx(sk.zero_one_loss(actual, predicted)),
        "precision_score": pytest.approx(sk.precision_score(actual, predicted)),
        "recall_score": pytest.approx(sk.recall_score(actual, predicted)),
        "AUC": pytest.approx(sk.roc_auc_score(actual, -scores)),
        "average_precision_score": pytest.approx(sk.average_precision_score(actual, -scores)),
        "FalsePositives": 1,
    }
    assert found.baseline["recall_score"] == 0
    assert found.confusion == {
        "inlier": {"inlier": 2, "outlier": 1},
        "outlier": {"inlier": 1, "outlier": 2},
    }


def test_an_average_of_two_classes_is_asked_for() -> None:
    actual, probabilities = np.array([0, 0, 1, 1]), np.eye(2)[[0, 1, 1, 0]]
    usual = value(probabilities, classes(2), "precision", actual=actual)
    assert usual == sk.precision_score(actual, probabilities.argmax(1))
    weighted = value(probabilities, classes(2), "precision", "weighted", actual=actual)
    assert weighted == sk.precision_score(actual, probabilities.argmax(1), average="weighted")


def test_folds_are_a_mean_with_a_spread() -> None:
    first = Metrics(values={"loss": 1.0}, baseline={"loss": 3.0}, rows=2, confusion={"a": {"a": 2}})
    second = replace(first, values={"loss": 2.0}, rows=3, confusion={"a": {"a": 3}})
    found = over_folds([first, second])
    assert found == Metrics(
        values={"loss": 1.5},
        baseline={"loss": 3.0},
        spread={"loss": 0.5},
        rows=5,
        confusion={"a": {"a": 5}},
    )
