"""The arithmetic of metrics of rankings and of clusters."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from sqlflow_dagster.ml.metrics.answers import ClusterAnswers, RankingAnswers
from sqlflow_dagster.ml.tasks import FloatArray

_COMPARED_ROWS = 5_000
"""How many rows the silhouette is of: it compares each row with each other."""


def ndcg(best: int | None = None) -> Callable[[RankingAnswers], float]:
    """Normalized discounted cumulative gain, the mean over the groups.

    The gain of a row is its relevance, and rows of one score share their gains, as in scikit-learn.
    Groups of one row, and those where no row is relevant, do not count.

    Args:
        best: How many of the first rows count; None for all.
    """

    def mean(answers: RankingAnswers) -> float:
        gains = answers.actual.astype(np.float64)
        if gains.min() < 0:
            return math.nan
        groups = np.unique(answers.groups, return_inverse=True)[1]
        found = _discounted(gains, answers.scores, groups, best)
        ideal = _discounted(gains, gains, groups, best)
        counted = (np.bincount(groups) > 1) & (ideal > 0)
        return float((found[counted] / ideal[counted]).mean()) if counted.any() else math.nan

    return mean


def _discounted(
    gains: FloatArray, scores: FloatArray, groups: npt.NDArray[np.int64], best: int | None
) -> FloatArray:
    """The discounted gain of each group, shape (groups,), in the order of the scores."""
    order = np.lexsort((-scores, groups))
    gains, scores, groups = gains[order], scores[order], groups[order]
    sizes = np.bincount(groups)
    places = np.arange(len(groups)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    discounts = 1 / np.log2(places + 2)
    if best is not None:
        discounts[places >= best] = 0.0
    begins = np.flatnonzero(np.append(True, np.diff(groups).astype(bool) | (np.diff(scores) != 0)))
    counts = np.diff(np.append(begins, len(groups)))
    shared = np.repeat(np.add.reduceat(gains, begins) / counts, counts)
    return np.asarray(np.bincount(groups, weights=shared * discounts))


def silhouette(answers: ClusterAnswers) -> float:
    """How much nearer rows are to their own cluster than to the next, -1 to 1.

    Of more than 5,000 rows, of that many spread evenly over them.
    """
    places = np.arange(len(answers.predicted))
    if len(places) > _COMPARED_ROWS:
        places = np.linspace(0, len(places) - 1, _COMPARED_ROWS).astype(np.int64)
    return _of_rows("silhouette_score", answers.matrix[places], answers.predicted[places])


def davies_bouldin(answers: ClusterAnswers) -> float:
    """How wide clusters are compared to how far they are from the most similar one; from 0."""
    return _of_rows("davies_bouldin_score", answers.matrix, answers.predicted)


def calinski_harabasz(answers: ClusterAnswers) -> float:
    """The spread between clusters compared to that within them."""
    return _of_rows("calinski_harabasz_score", answers.matrix, answers.predicted)


def _of_rows(name: str, matrix: FloatArray, clusters: npt.NDArray[np.int64]) -> float:
    from sklearn import metrics

    found = len(np.unique(clusters))
    if not 2 <= found < len(clusters) or np.isnan(matrix).any():
        return math.nan
    return float(getattr(metrics, name)(matrix, clusters))


def compared(name: str) -> Callable[[ClusterAnswers], float]:
    """A function of scikit-learn that compares clusters with what rows are known to be."""

    def score(answers: ClusterAnswers) -> float:
        from sklearn import metrics

        function: Any = getattr(metrics, name)
        return (
            math.nan
            if answers.actual is None
            else float(function(answers.actual, answers.predicted))
        )

    return score
