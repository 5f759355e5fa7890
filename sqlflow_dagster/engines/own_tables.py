"""Tables that this package keeps in a data source beside those of the user."""

import sqlalchemy as sa

from sqlflow_dagster.engines.base import Session
from sqlflow_dagster.errors import StepError


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
