"""Judging a model: its metrics on rows, beside those of always giving the same answer."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.base import Metrics
from sqlflow_dagster.ml.features.labels import MULTILABEL_THRESHOLD
from sqlflow_dagster.ml.features.spec import LabelSpec
from sqlflow_dagster.ml.metrics.answers import (
    AmountAnswers,
    Answers,
    ClassAnswers,
    ClusterAnswers,
    LabelSetAnswers,
    RankingAnswers,
    outlier_answers,
)
from sqlflow_dagster.ml.metrics.by_name import (
    DEFAULTS,
    LABELLED_DEFAULTS,
    LOSSES,
    Metric,
    find_metric,
)
from sqlflow_dagster.ml.tasks import FloatArray, Task
from sqlflow_dagster.source import Span

MAX_CONFUSION_CLASSES = 100
UNSEEN = "(not trained on)"
"""The row of a confusion matrix for all classes that the model does not know."""


def can_judge(task: Task, *, labelled: bool) -> bool:
    """Whether there are metrics for what a model predicts.

    Args:
        task: Of the model.
        labelled: Whether the rows have a label; models that learn without one may be judged by one.
    """
    return task in DEFAULTS and (labelled or task is Task.CLUSTERING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is known of the rows that a model is judged on.

    Attributes:
        actual: As in :class:`~sqlflow_dagster.ml.base.Dataset`, where classes that the model does not know are one
            more; for outliers 1, else 0; for clusters the number of what a row is known to be, or None where
            nobody knows.
        matrix: The encoded rows, for the metrics of clusters.
        groups: The group of each row of a ranking; None where all are one.
        average: How metrics of each class become one number; None for what is usual.
    """

    actual: npt.NDArray[Any] | None
    matrix: FloatArray | None = None
    groups: npt.NDArray[np.int64] | None = None
    average: str | None = None


def judge(
    prediction: FloatArray,
    label: LabelSpec,
    truth: Truth,
    names: Sequence[str] = (),
    span: Span | None = None,
) -> Metrics:
    """Compare predictions with the truth, and with always giving the same answer.

    Each row counts once, whatever weight it had in a training.

    Args:
        prediction: Of at least one row, see :class:`~sqlflow_dagster.ml.tasks.Task`.
        label: What is predicted.
        truth: Of the same rows.
        names: Metrics to compute beside ``loss``; those usual for the task where empty.
        span: Where the names were written.

    Raises:
        TerminalError: A metric is unknown or does not suit the model or the rows.
    """
    metrics = _metrics(label, names, span, labelled=truth.actual is not None)
    answers = _answers(prediction, label, truth)
    constant = _answers(_constant(label, len(prediction)), label, truth)
    return Metrics(
        values=_values(metrics, answers, label),
        baseline=_values(metrics, constant, label),
        rows=len(prediction),
        confusion=_confusion(answers, label),
        unseen=_unseen_rows(answers),
    )


def undefined(label: LabelSpec, names: Sequence[str], *, labelled: bool) -> Metrics:
    """The metrics of no rows, which are all NaN; see :func:`judge`."""
    values = dict.fromkeys(_metrics(label, names, None, labelled=labelled), math.nan)
    return Metrics(values=values, baseline=values, rows=0)


def _metrics(
    label: LabelSpec, names: Sequence[str], span: Span | None, *, labelled: bool
) -> dict[str, Metric]:
    """The loss, then the metrics of these names."""
    usual = LABELLED_DEFAULTS if labelled else DEFAULTS
    metrics = {"loss": LOSSES[label.task]} if label.task in LOSSES else {}
    for name in names or usual[label.task]:
        metrics[name] = find_metric(name, label.task, span, classes=len(label.classes) or None)
        if metrics[name].wants_label and not labelled:
            raise TerminalError(
                f"metric {name} compares with what rows are known to be, but there is no label",
                span,
                "evaluate the model on rows with a LABEL, or use silhouette_score",
            )
    return metrics


