"""EVALUATE: the metrics of a model on rows whose label is known."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.base import Metrics, TrainedModel
from sqlflow_dagster.ml.features.arrow_types import column_index, plain, type_text
from sqlflow_dagster.ml.features.encode import encode
from sqlflow_dagster.ml.features.groups import group_numbers
from sqlflow_dagster.ml.features.labels import encode_label
from sqlflow_dagster.ml.manifest import Manifest
from sqlflow_dagster.ml.metrics.judging import Truth, can_judge, judge, undefined
from sqlflow_dagster.ml.tasks import Task


def evaluate(
    manifest: Manifest,
    trained: TrainedModel,
    rows: pa.Table,
    *,
    label: str | None = None,
    metrics: Sequence[str] = (),
    average: str | None = None,
) -> Metrics:
    """Compare predictions with a label column; rows where it is NULL are skipped and counted.

    Where no row is left, every metric is NaN. Classes that training did not know count together as one
    more class, which is never predicted.

    Args:
        manifest: Of the model.
        trained: The model.
        rows: With its feature columns, the label and, of a ranking, the column of the groups.
        label: The label's column; that of the training where None. For a model that learnt without
            one: of clusters, what rows are known to be; of outliers, -1 or true for an outlier.
        metrics: Names of metrics; those usual for the task where empty.
        average: How metrics of each class become one number; None for what is usual.

    Raises:
        TerminalError: A column is missing, or a metric is unknown.
    """
    task, column = manifest.task, label or manifest.label.column
    if not can_judge(task, labelled=column is not None):
        raise _no_judge(task)
    before = rows.num_rows
    if column is not None:
        rows = _labelled(rows, column)
    if not rows.num_rows:
        return replace(
            undefined(manifest.label, metrics, labelled=column is not None), skipped=before
        )
    features = encode(rows, manifest.features)
    groups = None if manifest.group is None else group_numbers(rows, manifest.group)
    truth = Truth(
        actual=None if column is None else _actual(rows, column, manifest),
        matrix=features.matrix,
        groups=groups,
        average=average,
    )
    found = judge(trained.predict(features), manifest.label, truth, metrics)
    return replace(found, skipped=before - rows.num_rows)


def _no_judge(task: Task) -> TerminalError:
    if task is Task.OUTLIER_DETECTION:
        return TerminalError(
            "outliers are judged by a label, but the statement has no LABEL clause",
            hint="add LABEL and a column that is -1 or true for an outlier",
        )
    return TerminalError(f"there is no metric for a model that does {task}")


def _labelled(rows: pa.Table, column: str) -> pa.Table:
    """The rows whose label is known."""
    known = pc.is_valid(rows.column(column_index(column, rows.column_names, None, "LABEL")))
    return rows.filter(known)


def _actual(rows: pa.Table, column: str, manifest: Manifest) -> npt.NDArray[Any]:
    if manifest.task.supervised:
        return encode_label(rows, column, manifest.label, unseen=True)
    array = plain(rows.column(column_index(column, rows.column_names, None, "LABEL")))
    if manifest.task is Task.CLUSTERING:
        return np.asarray(array.dictionary_encode().indices.to_numpy(), dtype=np.int64)
    if pa.types.is_boolean(array.type):
        return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.int64)
    values = array.to_numpy(zero_copy_only=False)
    if array.type not in (pa.int64(), pa.float64()) or not np.isin(values, (-1, 1)).all():
        raise TerminalError(
            f"label {column!r} of an outlier is -1 or true, of another row 1 or false, but it has "
            f"other values of type {type_text(array.type)}",
            hint=f"write a comparison in the SELECT, such as {column} = 'fraud' AS {column}",
        )
    return np.asarray(values < 0, dtype=np.int64)
