"""Metrics by name: those of scikit-learn and of TensorFlow, and short ones.

Of more than two classes, precision, recall and their kin are macro averages and AUC is one class
against the rest; of two, the second class in sorted order is the positive one, as in scikit-learn.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.lang.expressions import Value
from sqlflow_dagster.ml import metric_functions as functions
from sqlflow_dagster.ml.base import Metrics
from sqlflow_dagster.ml.features.spec import LabelSpec
from sqlflow_dagster.ml.metric_functions import AmountAnswers, ClassAnswers
from sqlflow_dagster.ml.tasks import FloatArray, Task
from sqlflow_dagster.source import Span

DEFAULTS = {
    Task.CLASSIFICATION: ("accuracy_score", "log_loss"),
    Task.REGRESSION: ("r2_score", "root_mean_squared_error"),
}
MAX_CONFUSION_CLASSES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric and what it is for.

    Attributes:
        names: Every spelling, the first one being that of scikit-learn where it has the metric.
        task: Which models it judges.
        function: From answers to a number; NaN where it is not defined.
        greater_is_better: Which way an acceptance rule looks.
        binary_only: Whether it has no meaning for more than two classes.
    """

    names: tuple[str, ...]
    task: Task
    function: Callable[[Any], float]
    greater_is_better: bool
    binary_only: bool = False


def metric_names(value: Value) -> tuple[str, ...]:
    """The names in the value of ``validation.metrics``: a list, or a text with commas."""
    items = value if isinstance(value, tuple) else str(value).split(",")
    return tuple(name for item in items if (name := str(item).strip()))


def check_metric_name(name: str, span: Span | None = None) -> None:
    """Refuse the name of a metric that no kind of model is judged by.

    Raises:
        TerminalError: There is no such metric.
    """
    if name.lower() not in _BY_NAME:
        known = [item for entry in _METRICS for item in entry.names]
        hint = did_you_mean(name, known) or f"known: {', '.join(sorted(known))}"
        raise TerminalError(f"unknown metric {name!r}", span, hint)


def find_metric(
    name: str, task: Task, span: Span | None = None, *, classes: int | None = None
) -> Metric:
    """The metric of a name, in any case.

    Args:
        name: Such as ``accuracy_score`` or ``MeanSquaredError``.
        task: Of the model that is judged.
        span: Where the name was written.
        classes: How many classes the model has; None where it is not known yet.

    Raises:
        TerminalError: There is no such metric, or it does not suit the model.
    """
    metric = _BY_NAME.get(name.lower())
    if metric is None:
        known = [item for entry in _METRICS if entry.task is task for item in entry.names]
        raise TerminalError(
            f"unknown metric {name!r}",
            span,
            did_you_mean(name, known) or f"known for a {task}: {', '.join(sorted(known))}",
        )
    if metric.task is not task:
        raise TerminalError(
            f"metric {name} judges a {metric.task}, but the model is a {task}",
            span,
            f"such as {', '.join(DEFAULTS[task])}",
        )
    if metric.binary_only and classes is not None and classes > 2:
        raise TerminalError(
            f"metric {name} wants two classes, but the model has {classes}",
            span,
            "use precision_score or recall_score, which are averaged over the classes",
        )
    return metric


def metric_value(metrics: Metrics, name: str) -> float | None:
    """A value of ``metrics`` by any of the metric's names; None where it was not computed."""
    wanted = _BY_NAME.get(name.lower())
    for key, value in metrics.values.items():
        if key.lower() == name.lower() or (wanted and _BY_NAME.get(key.lower()) is wanted):
            return value
    return None


def can_judge(label: LabelSpec) -> bool:
    """Whether there are metrics for what a model predicts."""
    return label.task in DEFAULTS and not label.is_list


def judge(
    actual: npt.NDArray[Any],
    prediction: FloatArray,
    label: LabelSpec,
    names: Sequence[str] = (),
    span: Span | None = None,
) -> Metrics:
    """Compare predictions with the truth, and with always giving the same answer.

    Args:
        actual: Class indexes or amounts, shape (n,); at least one.
        prediction: Probabilities, shape (n, classes), or amounts, shape (n,).
        label: What is predicted.
        names: Metrics to compute beside ``loss``; :data:`DEFAULTS` where empty.
        span: Where the names were written.

    Raises:
        TerminalError: A metric is unknown or does not suit the model.
    """
    classes = len(label.classes) or None
    metrics = {
        name: find_metric(name, label.task, span, classes=classes)
        for name in names or DEFAULTS[label.task]
    }
    metrics = {"loss": _LOSS[label.task]} | metrics
    answers = _answers(actual, prediction, label)
    baseline = _answers(actual, _constant(label, len(actual)), label)
    return Metrics(
        values={name: _compute(item, answers) for name, item in metrics.items()},
        baseline={name: _compute(item, baseline) for name, item in metrics.items()},
        rows=len(actual),
        confusion=_confusion(answers, label),
    )


def _compute(metric: Metric, answers: ClassAnswers | AmountAnswers) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(metric.function(answers))


