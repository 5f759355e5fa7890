"""Training models: the face of machine learning to the runtime, beside :mod:`.model`."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.attributes import find, of_trainer, read_common
from sqlflow_dagster.ml.base import (
    Metrics,
    ProgressCallback,
    TrainedModel,
    TrainRequest,
    no_progress,
)
from sqlflow_dagster.ml.bundle import GoldenRows
from sqlflow_dagster.ml.datasets import RowEncoder, fit_rows
from sqlflow_dagster.ml.features.encode import encode
from sqlflow_dagster.ml.features.spec import FeatureSpec
from sqlflow_dagster.ml.manifest import Manifest, fingerprint
from sqlflow_dagster.ml.metrics import can_judge, find_metric, judge
from sqlflow_dagster.ml.model import Model
from sqlflow_dagster.ml.preparation import Preparation, check_base, check_patience, prepare
from sqlflow_dagster.ml.spool import Spool

_GOLDEN_ROWS = 20
_JUDGED_ROWS = 1_000_000
"""How many rows of a training in batches the metrics are computed on."""


def train_model(
    *,
    statement: TrainStatement,
    training: pa.Table | Spool,
    validation: pa.Table | None = None,
    threads: int = 1,
    progress: ProgressCallback = no_progress,
    seed: int = 0,
    base: Model | None = None,
) -> Model:
    """Train the model of a statement and judge it.

    The same statement, rows in the same order, seed and number of threads give the same model.

    Args:
        statement: What to train.
        training: All rows of its SELECT; a spool for ``train.external_memory``.
        validation: All rows of its ``validation.select``; None without one.
        threads: How many threads the library may use.
        progress: Told after each round or epoch; an exception of it stops the training.
        seed: Of every random choice, unless the statement has an attribute ``seed``.
        base: The model of ``USING``, to go on from; its encoding is kept.

    Raises:
        TerminalError: The statement or the data cannot work, with the place where it is known.
    """
    spool = training if isinstance(training, Spool) else None
    rows = training.table if isinstance(training, Spool) else training
    columns = list(zip(rows.column_names, rows.schema.types, strict=True))
    prepared = prepare(statement, columns)
    _check_rows(statement, rows, validation)
    if base is not None:
        check_base(statement, base.manifest)
    if base is None:
        encoder = fit_rows(prepared, training)
    else:
        known = base.manifest
        encoder = RowEncoder(
            prepared=prepared, features=known.features, label=known.label, target=known.label
        )
    features, label = encoder.features, encoder.label
    for name in prepared.metrics:
        find_metric(name, label.task, prepared.metrics_span, classes=len(label.classes))
    own_seed = read_common(statement.attributes)["seed"]
    batches = None if spool is None else encoder.batches(spool)
    request = TrainRequest(
        estimator=statement.estimator,
        attributes=of_trainer(statement.attributes),
        training=encoder.dataset(rows) if batches is None else next(iter(batches)),
        batches=batches,
        validation=None if validation is None else encoder.dataset(validation),
        features=features,
        label=label,
        base=base.trained if base else None,
        threads=threads,
        seed=seed if own_seed is None else own_seed,
        progress=progress,
    )
    trained = prepared.trainer.train(request)
    manifest = Manifest(
        estimator=statement.estimator,
        task=label.task,
        features=features,
        label=label,
        parameters=trained.parameters,
        libraries=trained.library,
        metrics=_judge(prepared, request, trained, encoder, rows),
        history=trained.history,
        statement=statement.span.text if statement.span else None,
        created_at=datetime.now(UTC),
        seed=request.seed,
        threads=request.threads,
        rows=rows.num_rows,
        validation_rows=0 if validation is None else validation.num_rows,
        data_fingerprint=fingerprint(training),
    )
    return Model(manifest=manifest, trained=trained, golden=_golden(rows, features, trained))


def _check_rows(statement: TrainStatement, training: pa.Table, validation: pa.Table | None) -> None:
    select = find(statement.attributes, "validation.select")
    for rows, name, span in (
        (training, "the SELECT", statement.query.span or statement.span),
        (validation, "validation.select", select.span if select else None),
    ):
        if rows is not None and not rows.num_rows:
            raise TerminalError(f"training wants rows, but {name} gives none", span)
    check_patience(statement, validates=validation is not None)


def _judge(
    prepared: Preparation,
    request: TrainRequest,
    trained: TrainedModel,
    encoder: RowEncoder,
    rows: pa.Table,
) -> dict[str, Metrics]:
    """The metrics of the validation rows, else of the training rows."""
    label = request.label
    if not can_judge(label):
        return {}
    name, judged = "validation", request.validation
    if judged is None:
        name, judged = "training", request.training
        if request.batches is not None:
            judged = encoder.dataset(_spread(rows, _JUDGED_ROWS))
    answers = trained.predict(judged.features)
    return {name: judge(judged.labels, answers, label, prepared.metrics, prepared.metrics_span)}


def _spread(rows: pa.Table, count: int) -> pa.Table:
    """At most so many rows, evenly from first to last."""
    if rows.num_rows <= count:
        return rows
    return rows.take(np.linspace(0, rows.num_rows - 1, count).astype(np.int64))


def _golden(rows: pa.Table, features: FeatureSpec, trained: TrainedModel) -> GoldenRows:
    rows = _spread(rows.select(list(features.columns)), _GOLDEN_ROWS)
    return GoldenRows(rows=rows, answers=trained.predict(encode(rows, features)))