def over_folds(found: Sequence[Metrics]) -> Metrics:
    """The metrics of some folds as one: their means, and how far the folds are apart."""

    def of_each(name: str) -> list[float]:
        return [item.values[name] for item in found]

    names = found[0].values
    return Metrics(
        values={name: float(np.mean(of_each(name))) for name in names},
        baseline={name: float(np.mean([item.baseline[name] for item in found])) for name in names},
        spread={name: float(np.std(of_each(name))) for name in names},
        rows=sum(item.rows for item in found),
        confusion=_summed([item.confusion for item in found]),
    )


def _values(metrics: Mapping[str, Metric], answers: Answers, label: LabelSpec) -> dict[str, float]:
    """Each metric's value; of one that stands under two names, such as ``loss``, computed once."""
    found = {id(item): _compute(item, answers, label) for item in metrics.values()}
    return {name: found[id(item)] for name, item in metrics.items()}


def _compute(metric: Metric, answers: Answers, label: LabelSpec) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(metric.functions[label.task](answers))


def _answers(prediction: FloatArray, label: LabelSpec, truth: Truth) -> Answers:
    prediction = prediction.astype(np.float64)
    actual: Any = truth.actual
    match label.task:
        case Task.CLASSIFICATION:
            classes = len(label.classes)
            unseen = bool((actual == classes).any())
            return ClassAnswers(
                actual=actual,
                probabilities=_with_unseen(prediction) if unseen else prediction,
                unseen=unseen,
                average=truth.average,
            )
        case Task.MULTILABEL:
            unseen = actual.shape[1] > len(label.classes)
            return LabelSetAnswers(
                actual=actual.astype(np.bool_),
                probabilities=_with_unseen(prediction) if unseen else prediction,
                unseen=unseen,
                threshold=MULTILABEL_THRESHOLD,
                average=truth.average,
            )
        case Task.OUTLIER_DETECTION:
            return outlier_answers(actual, prediction)
        case Task.RANKING:
            groups = truth.groups
            if groups is None:
                groups = np.zeros(len(prediction), dtype=np.int64)
            return RankingAnswers(actual=actual, scores=prediction, groups=groups)
        case Task.CLUSTERING:
            assert truth.matrix is not None
            clusters = prediction.astype(np.int64)
            return ClusterAnswers(predicted=clusters, matrix=truth.matrix, actual=actual)
        case _:
            return AmountAnswers(actual=actual, predicted=prediction)


def _with_unseen(prediction: FloatArray) -> FloatArray:
    """Probabilities with that of a class which is never predicted."""
    return np.pad(prediction, ((0, 0), (0, 1)))


def _unseen_rows(answers: Answers) -> int:
    """How many rows have a class that the model does not know."""
    if not isinstance(answers, ClassAnswers | LabelSetAnswers) or not answers.unseen:
        return 0
    return int(answers.actual_counts[-1])


def _constant(label: LabelSpec, rows: int) -> FloatArray:
    """Always the same answer: the one that the training rows suggest."""
    match label.task:
        case Task.CLASSIFICATION:
            counts = np.array(label.counts, dtype=np.float64)
            return np.broadcast_to(counts / counts.sum(), (rows, len(counts)))
        case Task.MULTILABEL:
            return np.broadcast_to(np.array(label.means), (rows, len(label.means)))
        case Task.REGRESSION if label.is_list:
            return np.broadcast_to(np.array(label.means), (rows, len(label.means)))
        case Task.REGRESSION:
            return np.full(rows, label.means[0])
        case Task.OUTLIER_DETECTION:
            return np.ones(rows)
        case _:
            return np.zeros(rows)


def _confusion(answers: Answers, label: LabelSpec) -> dict[str, dict[str, int]] | None:
    if not isinstance(answers, ClassAnswers) or len(label.classes) > MAX_CONFUSION_CLASSES:
        return None
    names = [str(item) for item in label.classes] or ["inlier", "outlier"]
    counts = answers.confusion
    actual = [*names, UNSEEN] if answers.unseen else names
    return {
        name: dict(zip(names, row, strict=True))
        for name, row in zip(actual, counts[:, : len(names)].tolist(), strict=True)
    }


def _summed(
    found: Sequence[Mapping[str, Mapping[str, int]] | None],
) -> dict[str, dict[str, int]] | None:
    first = found[0]
    if first is None:
        return None
    return {
        actual: {name: sum(item[actual][name] for item in found if item) for name in row}
        for actual, row in first.items()
    }
