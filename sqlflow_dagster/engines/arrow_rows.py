"""Rows between Arrow and drivers that know only Python values."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from sqlflow_dagster.errors import TerminalError

_TYPES: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.DataType], Any]], ...] = (
    (pa.types.is_boolean, lambda _: sa.Boolean()),
    (pa.types.is_int8, lambda _: sa.SmallInteger()),
    (pa.types.is_int16, lambda _: sa.SmallInteger()),
    (pa.types.is_int32, lambda _: sa.Integer()),
    (pa.types.is_int64, lambda _: sa.BigInteger()),
    (pa.types.is_float32, lambda _: sa.REAL()),
    (pa.types.is_float64, lambda _: sa.Float(53)),
    (pa.types.is_decimal, lambda kind: sa.Numeric(kind.precision, kind.scale)),
    (pa.types.is_date, lambda _: sa.Date()),
    (pa.types.is_timestamp, lambda kind: sa.DateTime(timezone=kind.tz is not None)),
    (pa.types.is_time, lambda _: sa.Time()),
    (pa.types.is_string, lambda _: sa.Text()),
    (pa.types.is_large_string, lambda _: sa.Text()),
    (pa.types.is_string_view, lambda _: sa.Text()),
    (pa.types.is_null, lambda _: sa.Text()),
    (pa.types.is_binary, lambda _: sa.LargeBinary()),
    (pa.types.is_large_binary, lambda _: sa.LargeBinary()),
    (pa.types.is_fixed_size_binary, lambda _: sa.LargeBinary()),
)
_WITHOUT_OWN_COLUMN = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0),
    pa.float16(): pa.float32(),
}


def standard_type(kind: pa.DataType) -> pa.DataType:
    """The narrowest type with a column in standard SQL that takes every value of a type.

    Categories are their values, whole numbers have a sign.
    """
    if pa.types.is_dictionary(kind):
        return standard_type(kind.value_type)
    return _WITHOUT_OWN_COLUMN.get(kind, kind)


def sql_type(field: pa.Field) -> sa.types.TypeEngine[Any]:
    """The type of a table's column for an Arrow field.

    Raises:
        TerminalError: Only nested types and durations have none.
    """
    kind = standard_type(field.type)
    for is_kind, make in _TYPES:
        if is_kind(kind):
            made: sa.types.TypeEngine[Any] = make(kind)
            return made
    raise TerminalError(
        f"column {field.name!r} of type {field.type} cannot be written to this engine",
        hint="turn it into numbers or text in the SELECT",
    )


def check_names(schema: pa.Schema) -> None:
    """Refuse rows that cannot become a table.

    Raises:
        TerminalError: There is no column, or two have the same name but for case.
    """
    if not schema.names:
        raise TerminalError("a table needs at least one column")
    seen: set[str] = set()
    for name in schema.names:
        if name.lower() in seen:
            raise TerminalError(
                f"a table cannot have the column {name!r} twice", hint="rename one of them with AS"
            )
        seen.add(name.lower())


def told_apart(names: Iterable[str]) -> list[str]:
    """Names of columns, each with a number behind it where an earlier one is the same."""
    found: list[str] = []
    for name in names:
        candidate, number = name, 0
        while candidate in found:
            number += 1
            candidate = f"{name}_{number}"
        found.append(candidate)
    return found


def table_columns(schema: pa.Schema) -> list[sa.Column[Any]]:
    """The columns of a table for rows of a schema.

    Their keys are ``c0``, ``c1``, …: a name such as ``a:b`` is no name of a parameter.
    """
    check_names(schema)
    return [
        sa.Column(field.name, sql_type(field), key=f"c{index}")
        for index, field in enumerate(schema)
    ]


def python_rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """The rows of a batch with the keys of :func:`table_columns`.

    Raises:
        TerminalError: A date is one that Python does not know.
    """
    columns = [
        _python_values(column, name)
        for column, name in zip(batch.columns, batch.schema.names, strict=True)
    ]
    keys = [f"c{index}" for index in range(len(columns))]
    return [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]


def _python_values(column: pa.Array, name: str) -> list[Any]:
    if pa.types.is_timestamp(column.type):
        # Python's datetime counts microseconds, and not every driver writes its zone.
        column = pc.cast(column, pa.timestamp("us", column.type.tz and "UTC"), safe=False)
    try:
        values: list[Any] = column.to_pylist()
    except (OverflowError, ValueError) as error:
        raise TerminalError(
            f"column {name!r} holds a date or time before the year 1 or after 9999",
            hint="turn it into NULL or text in the SELECT",
        ) from error
    return values


def to_array(
    values: Sequence[Any], field: pa.Field, *, convert: Callable[[Any], Any] | None = None
) -> pa.Array:
    """Python values as an array.

    Args:
        values: Of one column; None is NULL.
        field: The column.
        convert: What turns another value than None into one that fits the type.

    Raises:
        TerminalError: A value does not fit the type of its column.
    """
    try:
        if convert is not None:
            values = [value if value is None else convert(value) for value in values]
        return pa.array(values, type=field.type)
    except (pa.ArrowException, ArithmeticError, TypeError, ValueError) as error:
        raise TerminalError(
            f"column {field.name!r} was announced as {field.type}, but holds another value: {error}",
            hint="cast the column in the SELECT",
        ) from error


def checked_batches(rows: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The batches of a reader.

    Raises:
        TerminalError: The reader's producer failed with an error of Arrow.
    """
    try:
        yield from rows
    except pa.ArrowException as error:
        raise TerminalError(f"the rows to write could not be produced: {error}") from error
