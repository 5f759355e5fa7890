"""What each source column added to each prediction."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.base import Method, ProgressCallback, TrainedModel, no_progress
from sqlflow_dagster.ml.explanation.columns import ColumnContributions, amounts, by_column
from sqlflow_dagster.ml.explanation.outputs import (
    Outputs,
    as_outputs,
    check_task,
    outputs_of,
    total_text,
)
from sqlflow_dagster.ml.explanation.plots import PlotSettings, check_plot, draw
from sqlflow_dagster.ml.explanation.sampling import sampled
from sqlflow_dagster.ml.explanation.tables import key_table, rows_table, summary_table
from sqlflow_dagster.ml.features.encode import encode
from sqlflow_dagster.ml.manifest import Manifest
from sqlflow_dagster.ml.tasks import FloatArray, Task

DEFAULT_ROWS = 10_000
DEFAULT_SAMPLED_ROWS = 500
"""How many rows are explained where sampling makes each cost hundreds of predictions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainRequest:
    """How to explain.

    Attributes:
        method: That must be used; None for the best that the model has.
        keys: Columns to keep beside the contributions; None for all that the model does not read.
        limit: How many rows to explain at most; None for as many as take seconds.
        plot: How the plot looks.
        seed: Of what is sampled.
        progress: Told while contributions are sampled.
    """

    method: Method | None = None
    keys: Sequence[str] | None = None
    limit: int | None = None
    plot: PlotSettings = field(default_factory=PlotSettings)
    seed: int = 0
    progress: ProgressCallback = no_progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An explanation of predictions.

    Attributes:
        rows: See :func:`~sqlflow_dagster.ml.explanation.tables.rows_table`.
        summary: ``feature`` and ``mean_abs_contribution``, the greatest first.
        png: A plot of the contributions, at most 100 KB.
        method: How they came about.
        total: What the contributions of a row and its base value add up to, in words.
        explained: How many rows were explained: the first ones.
    """

    rows: pa.Table
    summary: pa.Table
    png: bytes = field(repr=False)
    method: Method
    total: str
    explained: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Contributions of some rows, with what the model predicts for them."""

    contributions: ColumnContributions
    outputs: Outputs | None
    method: Method
    probabilities: bool
    explained: int


def explain(
    manifest: Manifest,
    trained: TrainedModel,
    background: pa.Table,
    rows: pa.Table,
    request: ExplainRequest,
) -> Explanation:
    """Explain the predictions for some rows.

    Args:
        manifest: Of the model.
        trained: The model.
        background: A few rows of the training, for what is sampled.
        rows: With the columns that the model reads.
        request: How to explain.

    Raises:
        TerminalError: There are no rows, a column is missing, or the model cannot be explained so.
    """
    check_plot(request.plot)
    check_task(manifest.task)
    if not rows.num_rows:
        raise TerminalError("the explanation wants rows, but the SELECT gives none")
    columns = manifest.features.columns
    keys = key_table(rows, request.keys, columns)
    found = _exact(manifest, trained, rows, request)
    if found is None:
        found = _sampled(manifest, trained, background, rows, request)
    shown = _of_shown_output(found)
    return Explanation(
        rows=rows_table(found.contributions, found.outputs, keys.slice(0, found.explained)),
        summary=summary_table(found.contributions),
        png=draw(
            found.contributions, shown, found.outputs, request.plot, label=manifest.label.name
        ),
        method=found.method,
        total=total_text(manifest.label, probabilities=found.probabilities),
        explained=found.explained,
    )


def _exact(
    manifest: Manifest, trained: TrainedModel, rows: pa.Table, request: ExplainRequest
) -> _Found | None:
    """The contributions that the library knows; None where they are to be sampled."""
    if request.method is Method.SAMPLING:
        return None
    rows = rows.slice(0, request.limit or DEFAULT_ROWS)
    features = encode(rows, manifest.features)
    contributions = trained.contributions(features)
    method = None if contributions is None else contributions.method
    if request.method not in (None, method):
        raise TerminalError(
            f"{request.method} does not know models of {manifest.estimator}",
            hint=f"leave USING out, or write USING {method or Method.SAMPLING}",
        )
    if contributions is None:
        return None
    found = by_column(contributions, features, manifest.features)
    answers = trained.predict(features)
    return _Found(
        contributions=found,
        outputs=outputs_of(answers, manifest.label, found.values.shape[1]),
        method=contributions.method,
        probabilities=contributions.probabilities,
        explained=len(rows),
    )


def _sampled(
    manifest: Manifest,
    trained: TrainedModel,
    background: pa.Table,
    rows: pa.Table,
    request: ExplainRequest,
) -> _Found:
    rows = rows.slice(0, request.limit or DEFAULT_SAMPLED_ROWS)
    spec, label = manifest.features, manifest.label
    features = encode(rows, spec)
    answers = trained.predict(features)
    clusters = 0
    if label.task is Task.CLUSTERING:
        known = trained.predict(encode(background, spec))
        clusters = int(max(answers.max(), known.max())) + 1

    def predict(part: pa.Table) -> FloatArray:
        return as_outputs(trained.predict(encode(part, spec)), label, clusters)

    values, base_values = sampled(
        predict, rows, background, spec.columns, seed=request.seed, progress=request.progress
    )
    found = ColumnContributions(
        columns=spec.columns,
        values=values,
        base_values=base_values,
        amounts=amounts(features, spec),
    )
    return _Found(
        contributions=found,
        outputs=outputs_of(answers, label, values.shape[1]),
        method=Method.SAMPLING,
        probabilities=label.task.predicts_classes,
        explained=len(rows),
    )


def _of_shown_output(found: _Found) -> ColumnContributions:
    """The contributions to the one output of each row that a plot of rows shows."""
    contributions = found.contributions
    outputs = found.outputs
    rows = np.arange(found.explained)
    shown = outputs.shown if outputs is not None else None
    places = np.zeros(found.explained, dtype=np.int64) if shown is None else shown
    return replace(
        contributions,
        values=contributions.values[rows, places][:, None],
        base_values=contributions.base_values[rows, places][:, None],
    )
