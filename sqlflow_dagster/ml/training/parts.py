"""Rows to learn from beside rows to judge on, encoded alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sqlflow_dagster.ml.base import Dataset
from sqlflow_dagster.ml.features.groups import group_numbers
from sqlflow_dagster.ml.features.labels import encode_label
from sqlflow_dagster.ml.features.spec import FeatureSpec, LabelSpec
from sqlflow_dagster.ml.tasks import Task
from sqlflow_dagster.ml.training.datasets import (
    EncodedBatches,
    RowEncoder,
    fit_rows,
    label_of_rows,
)
from sqlflow_dagster.ml.training.preparation import Preparation
from sqlflow_dagster.ml.training.splitting import Way, fold_numbers, validation_rows
from sqlflow_dagster.ml.training.spool import Spool

Encoding: TypeAlias = tuple[FeatureSpec, LabelSpec]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows to learn from, and maybe others to judge on.

    Attributes:
        encoder: What encodes them: measured on the rows to learn from.
        rows: The rows to learn from.
        training: The same, encoded; of a spool, the first batch.
        batches: All batches of a spool; None of rows in memory.
        validation: The other rows.
    """

    encoder: RowEncoder
    rows: pa.Table | Spool
    training: Dataset
    batches: EncodedBatches | None = None
    validation: Dataset | None = None

    @property
    def label(self) -> LabelSpec:
        """What is predicted."""
        return self.encoder.label


def final_part(
    prepared: Preparation,
    training: pa.Table | Spool,
    validation: pa.Table | None,
    encoding: Encoding | None,
) -> Part:
    """The rows that the model of a statement learns from; with folds, all.

    Args:
        prepared: The statement.
        training: All rows of its SELECT.
        validation: All rows of its ``validation.select``; None without one.
        encoding: That of the model to go on from; None to measure the rows.

    Raises:
        TerminalError: A column has values that cannot be learnt from, or no row is left.
    """
    if isinstance(training, Spool):
        encoder = _encoder(prepared, training, encoding)
        batches = encoder.batches(training)
        return Part(
            encoder=encoder,
            rows=training,
            training=next(iter(batches)),
            batches=batches,
            validation=None if validation is None else encoder.dataset(validation),
        )
    if validation is None and prepared.splitting.way in (Way.SHARE, Way.LATEST):
        chosen = validation_rows(training, prepared.splitting)
        return _cut(prepared, training, chosen, encoding)
    encoder = _encoder(prepared, training, encoding)
    return Part(
        encoder=encoder,
        rows=training,
        training=encoder.dataset(training),
        validation=None if validation is None else encoder.dataset(validation),
    )


def folds(
    prepared: Preparation, rows: pa.Table, encoding: Encoding | None, *, seed: int
) -> Iterator[Part]:
    """Each fold with the rows outside it to learn from.

    The classes of a label, and the groups of a ranking, are spread evenly over the folds.

    Args:
        prepared: The statement.
        rows: All rows of its SELECT.
        encoding: That of the model to go on from; None to measure the rows of each part.
        seed: Of the order in which rows are dealt out.
    """
    numbers = _fold_of_each(prepared, rows, seed)
    for fold in range(prepared.splitting.folds):
        yield _cut(prepared, rows, numbers == fold, encoding)


def _cut(
    prepared: Preparation,
    rows: pa.Table,
    validates: npt.NDArray[np.bool_],
    encoding: Encoding | None,
) -> Part:
    training = rows.filter(pa.array(~validates))
    encoder = _encoder(prepared, training, encoding, labels_of=rows)
    return Part(
        encoder=encoder,
        rows=training,
        training=encoder.dataset(training),
        validation=encoder.dataset(rows.filter(pa.array(validates))),
    )


def _encoder(
    prepared: Preparation,
    training: pa.Table | Spool,
    encoding: Encoding | None,
    labels_of: pa.Table | None = None,
) -> RowEncoder:
    if encoding is None:
        return fit_rows(prepared, training, labels_of=labels_of)
    features, label = encoding
    return RowEncoder(prepared=prepared, features=features, label=label, target=label)


def _fold_of_each(prepared: Preparation, rows: pa.Table, seed: int) -> npt.NDArray[np.int64]:
    splitting = prepared.splitting
    if prepared.group is not None:
        groups = group_numbers(rows, prepared.group)
        count = int(groups.max()) + 1
        return fold_numbers(count, splitting, None, seed=seed)[groups]
    strata: npt.NDArray[Any] | None = None
    if prepared.plan.task is Task.CLASSIFICATION and prepared.label is not None:
        label = label_of_rows(prepared, rows)
        strata = encode_label(rows, prepared.label, label, prepared.label_span)
    return fold_numbers(rows.num_rows, splitting, strata, seed=seed)
