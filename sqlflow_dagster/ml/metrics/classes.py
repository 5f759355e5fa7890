"""The arithmetic of metrics of classes: from answers to one number."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sqlflow_dagster.ml.metrics.answers import ClassAnswers, LabelSetAnswers
from sqlflow_dagster.ml.tasks import FloatArray

_TOP_K = 5


Score: TypeAlias = Callable[[npt.NDArray[np.bool_], FloatArray], float]
"""From which rows are positive, and a score for each, to a number; NaN where it is not defined."""


def accuracy(answers: ClassAnswers) -> float:
    """The share of rows whose likeliest class is the actual one."""
    return float(np.mean(answers.actual == answers.predicted))


def subset_accuracy(answers: LabelSetAnswers) -> float:
    """The share of rows whose classes are all found, and no others."""
    return float((answers.actual == answers.predicted).all(axis=1).mean())


def cell_accuracy(answers: LabelSetAnswers) -> float:
    """The share of answers, one for each row and class, that are right."""
    return float((answers.actual == answers.predicted).mean())


def precision(answers: ClassAnswers | LabelSetAnswers) -> float:
    """Of the predictions of a class, the share that is right; 0 where there are none."""
    return _averaged(answers.hits, answers.predicted_counts, answers)


def recall(answers: ClassAnswers | LabelSetAnswers) -> float:
    """Of the rows of a class, the share that is found; 0 where it does not occur."""
    return _averaged(answers.hits, answers.actual_counts, answers)


def jaccard(answers: ClassAnswers | LabelSetAnswers) -> float:
    """Of the rows that are of a class or said to be, the share that is both."""
    either = answers.predicted_counts + answers.actual_counts - answers.hits
    return _averaged(answers.hits, either, answers)


def f_beta(beta: float) -> Callable[[ClassAnswers | LabelSetAnswers], float]:
    """The weighted harmonic mean of precision and recall."""

    def weighted(answers: ClassAnswers | LabelSetAnswers) -> float:
        whole = answers.predicted_counts + beta**2 * answers.actual_counts
        return _averaged((1 + beta**2) * answers.hits, whole, answers)

    return weighted


def _averaged(
    part: npt.NDArray[Any], whole: npt.NDArray[Any], answers: ClassAnswers | LabelSetAnswers
) -> float:
    """The ratios of the classes as one number."""
    if answers.average == "micro":
        return float(part.sum() / whole.sum()) if whole.sum() else 0.0
    per_class = _ratio(part, whole)
    if answers.average == "weighted":
        total = answers.actual_counts.sum()
        return float(per_class @ answers.actual_counts / total) if total else 0.0
    if answers.average is None and isinstance(answers, ClassAnswers) and answers.known == 2:
        return float(per_class[1])
    return float(per_class[answers.counted].mean())


def _ratio(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> FloatArray:
    quotient: FloatArray = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
    return quotient


def balanced_accuracy(answers: ClassAnswers) -> float:
    """The mean recall of the classes that occur."""
    there = answers.actual_counts > 0
    return float((answers.hits[there] / answers.actual_counts[there]).mean())


def cohen_kappa(answers: ClassAnswers) -> float:
    """Agreement beyond chance: 0 is chance, 1 is perfect."""
    by_chance = answers.predicted_counts @ answers.actual_counts / len(answers.actual) ** 2
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
    return float(score / 2 if answers.known == 2 else score)


def hinge(answers: ClassAnswers) -> float:
    """The mean shortfall from a margin of 1 in log-odds over the best wrong class."""
    scores = _log_probabilities(answers)
    own = scores[_own(answers)]
    scores[_own(answers)] = -np.inf
    return float(np.maximum(0.0, 1.0 - own + scores.max(axis=1)).mean())


def top_k(answers: ClassAnswers) -> float:
    """The share of rows whose actual class is among the five likeliest."""
    known = answers.probabilities[:, : answers.known]
    best = np.argsort(-known, axis=1, kind="stable")[:, :_TOP_K]
    return float((best == answers.actual[:, None]).any(axis=1).mean())


def _log_probabilities(answers: ClassAnswers) -> FloatArray:
    smallest = float(np.finfo(np.float64).eps)
    clipped = np.clip(answers.probabilities, smallest, 1.0)
    return np.asarray(np.log(clipped / clipped.sum(axis=1, keepdims=True)))


def _own(answers: ClassAnswers) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    return np.arange(len(answers.actual)), answers.actual


def cell_log_loss(answers: LabelSetAnswers) -> float:
    """The mean negative logarithm of the probability of each right answer."""
    smallest = float(np.finfo(np.float64).eps)
    right = np.where(answers.actual, answers.probabilities, 1 - answers.probabilities)
    return float(-np.log(np.clip(right, smallest, 1.0)).mean())


def against_rest(score: Score) -> Callable[[ClassAnswers | LabelSetAnswers], float]:
    """A score of two classes for any number: of each class against the rest, averaged."""

    def averaged(answers: ClassAnswers | LabelSetAnswers) -> float:
        positive, scores = answers.indicators(), answers.probabilities[:, : answers.known]
        if isinstance(answers, ClassAnswers) and scores.shape[1] == 2:
            return score(positive[:, 1], scores[:, 1])
        if answers.average == "micro":
            return score(positive.reshape(-1), scores.reshape(-1))
        found = np.array([score(*column) for column in zip(positive.T, scores.T, strict=True)])
        weights = positive.sum(axis=0) if answers.average == "weighted" else np.ones(len(found))
        defined = ~np.isnan(found)
        return float(np.average(found[defined], weights=weights[defined]))

    def known(answers: ClassAnswers | LabelSetAnswers) -> float:
        try:
            return averaged(answers)
        except ZeroDivisionError:  # No class is there that the score is defined for.
            return math.nan

    return known


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
