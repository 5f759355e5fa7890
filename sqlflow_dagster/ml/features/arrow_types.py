"""Arrow columns of any engine brought to the few types that features and labels know."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.ml.features.spec import Category, Feature, FeatureKind
from sqlflow_dagster.ml.tasks import LabelType
from sqlflow_dagster.source import Span

MOMENT_PARTS: tuple[str, ...] = ("days", "month", "weekday", "hour")
"""What a date or a timestamp gives: days since 1970-01-01, month 1 to 12, weekday from Monday = 1
to Sunday = 7, and for a timestamp the hour 0 to 23. A time zone is converted to UTC first."""


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


def derived_kind(type_: pa.DataType) -> FeatureKind | None:
    """What a column is where nothing says otherwise; None for a type no model can read."""
    wanted = plain_type(type_)
    if pa.types.is_boolean(wanted):
        return FeatureKind.BOOLEAN
    if wanted in (pa.int64(), pa.float64(), pa.null()):
        return FeatureKind.NUMERIC
    if wanted == pa.large_string():
        return FeatureKind.CATEGORY
    if wanted in (pa.date32(), pa.timestamp("us")):
        return FeatureKind.MOMENT
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


def can_be_category(type_: pa.DataType) -> bool:
    """Whether a column of this type may be told to be a category."""
    wanted = plain_type(type_)
    return (
        wanted in (pa.int64(), pa.large_string(), pa.date32(), pa.null())
        or pa.types.is_boolean(wanted)
        or (pa.types.is_decimal(type_) and type_.scale == 0)
    )


def fits(feature: Feature, type_: pa.DataType) -> bool:
    """Whether a column of this type may stand for the feature."""
    wanted = plain_type(type_)
    if wanted == pa.null():
        return True
    match feature.kind:
        case FeatureKind.NUMERIC | FeatureKind.BOOLEAN:
            return wanted in (pa.int64(), pa.float64()) or pa.types.is_boolean(wanted)
        case FeatureKind.MOMENT:
            return wanted in (pa.date32(), pa.timestamp("us"))
        case FeatureKind.CATEGORY:
            if not can_be_category(type_):
                return False
            if not feature.vocabulary:
                return True
            is_text = wanted in (pa.large_string(), pa.date32())
            return isinstance(feature.vocabulary[0], str) == is_text


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
    """The named :data:`MOMENT_PARTS` of an array of dates or timestamps, as float64."""
    stamps = array.cast(pa.timestamp("us"))
    found = {
        "days": lambda: stamps.cast(pa.date32(), safe=False).cast(pa.int32()),
        "month": lambda: pc.month(stamps),
        "weekday": lambda: pc.day_of_week(stamps, count_from_zero=False),
        "hour": lambda: pc.hour(stamps),
    }
    return [found[part]().cast(pa.float64()) for part in parts]


def as_categories(array: pa.Array, like: Sequence[Category] | None = None) -> pa.Array:
    """An array as categories: text, int64 or bool; in the type of ``like`` where it is given.

    ``array`` is of a :func:`plain_type` that :func:`can_be_category` or :func:`fits` allowed.
    """
    if like:
        sample = like[0]
        wanted = (
            pa.bool_()
            if isinstance(sample, bool)
            else pa.int64()
            if isinstance(sample, int)
            else pa.large_string()
        )
        return array if array.type == wanted else array.cast(wanted)
    if array.type == pa.float64():
        return array.cast(pa.int64())
    if array.type in (pa.date32(), pa.null()):
        return array.cast(pa.large_string())
    return array
