"""What a statement reads and writes, as data."""

from dataclasses import dataclass
from enum import StrEnum

from sqlflow_dagster.graph.objects import ObjectRef


class Mode(StrEnum):
    """How a statement writes an object."""

    CREATE = "create"  # from nothing: CREATE TABLE
    ENSURE = "ensure"  # unless it is there: CREATE TABLE IF NOT EXISTS
    REPLACE = "replace"  # whatever was there: CREATE OR REPLACE TABLE, TO PREDICT
    OVERWRITE = "overwrite"  # all rows: INSERT OVERWRITE
    APPEND = "append"  # more rows: INSERT
    MODIFY = "modify"  # some rows or the definition: UPDATE, DELETE, MERGE, ALTER
    TRUNCATE = "truncate"
    DROP = "drop"


KEEPS_CONTENT = frozenset({Mode.ENSURE, Mode.APPEND, Mode.MODIFY})
"""The modes after which what was there before still shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One object that a statement writes.

    Attributes:
        ref: The object.
        mode: How.
        view: Whether it is a view: then its readers read what it reads.
    """

    ref: ObjectRef
    mode: Mode
    view: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What a statement reads and writes.

    Attributes:
        reads: The objects whose content it needs; not those it only adds to or changes.
        writes: The objects it changes, in the order of the text.
        barrier: Whether it may do anything: it keeps its place between all others.
        loose: Whether this was guessed from words because the statement could not be parsed.
        session: Whether it only sets up the connection (USE, SET) for the statements after it.
        schema: The schema in force after it, for USE; None otherwise.
        transaction: ``begin`` or ``end`` where it opens or closes a transaction.
        temporary: Whether it makes a table that only its own connection sees.
    """

    reads: frozenset[ObjectRef] = frozenset()
    writes: tuple[Write, ...] = ()
    barrier: bool = False
    loose: bool = False
    session: bool = False
    schema: str | None = None
    transaction: str | None = None
    temporary: bool = False
