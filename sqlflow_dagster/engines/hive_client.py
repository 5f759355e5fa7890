"""Connections to HiveServer2 as SQLAlchemy wants them, over impyla's Thrift client.

impyla's own cursors have a session each, in which nothing is left of an earlier ``USE`` or ``SET``. Here a
connection is a session. A statement runs while the client asks for its state, so that it can be cancelled.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa

from sqlflow_dagster.engines.hive_literals import literal
from sqlflow_dagster.engines.hive_rows import WireColumn, arrays, wire_column
from sqlflow_dagster.engines.hive_transport import Error, Server, text_of

paramstyle = "pyformat"

MAX_FETCH_ROWS = 10_000
"""What a server gives at once unless its administrator allows more."""
_LONGEST_PAUSE = 0.1
_RUNNING = ("INITIALIZED_STATE", "RUNNING_STATE", "PENDING_STATE", "UKNOWN_STATE")

# PEP 249 has a class for each kind; what an error means is not told by its class here.
InterfaceError = DatabaseError = DataError = OperationalError = Error
IntegrityError = InternalError = ProgrammingError = NotSupportedError = Error


def connect(*, statement_timeout: float | None = None, **server: Any) -> "Connection":
    """Open a session.

    Args:
        statement_timeout: How long a statement may run, in seconds; None for no bound.
        server: The arguments of :class:`~sqlflow_dagster.engines.hive_transport.Server`.
    """
    return Connection(Server(**server), statement_timeout=statement_timeout)


class Connection:
    """A session of a server.

    Args:
        server: Where it is found, and who asks.
        statement_timeout: How long a statement may run, in seconds; None for no bound.

    Raises:
        Error: The server cannot be reached, or does not let the user in.
    """

    def __init__(self, server: Server, *, statement_timeout: float | None = None) -> None:
        from impala._thrift_gen.TCLIService.ttypes import TOpenSessionReq, TProtocolVersion

        self._server = server
        self.statement_timeout = statement_timeout
        self._broken = False
        self._transport, self.client = server.open()
        with self._answered():
            request = TOpenSessionReq(
                # The oldest one whose rows come by column.
                client_protocol=TProtocolVersion.HIVE_CLI_SERVICE_PROTOCOL_V6,
                username=server.login,
            )
            answer = self.checked(self.client.OpenSession(request))
        self.session = answer.sessionHandle

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """A block of calls of the server, after which nothing can be called if one has no answer."""
        from thrift.Thrift import TException

        try:
            yield
        except Error:
            raise
        except (TException, OSError, EOFError) as error:
            self.abandon()
            raise Error(f"the connection is lost: {text_of(error)}", lost=True) from error
        except BaseException:
            # What comes next on the wire is the answer that was not waited for.
            self.abandon()
            raise

    def call(self, name: str, request: Any) -> Any:
        """The answer of the server.

        Raises:
            Error: It refuses, or does not answer.
        """
        if self._broken:
            raise Error("the connection is closed", lost=True)
        with self._answered():
            return self.checked(getattr(self.client, name)(request))

    @staticmethod
    def checked(answer: Any) -> Any:
        """An answer that is no refusal."""
        from impala._thrift_gen.TCLIService.ttypes import TStatusCode

        status = answer.status
        if status.statusCode in (TStatusCode.ERROR_STATUS, TStatusCode.INVALID_HANDLE_STATUS):
            raise Error(
                status.errorMessage or "an error without a message", state=status.sqlState or ""
            )
        return answer

    def cancel_elsewhere(self, operation: Any, error: BaseException) -> None:
        """End an operation of this connection, which an error keeps from asking; what fails is a note of the error."""
        from impala._thrift_gen.TCLIService.ttypes import TCancelOperationReq
        from thrift.Thrift import TException

        try:
            transport, client = self._server.open()
            try:
                client.CancelOperation(TCancelOperationReq(operationHandle=operation))
            finally:
                transport.close()
        except (Error, TException, OSError) as failure:
            error.add_note(f"the statement was not cancelled: {failure}")

    def cursor(self) -> "Cursor":
        """What runs statements."""
        return Cursor(self)

    def commit(self) -> None:
        """Nothing: the server keeps each statement at once."""

    def rollback(self) -> None:
        """Nothing: SQLAlchemy asks for it at the end of a session."""

    def abandon(self) -> None:
        """Close the way to the server, which then ends the session."""
        self._broken = True
        with suppress(OSError):
            self._transport.close()

    def close(self) -> None:
        """End the session."""
        from impala._thrift_gen.TCLIService.ttypes import TCloseSessionReq

        if self._broken:
            return
        try:
            self.call("CloseSession", TCloseSessionReq(sessionHandle=self.session))
        finally:
            self.abandon()


class Cursor:
    """A statement and its rows, see PEP 249."""

    arraysize = MAX_FETCH_ROWS
    rowcount = -1
    lastrowid = None

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._operation: Any = None
        self.columns: tuple[WireColumn, ...] = ()
        self._rows: list[tuple[Any, ...]] = []
        self._statement = ""

    @property
    def description(self) -> list[tuple[Any, ...]] | None:
        """The columns of the result; None where the statement has none."""
        if not self.columns:
            return None
        return [(column.name, column.type, *(None,) * 4, True) for column in self.columns]

    def execute(self, statement: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement to its end.

        Raises:
            Error: It fails, or takes longer than it may.
        """
        from impala._thrift_gen.TCLIService.ttypes import TExecuteStatementReq

        if parameters:
            statement = statement % {key: literal(value) for key, value in parameters.items()}
        self._statement = statement
        request = TExecuteStatementReq(
            sessionHandle=self._connection.session, statement=statement, runAsync=True
        )
        with self._about_the_statement():
            self._start("ExecuteStatement", request)
            try:
                self._wait()
            except (Error, GeneratorExit):
                raise
            except BaseException as error:
                # Ctrl-C: the server would go on without anybody who waits for it.
                self._connection.cancel_elsewhere(self._operation, error)
                raise
            self._describe()

    def catalogue(self, schema: str | None, name: str | None) -> None:
        """Ask for tables and views whose names match a pattern of LIKE."""
        from impala._thrift_gen.TCLIService.ttypes import TGetTablesReq

        request = TGetTablesReq(
            sessionHandle=self._connection.session, schemaName=schema, tableName=name
        )
        self._start("GetTables", request)
        self._describe()

    def fetch(self, rows: int) -> pa.RecordBatch | None:
        """Some more rows; None where there are no more."""
        from impala._thrift_gen.TCLIService.ttypes import TFetchOrientation, TFetchResultsReq

        request = TFetchResultsReq(
            operationHandle=self._operation,
            orientation=TFetchOrientation.FETCH_NEXT,
            maxRows=min(rows, MAX_FETCH_ROWS),
        )
        with self._about_the_statement():
            answer = self._connection.call("FetchResults", request)
        if not answer.results.columns:
            # So Spark answers a CREATE, whose result it announces as if it had rows.
            return None
        values = arrays(answer.results.columns, self.columns)
        if not len(values[0]):
            return None
        return pa.record_batch(values, names=[f"c{index}" for index in range(len(values))])

    def fetchmany(self, size: int = MAX_FETCH_ROWS) -> list[tuple[Any, ...]]:
        """Up to ``size`` rows."""
        while len(self._rows) < size and (batch := self.fetch(size)) is not None:
            self._rows += zip(*(column.to_pylist() for column in batch.columns), strict=True)
        found, self._rows = self._rows[:size], self._rows[size:]
        return found

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row."""
        return next(iter(self.fetchmany(1)), None)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All other rows."""
        found: list[tuple[Any, ...]] = []
        while rows := self.fetchmany():
            found += rows
        return found

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        """Nothing, as PEP 249 allows."""

    def close(self) -> None:
        """Let the server forget the statement, which ends it."""
        from impala._thrift_gen.TCLIService.ttypes import TCloseOperationReq

        operation, self._operation = self._operation, None
        if operation is not None:
            with suppress(Error):
                # A lost connection has lost it too, and its error was told.
                self._connection.call(
                    "CloseOperation", TCloseOperationReq(operationHandle=operation)
                )

    def _start(self, name: str, request: Any) -> None:
        self.close()
        self.columns = ()
        self._rows.clear()
        self._operation = self._connection.call(name, request).operationHandle

    def _wait(self) -> None:
        from impala._thrift_gen.TCLIService.ttypes import (
            TCancelOperationReq,
            TGetOperationStatusReq,
            TOperationState,
        )

        bound = self._connection.statement_timeout
        end = None if bound is None else time.monotonic() + bound
        pause = 0.001
        while True:
            request = TGetOperationStatusReq(operationHandle=self._operation)
            answer = self._connection.call("GetOperationStatus", request)
            state = TOperationState._VALUES_TO_NAMES[answer.operationState]
            if state == "FINISHED_STATE":
                return
            if state not in _RUNNING:
                message = answer.errorMessage or f"the statement ended as {state}"
                raise Error(message, state=answer.sqlState or "")
            if end is not None and time.monotonic() > end:
                self._connection.call(
                    "CancelOperation", TCancelOperationReq(operationHandle=self._operation)
                )
                raise Error(f"the statement took longer than {bound:g} seconds", timed_out=True)
            # Servers keep the answer back for a while; those that do not are not to be pestered.
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _describe(self) -> None:
        from impala._thrift_gen.TCLIService.ttypes import TGetResultSetMetadataReq

        if self._operation.hasResultSet:
            request = TGetResultSetMetadataReq(operationHandle=self._operation)
            answer = self._connection.call("GetResultSetMetadata", request)
            self.columns = tuple(map(wire_column, answer.schema.columns))

    @contextmanager
    def _about_the_statement(self) -> Iterator[None]:
        try:
            yield
        except Error as error:
            error.statement = self._statement
            raise
