"""The arithmetic of metrics of amounts: from answers to one number.

Of vectors, a metric is the mean of what it is of each of their amounts.
"""

import math
from collections.abc import Callable

import numpy as np

from sqlflow_dagster.ml.metrics.answers import AmountAnswers
from sqlflow_dagster.ml.tasks import FloatArray


def of_each(function: Callable[[AmountAnswers], float]) -> Callable[[AmountAnswers], float]:
    """A metric of single amounts for vectors too: the mean over their amounts."""

    def mean(answers: AmountAnswers) -> float:
        if answers.actual.ndim == 1:
            return function(answers)
        columns = zip(answers.actual.T, answers.predicted.T, strict=True)
        found = [function(AmountAnswers(actual=y, predicted=p)) for y, p in columns]
        return float(np.mean(found))

    return mean


def root_mean_squared_error(answers: AmountAnswers) -> float:
    """The root of the mean of the squared errors."""
    return math.sqrt(mean_squared_error(answers))


def mean_absolute_error(answers: AmountAnswers) -> float:
    """The mean size of the errors."""
    return float(np.abs(errors(answers)).mean())


def median_absolute_error(answers: AmountAnswers) -> float:
    """The median size of the errors."""
    return float(np.median(np.abs(errors(answers))))


def max_error(answers: AmountAnswers) -> float:
    """The size of the largest error."""
    return float(np.abs(errors(answers)).max())


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
