"""Arrow batches as the text of MySQL's LOAD DATA, sent from memory over the session's own connection."""

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sqlflow_dagster.errors import TerminalError

_BYTES = pa.large_binary()
_CHUNK = 256 << 10

_TYPES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_boolean, "TINYINT(1)"),
    (pa.types.is_int8, "TINYINT"),
    (pa.types.is_int16, "SMALLINT"),
    (pa.types.is_int32, "INT"),
    (pa.types.is_int64, "BIGINT"),
    (pa.types.is_uint8, "TINYINT UNSIGNED"),
    (pa.types.is_uint16, "SMALLINT UNSIGNED"),
    (pa.types.is_uint32, "INT UNSIGNED"),
    (pa.types.is_uint64, "BIGINT UNSIGNED"),
    (pa.types.is_float16, "FLOAT"),
    (pa.types.is_float32, "FLOAT"),
    (pa.types.is_float64, "DOUBLE"),
    (pa.types.is_date, "DATE"),
    (pa.types.is_timestamp, "DATETIME(6)"),
    (pa.types.is_time, "TIME(6)"),
    (pa.types.is_string, "LONGTEXT"),
    (pa.types.is_large_string, "LONGTEXT"),
    (pa.types.is_string_view, "LONGTEXT"),
    (pa.types.is_null, "LONGTEXT"),
    (pa.types.is_binary, "LONGBLOB"),
    (pa.types.is_large_binary, "LONGBLOB"),
    (pa.types.is_fixed_size_binary, "LONGBLOB"),
)
_TEXTS = frozenset({"LONGTEXT", "LONGBLOB"})


def column_type(field: pa.Field) -> str:
    """The type of a table's column for an Arrow field.

    Raises:
        TerminalError: It has none.
    """
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    for is_kind, name in _TYPES:
        if is_kind(kind):
            return name
    raise TerminalError(
        f"column {field.name!r} of type {field.type} cannot be written to MySQL",
        hint="turn it into numbers or text in the SELECT",
    )


def load_statement(table: str) -> str:
    """The LOAD DATA that takes what :func:`as_lines` writes.

    Args:
        table: Its name as SQL text.
    """
    # The backslash as a number: how a string writes it depends on the sql_mode. As binary, nothing is converted.
    return (
        f"LOAD DATA LOCAL INFILE 'rows' INTO TABLE {table} CHARACTER SET binary "
        "FIELDS TERMINATED BY '\t' ESCAPED BY X'5C' LINES TERMINATED BY '\n'"
    )


def plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch whose values MySQL knows: NaN is NULL, a moment with a zone is that of UTC.

    Raises:
        TerminalError: A number is infinite.
    """
    columns = [
        _plain(column, name) for column, name in zip(batch.columns, batch.schema.names, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _plain(column: pa.Array, name: str) -> pa.Array:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.dictionary_decode(), name)
    if pa.types.is_floating(kind):
        numbers = (
            pc.cast(pc.cast(column, pa.float32()), pa.float64())
            if (pa.types.is_float16(kind))
            else pc.cast(column, pa.float64())
        )
        if pc.any(pc.is_inf(numbers)).as_py():
            raise TerminalError(
                f"column {name!r} holds an infinite number, which MySQL does not know",
                hint="turn it into NULL or a finite number in the SELECT",
            )
        return pc.if_else(pc.is_nan(numbers), None, numbers)
    if pa.types.is_timestamp(kind):
        # Digits below a microsecond have no place in MySQL.
        return pc.cast(pc.cast(column, pa.timestamp(kind.unit)), pa.timestamp("us"), safe=False)
    if pa.types.is_date(kind):
        return pc.cast(column, pa.date32())
    if pa.types.is_time(kind):
        return pc.cast(column, pa.time64("us"), safe=False)
    return column


def as_lines(batch: pa.RecordBatch) -> memoryview:
    r"""A batch as lines of fields with tabs between: NULL is ``\N``, an empty text is nothing."""
    fields = [_field(column) for column in plain(batch).columns]
    end, nothing = pa.scalar(b"\n", _BYTES), pa.scalar(b"", _BYTES)
    line = pc.binary_join_element_wise(
        *fields,
        pa.scalar(b"\t", _BYTES),
        null_handling="replace",
        null_replacement=b"\\N",
    )
    lines = pc.binary_join_element_wise(line, nothing, end)
    if not isinstance(lines, pa.Array) or not len(lines):
        return memoryview(b"")
    _, offsets, data = lines.buffers()
    ends = memoryview(offsets).cast("q")
    return memoryview(data)[ends[lines.offset] : ends[lines.offset + len(lines)]]


def _field(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_boolean(kind):
        column = pc.cast(column, pa.uint8())
    if pa.types.is_fixed_size_binary(kind):
        column = pc.cast(column, pa.binary())
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(kind):
        return _escaped(pc.cast(column, _BYTES))
    written = pc.cast(pc.cast(column, pa.large_string()), _BYTES)
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return _escaped(written) if is_text or pa.types.is_string_view(kind) else written


def _escaped(column: pa.Array) -> pa.Array:
    for found, written in ((b"\\", b"\\\\"), (b"\t", b"\\\t"), (b"\n", b"\\\n")):
        column = pc.replace_substring(column, pattern=found, replacement=written)
    return column


def python_rows(batch: pa.RecordBatch) -> list[tuple[Any, ...]]:
    """The rows of a batch for the driver's INSERT."""
    columns = [column.to_pylist() for column in plain(batch).columns]
    return list(zip(*columns, strict=True))


def send(connection: Any, statement: str, lines: Iterator[memoryview]) -> tuple[int, int]:
    """Run a LOAD DATA with these lines; the number of rows that arrived and of warnings.

    Args:
        connection: Of the driver.
        statement: The LOAD DATA.
        lines: What is to be sent, computed while it is sent.

    Raises:
        pymysql.Error: The server refuses the statement, or the connection is lost.
    """
    from pymysql.constants import COMMAND
    from pymysql.protocol import OKPacketWrapper

    connection._execute_command(COMMAND.COM_QUERY, statement)
    connection._read_packet()
    try:
        for text in lines:
            for start in range(0, len(text), _CHUNK):
                connection.write_packet(bytes(text[start : start + _CHUNK]))
    finally:
        if connection.open:
            connection.write_packet(b"")
            done = OKPacketWrapper(connection._read_packet())
    return done.affected_rows, done.warning_count
