"""Training models: the face of machine learning to the runtime, beside :mod:`sqlflow_dagster.ml.models.model`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.ml.attributes import find, read_common
from sqlflow_dagster.ml.base import ProgressCallback, TrainedModel, no_progress
from sqlflow_dagster.ml.features.encode import encode
from sqlflow_dagster.ml.features.spec import FeatureSpec
from sqlflow_dagster.ml.manifest import Manifest
from sqlflow_dagster.ml.metrics.by_name import find_metric
from sqlflow_dagster.ml.models.bundle import GoldenRows
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.ml.training.comparison import Job, Outcome, cross_validated, searched
from sqlflow_dagster.ml.training.datasets import drawn_rows
from sqlflow_dagster.ml.training.fingerprint import fingerprint
from sqlflow_dagster.ml.training.model_selection import Contest, select_model
from sqlflow_dagster.ml.training.parts import Part, final_part, folds
from sqlflow_dagster.ml.training.preparation import Preparation, check_base, prepare
from sqlflow_dagster.ml.training.splitting import Way
from sqlflow_dagster.ml.training.spool import Spool, table_of

_GOLDEN_ROWS = 20


def no_notes(message: str) -> None:
    """Tells nobody."""


def train_model(
    *,
    statement: TrainStatement,
    training: pa.Table | Spool,
    validation: pa.Table | None = None,
    threads: int = 1,
    progress: ProgressCallback = no_progress,
    note: Callable[[str], None] = no_notes,
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
        note: Told what came of the folds and of each trial, in a line each, and that a model which goes on
            from another one keeps its features.
        seed: Of every random choice, unless the statement has an attribute ``seed``.
        base: The model of ``USING``, to go on from; its encoding is kept.

    Raises:
        TerminalError: The statement or the data cannot work, with the place where it is known.
    """
    rows = table_of(training)
    prepared = prepare(statement, list(zip(rows.column_names, rows.schema.types, strict=True)))
    _check_rows(statement, rows, validation)
    if base is not None:
        check_base(statement, base.manifest)
        _tell_other_features(statement, prepared, base.manifest.features, note)
    own_seed = read_common(statement.attributes)["seed"]
    seed = seed if own_seed is None else own_seed
    work = _Work(
        statement=statement,
        prepared=prepared,
        training=training,
        rows=rows,
        validation=validation,
        base=base,
        threads=threads,
        progress=progress,
        note=note,
        seed=seed,
    )
    job, part, before = work.compared() if prepared.plan.selection is None else work.selected()
    trained = job.train(part, before.values, before.progress, rounds=before.rounds)
    manifest = Manifest(
        estimator=job.statement.estimator,
        task=prepared.plan.task,
        features=part.encoder.features,
        label=part.label,
        parameters=trained.parameters,
        libraries=trained.library,
        metrics=job.judged(part, trained) if before.metrics is None else before.metrics,
        search=before.search,
        group=prepared.group,
        history=trained.history,
        statement=statement.span.text if statement.span else None,
        created_at=datetime.now(UTC),
        seed=seed,
        threads=threads,
        rows=len(part.rows),
        validation_rows=0 if part.validation is None else len(part.validation.features),
        data_fingerprint=fingerprint(training),
    )
    golden = _golden(part.rows, part.encoder.features, trained)
    return Model(manifest=manifest, trained=trained, golden=golden)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What :func:`train_model` was told, checked; ``rows`` are those of ``training``."""

    statement: TrainStatement
    prepared: Preparation
    training: pa.Table | Spool
    rows: pa.Table
    validation: pa.Table | None
    base: Model | None
    threads: int
    progress: ProgressCallback
    note: Callable[[str], None]
    seed: int

    def compared(self) -> tuple[Job, Part, Outcome]:
        """The final training, after the folds and the search that the statement asks for."""
        prepared, base = self.prepared, self.base
        encoding = None if base is None else (base.manifest.features, base.manifest.label)
        part = final_part(prepared, self.training, self.validation, encoding)
        for name in prepared.metrics:
            find_metric(
                name, prepared.plan.task, prepared.metrics_span, classes=len(part.label.classes)
            )
        in_folds = prepared.splitting.way is Way.FOLDS
        job = Job(
            statement=self.statement,
            prepared=prepared,
            base=base.trained if base else None,
            threads=self.threads,
            seed=self.seed,
            note=self.note,
            parts=lambda: (
                folds(prepared, self.rows, encoding, seed=self.seed) if in_folds else (part,)
            ),
            count=prepared.splitting.folds if in_folds else 1,
        )
        if prepared.search is None:
            return job, part, cross_validated(job, self.progress)
        return job, part, searched(job, prepared.search, self.progress)

    def selected(self) -> tuple[Job, Part, Outcome]:
        """The final training of the candidate that is best: on all rows of the SELECT."""
        selection = self.prepared.plan.selection
        assert selection is not None
        contest = Contest(
            statement=self.statement,
            prepared=self.prepared,
            selection=selection,
            rows=self.rows,
            validation=self.validation,
            threads=self.threads,
            seed=self.seed,
            note=self.note,
        )
        winner = select_model(contest, self.progress)
        part = final_part(winner.prepared, self.training, None, None)
        job = Job(
            statement=winner.statement,
            prepared=winner.prepared,
            base=None,
            threads=self.threads,
            seed=self.seed,
            note=self.note,
            parts=lambda: (part,),
            count=1,
        )
        return job, part, winner.before


def _check_rows(statement: TrainStatement, training: pa.Table, validation: pa.Table | None) -> None:
    select = find(statement.attributes, "validation.select")
    for rows, name, span in (
        (training, "the SELECT", statement.query.span or statement.span),
        (validation, "validation.select", select.span if select else None),
    ):
        if rows is not None and not rows.num_rows:
            raise TerminalError(f"training wants rows, but {name} gives none", span)


def _tell_other_features(
    statement: TrainStatement, prepared: Preparation, kept: FeatureSpec, note: Callable[[str], None]
) -> None:
    """Say which columns are features where the statement alone would have others."""
    said = {cells.column.lower() for item in prepared.treatments for cells in item.cells}
    if said != {column.lower() for column in kept.columns}:
        note(f"the features are those of {statement.base_model}: {', '.join(kept.columns)}")


def _golden(rows: pa.Table | Spool, features: FeatureSpec, trained: TrainedModel) -> GoldenRows:
    rows = drawn_rows(rows, _GOLDEN_ROWS).select(list(features.columns))
    return GoldenRows(rows=rows, answers=trained.predict(encode(rows, features)))
