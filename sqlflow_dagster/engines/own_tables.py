"""Tables that this package keeps in a data source beside those of the user."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from sqlflow_dagster.engines.base import Session
from sqlflow_dagster.errors import StepError, TransientError

EXACT_NAMES: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
"""Options of a table whose keys are names: MySQL compares without case and accents unless it is told."""

_ATTEMPTS = 8


def ensure_table(session: Session, table: sa.Table) -> None:
    """Make a table unless it is there; several steps may need it for the first time at once.

    Args:
        session: Outside a transaction.
        table: Its columns and keys.

    Raises:
        StepError: It cannot be made.
    """
    if session.relation_kind((table.name,)) is not None:
        return
    try:
        session.connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
    except StepError:
        # IF NOT EXISTS of PostgreSQL does not see what another session is about to make.
        if session.relation_kind((table.name,)) is None:
            raise


def change(session: Session, statements: Callable[[], None]) -> None:
    """Run statements about such tables in a transaction, once more where other steps were in their way.

    Args:
        session: Outside a transaction.
        statements: Runs them; from the beginning if they are run again.

    Raises:
        StepError: They fail, or steps kept getting in their way.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            with session.transaction():
                statements()
        except TransientError:
            # MySQL has deadlocks between inserts of rows that are next to each other.
            continue
        return
    with session.transaction():
        statements()
