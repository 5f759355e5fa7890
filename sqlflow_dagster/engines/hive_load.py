"""Arrow batches on their way into a table of Hive or Spark.

HiveServer2 has no bulk load. Where the server reads a directory that this process writes, rows go there as one Parquet
file, which LOAD DATA takes over. Else they travel as one text a statement, which the server takes apart: a literal for
each value takes it many times as long to parse (docs/decisions/0021-impyla.md).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc

from sqlflow_dagster.engines.arrow_rows import sql_type, standard_type
from sqlflow_dagster.engines.hive_literals import text_literal
from sqlflow_dagster.errors import TerminalError

STATEMENT_ROWS = 20_000
STATEMENT_BYTES = 8 << 20
_NULL, _ROW, _FIELD = "\x1d", "\x1e", "\x1f"
_SEPARATORS = f"[{_NULL}{_ROW}{_FIELD}]"
_LOCAL = ("file", "local")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnType:
    """What a column of a table is for an Arrow type.

    Attributes:
        sql: The type of the table's column.
        arrow: What the values are cast to before they are sent.
    """

    sql: str
    arrow: pa.DataType


def column_type(field: pa.Field) -> ColumnType:
    """The type of a table's column for an Arrow field.

    Raises:
        TerminalError: Only nested types, durations and decimals of more than 38 digits have none.
    """
    kind = standard_type(field.type)
    for is_kind, sql, arrow in (
        (pa.types.is_boolean, "BOOLEAN", pa.bool_()),
        (pa.types.is_int8, "TINYINT", pa.int8()),
        (pa.types.is_int16, "SMALLINT", pa.int16()),
        (pa.types.is_int32, "INT", pa.int32()),
        (pa.types.is_int64, "BIGINT", pa.int64()),
        (pa.types.is_float32, "FLOAT", pa.float32()),
        (pa.types.is_float64, "DOUBLE", pa.float64()),
        (pa.types.is_date, "DATE", pa.date32()),
        (pa.types.is_timestamp, "TIMESTAMP", pa.timestamp("us")),
    ):
        if is_kind(kind):
            return ColumnType(sql=sql, arrow=arrow)
    if pa.types.is_decimal(kind) and kind.precision <= 38:
        sql = f"DECIMAL({kind.precision}, {kind.scale})"
        return ColumnType(sql=sql, arrow=pa.decimal128(kind.precision, kind.scale))
    binary = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    if any(is_kind(kind) for is_kind in binary):
        return ColumnType(sql="BINARY", arrow=pa.binary())
    if not pa.types.is_decimal(kind):
        sql_type(field)  # Refuses what no table has a column for.
        return ColumnType(sql="STRING", arrow=pa.string())
    raise TerminalError(
        f"column {field.name!r} of type {field.type} has more than the 38 digits of Hive",
        hint="cast it in the SELECT",
    )


def fitted(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch with the types of its table's columns; nanoseconds are cut."""
    columns = []
    for field, column in zip(batch.schema, batch.columns, strict=True):
        # A moment with a zone is cast to its UTC.
        columns.append(pc.cast(column, column_type(field).arrow, safe=False))
    return pa.record_batch(columns, names=batch.schema.names)


def inserts(name: str, batches: Iterable[pa.RecordBatch]) -> Iterator[str]:
    """The statements that write batches into a table.

    Args:
        name: Of the table, as SQL text.
        batches: As :func:`fitted` gives them.
    """
    for batch in batches:
        if batch.num_rows:
            per_row = max(1, batch.nbytes // batch.num_rows)
            step = max(1, min(STATEMENT_ROWS, STATEMENT_BYTES // per_row))
            for start in range(0, batch.num_rows, step):
                yield _insert(name, batch.slice(start, step))


def _insert(name: str, batch: pa.RecordBatch) -> str:
    texts, values = [], []
    for index, column in enumerate(batch.columns):
        text, value = _sent(column, f"f[{index}]")
        texts.append(text)
        values.append(f"CASE WHEN f[{index}] = '{_NULL}' THEN NULL ELSE {value} END")
    lines = pc.binary_join_element_wise(
        *texts, _FIELD, null_handling="replace", null_replacement=_NULL
    )
    rows = text_literal(_ROW.join(lines.to_pylist()))
    return (
        f"INSERT INTO TABLE {name} SELECT {', '.join(values)} FROM (SELECT split(line, '{_FIELD}') AS f "
        f"FROM (SELECT explode(split({rows}, '{_ROW}')) AS line) AS sent) AS taken_apart"
    )


def _sent(column: pa.Array, place: str) -> tuple[pa.Array, str]:
    """The values of a column as texts, and the expression that reads the text at a place."""
    kind = column.type
    if pa.types.is_string(kind):
        if not pc.any(pc.match_substring_regex(column, _SEPARATORS)).as_py():
            return column, place
        return _hexadecimal(column.cast(pa.binary())), f"CAST(unhex({place}) AS STRING)"
    if pa.types.is_binary(kind):
        return _hexadecimal(column), f"unhex({place})"
    if pa.types.is_floating(kind):
        text = pc.replace_substring(pc.cast(column, pa.string()), "nan", "NaN")
        return pc.replace_substring(text, "inf", "Infinity"), f"CAST({place} AS {_name(kind)})"
    text = pc.cast(column, pa.string())
    if pa.types.is_boolean(kind):
        # Hive takes every text for true.
        return text, f"{place} = 'true'"
    return text, f"CAST({place} AS {_name(kind)})"


def _name(kind: pa.DataType) -> str:
    return column_type(pa.field("", kind)).sql


def _hexadecimal(column: pa.Array) -> pa.Array:
    values = [None if value is None else value.hex() for value in column.to_pylist()]
    return pa.array(values, pa.string())


@contextmanager
def parquet_file(
    directory: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> Iterator[str | None]:
    """A block with the LOAD DATA … INPATH of a file that holds batches; None where there is no row.

    Args:
        directory: Where it is made: a path or a URL that fsspec can open, under the name that the server knows.
        schema: Of the batches.
        batches: As :func:`fitted` gives them.

    Raises:
        TerminalError: The directory cannot be written to.
    """
    import fsspec
    import pyarrow.parquet as pq

    path = f"{directory.rstrip('/')}/sqlflow_{uuid4().hex}.parquet"
    rows = 0
    try:
        system, place = fsspec.core.url_to_fs(path)
        file = system.open(place, "wb")
    except (OSError, ImportError, ValueError) as error:
        raise TerminalError(
            f"no file can be made in {directory}: {error}",
            hint="correct staging= in the URL of the data source",
        ) from error
    try:
        # Moments in the one form that every version of Hive and Spark reads in the same way.
        with file, pq.ParquetWriter(file, schema, use_deprecated_int96_timestamps=True) as writer:
            for batch in batches:
                writer.write_batch(batch)
                rows += batch.num_rows
        is_local = not {system.protocol, *system.protocol}.isdisjoint(_LOCAL)
        local = "LOCAL " if is_local else ""
        yield (
            f"LOAD DATA {local}INPATH {text_literal(place if is_local else path)}" if rows else None
        )
    finally:
        # Without LOCAL, the server has moved it.
        if system.exists(place):
            system.rm(place)