def _answers(
    actual: npt.NDArray[Any], prediction: FloatArray, label: LabelSpec
) -> ClassAnswers | AmountAnswers:
    prediction = prediction.astype(np.float64)
    if label.task is Task.CLASSIFICATION:
        return ClassAnswers(actual=actual, probabilities=prediction)
    return AmountAnswers(actual=actual, predicted=prediction)


def _constant(label: LabelSpec, rows: int) -> FloatArray:
    if label.task is Task.REGRESSION:
        return np.full(rows, label.means[0])
    counts = np.array(label.counts, dtype=np.float64)
    return np.asarray(np.tile(counts / counts.sum(), (rows, 1)))


def _confusion(
    answers: ClassAnswers | AmountAnswers, label: LabelSpec
) -> dict[str, dict[str, int]] | None:
    if isinstance(answers, AmountAnswers) or len(label.classes) > MAX_CONFUSION_CLASSES:
        return None
    names = [str(item) for item in label.classes]
    return {
        name: dict(zip(names, row, strict=True))
        for name, row in zip(names, answers.confusion.tolist(), strict=True)
    }


def _class(
    *names: str,
    function: Callable[[ClassAnswers], float],
    greater: bool = True,
    binary: bool = False,
) -> Metric:
    return Metric(
        names=names,
        task=Task.CLASSIFICATION,
        function=function,
        greater_is_better=greater,
        binary_only=binary,
    )


def _amount(
    *names: str, function: Callable[[AmountAnswers], float], greater: bool = False
) -> Metric:
    return Metric(names=names, task=Task.REGRESSION, function=function, greater_is_better=greater)


_METRICS = (
    _class(
        "accuracy_score",
        "accuracy",
        "BinaryAccuracy",
        "CategoricalAccuracy",
        "SparseCategoricalAccuracy",
        function=functions.accuracy,
    ),
    _class("balanced_accuracy_score", "balanced_accuracy", function=functions.balanced_accuracy),
    _class(
        "precision_score",
        "precision",
        function=lambda a: functions.averaged(functions.precisions(a), a),
    ),
    _class(
        "recall_score", "recall", function=lambda a: functions.averaged(functions.recalls(a), a)
    ),
    _class("f1_score", "f1", function=lambda a: functions.averaged(functions.f_betas(a, 1.0), a)),
    # scikit-learn has no default for beta; its documentation weighs precision double.
    _class("fbeta_score", function=lambda a: functions.averaged(functions.f_betas(a, 0.5), a)),
    _class("roc_auc_score", "auc", function=functions.against_rest(functions.auc)),
    _class("average_precision_score", function=functions.against_rest(functions.average_precision)),
    _class("cohen_kappa_score", function=functions.cohen_kappa),
    _class("matthews_corrcoef", function=functions.matthews),
    _class("TopKCategoricalAccuracy", "top_k_accuracy_score", function=functions.top_k),
    _class("log_loss", "logloss", function=functions.log_loss, greater=False),
    _class("brier_score_loss", function=functions.brier, greater=False),
    _class("hinge_loss", function=functions.hinge, greater=False),
    _class(
        "hamming_loss", "zero_one_loss", function=lambda a: 1 - functions.accuracy(a), greater=False
    ),
    _class("TruePositives", function=functions.cell(1, 1), binary=True),
    _class("TrueNegatives", function=functions.cell(0, 0), binary=True),
    _class("FalsePositives", function=functions.cell(0, 1), binary=True, greater=False),
    _class("FalseNegatives", function=functions.cell(1, 0), binary=True, greater=False),
    _amount("r2_score", "r2", function=functions.r2, greater=True),
    _amount("explained_variance_score", function=functions.explained_variance, greater=True),
    _amount("mean_squared_error", "MeanSquaredError", "mse", function=functions.mean_squared_error),
    _amount(
        "root_mean_squared_error",
        "RootMeanSquaredError",
        "rmse",
        function=lambda a: math.sqrt(functions.mean_squared_error(a)),
    ),
    _amount(
        "mean_absolute_error",
        "MeanAbsoluteError",
        "mae",
        function=lambda a: float(np.abs(functions.errors(a)).mean()),
    ),
    _amount(
        "median_absolute_error", function=lambda a: float(np.median(np.abs(functions.errors(a))))
    ),
    _amount("max_error", function=lambda a: float(np.abs(functions.errors(a)).max())),
    _amount("mean_squared_log_error", function=functions.mean_squared_log_error),
    _amount("mean_absolute_percentage_error", "mape", function=functions.percentage_error),
    # TensorFlow counts in percent, scikit-learn in fractions.
    _amount("MeanAbsolutePercentageError", function=lambda a: 100 * functions.percentage_error(a)),
)
_BY_NAME = {name.lower(): metric for metric in _METRICS for name in metric.names}
_LOSS = {
    Task.CLASSIFICATION: _BY_NAME["log_loss"],
    Task.REGRESSION: _BY_NAME["mean_squared_error"],
}


def known_metrics(task: Task) -> Iterable[Metric]:
    """Every metric that judges models of a task."""
    return (metric for metric in _METRICS if metric.task is task)
