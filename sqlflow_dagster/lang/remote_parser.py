"""A parser in another process, such as Calcite's or Hive's in Java, asked over gRPC."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlflow_dagster.errors import TerminalError, TransientError
from sqlflow_dagster.lang.parsers import ParsedText, StatementTables
from sqlflow_dagster.lang.remote_parser_messages import METHOD, PROGRAM_SERVICE, message_class
from sqlflow_dagster.lang.standard import Rejection

_FORMS = ("program", "query")
_SECONDS = 10.0
_URL_HINT = (
    "write it as grpc://host:port, or grpc://host:port/SERVICE?form=program|query&timeout=SECONDS"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteAddress:
    """Where a parser listens and what it understands.

    Attributes:
        target: ``host:port``.
        service: The gRPC service with its package.
        form: ``program`` for the messages of ``parser.proto``, ``query`` for those of
            ``calcite_parser.proto``.
        seconds: How long to wait for an answer.
    """

    target: str
    service: str = PROGRAM_SERVICE
    form: str = "program"
    seconds: float = _SECONDS

    @classmethod
    def of(cls, url: str) -> "RemoteAddress":
        """The address that a URL ``grpc://host:port[/service][?form=…&timeout=…]`` names.

        Raises:
            TerminalError: It is no such URL.
        """
        try:
            parts = urlsplit(url)
            options = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
            form = options.pop("form", ["program"])[-1]
            seconds = float(options.pop("timeout", [str(_SECONDS)])[-1])
            valid = parts.hostname and parts.port and form in _FORMS and seconds > 0 and not options
        except ValueError:
            valid = False
        if not valid:
            raise TerminalError(f"{url!r} is not the address of a parser", hint=_URL_HINT)
        service = parts.path.strip("/") or PROGRAM_SERVICE
        return cls(target=parts.netloc, service=service, form=form, seconds=seconds)


class RemoteParser:
    """A remote parser as an :class:`~sqlflow_dagster.lang.parsers.ExternalParser`."""

    def __init__(self, url: str) -> None:
        """No connection is made before the first text.

        Args:
            url: As :meth:`RemoteAddress.of` takes it.

        Raises:
            TerminalError: It is no such URL.
        """
        import grpc

        self._address = RemoteAddress.of(url)
        # A program may be larger than gRPC's default of 4 MB.
        self._channel = grpc.insecure_channel(
            self._address.target, options=[("grpc.max_receive_message_length", -1)]
        )
        # Bytes: an answer that is no such message must give an error that says so.
        self._call = self._channel.unary_unary(f"/{self._address.service}/{METHOD}")

    def parse(self, dialect: str, text: str) -> ParsedText:
        """Ask the parser; a text in the query form is one statement."""
        if self._address.form == "query":
            request = message_class("calcite.CalciteParserRequest")(query=text)
            reply = self._ask(request, "calcite.CalciteParserReply")
            return self._parsed_query(reply, text)
        request = message_class("ParserRequest")(dialect=dialect, sql_program=text)
        return self._parsed_program(self._ask(request, "ParserResponse"), text)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def _ask(self, request: Any, answer: str) -> Any:
        import grpc
        from google.protobuf.message import DecodeError

        try:
            data = self._call(request.SerializeToString(), timeout=self._address.seconds)
        except grpc.RpcError as error:
            raise self._failure(error) from error
        try:
            return message_class(answer).FromString(data)
        except DecodeError as error:
            raise self._nonsense("it is no message of the protocol") from error

    def _failure(self, error: Any) -> TransientError | TerminalError:
        import grpc

        place, code = f"the parser at {self._address.target}", error.code()
        if code is grpc.StatusCode.UNAVAILABLE:
            return TransientError(
                f"{place} cannot be reached",
                hint="start it, or correct the address; the built-in one is: sqlflow parser-server",
            )
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return TransientError(
                f"{place} gave no answer within {self._address.seconds:g} s",
                hint="give it more time with ?timeout=SECONDS at the end of its address",
            )
        if code is grpc.StatusCode.UNIMPLEMENTED:
            return TerminalError(
                f"{place} has no service {self._address.service!r}",
                hint="name the one it has: grpc://host:port/SERVICE, "
                "such as /calcite.CalciteParser?form=query",
            )
        transient = {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.ABORTED}
        kind = TransientError if code in transient else TerminalError
        return kind(f"{place} failed: {error.details() or code.name}")

    def _nonsense(self, why: str) -> TerminalError:
        return TerminalError(
            f"the parser at {self._address.target} gave an answer that makes no sense: {why}",
            hint="check that a parser of this form listens there",
        )

    def _parsed_program(self, response: Any, text: str) -> ParsedText:
        index = _offset(text, response.index) if response.index >= 0 else None
        if response.index < -1 or (index is None and response.index >= 0):
            raise self._nonsense(f"index {response.index} of a text of {len(text)} characters")
        tables = tuple(
            StatementTables(inputs=tuple(item.input_tables), outputs=tuple(item.output_tables))
            for item in response.input_output_tables
        )
        statements = tuple(response.sql_statements)
        if tables and len(tables) != len(statements):
            raise self._nonsense(
                f"tables of {len(tables)} statements, where it accepts {len(statements)}"
            )
        rejection, accepted = None, len(text) if index is None else index
        if response.error:
            rejection = _rejection(response.error, text, index)
            accepted = _prefix(text, statements)
        return ParsedText(
            statements=statements,
            accepted=accepted,
            rejection=rejection,
            tables=tables,
            unfinished_select=response.is_unfinished_select,
        )

    def _parsed_query(self, reply: Any, text: str) -> ParsedText:
        if reply.error:
            rejection = _rejection(reply.error, text, None)
            return ParsedText(statements=(), accepted=0, rejection=rejection)
        if not text.startswith(reply.sql):
            raise self._nonsense("what it accepts is not the beginning of what it was sent")
        return ParsedText(
            statements=(reply.sql,) if reply.sql else (),
            accepted=len(reply.sql),
            unfinished_select=bool(reply.sql and reply.extension),
        )


def _prefix(text: str, statements: Sequence[str]) -> int:
    """One past the last of the accepted statements, as far as they stand in the text as they are."""
    end = 0
    for statement in statements:
        found = text.find(statement, end)
        if found < 0:
            break
        end = found + len(statement)
    return end


def _offset(text: str, units: int) -> int | None:
    """The offset in characters of an offset in UTF-16 code units; None for one outside the text."""
    if text.isascii():
        return units if units <= len(text) else None
    encoded = text.encode("utf-16-le", "surrogatepass")
    if 2 * units > len(encoded):
        return None
    return len(encoded[: 2 * units].decode("utf-16-le", "replace"))


# Calcite writes "line 1, column 8", Hive "line 1:7", counting columns from 0.
_PLACE = re.compile(r"\bline (?P<line>\d+)(?:, column (?P<column>\d+)|:(?P<offset>\d+))")
_WORD = re.compile(r"\w+|.|\Z", re.DOTALL)


def _rejection(message: str, text: str, index: int | None) -> Rejection:
    """Why a text is rejected, at the word where the parser says that it is."""
    place = _PLACE.search(message)
    if index is None and place is not None:
        lines = text.splitlines(keepends=True)
        column = int(place["offset"] or 0) if place["column"] is None else int(place["column"]) - 1
        before = int(place["line"]) - 1
        index = sum(map(len, lines[:before])) + column if before < len(lines) else None
    message = message.strip().split("\n", 1)[0]
    if index is None or index > len(text):
        return Rejection(message=message, start=0, end=len(text))
    word = _WORD.match(text, index)
    assert word is not None
    return Rejection(message=message, start=index, end=word.end())
