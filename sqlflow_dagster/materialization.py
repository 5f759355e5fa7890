"""What a finished segment tells Dagster: the metadata of its materializations."""

import base64
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from sqlflow_dagster.graph.columns import Lineage
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.graph.program import Output
from sqlflow_dagster.ml.features.spec import FeatureSpec
from sqlflow_dagster.model_store.base import ModelVersion
from sqlflow_dagster.runtime.results import Artifact, StepResult, WrittenTable
from sqlflow_dagster.translator import fenced, table_name

INPUT_ROWS = "input rows"
"""The metadata of how many rows the SELECT of a machine-learning statement gave."""
INLINE_BYTES = 100_000
_SHOWN_ROWS = 20
_SHOWN_CHARACTERS = 200


def segment_metadata(
    output: Output | None,
    results: Sequence[StepResult],
    *,
    sql: str,
    directory: Path,
    keys: Mapping[ObjectRef, dg.AssetKey],
) -> dict[str, Any]:
    """The metadata of one materialization.

    Args:
        output: The table or model; None for a statement that writes nothing.
        results: Of the segment's steps, in order.
        sql: What was run.
        directory: Where a plot too large for the event log is put.
        keys: The asset keys of what the statements read, for the lineage of columns.
    """
    # The page shows them in this order: what a reader looks for first comes first.
    metadata: dict[str, Any] = {}
    for result in results:
        metadata.update(_result_metadata(result, directory))
        if output is not None and result.column_lineage:
            metadata.update(_lineage_metadata(result.column_lineage, keys))
        if output is None:
            continue
        if output.ref.kind is ObjectKind.MODEL and result.model is not None:
            metadata.update(_model_metadata(result.model))
        for table in result.tables:
            if table.name == output.ref.parts:
                metadata.update(_table_metadata(output.ref, table))
    metadata["seconds"] = round(sum(result.seconds for result in results), 3)
    metadata["sql"] = dg.MetadataValue.md(fenced(sql, "sql"))
    return metadata


def _table_metadata(ref: ObjectRef, table: WrittenTable) -> dict[str, Any]:
    columns = [dg.TableColumn(name=item.name, type=item.type) for item in table.columns]
    metadata: dict[str, Any] = {
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "dagster/table_name": table_name(ref),
    }
    if table.rows is not None:
        metadata["dagster/row_count"] = table.rows
    return metadata


def _lineage_metadata(lineage: Lineage, keys: Mapping[ObjectRef, dg.AssetKey]) -> dict[str, Any]:
    """The lineage as Dagster types it, and as a table: the open-source page shows no other form."""
    typed = {
        column: [
            dg.TableColumnDep(asset_key=keys[source.table], column_name=source.column)
            for source in sources
            if source.table in keys
        ]
        for column, sources in lineage.items()
    }
    rows = [
        {"column": column, "from": ", ".join(f"{s.table}.{s.column}" for s in sources)}
        for column, sources in lineage.items()
    ]
    return {
        "dagster/column_lineage": dg.TableColumnLineage(deps_by_column=typed),
        "lineage of the columns": dg.MetadataValue.md(_markdown(["column", "from"], rows)),
    }


def _result_metadata(result: StepResult, directory: Path) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    for artifact in result.artifacts:
        metadata.update(_artifact(artifact, directory))
    if result.rows is not None:
        shown = result.rows.slice(0, _SHOWN_ROWS)
        metadata["rows"] = dg.MetadataValue.md(_markdown(shown.column_names, shown.to_pylist()))
    if result.metrics is not None:
        for name, value in result.metrics.values.items():
            metadata[f"{result.judged_on} {name}"] = _number(value)
        for name, value in result.metrics.spread.items():
            metadata[f"spread of {name} over folds"] = _number(value)
        for name, value in result.metrics.baseline.items():
            if not math.isnan(value):  # A clustering has no guess to compare with.
                metadata[f"baseline {name}"] = _number(value)
        if result.metrics.confusion is not None:
            metadata["confusion matrix"] = dg.MetadataValue.md(_confusion(result.metrics.confusion))
    if result.model is not None:
        metadata["model version"] = result.model.version
    for name, value in result.details.items():
        metadata[name] = _details(value)
    if result.input_rows is not None:
        metadata[INPUT_ROWS] = result.input_rows
    if result.changed_rows is not None:
        metadata["changed rows"] = result.changed_rows
    return metadata


def _number(value: float) -> float | str:
    """A number as metadata; Dagster's page fails on what JSON cannot write, such as NaN."""
    return float(value) if math.isfinite(value) else str(value)


def _details(value: Any) -> Any:
    rows = isinstance(value, list) and value and isinstance(value[0], Mapping)
    if rows:
        return dg.MetadataValue.md(_markdown(list(value[0]), value))
    if isinstance(value, float):
        return _number(value)
    return value if isinstance(value, str | int) else dg.MetadataValue.json(value)


def _model_metadata(model: ModelVersion) -> dict[str, Any]:
    """What may be known of a model without loading it."""
    metadata: dict[str, Any] = {"model size in bytes": model.size, "model sha256": model.sha256}
    for name, value in model.metadata.items():
        if name in {"metrics", "statement"} or value is None:
            continue  # The metrics stand for themselves; the statement is under "sql".
        if name == "features":
            metadata[name] = _details(FeatureSpec.from_json(value).overview())
            continue
        plain = isinstance(value, str | int | float)
        metadata[name.replace("_", " ")] = value if plain else dg.MetadataValue.json(value)
    return metadata


def _artifact(artifact: Artifact, directory: Path) -> Iterator[tuple[str, Any]]:
    if len(artifact.data) <= INLINE_BYTES:
        text = base64.b64encode(artifact.data).decode()
        image = f"![{artifact.name}](data:{artifact.media_type};base64,{text})"
        yield artifact.name, dg.MetadataValue.md(image)
        return
    directory.mkdir(parents=True, exist_ok=True)
    suffix = artifact.media_type.rsplit("/", 1)[-1]
    path = directory / f"{re.sub(r'[^A-Za-z0-9]+', '_', artifact.name)}.{suffix}"
    path.write_bytes(artifact.data)
    yield artifact.name, dg.MetadataValue.path(path)


def _confusion(confusion: Mapping[str, Mapping[str, int]]) -> str:
    predicted = list(next(iter(confusion.values()), {}))
    rows = [{"actual": actual, **counts} for actual, counts in confusion.items()]
    return _markdown(["actual", *predicted], rows)


def _markdown(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """A table of Markdown; what would end a cell is escaped."""

    def cell(value: Any) -> str:
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
        if len(text) > _SHOWN_CHARACTERS:
            text = f"{text[:_SHOWN_CHARACTERS]}…"
        escaped = re.sub(r"([\\|`*<])", r"\\\1", text)
        return re.sub(r"\s", " ", escaped)

    lines = [[cell(name) for name in columns], ["---"] * len(columns)]
    lines += [[cell(row.get(name)) for name in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
