"""What a finished step has to show: rows, metrics."""

import math
import re
from pathlib import Path
from typing import Any

import pyarrow as pa

from sqlflow_dagster.cli.tables import TextTable
from sqlflow_dagster.graph.formats import step_label
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.ml.base import Metrics
from sqlflow_dagster.runtime.results import StepResult

_SHOWN_RECORDS = 20


def tables_of(step: Step, result: StepResult) -> list[TextTable]:
    """The tables to show for a step; none for one that only made something."""
    tables = []
    if result.rows is not None:
        tables.append(rows_table(result.rows, title=_rows_title(step, result)))
    if result.metrics is not None:
        tables.append(_metrics_table(step, result, result.metrics))
    known = {
        name: value
        for name, value in result.details.items()
        if isinstance(value, str | int | float)
    }
    if known:
        tables.append(_known_table(step_label(step), known))
    tables += [
        _details_table(f"{step_label(step)}: {name}", values)
        for name, values in result.details.items()
        if isinstance(values, list) and values
    ]
    return tables


def write_plots(folder: Path, program: str, step: Step, result: StepResult) -> list[Path]:
    """Write the plots of a step as files such as ``iris-3-explain-iris_xgb.png``.

    Args:
        folder: Where to.
        program: The name of the step's program.
        step: The step; the number is its place in the program.
        result: What it has to show.

    Returns:
        The files.
    """
    label = re.sub(r"[^\w.]+", "-", step_label(step)).lower()
    paths = []
    for place, artifact in enumerate(result.artifacts):
        more = f"-{place + 1}" if place else ""
        suffix = artifact.media_type.rpartition("/")[2]
        path = folder / f"{program}-{step.index + 1}-{label}{more}.{suffix}"
        path.write_bytes(artifact.data)
        paths.append(path)
    return paths


def _rows_title(step: Step, result: StepResult) -> str:
    title = step_label(step)
    if result.rows is not None and result.more_rows:
        return f"{title} (the first {result.rows.num_rows} rows)"
    return title


def rows_table(rows: pa.Table, title: str | None = None) -> TextTable:
    """Rows of a query as text; NULL is shown as such."""
    numbers = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    right = [
        place
        for place, type_ in enumerate(rows.schema.types)
        if any(is_number(type_) for is_number in numbers)
    ]
    columns = [[_cell(value) for value in column.to_pylist()] for column in rows.columns]
    return TextTable(
        title=title,
        header=tuple(rows.column_names),
        rows=tuple(zip(*columns, strict=True)),
        right=frozenset(right),
    )


def _cell(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case bytes():
            return value.hex()
        case _:
            return str(value)


def _metrics_table(step: Step, result: StepResult, metrics: Metrics) -> TextTable:
    rows = f"{result.judged_on} rows" if result.judged_on else "rows"
    columns = [("value", metrics.values), ("baseline", metrics.baseline)]
    if metrics.spread:
        columns.insert(1, ("±", metrics.spread))
    return TextTable(
        title=f"{step_label(step)}: {metrics.rows} {rows}",
        header=("metric", *(title for title, _ in columns)),
        rows=tuple(
            (name, *(_number(numbers.get(name, math.nan)) for _, numbers in columns))
            for name in metrics.values
        ),
        right=frozenset(range(1, len(columns) + 1)),
    )


def _known_table(title: str, values: dict[str, str | int | float]) -> TextTable:
    """Single values, one on a line."""
    rows = [
        (name, f"{value:.10g}" if isinstance(value, float) else str(value))
        for name, value in values.items()
    ]
    return TextTable(title=title, header=("", "value"), rows=tuple(rows), right=frozenset({1}))


def _details_table(title: str, records: list[dict[str, Any]]) -> TextTable:
    """The first records, each with the same keys, as a table."""
    header = tuple(records[0])
    if len(records) > _SHOWN_RECORDS:
        title = f"{title} (the first {_SHOWN_RECORDS} of {len(records)})"
        records = records[:_SHOWN_RECORDS]
    return TextTable(
        title=title,
        header=header,
        rows=tuple(
            tuple(
                _number(item) if isinstance(item, float) else _cell(item)
                for item in record.values()
            )
            for record in records
        ),
        right=frozenset(
            place for place, name in enumerate(header) if isinstance(records[0][name], int | float)
        ),
    )


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}"
