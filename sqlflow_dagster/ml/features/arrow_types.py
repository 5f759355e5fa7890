"""Arrow columns of any engine brought to the few types that features and labels know."""

import math
import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.ml.features.feature import Category, ColumnType, SourceColumn
from sqlflow_dagster.ml.tasks import LabelType
from sqlflow_dagster.source import Span

Columns: TypeAlias = Sequence[tuple[str, pa.DataType]]
"""Names and types that a SELECT gives."""

MOMENT_PARTS: tuple[str, ...] = ("days", "month", "weekday", "hour")
"""What a date or a timestamp gives: days since 1970-01-01, month 1 to 12, weekday from Monday = 1
to Sunday = 7, and for a timestamp the hour 0 to 23. A time zone is converted to UTC first."""


_DECIMAL = re.compile(r"decimal128\((\d+), (-?\d+)\)")


def plain_type(type_: pa.DataType) -> pa.DataType:
    """The type without dictionary encoding and extension, in its one canonical width."""
    if isinstance(type_, pa.BaseExtensionType):
        return plain_type(type_.storage_type)
    if pa.types.is_dictionary(type_):
        return plain_type(type_.value_type)
    if pa.types.is_string(type_) or pa.types.is_large_string(type_) or type_ == pa.string_view():
        return pa.large_string()
    if pa.types.is_integer(type_) and type_ != pa.uint64():
        return pa.int64()
    if pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return pa.float64()
    if pa.types.is_date(type_):
        return pa.date32()
    if pa.types.is_timestamp(type_):
        return pa.timestamp("us")
    if isinstance(type_, pa.ListType | pa.LargeListType | pa.FixedSizeListType):
        return pa.large_list(plain_type(type_.value_type))
    return type_


