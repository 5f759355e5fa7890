"""The arithmetic of metrics: from actual and predicted values to one number."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sqlflow_dagster.ml.tasks import FloatArray

_TOP_K = 5


@dataclass(frozen=True, kw_only=True)
class ClassAnswers:
    """Actual classes of rows, and what a model makes of them.

    Attributes:
        actual: Class indexes, shape (n,).
        probabilities: shape (n, classes), each row adding up to 1.
    """

    actual: npt.NDArray[np.int64]
    probabilities: FloatArray

    @cached_property
    def predicted(self) -> npt.NDArray[np.int64]:
        """The likeliest class of each row."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    @cached_property
    def confusion(self) -> npt.NDArray[np.int64]:
        """Counts, shape (classes, classes): actual class, then predicted class."""
        size = self.probabilities.shape[1]
        pairs = self.actual * size + self.predicted
        return np.bincount(pairs, minlength=size * size).reshape(size, size)


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountAnswers:
    """Actual and predicted amounts, both of shape (n,)."""

    actual: FloatArray
    predicted: FloatArray


def accuracy(answers: ClassAnswers) -> float:
    """The share of rows whose likeliest class is the actual one."""
    return float(np.mean(answers.actual == answers.predicted))


def precisions(answers: ClassAnswers) -> FloatArray:
    """Of each class, the share of its predictions that are right; 0 where there are none."""
    return _ratio(np.diag(answers.confusion), answers.confusion.sum(axis=0))


def recalls(answers: ClassAnswers) -> FloatArray:
    """Of each class, the share of its rows that were found; 0 where it does not occur."""
    return _ratio(np.diag(answers.confusion), answers.confusion.sum(axis=1))


def f_betas(answers: ClassAnswers, beta: float) -> FloatArray:
    """Of each class, the weighted harmonic mean of precision and recall."""
    hits = (1 + beta**2) * np.diag(answers.confusion)
    misses = answers.confusion.sum(axis=0) + beta**2 * answers.confusion.sum(axis=1)
    return _ratio(hits, misses)


