"""From the rows of a SELECT to what a trainer learns from."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.attributes import value_span
from sqlflow_dagster.ml.base import Dataset
from sqlflow_dagster.ml.features.arrow_types import column_index, plain, type_text
from sqlflow_dagster.ml.features.encode import encode
from sqlflow_dagster.ml.features.fit import fit_features
from sqlflow_dagster.ml.features.groups import group_numbers
from sqlflow_dagster.ml.features.labels import encode_label, fit_label, measured, no_label
from sqlflow_dagster.ml.features.spec import FeatureSpec, LabelSpec
from sqlflow_dagster.ml.tasks import FloatArray
from sqlflow_dagster.ml.training.preparation import Preparation
from sqlflow_dagster.ml.training.spool import Spool, table_of

BATCH_ROWS = 131_072
"""How many rows of a spool are encoded at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowEncoder:
    """Makes datasets of rows, all in the same way.

    Attributes:
        prepared: The statement.
        features: How its features are encoded.
        label: What the model predicts.
        target: What its label's column is: the same, unless the plan says otherwise.
    """

    prepared: Preparation
    features: FeatureSpec
    label: LabelSpec
    target: LabelSpec

    def dataset(self, rows: pa.Table) -> Dataset:
        """All rows at once.

        Raises:
            TerminalError: A column is missing or has values that cannot be learnt from.
        """
        return self._dataset(rows, self._groups(rows))

    def batches(self, spool: Spool) -> "EncodedBatches":
        """The rows of a spool, a part at a time."""
        return EncodedBatches(encoder=self, spool=spool, groups=self._groups(spool.table))

    def _groups(self, rows: pa.Table) -> npt.NDArray[np.int64] | None:
        group = self.prepared.group
        return None if group is None else _neighbours(group_numbers(rows, group), group)

    def _dataset(self, rows: pa.Table, groups: npt.NDArray[np.int64] | None) -> Dataset:
        prepared = self.prepared
        labels = np.empty(0)
        if prepared.label is not None:
            labels = encode_label(rows, prepared.label, self.target, prepared.label_span)
        weights = None if prepared.weight is None else _row_weights(rows, prepared.weight)
        by_class = class_weights(prepared, self.target)
        if by_class is not None:
            weights = by_class[labels] if weights is None else weights * by_class[labels]
        return Dataset(
            features=encode(rows, self.features), labels=labels, weights=weights, groups=groups
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedBatches:
    """Rows of a file, encoded a part at a time, each time that they are iterated over.

    Attributes:
        encoder: What encodes them.
        spool: The rows.
        groups: The group of each row; None for tasks without groups.
    """

    encoder: RowEncoder
    spool: Spool
    groups: npt.NDArray[np.int64] | None

    def __len__(self) -> int:
        return len(self.spool)

    def __iter__(self) -> Iterator[Dataset]:
        for start in range(0, len(self), BATCH_ROWS):
            rows = self.spool.table.slice(start, BATCH_ROWS)
            groups = None if self.groups is None else self.groups[start : start + BATCH_ROWS]
            yield self.encoder._dataset(rows, groups)
            self.spool.release()


def fit_rows(
    prepared: Preparation, training: pa.Table | Spool, *, labels_of: pa.Table | None = None
) -> RowEncoder:
    """Measure the features and the label of the rows to learn from.

    Args:
        prepared: The statement.
        training: The rows.
        labels_of: All rows of the SELECT, of which ``training`` is a part: a class that only the
            others have is a class too.

    Raises:
        TerminalError: A column has values that cannot be learnt from.
    """
    rows = table_of(training)
    features = _fit_features(prepared, training)
    target = label_of_rows(prepared, rows if labels_of is None else labels_of)
    if labels_of is not None and prepared.label is not None:
        encoded = encode_label(rows, prepared.label, target, prepared.label_span)
        target = measured(target, encoded)
    label = target if prepared.plan.label_task is None else no_label(prepared.plan.task)
    return RowEncoder(prepared=prepared, features=features, label=label, target=target)


def drawn_rows(rows: pa.Table | Spool, count: int) -> pa.Table:
    """At most so many rows, in their order, drawn from all; of as many rows always the same.

    Every n-th row would be a biased sample of rows that repeat a pattern.
    """
    if len(rows) <= count:
        return table_of(rows)
    drawn = np.random.default_rng(0).choice(len(rows), count, replace=False, shuffle=False)
    return rows.take(np.sort(drawn))


def class_weights(prepared: Preparation, label: LabelSpec) -> FloatArray | None:
    """How much a row of each class counts, shape (classes,); None where all count the same.

    ``balanced`` gives all classes the same weight together, as in scikit-learn.

    Raises:
        TerminalError: There are more or fewer weights than classes.
    """
    item = prepared.class_weight
    if item is None:
        return None
    counts = np.array(label.counts, dtype=np.float64)
    if isinstance(item.value, str):
        return np.asarray(counts.sum() / (len(counts) * np.maximum(counts, 1)))
    weights = np.array(item.value, dtype=np.float64)
    if len(weights) != len(counts):
        raise TerminalError(
            f"{item.name} has {len(weights)} weights, but label {label.name!r} has "
            f"{len(counts)} classes: {', '.join(map(repr, label.classes))}",
            value_span(item),
        )
    return weights


def _neighbours(codes: npt.NDArray[np.int64], column: str) -> npt.NDArray[np.int64]:
    if (np.diff(codes) != 0).sum() >= len(np.unique(codes)):
        raise TerminalError(
            f"the rows of a group of column {column!r} must be neighbours",
            hint=f"add ORDER BY {column} to the SELECT",
        )
    return codes


def _row_weights(rows: pa.Table, column: str) -> FloatArray:
    array = plain(rows.column(column_index(column, rows.column_names, None, "train.weight_column")))
    if array.type not in (pa.int64(), pa.float64()):
        raise TerminalError(
            f"train.weight_column wants numbers, but column {column!r} is {type_text(array.type)}"
        )
    weights = array.cast(pa.float64()).to_numpy(zero_copy_only=False)
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise TerminalError(
            f"column {column!r} of train.weight_column has values that are NULL, negative or "
            "infinite",
            hint="a weight is a number from 0",
        )
    return np.asarray(weights)


def label_of_rows(prepared: Preparation, rows: pa.Table) -> LabelSpec:
    """What the label's column is, measured on some rows.

    Raises:
        TerminalError: The label has values that cannot be learnt from.
    """
    if prepared.label is None:
        return no_label(prepared.plan.task)
    return fit_label(
        rows.column(prepared.label),
        prepared.label,
        task=prepared.plan.label_task or prepared.plan.task,
        class_count=prepared.plan.class_count,
        separator=prepared.label_separator,
        span=prepared.label_span,
    )


def _fit_features(prepared: Preparation, training: pa.Table | Spool) -> FeatureSpec:
    layout = prepared.plan.layout
    if not isinstance(training, Spool):
        return fit_features(training, prepared.treatments, layout=layout)
    specs = []
    for treatment in prepared.treatments:
        specs.append(fit_features(training.table, [treatment], layout=layout))
        training.release()
    return replace(specs[0], features=tuple(item for spec in specs for item in spec.features))
