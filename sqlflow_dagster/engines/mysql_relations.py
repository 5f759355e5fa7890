"""Tables and views of a MySQL server under the names that it has for them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import sqlalchemy as sa

from sqlflow_dagster.engines.base import RelationKind, TableName


class Relation(NamedTuple):
    """A table or a view as the server spells it; ``schema`` is None for that of the session."""

    schema: str | None
    name: str
    kind: RelationKind

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of its name."""
        return (self.name,) if self.schema is None else (self.schema, self.name)

    def named(self, name: str) -> "Relation":
        """The same under another name."""
        return self._replace(name=name)


class Relations:
    """The tables and views that a connection finds.

    Args:
        connection: Asked for what there is.
        run: Runs a statement that changes it.

    Attributes:
        connection: The same.
    """

    def __init__(self, connection: sa.Connection, *, run: Callable[[str], None]) -> None:
        self.connection = connection
        self._run = run

    def find(self, schema: str | None, name: str) -> Relation | None:
        """The table or view of a name; a TEMPORARY table comes first."""
        query = sa.text(
            "SELECT table_name, table_type, @@lower_case_table_names AS any_case "
            "FROM information_schema.tables WHERE table_name = :name "
            "AND table_schema = COALESCE(:schema, DATABASE())"
        )
        rows = self.connection.execute(query, {"schema": schema, "name": name}).all()
        for found, kind, any_case in rows:
            # The catalogue compares without case, the server perhaps not.
            if found == name or (any_case and found.lower() == name.lower()):
                return Relation(schema, found, "view" if "VIEW" in kind else "table")
        return None

    def last_change(self, relation: Relation) -> datetime | None:
        """When rows were put into a table or changed there last, if the server has it in memory since.

        None for the tables of other engines than InnoDB, whose files tell it late, and for partitioned ones: a
        partition with rows may be exchanged for another. A TRUNCATE of MariaDB does not count.
        """
        query = sa.text(
            "SELECT update_time FROM information_schema.tables WHERE table_name = :name "
            "AND table_schema = COALESCE(:schema, DATABASE()) AND table_type = 'BASE TABLE' "
            "AND engine = 'InnoDB' AND create_options NOT LIKE '%partitioned%'"
        )
        names = {"schema": relation.schema, "name": relation.name}
        changed: datetime | None = self.connection.execute(query, names).scalar()
        return None if changed is None else changed.replace(tzinfo=UTC)

    def drop(self, relation: Relation) -> None:
        """Drop what :meth:`find` found."""
        self._run(f"DROP {relation.kind.upper()} {quoted(relation.parts)}")

    def drop_named(self, schema: str | None, name: str) -> None:
        """Drop the table or view of a name; nothing happens where nothing has it."""
        found = self.find(schema, name)
        if found is not None:
            self.drop(found)

    def rename(self, *changes: tuple[Relation, str]) -> None:
        """Give tables and views other names, all at once or none."""
        texts = [
            f"{quoted(relation.parts)} TO {quoted(relation.named(name).parts)}"
            for relation, name in changes
        ]
        self._run(f"RENAME TABLE {', '.join(texts)}")


def quoted(table: TableName) -> str:
    """A table's name as SQL text."""
    # SQLAlchemy doubles percent signs for the driver, which a verbatim statement keeps.
    return ".".join("`" + part.replace("`", "``") + "`" for part in table)