def _ratio(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> FloatArray:
    quotient: FloatArray = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
    return quotient


def averaged(per_class: FloatArray, answers: ClassAnswers) -> float:
    """The positive class of two; of more, the mean over those that occur or were predicted."""
    if len(per_class) == 2:
        return float(per_class[1])
    occur = (answers.confusion.sum(axis=0) + answers.confusion.sum(axis=1)) > 0
    return float(per_class[occur].mean())


def balanced_accuracy(answers: ClassAnswers) -> float:
    """The mean recall of the classes that occur."""
    return float(recalls(answers)[answers.confusion.sum(axis=1) > 0].mean())


def cohen_kappa(answers: ClassAnswers) -> float:
    """Agreement beyond chance: 0 is chance, 1 is perfect."""
    total = answers.confusion.sum()
    by_chance = answers.confusion.sum(axis=0) @ answers.confusion.sum(axis=1) / total**2
    return float((accuracy(answers) - by_chance) / (1 - by_chance))


def matthews(answers: ClassAnswers) -> float:
    """Correlation of actual and predicted classes; 0 where one of them is constant."""
    counts = answers.confusion.astype(np.float64)
    actual, predicted, total = counts.sum(axis=1), counts.sum(axis=0), counts.sum()
    covariance = np.trace(counts) * total - actual @ predicted
    spread = (total**2 - predicted @ predicted) * (total**2 - actual @ actual)
    return float(covariance / math.sqrt(spread)) if spread > 0 else 0.0


def log_loss(answers: ClassAnswers) -> float:
    """The mean negative logarithm of the probability given to the actual class."""
    return float(-_log_probabilities(answers)[_own(answers)].mean())


def brier(answers: ClassAnswers) -> float:
    """The mean squared error of the probabilities; halved for two classes, as is usual."""
    truth = np.eye(answers.probabilities.shape[1])[answers.actual]
    score = np.square(answers.probabilities - truth).sum(axis=1).mean()
    return float(score / 2 if truth.shape[1] == 2 else score)


def hinge(answers: ClassAnswers) -> float:
    """The mean shortfall from a margin of 1 in log-odds over the best wrong class."""
    scores = _log_probabilities(answers)
    own = scores[_own(answers)]
    scores[_own(answers)] = -np.inf
    return float(np.maximum(0.0, 1.0 - own + scores.max(axis=1)).mean())


def top_k(answers: ClassAnswers) -> float:
    """The share of rows whose actual class is among the five likeliest."""
    best = np.argsort(-answers.probabilities, axis=1, kind="stable")[:, :_TOP_K]
    return float((best == answers.actual[:, None]).any(axis=1).mean())


def _log_probabilities(answers: ClassAnswers) -> FloatArray:
    smallest = float(np.finfo(np.float64).eps)
    clipped = np.clip(answers.probabilities, smallest, 1.0)
    return np.asarray(np.log(clipped / clipped.sum(axis=1, keepdims=True)))


def _own(answers: ClassAnswers) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    return np.arange(len(answers.actual)), answers.actual


def against_rest(
    score: Callable[[npt.NDArray[np.bool_], FloatArray], float],
) -> Callable[[ClassAnswers], float]:
    """A score of two classes for any number: of each class against the rest, averaged."""

    def averaged(answers: ClassAnswers) -> float:
        size = answers.probabilities.shape[1]
        scores = [
            score(answers.actual == index, answers.probabilities[:, index])
            for index in ([1] if size == 2 else range(size))
        ]
        defined = [item for item in scores if not math.isnan(item)]
        return float(np.mean(defined)) if defined else math.nan

    return averaged


def auc(positive: npt.NDArray[np.bool_], scores: FloatArray) -> float:
    """The chance that a positive row scores higher than a negative one; a tie is half."""
    count = int(positive.sum())
    if count in (0, len(positive)):
        return math.nan
    _, inverse, ties = np.unique(scores, return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(ties) - (ties - 1) / 2
    rank_sum = mean_ranks[inverse][positive].sum()
    return float((rank_sum - count * (count + 1) / 2) / (count * (len(positive) - count)))


def average_precision(positive: npt.NDArray[np.bool_], scores: FloatArray) -> float:
    """The mean precision at the positive rows, by falling score."""
    if not positive.any():
        return math.nan
    order = np.argsort(-scores, kind="stable")
    hits, ranked = np.cumsum(positive[order]), scores[order]
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    hits, seen = hits[last_of_tie], np.flatnonzero(last_of_tie) + 1
    return float(np.sum(np.diff(hits, prepend=0) / hits[-1] * hits / seen))


def cell(actual: int, predicted: int) -> Callable[[ClassAnswers], float]:
    """The count of one cell of the confusion matrix."""
    return lambda answers: float(answers.confusion[actual, predicted])


def errors(answers: AmountAnswers) -> FloatArray:
    """Actual less predicted."""
    return answers.actual - answers.predicted


def mean_squared_error(answers: AmountAnswers) -> float:
    """The mean of the squared errors."""
    return float(np.square(errors(answers)).mean())


def mean_squared_log_error(answers: AmountAnswers) -> float:
    """The mean squared error of ``log(1 + value)``; NaN where a value is -1 or less."""
    if min(answers.actual.min(), answers.predicted.min()) <= -1:
        return math.nan
    return float(np.square(np.log1p(answers.actual) - np.log1p(answers.predicted)).mean())


def percentage_error(answers: AmountAnswers) -> float:
    """The mean error as a fraction of the actual value."""
    smallest = float(np.finfo(np.float64).eps)
    return float((np.abs(errors(answers)) / np.maximum(np.abs(answers.actual), smallest)).mean())


def _explained(residual: float, total: float) -> float:
    if total > 0:
        return 1.0 - residual / total
    return 1.0 if residual == 0 else 0.0


def r2(answers: AmountAnswers) -> float:
    """The share of the variation that is explained; NaN for a single row."""
    if len(answers.actual) < 2:
        return math.nan
    spread = np.square(answers.actual - answers.actual.mean()).sum()
    return _explained(float(np.square(errors(answers)).sum()), float(spread))


def explained_variance(answers: AmountAnswers) -> float:
    """As :func:`r2`, but a constant error costs nothing."""
    return _explained(float(errors(answers).var()), float(answers.actual.var()))
