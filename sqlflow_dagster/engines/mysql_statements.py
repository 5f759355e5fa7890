"""Prepared statements of MySQL on a connection of PyMySQL, which has no words of its own for them.

See https://mariadb.com/kb/en/com_stmt_prepare/ and https://mariadb.com/kb/en/com_stmt_execute/.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlflow_dagster.engines.arrow_rows import told_apart
from sqlflow_dagster.engines.base import Column
from sqlflow_dagster.engines.mysql_rows import WireType, wire_type


@contextmanager
def prepared(connection: Any, sql: str) -> Iterator[tuple[int, list[Any]]]:
    """A block with the number of a prepared statement and the columns of its result.

    Args:
        connection: Of the driver.
        sql: One statement; it is not run.

    Raises:
        pymysql.Error: The server refuses it, or the connection is lost.
    """
    from pymysql.constants import COMMAND
    from pymysql.protocol import FieldDescriptorPacket

    connection._execute_command(COMMAND.COM_STMT_PREPARE, sql)
    _, statement, columns, parameters = connection._read_packet().read_struct("<BIHH")
    if parameters:
        for _ in range(parameters + 1):
            connection._read_packet()
    fields = [connection._read_packet(FieldDescriptorPacket) for _ in range(columns)]
    if columns:
        connection._read_packet()
    try:
        yield statement, fields
    finally:
        if connection.open:
            connection._execute_command(COMMAND.COM_STMT_CLOSE, statement.to_bytes(4, "little"))


def described(fields: Sequence[Any]) -> tuple[tuple[Column, ...], list[WireType]]:
    """The columns of a result, and how each travels."""
    types = [wire_type(field) for field in fields]
    columns = tuple(
        Column(name=name, type=kind.name, arrow_type=kind.arrow_type)
        for name, kind in zip(told_apart(field.name for field in fields), types, strict=True)
    )
    return columns, types


def started(connection: Any, statement: int) -> Any:
    """The result of a prepared statement, before its rows are read."""
    from pymysql.constants import COMMAND

    # The flags ask for no cursor: rows are sent as they are found.
    arguments = statement.to_bytes(4, "little") + b"\0" + (1).to_bytes(4, "little")
    connection._execute_command(COMMAND.COM_STMT_EXECUTE, arguments)
    connection._read_query_result(unbuffered=True)
    return connection._result


def rows_of(connection: Any, result: Any) -> Iterator[bytes]:
    """The rows of a result as they arrive, until it is finished."""
    try:
        while result.unbuffered_active:
            packet = connection._read_packet()
            if result._check_packet_is_eof(packet):
                result.unbuffered_active = False
                result.connection = None
            else:
                yield packet.get_all_data()
    finally:
        if not connection.open:
            # Else the driver would try to read the rest when it forgets the result.
            result.unbuffered_active = False
