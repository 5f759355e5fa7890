"""The engine that every SQLAlchemy dialect shares.

A new engine is a subclass of :class:`SQLAlchemyEngine`, which says what an error means, and one of
:class:`~sqlflow_dagster.engines.sqlalchemy_session.SQLAlchemySession` for what its catalogue or its types do
differently.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import Any, Generic, NoReturn, TypeVar

import sqlalchemy as sa

from sqlflow_dagster.engines.base import TableName
from sqlflow_dagster.engines.messages import brief, quoted, redact
from sqlflow_dagster.engines.sqlalchemy_session import SQLAlchemySession
from sqlflow_dagster.engines.termination import ended_by_sigterm
from sqlflow_dagster.errors import StepError, TerminalError
from sqlflow_dagster.source import Excerpt

S = TypeVar("S", bound=SQLAlchemySession)


class SQLAlchemyEngine(ABC, Generic[S]):
    """A data source that SQLAlchemy can reach.

    Args:
        url: Of the data source; no connection is opened.

    Attributes:
        isolation_level: Of SQLAlchemy's connections; None for a dialect that knows none.
        driver_packages: Whose exceptions are the driver's, beside those of its DB-API.
        secret_options: What is a secret in the query of a URL.
    """

    name: str
    dialect: str
    shared: bool = True
    max_identifier_length: int
    default_schema: str | None = None
    transactional_ddl: bool = True
    changes_rows: bool = True
    typed_columns: bool = True
    session_type: type[S]
    isolation_level: str | None = "AUTOCOMMIT"
    driver_packages: tuple[str, ...] = ()
    secret_options: tuple[str, ...] = ()
    _schema: str | None = None

    def __init__(self, url: sa.URL) -> None:
        self.url = url
        secrets = {key: url.query[key] for key in self.secret_options if key in url.query}
        hidden = url.update_query_dict(dict.fromkeys(secrets, "***"))
        self.display_url = hidden.render_as_string(hide_password=True)
        self._secrets = [value for value in secrets.values() if isinstance(value, str)]

    @contextmanager
    def session(self, *, prefix: Sequence[str] = ()) -> Iterator[S]:
        """Open a connection, after running the session statements of ``prefix`` (USE, SET).

        Raises:
            TransientError: The data source cannot be reached now.
            TerminalError: It can never be reached this way, or a prefix statement failed.
        """
        # A file is whole whenever its process dies, which need not end its statement first.
        stoppable = ended_by_sigterm() if self.shared else nullcontext()
        with stoppable, self.connection() as connection:
            session = self.session_on(connection, prefix)
            try:
                yield session
            finally:
                session.end_stream()

    def syntax_session(self) -> AbstractContextManager[S]:
        """Open a connection for :meth:`SQLAlchemySession.check_syntax`, which keeps nobody from the data."""
        return self.session()

    def session_on(self, connection: sa.Connection, prefix: Sequence[str]) -> S:
        """A session on a connection that is open already."""
        session = self.session_type(self, connection, prefix)
        if self._schema is not None:
            session.enter_schema(self._schema)
        for statement in prefix:
            try:
                session.execute(statement)
            except StepError as error:
                error.excerpt = Excerpt(text=statement, in_session=True)
                raise
        return session

    def use_schema(self, name: str) -> None:
        """Let the sessions from now on find and make unqualified tables in a schema."""
        self._schema = self.default_schema = name

    def connection(self) -> AbstractContextManager[sa.Connection]:
        """A connection for the length of a session."""
        return self.sqlalchemy_engine.connect()

    def quote(self, table: TableName) -> str:
        """A table's name as SQL text of this engine."""
        quote = self.sqlalchemy_engine.dialect.identifier_preparer.quote_identifier
        return ".".join(quote(part) for part in table)

    @cached_property
    def sqlalchemy_engine(self) -> sa.Engine:
        """SQLAlchemy's engine, which raises the errors of this package."""
        try:
            engine = sa.create_engine(
                self.url,
                poolclass=sa.NullPool,
                hide_parameters=True,
                connect_args=self.connect_arguments(),
                **({"isolation_level": self.isolation_level} if self.isolation_level else {}),
            )
        except (ImportError, ValueError, sa.exc.ArgumentError) as error:
            raise TerminalError(
                f"the data source {self.display_url} cannot be used: {brief(str(error))}",
                hint=f"install the driver, or check the {self.name} URL",
            ) from error
        except Exception as error:
            # Some dialects log in here.
            if self.is_of_driver(error):
                self.raise_translated(error)
            raise
        sa.event.listen(engine, "handle_error", self._translate)
        sa.event.listen(engine, "connect", lambda connection, _: self.configure(connection))
        return engine

    def connect_arguments(self) -> dict[str, Any]:
        """What the driver's ``connect`` is told beside the URL."""
        return {}

    def configure(self, connection: Any) -> None:
        """Prepare a connection of the driver that was just opened."""

    @abstractmethod
    def step_error(self, error: BaseException, message: str) -> StepError:
        """Say what an error of the driver means: the one place of an engine that does.

        Args:
            error: As the driver raised it.
            message: Its text, shortened and without secrets.
        """

    def message_of(self, error: BaseException) -> str:
        """What an error of the driver says."""
        return str(error)

    def raise_translated(self, error: BaseException, *, about: str = "") -> NoReturn:
        """Raise an error of the driver as one of this package.

        Args:
            error: As the driver raised it.
            about: What the message is to name first, such as a file.
        """
        text = self.message_of(error)
        clean = redact(text, self.url.password)
        for secret in self._secrets:
            clean = clean.replace(secret, "***")
        if clean != text:
            # A traceback shows the cause, too.
            error.args = (clean,)
        message = f"{about}: {brief(clean)}" if about else brief(clean)
        told = self.step_error(error, message)
        told.excerpt = told.excerpt or quoted(text)
        raise told from error

    def is_of_driver(self, error: BaseException) -> bool:
        """Whether an exception is of the driver, though perhaps not of its DB-API."""
        return type(error).__module__.partition(".")[0] in self.driver_packages

    def _translate(self, context: sa.ExceptionContext) -> None:
        error = context.original_exception
        # Drivers let the errors of a value that does not fit (OverflowError) through as they are.
        if (
            context.sqlalchemy_exception is not None
            or isinstance(error, ValueError | ArithmeticError)
            or self.is_of_driver(error)
        ):
            self.raise_translated(error)
