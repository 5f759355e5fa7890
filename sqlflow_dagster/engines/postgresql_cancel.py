"""The end of a statement of PostgreSQL that nobody waits for any more."""

from typing import Any

CANCEL_TIMEOUT = 5.0
"""How long a server may take to be told so, in seconds."""


def is_active(connection: Any) -> bool:
    """Whether the server still works on a statement of a connection of the driver."""
    import psycopg

    status = connection.info.transaction_status
    return bool(status == psycopg.pq.TransactionStatus.ACTIVE)


def cancel(connection: Any, error: BaseException) -> None:
    """Let the server end the statement of a connection of the driver.

    Args:
        connection: It has a statement that :func:`is_active`.
        error: What has interrupted it; it notes when the server cannot be told.
    """
    import psycopg

    try:
        connection.cancel_safe(timeout=CANCEL_TIMEOUT)
    except psycopg.Error as failure:
        error.add_note(f"the statement was not stopped on the server: {failure}")
