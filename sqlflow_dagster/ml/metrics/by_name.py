"""Metrics by name: those of scikit-learn and of TensorFlow, and short ones.

Of two classes, the second in sorted order is the positive one, as in scikit-learn; of more,
precision, recall and their kin are macro averages and AUC is one class against the rest, unless
``validation.average`` says otherwise.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.lang.expressions import Value
from sqlflow_dagster.ml.base import Metrics
from sqlflow_dagster.ml.metrics import amounts, classes, orders
from sqlflow_dagster.ml.tasks import Task
from sqlflow_dagster.source import Span

Function = Callable[[Any], float]
DEFAULTS = {
    Task.CLASSIFICATION: ("accuracy_score", "log_loss"),
    Task.MULTILABEL: ("f1_score", "hamming_loss"),
    Task.REGRESSION: ("r2_score", "root_mean_squared_error"),
    Task.RANKING: ("ndcg_score",),
    Task.CLUSTERING: ("silhouette_score",),
    Task.OUTLIER_DETECTION: ("precision_score", "recall_score", "f1_score"),
}
"""What models are judged by where nobody says; a decomposition is judged by nothing."""

LABELLED_DEFAULTS = {
    **DEFAULTS,
    Task.CLUSTERING: ("adjusted_rand_score", "normalized_mutual_info_score"),
}
"""The same, where the rows have a label, whether the model learnt from it or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric and what it is for.

    Attributes:
        names: Every spelling, the first one being that of scikit-learn where it has the metric.
        functions: By the task of the models that it judges: from answers to a number; NaN where it
            is not defined.
        greater_is_better: Which way an acceptance rule looks.
        binary_only: Whether it has no meaning for more than two classes.
        wants_label: Whether it compares with what is true, not only rows with each other.
    """

    names: tuple[str, ...]
    functions: Mapping[Task, Function]
    greater_is_better: bool
    binary_only: bool = False
    wants_label: bool = True


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
        known = [item for entry in known_metrics(task) for item in entry.names]
        raise TerminalError(
            f"unknown metric {name!r}",
            span,
            did_you_mean(name, known) or f"known for {task}: {', '.join(sorted(known))}",
        )
    if task not in metric.functions:
        raise TerminalError(
            f"metric {name} is for {' or '.join(metric.functions)}, but the model does {task}",
            span,
            f"such as {', '.join(DEFAULTS[task])}" if task in DEFAULTS else None,
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


def known_metrics(task: Task) -> Iterable[Metric]:
    """Every metric that judges models of a task."""
    return (metric for metric in _METRICS if task in metric.functions)


def _metric(
    *names: str,
    greater: bool = True,
    binary: bool = False,
    labelled: bool = True,
    **functions: Function,
) -> Metric:
    """A metric; of a classification, ``one`` class a row and ``outlier`` share their functions."""
    return Metric(
        names=names,
        functions={_TASKS[key]: function for key, function in functions.items()},
        greater_is_better=greater,
        binary_only=binary,
        wants_label=labelled,
    )


_TASKS = {
    "one": Task.CLASSIFICATION,
    "outlier": Task.OUTLIER_DETECTION,
    "several": Task.MULTILABEL,
    "amount": Task.REGRESSION,
    "rank": Task.RANKING,
    "cluster": Task.CLUSTERING,
}


def _classes(*names: str, function: Function, greater: bool = True) -> Metric:
    """A metric of everything that has classes."""
    return _metric(*names, greater=greater, one=function, outlier=function, several=function)


def _answers(*names: str, function: Function, greater: bool = True, binary: bool = False) -> Metric:
    """A metric of one class a row, or of whether a row is an outlier."""
    return _metric(*names, greater=greater, binary=binary, one=function, outlier=function)


def _amount(*names: str, function: Function, greater: bool = False) -> Metric:
    return _metric(*names, greater=greater, amount=amounts.of_each(function))


def _cluster(*names: str, function: Function, greater: bool = True) -> Metric:
    """A metric of clusters by themselves."""
    return _metric(*names, greater=greater, labelled=False, cluster=function)


def _agreement(name: str) -> Metric:
    """A metric of clusters beside what rows are known to be."""
    return _metric(name, cluster=orders.compared(name))


_AUC = classes.against_rest(classes.auc)
_AVERAGE_PRECISION = classes.against_rest(classes.average_precision)
_METRICS = (
    _metric(
        "accuracy_score",
        "accuracy",
        "CategoricalAccuracy",
        "SparseCategoricalAccuracy",
        one=classes.accuracy,
        outlier=classes.accuracy,
        several=classes.subset_accuracy,
    ),
    _metric(
        "BinaryAccuracy",
        one=classes.accuracy,
        outlier=classes.accuracy,
        several=classes.cell_accuracy,
    ),
    _answers("balanced_accuracy_score", "balanced_accuracy", function=classes.balanced_accuracy),
    _classes("precision_score", "precision", function=classes.precision),
    _classes("recall_score", "recall", function=classes.recall),
    _classes("f1_score", "f1", function=classes.f_beta(1.0)),
    # scikit-learn has no default for beta; its documentation weighs precision double.
    _classes("fbeta_score", function=classes.f_beta(0.5)),
    _classes("jaccard_score", function=classes.jaccard),
    _classes("roc_auc_score", "auc", function=_AUC),
    _classes("average_precision_score", function=_AVERAGE_PRECISION),
    _answers("cohen_kappa_score", function=classes.cohen_kappa),
    _answers("matthews_corrcoef", function=classes.matthews),
    _metric("TopKCategoricalAccuracy", "top_k_accuracy_score", one=classes.top_k),
    _metric(
        "log_loss", "logloss", greater=False, one=classes.log_loss, several=classes.cell_log_loss
    ),
    _metric("brier_score_loss", greater=False, one=classes.brier),
    _metric("hinge_loss", greater=False, one=classes.hinge),
    _metric(
        "zero_one_loss",
        greater=False,
        one=lambda a: 1 - classes.accuracy(a),
        outlier=lambda a: 1 - classes.accuracy(a),
        several=lambda a: 1 - classes.subset_accuracy(a),
    ),
    _metric(
        "hamming_loss",
        greater=False,
        one=lambda a: 1 - classes.accuracy(a),
        outlier=lambda a: 1 - classes.accuracy(a),
        several=lambda a: 1 - classes.cell_accuracy(a),
    ),
    _answers("TruePositives", function=classes.cell(1, 1), binary=True),
    _answers("TrueNegatives", function=classes.cell(0, 0), binary=True),
    _answers("FalsePositives", function=classes.cell(0, 1), binary=True, greater=False),
    _answers("FalseNegatives", function=classes.cell(1, 0), binary=True, greater=False),
    _amount("r2_score", "r2", function=amounts.r2, greater=True),
    _amount("explained_variance_score", function=amounts.explained_variance, greater=True),
    _amount("mean_squared_error", "MeanSquaredError", "mse", function=amounts.mean_squared_error),
    _amount(
        "root_mean_squared_error",
        "RootMeanSquaredError",
        "rmse",
        function=amounts.root_mean_squared_error,
    ),
    _amount(
        "mean_absolute_error", "MeanAbsoluteError", "mae", function=amounts.mean_absolute_error
    ),
    _amount("median_absolute_error", function=amounts.median_absolute_error),
    _amount("max_error", function=amounts.max_error),
    _amount("mean_squared_log_error", function=amounts.mean_squared_log_error),
    _amount("mean_absolute_percentage_error", "mape", function=amounts.percentage_error),
    # TensorFlow counts in percent, scikit-learn in fractions.
    _amount("MeanAbsolutePercentageError", function=lambda a: 100 * amounts.percentage_error(a)),
    _metric("ndcg_score", "ndcg", rank=orders.ndcg()),
    _metric("ndcg_at_10", rank=orders.ndcg(10)),
    _cluster("silhouette_score", "silhouette", function=orders.silhouette),
    _cluster("davies_bouldin_score", function=orders.davies_bouldin, greater=False),
    _cluster("calinski_harabasz_score", function=orders.calinski_harabasz),
    _agreement("adjusted_rand_score"),
    _agreement("adjusted_mutual_info_score"),
    _agreement("normalized_mutual_info_score"),
    _agreement("homogeneity_score"),
    _agreement("completeness_score"),
    _agreement("v_measure_score"),
)
_BY_NAME = {name.lower(): metric for metric in _METRICS for name in metric.names}
LOSSES: Mapping[Task, Metric] = {
    Task.CLASSIFICATION: _BY_NAME["log_loss"],
    Task.MULTILABEL: _BY_NAME["log_loss"],
    Task.REGRESSION: _BY_NAME["mean_squared_error"],
    Task.RANKING: _metric("loss", greater=False, rank=lambda a: 1 - orders.ndcg()(a)),
    Task.OUTLIER_DETECTION: _BY_NAME["zero_one_loss"],
}
"""What is called ``loss``, the less the better; clusters have none."""


def compared_by(task: Task, metric: str | None, span: Span | None) -> tuple[str, bool]:
    """The name of what models are compared by, the loss unless one is given; whether more is better.

    Raises:
        TerminalError: The metric does not suit the task.
    """
    loss = LOSSES.get(task)
    name = metric or ("loss" if loss else DEFAULTS[task][0])
    found = loss if name == "loss" and loss else find_metric(name, task, span)
    return name, found.greater_is_better
