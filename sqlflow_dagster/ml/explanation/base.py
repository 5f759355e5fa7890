"""What the rest of the package asks of an explainer, and where they are found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import pyarrow as pa

from sqlflow_dagster.errors import PluginError, TerminalError
from sqlflow_dagster.ml.base import ProgressCallback, TrainedModel, no_progress
from sqlflow_dagster.ml.explanation.plots import PlotSettings
from sqlflow_dagster.ml.manifest import Manifest
from sqlflow_dagster.registry import Group, Registry
from sqlflow_dagster.source import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is explained.

    Attributes:
        manifest: Of the model.
        trained: The model.
        background: A few rows of the training, with the columns that the model reads.
        rows: Rows to explain, with these columns and others; None for an explainer that reads none.
    """

    manifest: Manifest
    trained: TrainedModel
    background: pa.Table
    rows: pa.Table | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainRequest:
    """How to explain.

    Attributes:
        keys: Columns to keep beside the contributions; None for all that the model does not read.
        limit: How many rows to explain at most; None for as many as take seconds.
        plot: How the plot looks.
        seed: Of what is sampled.
        progress: Told how far it is; an exception of it ends the explanation.
    """

    keys: Sequence[str] | None = None
    limit: int | None = None
    plot: PlotSettings = field(default_factory=PlotSettings)
    seed: int = 0
    progress: ProgressCallback = no_progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An explanation of a model.

    Attributes:
        rows: What INTO writes.
        png: A plot, at most 100 KB; None of no rows.
        details: What else is worth knowing, JSON values by name: shown, and in the metadata.
        explained: How many rows were explained: the first ones. None of an explainer that reads none.
    """

    rows: pa.Table
    png: bytes | None = field(repr=False)
    details: Mapping[str, Any]
    explained: int | None = None


class Explainer(Protocol):
    """A way to explain models, by the name that ``USING`` gives it."""

    @property
    def reads_rows(self) -> bool:
        """Whether it explains the rows of the SELECT; else it explains the model alone."""

    def explain(self, subject: Subject, request: ExplainRequest) -> Explanation:
        """Explain a model; the same model, rows and request give the same explanation.

        Raises:
            TerminalError: It does not know such models, or the rows cannot be explained.
            PluginError: A library is not installed.
        """


explainers: Registry[Explainer] = Registry(Group.EXPLAINERS, "explainer")


def explained(explainer: Explainer, subject: Subject, request: ExplainRequest) -> Explanation:
    """What an explainer says; of no rows, a table without rows, with the columns of that of any row.

    Raises:
        TerminalError: It does not know such models, or the rows cannot be explained.
        PluginError: A library is not installed.
    """
    rows = subject.rows
    if rows is None or rows.num_rows:
        return explainer.explain(subject, request)
    example = explainer.explain(replace(subject, rows=_example(subject, rows.schema)), request)
    return replace(
        example,
        rows=example.rows.slice(0, 0),
        png=None,
        # Whatever is counted or measured is that of the example.
        details={name: item for name, item in example.details.items() if isinstance(item, str)},
        explained=0,
    )


def _example(subject: Subject, schema: pa.Schema) -> pa.Table:
    """A row that a model can read: one of the training, with NULL in the columns that it does not read."""
    known = {name.lower(): name for name in subject.background.column_names}
    columns = [
        subject.background.column(known[field.name.lower()]).slice(0, 1)
        if field.name.lower() in known
        else pa.nulls(1, field.type)
        for field in schema
    ]
    return pa.table(columns, names=schema.names)


def find_explainer(name: str, span: Span | None = None) -> Explainer:
    """The explainer of a name; case does not count.

    Raises:
        TerminalError: No explainer has the name, or a library of it is not installed.
    """
    try:
        return explainers.get(name)
    except PluginError as error:
        raise TerminalError(error.message, span, error.hint) from error
