"""Tables of MySQL that are out of the way until what takes their place is whole.

Every CREATE, DROP and RENAME of MySQL commits by itself, so no transaction undoes it. What is in the way of a new
table is renamed, and renamed back when the new one fails. A lock that the server drops with the connection tells
whether that will still happen: what has no lock was left by a session that is dead, and whoever looks for it next
renames it back.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa

from sqlflow_dagster.engines.mysql_relations import Relation, Relations
from sqlflow_dagster.errors import StepError, TerminalError, TransientError

ASIDE = "sqlflow_aside_"
FORMER = "sqlflow_former_"
HIDDEN = f"table_name LIKE '{ASIDE}%' OR table_name LIKE '{FORMER}%'"
_LOCK = "CONCAT('sqlflow_', MD5(CONCAT({schema}, '.', {name})))"
_LOCK_OF_ROW = _LOCK.format(schema="table_schema", name="table_name")
_LOCK_OF_NAME = _LOCK.format(schema="COALESCE(:schema, DATABASE())", name=":name")


def former_name(name: str) -> str:
    """The name under which the table of a name is out of the way."""
    return FORMER + hashlib.sha256(name.encode()).hexdigest()[:16]


class FormerTables:
    """What a transaction has put out of the way."""

    def __init__(self, relations: Relations) -> None:
        self._relations = relations
        self._connection = relations.connection
        self._cleared: dict[tuple[str | None, str], Relation | None] = {}

    def clear(self, schema: str | None, name: str) -> None:
        """Leave a name free, for the rest of the transaction.

        Raises:
            TransientError: Another session is making the same table.
        """
        # One table may be named with its database and without.
        schema = schema or self._connection.scalar(sa.text("SELECT DATABASE()"))
        key = (schema, name)
        if key in self._cleared:
            # What has the name now was made in this transaction.
            self._relations.drop_named(schema, name)
            return
        aside = former_name(name)
        self.lock(schema, aside)
        self._cleared[key] = None
        found = self._relations.find(schema, name)
        # Of a session that died after it had made the new table.
        self._relations.drop_named(schema, aside)
        if found is not None:
            self._relations.rename((found, aside))
            self._cleared[key] = found

    def put_back(self, error: BaseException) -> None:
        """Undo it: drop what was made in their place, and give them their names back."""
        cleared, self._cleared = self._cleared, {}
        for (schema, name), former in reversed(cleared.items()):
            try:
                self._relations.drop_named(schema, name)
                if former is not None:
                    self._relations.rename((former.named(former_name(name)), former.name))
                self.unlock(schema, former_name(name))
            except (StepError, sa.exc.PendingRollbackError) as failure:
                error.add_note(f"{name} was not put back: {failure}")

    def forget(self) -> None:
        """Drop them: what took their place is there to stay.

        Raises:
            StepError: Something depends on one; those that are not dropped yet can still be put back.
        """
        for (schema, name), former in list(self._cleared.items()):
            if former is not None:
                self._relations.drop(former.named(former_name(name)))
            self.unlock(schema, former_name(name))
            del self._cleared[schema, name]

    def restored(self, schema: str | None, name: str) -> bool:
        """Whether a table that a dead session had put out of the way has its name back now."""
        aside = former_name(name)
        query = sa.text(
            "SELECT table_name, table_type FROM information_schema.tables WHERE table_name = :name "
            f"AND table_schema = COALESCE(:schema, DATABASE()) AND IS_FREE_LOCK({_LOCK_OF_ROW})"
        )
        connection = self._connection
        if connection.execute(query, {"schema": schema, "name": aside}).first() is None:
            return False
        with self.kept(schema, name):
            left = self._relations.find(schema, aside)
            if left is not None:
                self._relations.rename((left, name))
            return left is not None

    def drop_leftovers(self, schema: str | None, name: str) -> None:
        """Drop what sessions that are dead were making aside, and a former table whose successor is there."""
        query = sa.text(
            "SELECT table_name FROM information_schema.tables WHERE "
            "table_schema = COALESCE(:schema, DATABASE()) "
            f"AND (table_name LIKE '{ASIDE}%' OR table_name = :former) "
            f"AND IS_FREE_LOCK({_LOCK_OF_ROW})"
        ).bindparams(schema=schema, former=former_name(name))
        for left in self._connection.execute(query).scalars().all():
            self._relations.drop_named(schema, left)

    @contextmanager
    def kept(self, schema: str | None, name: str) -> Iterator[None]:
        """A block in which no other session of this package puts a table out of the way or in its place.

        Raises:
            TransientError: Another session is making the same table.
        """
        aside = former_name(name)
        self.lock(schema, aside)
        try:
            yield
        finally:
            with suppress(sa.exc.PendingRollbackError, StepError):
                # A lost connection has lost its locks.
                self.unlock(schema, aside)

    def lock(self, schema: str | None, name: str) -> None:
        """Wait for a name that other sessions of this package are to leave alone.

        Raises:
            TransientError: Another session had it for longer than ``lock_wait_timeout``.
        """
        query = sa.text(f"SELECT GET_LOCK({_LOCK_OF_NAME}, @@lock_wait_timeout)")
        got = self._connection.execute(query, {"schema": schema, "name": name}).scalar()
        if got is None:
            raise TerminalError(
                "no database is selected", hint="name one in the URL, or write database.table"
            )
        if not got:
            raise TransientError(
                "another session is making the same table", hint="run it again when it has ended"
            )

    def unlock(self, schema: str | None, name: str) -> None:
        """Let other sessions have a name."""
        query = sa.text(f"SELECT RELEASE_LOCK({_LOCK_OF_NAME})")
        self._connection.execute(query, {"schema": schema, "name": name})
