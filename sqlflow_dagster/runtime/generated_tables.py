"""Which tables of a data source were generated, by which program, and until when: a table in it.

Only what is recorded there is ever dropped: a table of a user may have any name.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import sqlalchemy as sa

from sqlflow_dagster.engines.base import Engine, Session
from sqlflow_dagster.engines.own_tables import EXACT_NAMES, change, ensure_table
from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE, ObjectKind, ObjectRef

OWNERS_TABLE = "sqlflow_generated_tables"
_NOBODY = ""
"""The program of a table that is forgotten, where its row cannot be deleted."""

_metadata = sa.MetaData()
_owners = sa.Table(
    OWNERS_TABLE,
    _metadata,
    sa.Column("table_name", sa.String(400), primary_key=True),
    sa.Column("program", sa.String(200), nullable=False),
    sa.Column("made_at", sa.String(40), nullable=False),
    sa.Column("expires_at", sa.String(40)),
    **EXACT_NAMES,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedTable:
    """A generated table of a data source.

    Attributes:
        table: The table.
        program: The name of the program that made it last.
        made_at: When that was, in UTC.
        expires_at: When it may be dropped, whoever owns it; None for never.
        rows: How many rows it has; None where they were not counted.
    """

    table: ObjectRef
    program: str
    made_at: datetime
    expires_at: datetime | None
    rows: int | None = None

    def expired(self, now: datetime) -> bool:
        """Whether its time to live is over."""
        return self.expires_at is not None and self.expires_at <= now


class GeneratedTables:
    """The generated tables of a data source.

    Args:
        engine: Its engine.
        datasource: Its name.
    """

    def __init__(self, engine: Engine, datasource: str = DEFAULT_DATASOURCE) -> None:
        self._engine = engine
        self._datasource = datasource

    def record(
        self, table: ObjectRef, *, program: str, time_to_live: timedelta | None = None
    ) -> None:
        """Remember that a program makes a table just now; drop those whose time to live is over."""
        now = datetime.now(UTC)
        row = {
            "table_name": table.name,
            "program": program,
            "made_at": now.isoformat(),
            "expires_at": None if time_to_live is None else (now + time_to_live).isoformat(),
        }
        with self._engine.session() as session:
            ensure_table(session, _owners)

            def replace() -> None:
                if self._engine.changes_rows:
                    self._forget(session, table)
                session.connection.execute(sa.insert(_owners).values(row))

            self._change(session, replace)
            others = (item for item in self._recorded(session) if item.table != table)
            self._drop(session, [item.table for item in others if item.expired(now)])

    def found(self) -> list[GeneratedTable]:
        """The generated tables that are there, by name, with the number of their rows."""
        with self._engine.session() as session:
            return [
                _counted(item, session, self._engine)
                for item in self._recorded(session)
                if session.relation_kind(item.table.parts) == "table"
            ]

    def drop(self, tables: Collection[ObjectRef]) -> None:
        """Drop generated tables; what is not recorded as one stays."""
        with self._engine.session() as session:
            known = {item.table for item in self._recorded(session)}
            self._drop(session, [table for table in sorted(tables) if table in known])

    def _recorded(self, session: Session) -> list[GeneratedTable]:
        if session.relation_kind((OWNERS_TABLE,)) is None:
            return []
        query = sa.select(_owners).order_by(_owners.c.table_name, _owners.c.made_at)
        # Where no row can be deleted, the last one of a table counts.
        rows = {row.table_name: row for row in session.connection.execute(query)}
        return [
            GeneratedTable(
                table=ObjectRef(ObjectKind.TABLE, row.table_name, self._datasource),
                program=row.program,
                made_at=datetime.fromisoformat(row.made_at),
                expires_at=(
                    None if row.expires_at is None else datetime.fromisoformat(row.expires_at)
                ),
            )
            for row in rows.values()
            if row.program != _NOBODY
        ]

    def _drop(self, session: Session, tables: Sequence[ObjectRef]) -> None:
        for table in tables:
            self._change(session, partial(self._drop_one, session, table))

    def _drop_one(self, session: Session, table: ObjectRef) -> None:
        if session.relation_kind(table.parts) == "table":
            session.drop(table.parts)
        self._forget(session, table)

    def _change(self, session: Session, statements: Callable[[], None]) -> None:
        if self._engine.changes_rows:
            change(session, statements)
        else:
            statements()

    def _forget(self, session: Session, table: ObjectRef) -> None:
        if self._engine.changes_rows:
            forgotten = sa.delete(_owners).where(_owners.c.table_name == table.name)
            session.connection.execute(forgotten)
            return
        row = {
            "table_name": table.name,
            "program": _NOBODY,
            "made_at": datetime.now(UTC).isoformat(),
            "expires_at": None,
        }
        session.connection.execute(sa.insert(_owners).values(row))


def leftovers(
    tables: Iterable[GeneratedTable],
    owned: Collection[ObjectRef],
    *,
    now: datetime,
    older_than: timedelta | None = None,
) -> list[GeneratedTable]:
    """The generated tables that may be dropped: that no program makes any more, or whose time is over.

    Args:
        tables: Those to choose from.
        owned: What programs make.
        now: The time, in UTC.
        older_than: Leave alone what was made in this time; None for nothing.
    """
    return [
        item
        for item in tables
        if (item.table not in owned or item.expired(now))
        and (older_than is None or now - item.made_at >= older_than)
    ]


def _counted(item: GeneratedTable, session: Session, engine: Engine) -> GeneratedTable:
    rows = session.count(f"SELECT * FROM {engine.quote(item.table.parts)}")
    return replace(item, rows=rows)
