"""What a finished step tells."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from sqlflow_dagster.engines.base import Column
from sqlflow_dagster.graph.columns import Lineage
from sqlflow_dagster.ml.base import Metrics
from sqlflow_dagster.model_store.base import ModelVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """Something to look at that is no table.

    Attributes:
        name: Such as ``explanation``.
        media_type: Such as ``image/png``.
        data: Its bytes.
    """

    name: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenTable:
    """A table that a step left behind.

    Attributes:
        name: Its parts, as the statement spells them.
        columns: Its columns now.
        rows: How many rows it has now; None for a view.
    """

    name: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What a finished step tells.

    Attributes:
        tables: The tables it wrote.
        changed_rows: How many rows a statement changed, where the engine says so.
        input_rows: How many rows the SELECT of a machine-learning statement gave.
        rows: The first rows of a printing SELECT.
        more_rows: Whether that SELECT had more rows than ``rows``.
        model: The model version that was trained or used.
        metrics: Of the model.
        judged_on: Which rows the metrics were computed on: ``validation``, ``training``, ``evaluation``.
        column_lineage: Where the columns of the written table, or the features of the model, come from.
        artifacts: Plots.
        details: Whatever else is worth knowing, JSON values.
        seconds: How long the step ran.
    """

    tables: tuple[WrittenTable, ...] = ()
    changed_rows: int | None = None
    input_rows: int | None = None
    rows: pa.Table | None = field(default=None, repr=False)
    more_rows: bool = False
    model: ModelVersion | None = None
    metrics: Metrics | None = None
    judged_on: str | None = None
    column_lineage: Lineage = field(default_factory=dict, repr=False)
    artifacts: tuple[Artifact, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def summary(self) -> str:
        """The result in one line, such as ``iris.train: 120 rows, 0.2 s``."""
        said = [
            f"{'.'.join(table.name)}: {'a view' if table.rows is None else f'{table.rows} rows'}"
            for table in self.tables
        ]
        if self.metrics is not None:
            name, value = list(self.metrics.values.items())[-1]
            said.append(
                f"{self.judged_on} {name} {value:.4g}" if self.metrics.rows else "no rows to judge"
            )
        if self.rows is not None:
            said.append(f"{self.rows.num_rows}{'+' if self.more_rows else ''} rows shown")
        return ", ".join([*said, f"{self.seconds:.1f} s"])
