"""What tells of new rows in a table: how many it has, and how many above a value that its rows had before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import sqlalchemy as sa

from sqlflow_dagster.engines.base import Column, Engine, Session, TableName

Value = int | float | str | Decimal | date | datetime
"""A value of a watermark as drivers give it."""

_ORDERED = (
    pa.types.is_integer,
    # Not float32: what a driver makes of it need not compare equal to it.
    pa.types.is_float64,
    pa.types.is_decimal,
    pa.types.is_date,
    pa.types.is_timestamp,
    pa.types.is_string,
    pa.types.is_large_string,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableStatistics:
    """A table at one time.

    Attributes:
        rows: How many rows it has.
        highest: The highest value of its watermark; None where there is none, or every value is NULL.
        above: How many rows have a watermark above that of an earlier time.
    """

    rows: int
    highest: Value | None = None
    above: int = 0


def watermark(columns: Sequence[Column], name: str) -> str | None:
    """The column of times, numbers or text of this name as the engine spells it; None where there is none.

    Args:
        columns: Of a table.
        name: As a program has it; its case counts only where columns differ in nothing else.
    """
    same = [item for item in columns if item.name.lower() == name.lower()]
    found = next((item for item in same if item.name == name), same[0] if same else None)
    if found is None or not any(is_kind(found.arrow_type) for is_kind in _ORDERED):
        return None
    return found.name


def column_names(session: Session, table: TableName) -> list[str]:
    """The names of a table's columns; none where nothing has its name."""
    return [column.name for column in session.columns(table) or ()]


def table_statistics(
    session: Session,
    engine: Engine,
    table: TableName,
    *,
    column: str | None = None,
    above: Value | None = None,
) -> TableStatistics:
    """Look at a table once, so that what is told of it goes together.

    Args:
        session: Of the engine.
        engine: The engine.
        table: The table.
        column: Its watermark, see :func:`watermark`; None to count rows only.
        above: What the watermark of the counted rows must exceed; None to count all where it is not NULL.

    Raises:
        StepError: The engine refuses, or cannot be reached.
    """
    if column is None:
        return TableStatistics(rows=session.count(f"SELECT * FROM {engine.quote(table)}"))
    # What a name holds is no parameter.
    name, mark = (engine.quote(parts).replace(":", r"\:") for parts in (table, (column,)))
    comparison, first = _next(above)
    new = mark if above is None else f"CASE WHEN {mark} {comparison} :first THEN 1 END"
    query = sa.text(f"SELECT count(*), max({mark}), count({new}) FROM {name}")
    if above is not None:
        # Untyped: the driver gave the value, and a dialect might take a moment for a time without a zone.
        query = query.bindparams(sa.bindparam("first", first, sa.types.NullType()))
    rows, highest, count = session.connection.execute(query).one()
    return TableStatistics(rows=rows, highest=highest, above=count)


def _next(value: Value | None) -> tuple[str, Value | None]:
    """How a higher value compares, and with what."""
    if isinstance(value, datetime) and value.replace(tzinfo=None) < datetime.max:
        # Drivers cut the nanoseconds that a table may have: its highest value would be above itself.
        return ">=", value + timedelta(microseconds=1)
    return ">", value
