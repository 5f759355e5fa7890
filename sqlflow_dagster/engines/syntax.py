"""The parser of the data source itself as a judge of a program's SQL."""

from contextlib import ExitStack

from sqlflow_dagster.engines.base import Session, open_engine
from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.parsers import ParsedText
from sqlflow_dagster.lang.standard import Rejection
from sqlflow_dagster.source import Source


class EngineParser:
    """A data source as an :class:`~sqlflow_dagster.lang.parsers.ExternalParser`.

    Only the syntax is judged: what a statement names may be made by the statements before it. An engine
    without :meth:`Session.check_syntax` accepts everything.
    """

    def __init__(self, spec: str) -> None:
        """No connection is made before the first text.

        Args:
            spec: ``engine:`` and the URL of a data source.

        Raises:
            TerminalError: The URL is missing, or names no engine.
        """
        _, _, url = spec.partition(":")
        if not url:
            raise TerminalError(
                "the parser 'engine' needs a data source",
                hint="give one, or write engine:URL",
            )
        self._engine = open_engine(url)
        self._open = ExitStack()
        self._session: Session | None = None

    def parse(self, dialect: str, text: str) -> ParsedText:
        """Let the data source parse one statement, which is not run."""
        if dialect != self._engine.dialect:
            raise TerminalError(
                f"the program is written in {dialect}, and the data source that is to judge it "
                f"speaks {self._engine.dialect}",
                hint="choose another parser, or leave --dialect out",
            )
        if self._session is None:
            self._session = self._open.enter_context(self._engine.session())
        try:
            self._session.check_syntax(text)
        except TerminalError as error:
            whole = Source(text=text).span(0, len(text))
            place = error.excerpt.within(whole) if error.excerpt else whole
            rejection = Rejection(message=error.message, start=place.start, end=place.end)
            return ParsedText(statements=(), accepted=0, rejection=rejection)
        return ParsedText(statements=(text,), accepted=len(text))

    def close(self) -> None:
        """Close the connection."""
        self._open.close()
        self._session = None