def plain(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column as one array of its :func:`plain_type`."""
    if isinstance(column, pa.ChunkedArray):
        arrays = [plain(chunk) for chunk in column.chunks]
        return pa.concat_arrays(arrays) if arrays else pa.array([], plain_type(column.type))
    if isinstance(column.type, pa.BaseExtensionType):
        return plain(column.storage)
    if pa.types.is_dictionary(column.type):
        return plain(column.dictionary_decode())
    wanted = plain_type(column.type)
    return column if column.type == wanted else column.cast(wanted, safe=False)


def type_text(type_: pa.DataType) -> str:
    """A type in the words of a message: SQL has no ``large_string``."""
    wanted = plain_type(type_)
    if is_array(wanted):
        return f"list of {type_text(wanted.value_type)}"
    return _TYPE_TEXTS.get(wanted, str(wanted))


_TYPE_TEXTS = {
    pa.large_string(): "text",
    pa.int64(): "integer",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.timestamp("us"): "timestamp",
}


def is_array(type_: pa.DataType) -> bool:
    """Whether a column of this type holds lists."""
    return isinstance(type_, pa.ListType | pa.LargeListType | pa.FixedSizeListType)


def column_type(type_: pa.DataType) -> ColumnType | None:
    """What a column of this type is read as; None for a type no model can read."""
    wanted = plain_type(type_)
    if pa.types.is_boolean(wanted) or wanted in (pa.int64(), pa.float64(), pa.null()):
        return ColumnType.NUMBER
    if wanted == pa.large_string():
        return ColumnType.TEXT
    if wanted in (pa.date32(), pa.timestamp("us")):
        return ColumnType.MOMENT
    if is_array(wanted) and column_type(wanted.value_type) in (ColumnType.NUMBER, ColumnType.TEXT):
        return ColumnType.ARRAY
    return None


def label_type(type_: pa.DataType) -> LabelType | None:
    """What predictions of a label of this type are; None for a type that cannot be a label."""
    wanted = plain_type(type_)
    if wanted == pa.large_string():
        return "string"
    if wanted == pa.int64():
        return "int64"
    if wanted == pa.float64():
        return "double"
    if wanted == pa.large_list(pa.large_string()):
        return "texts"
    if wanted in (pa.large_list(pa.float64()), pa.large_list(pa.int64())):
        return "numbers"
    return "bool" if pa.types.is_boolean(wanted) else None


def number_type(type_: pa.DataType) -> pa.DataType | None:
    """The type of the numbers in a column, or in its lists; None where there are none."""
    if isinstance(type_, pa.BaseExtensionType):
        return number_type(type_.storage_type)
    if pa.types.is_dictionary(type_) or is_array(type_):
        return number_type(type_.value_type)
    is_number = pa.types.is_integer(type_) or pa.types.is_floating(type_)
    return type_ if is_number or pa.types.is_decimal128(type_) else None


def type_of(dtype: str) -> pa.DataType:
    """The type of which ``dtype`` is the text.

    Raises:
        ValueError: It is the text of no number.
    """
    found = _DECIMAL.fullmatch(dtype)
    return pa.decimal128(int(found[1]), int(found[2])) if found else pa.type_for_alias(dtype)


def can_be_category(type_: pa.DataType) -> bool:
    """Whether a column of this type may be told to be a category, or a list of categories."""
    wanted = plain_type(type_)
    if is_array(wanted):
        return can_be_category(wanted.value_type)
    return (
        wanted in (pa.int64(), pa.large_string(), pa.date32(), pa.null())
        or pa.types.is_boolean(wanted)
        or (pa.types.is_decimal(type_) and type_.scale == 0)
    )


def fits(source: SourceColumn, type_: pa.DataType) -> bool:
    """Whether a column of this type may be read as one was at training.

    A text may be a moment if it is written as one, which its values tell.
    """
    wanted = plain_type(type_)
    if wanted == pa.null():
        return True
    # SQLite's CREATE TABLE … AS makes texts of dates.
    if source.type is ColumnType.TEXT and wanted == pa.date32():
        return True
    if source.type is ColumnType.MOMENT and wanted == pa.large_string():
        return True
    return column_type(type_) is source.type


def column_index(name: str, names: Sequence[str], span: Span | None, wanted_by: str) -> int:
    """The place of a column by its exact name, else by its name in any case.

    Args:
        name: What to look for.
        names: The columns there are.
        span: Where the name was written.
        wanted_by: What the message says wants the column, such as ``LABEL``.

    Raises:
        TerminalError: No column has the name, or more than one has.
    """
    found = [index for index, item in enumerate(names) if item == name] or [
        index for index, item in enumerate(names) if item.lower() == name.lower()
    ]
    if not found:
        raise TerminalError(
            f"{wanted_by} names column {name!r}, which the SELECT does not give",
            span,
            did_you_mean(name, names) or f"it gives: {', '.join(names)}",
        )
    if len(found) > 1:
        raise TerminalError(
            f"{wanted_by} names column {name!r}, but the SELECT gives {len(found)} such columns",
            span,
            "give them different names with AS",
        )
    return found[0]


def moment_parts(array: pa.Array, parts: Sequence[str]) -> list[pa.Array]:
    """The named :data:`MOMENT_PARTS` of an array of dates or timestamps, as float64.

    The days of ``infinity`` are infinite, and it has no other parts.
    """
    infinite = _is_infinite(array)
    stamps = pc.if_else(infinite, pa.scalar(None, array.type), array).cast(pa.timestamp("us"))

    def days() -> pa.Array:
        whole = stamps.cast(pa.date32(), safe=False).cast(pa.int32()).cast(pa.float64())
        return pc.if_else(infinite, pa.scalar(math.inf), whole)

    found: dict[str, Callable[[], pa.Array]] = {
        "days": days,
        "month": lambda: pc.month(stamps),
        "weekday": lambda: pc.day_of_week(stamps, count_from_zero=False),
        "hour": lambda: pc.hour(stamps),
    }
    return [found[part]().cast(pa.float64()) for part in parts]


def _is_infinite(array: pa.Array) -> pa.Array:
    """Which dates or timestamps are ``infinity`` or ``-infinity``: the ends of the numbers that they are stored as."""
    numbers = array.cast(pa.int32() if array.type == pa.date32() else pa.int64())
    end = 2 ** (numbers.type.bit_width - 1) - 1
    return pc.is_in(numbers, pa.array([end, -end, -end - 1], numbers.type))


def as_categories(array: pa.Array, like: Sequence[Category] | None = None) -> pa.Array:
    """An array as categories: text, int64 or bool; in the type of ``like`` where it is given.

    A number with a fraction is no category that ``like`` could hold: it becomes NULL.

    Args:
        array: Of a :func:`plain_type` that :func:`can_be_category` or :func:`fits` allowed.
        like: Some categories.
    """
    if array.type == pa.float64():
        whole = pc.equal(array, pc.round(array))
        array = pc.if_else(whole, array, pa.scalar(None, pa.float64())).cast(pa.int64(), safe=False)
    elif array.type in (pa.date32(), pa.null()):
        array = array.cast(pa.large_string())
    if not like or array.type == (wanted := _category_type(like[0])):
        return array
    if pa.types.is_boolean(wanted):
        flags = pc.is_in(array, pa.array([0, 1], array.type))
        array = pc.if_else(flags, array, pa.scalar(None, array.type))
    return array.cast(wanted)


def _category_type(sample: Category) -> pa.DataType:
    if isinstance(sample, bool):
        return pa.bool_()
    return pa.int64() if isinstance(sample, int) else pa.large_string()
