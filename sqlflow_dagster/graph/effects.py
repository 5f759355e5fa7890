"""What a statement reads and writes, as data."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlflow_dagster.graph.objects import Names, ObjectKind, ObjectRef


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
        transaction: ``begin``, ``commit`` or ``rollback`` where it opens or closes a transaction.
        temporary: Whether it makes a table that only its own connection sees.
        references: The tables that foreign keys of a created table point to.
        takes: The sequences that it takes numbers from.
    """

    reads: frozenset[ObjectRef] = frozenset()
    writes: tuple[Write, ...] = ()
    barrier: bool = False
    loose: bool = False
    session: bool = False
    schema: str | None = None
    transaction: str | None = None
    temporary: bool = False
    references: frozenset[ObjectRef] = frozenset()
    takes: frozenset[ObjectRef] = frozenset()


def temporary_refs(refs: Iterable[ObjectRef]) -> frozenset[ObjectRef]:
    """Those of the objects that are TEMP tables and TEMP views."""
    return frozenset(ref for ref in refs if ref.kind is ObjectKind.TEMPORARY)


def names_after(names: Names, effects: Effects) -> Names:
    """How names are resolved after a statement, which may be a USE, or make or drop a TEMP table."""
    if effects.schema is not None:
        names = replace(names, schema=effects.schema)
    if not effects.temporary and not names.temporary:
        return names
    temporary = names.temporary
    for write in effects.writes:
        if write.ref.kind is ObjectKind.TEMPORARY:
            temporary -= {write.ref}
            temporary |= set() if write.mode is Mode.DROP else {write.ref}
    return replace(names, temporary=temporary)


def merged_effects(statements: Sequence[Effects]) -> Effects:
    """What statements that run as one read and write.

    What one of them makes anew is no input of those after it. The TEMP tables that they write are seen by
    their own connection only, and are no effect.
    """
    reads: set[ObjectRef] = set()
    writes: list[Write] = []
    made: set[ObjectRef] = set()
    for item in statements:
        reads |= item.reads - made
        made.update(write.ref for write in item.writes if write.mode not in KEEPS_CONTENT)
        writes += item.writes
    hidden = temporary_refs(write.ref for write in writes)
    return Effects(
        reads=frozenset(reads - hidden),
        writes=tuple(write for write in writes if write.ref not in hidden),
        barrier=any(item.barrier for item in statements),
        loose=any(item.loose for item in statements),
        references=frozenset().union(*(item.references for item in statements)),
        takes=frozenset().union(*(item.takes for item in statements)),
    )
