"""What each source column added to each prediction."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.base import (
    Contributions,
    ExplainsSlowly,
    Method,
    ProgressCallback,
    TrainedModel,
)
from sqlflow_dagster.ml.explanation.base import ExplainRequest, Explanation, Subject
from sqlflow_dagster.ml.explanation.columns import ColumnContributions, amounts, by_column
from sqlflow_dagster.ml.explanation.outputs import (
    Outputs,
    as_outputs,
    check_task,
    outputs_of,
    total_text,
)
from sqlflow_dagster.ml.explanation.plots import check_plot, draw
from sqlflow_dagster.ml.explanation.sampling import sampled
from sqlflow_dagster.ml.explanation.tables import key_table, rows_table, summary_table
from sqlflow_dagster.ml.features.encode import encode
from sqlflow_dagster.ml.features.spec import EncodedTable
from sqlflow_dagster.ml.tasks import FloatArray, Task

DEFAULT_ROWS = 10_000
DEFAULT_SAMPLED_ROWS = 500
"""How many rows are explained where sampling makes each cost hundreds of predictions."""
_PARTS = 10
"""In how many parts as many rows are explained as are by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Contributions of some rows, with what the model predicts for them."""

    contributions: ColumnContributions
    answers: FloatArray
    method: Method
    probabilities: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributionExplainer:
    """Explains each row by what its columns added.

    Attributes:
        method: How; None for the best way that the model has.
    """

    method: Method | None = None

    @property
    def reads_rows(self) -> bool:
        """It does."""
        return True

    def explain(self, subject: Subject, request: ExplainRequest) -> Explanation:
        """The contributions of the first rows, and a plot of them.

        Raises:
            TerminalError: There are no rows, a column is missing, or the model is not one of those
                that the method knows.
        """
        check_plot(request.plot)
        check_task(subject.manifest.task)
        rows = subject.rows
        if rows is None or not rows.num_rows:
            raise TerminalError("the explanation wants rows, but the SELECT gives none")
        # A wrong key is told before minutes are spent on the rows.
        key_table(rows, request.keys, subject.manifest.features.columns)
        found = None
        if self.method is not Method.SAMPLING:
            found = _exact(subject, rows, request, self.method)
        if found is None:
            found = _sampled(subject, rows, request)
        return row_explanation(
            subject,
            request,
            found.contributions,
            found.answers,
            explainer=found.method,
            total=total_text(subject.manifest.label, probabilities=found.probabilities),
        )


def row_explanation(
    subject: Subject,
    request: ExplainRequest,
    contributions: ColumnContributions,
    answers: FloatArray,
    *,
    explainer: str,
    total: str,
) -> Explanation:
    """Contributions as a table and a plot, however they came about.

    Args:
        subject: The model, and the rows of which the first ``n`` are explained.
        request: How to explain.
        contributions: Of ``n`` rows.
        answers: What the model predicts for these, see :class:`~sqlflow_dagster.ml.tasks.Task`.
        explainer: The name of how they came about.
        total: What the contributions of a row and its base value add up to, in words.

    Raises:
        TerminalError: ``request.keys`` has a column that the rows do not have.
    """
    manifest = subject.manifest
    assert subject.rows is not None
    rows = subject.rows.slice(0, len(contributions.values))
    outputs = outputs_of(answers, manifest.label, contributions.values.shape[1])
    keys = key_table(rows, request.keys, manifest.features.columns)
    shown = _of_shown_output(contributions, outputs)
    return Explanation(
        rows=rows_table(contributions, outputs, keys),
        png=draw(contributions, shown, outputs, request.plot, label=manifest.label),
        details={
            "explainer": str(explainer),
            "contributions add up to": total,
            "mean absolute contribution": summary_table(contributions).to_pylist(),
        },
        explained=rows.num_rows,
    )


def _exact(
    subject: Subject, rows: pa.Table, request: ExplainRequest, wanted: Method | None
) -> _Found | None:
    """The contributions that the library knows; None where they are to be sampled."""
    manifest, trained = subject.manifest, subject.trained
    fast = trained.rows_in_seconds if isinstance(trained, ExplainsSlowly) else None
    rows = rows.slice(0, request.limit or min(DEFAULT_ROWS, fast or DEFAULT_ROWS))
    features = encode(rows, manifest.features)
    contributions = _in_parts(trained, features, fast, wanted, request.progress)
    method = None if contributions is None else contributions.method
    if wanted not in (None, method):
        raise TerminalError(
            f"{wanted} does not know models of {manifest.estimator}",
            hint=f"leave USING out, or write USING {method or Method.SAMPLING}",
        )
    if contributions is None:
        return None
    return _Found(
        contributions=by_column(contributions, features, manifest.features),
        answers=trained.predict(features),
        method=contributions.method,
        probabilities=contributions.probabilities,
    )


def _in_parts(
    trained: TrainedModel,
    features: EncodedTable,
    fast: int | None,
    wanted: Method | None,
    progress: ProgressCallback,
) -> Contributions | None:
    """The contributions of rows, some at a time: all at once would say nothing for long.

    Of another method than the wanted one only the first come, which are refused.
    """
    at_once = max(1, (fast or DEFAULT_ROWS) // _PARTS)
    found = []
    for start in range(0, len(features), at_once):
        end = min(start + at_once, len(features))
        part = trained.contributions(features.take(np.arange(start, end)))
        if part is None:
            return None
        if wanted not in (None, part.method):
            return part
        found.append(part)
        progress(end, len(features), "rows")
    return replace(
        found[0],
        values=np.concatenate([part.values for part in found]),
        base_values=np.concatenate([part.base_values for part in found]),
    )


def _sampled(subject: Subject, rows: pa.Table, request: ExplainRequest) -> _Found:
    manifest, trained, background = subject.manifest, subject.trained, subject.background
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
        answers=answers,
        method=Method.SAMPLING,
        probabilities=label.task.predicts_classes,
    )


def _of_shown_output(
    contributions: ColumnContributions, outputs: Outputs | None
) -> ColumnContributions:
    """The contributions to the one output of each row that a plot of rows shows."""
    rows = np.arange(len(contributions.values))
    shown = outputs.shown if outputs is not None else None
    places = np.zeros(len(rows), dtype=np.int64) if shown is None else shown
    return replace(
        contributions,
        values=contributions.values[rows, places][:, None],
        base_values=contributions.base_values[rows, places][:, None],
    )


best = ContributionExplainer()
trees = ContributionExplainer(method=Method.TREES)
linear = ContributionExplainer(method=Method.LINEAR)
gradients = ContributionExplainer(method=Method.GRADIENTS)
sampling = ContributionExplainer(method=Method.SAMPLING)
