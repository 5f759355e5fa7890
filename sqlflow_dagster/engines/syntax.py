"""The parsers of the data sources themselves as judges of a program's SQL."""

from contextlib import ExitStack

from sqlflow_dagster.engines.base import Session, open_engine
from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.parsers import ParsedText
from sqlflow_dagster.lang.standard import Rejection
from sqlflow_dagster.source import Source


class EngineParser:
    """Data sources as an :class:`~sqlflow_dagster.lang.parsers.ExternalParser`: the first that speaks a dialect judges.

    Only the syntax is judged: what a statement names may be made by the statements before it. An engine
    without :meth:`Session.check_syntax` accepts everything.
    """

    def __init__(self, spec: str) -> None:
        """No connection is made before the first text.

        Args:
            spec: ``engine:`` and the URL of a data source; further URLs on lines of their own.

        Raises:
            TerminalError: The URL is missing, or names no engine.
        """
        _, _, url = spec.partition(":")
        if not url:
            raise TerminalError(
                "the parser 'engine' needs a data source",
                hint="give one, or write engine:URL",
            )
        self._engines = [open_engine(item) for item in url.splitlines()]
        self._open = ExitStack()
        self._sessions: dict[str, Session] = {}

    def parse(self, dialect: str, text: str) -> ParsedText:
        """Let the data source parse one statement, which is not run."""
        engine = next((item for item in self._engines if item.dialect == dialect), None)
        if engine is None:
            raise TerminalError(
                f"the program is written in {dialect}, and the data source that is to judge it "
                f"speaks {self._engines[0].dialect}",
                hint="choose another parser, or leave --dialect out",
            )
        if dialect not in self._sessions:
            self._sessions[dialect] = self._open.enter_context(engine.syntax_session())
        try:
            self._sessions[dialect].check_syntax(text)
        except TerminalError as error:
            whole = Source(text=text).span(0, len(text))
            place = error.excerpt.within(whole) if error.excerpt else whole
            rejection = Rejection(message=error.message, start=place.start, end=place.end)
            return ParsedText(statements=(), accepted=0, rejection=rejection)
        return ParsedText(statements=(text,), accepted=len(text))

    def close(self) -> None:
        """Close the connections."""
        self._open.close()
        self._sessions.clear()
