"""What a statement does, by the parser that is configured, the built-in one or its keywords."""

import re
from dataclasses import dataclass

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic, Severity
from sqlflow_dagster.graph.effects import Effects, Mode, Write
from sqlflow_dagster.graph.loose import loose_effects
from sqlflow_dagster.graph.objects import Names, ObjectRef
from sqlflow_dagster.lang.parsers import ExternalParser, ParsedText
from sqlflow_dagster.lang.standard import Rejection
from sqlflow_dagster.source import Span

_PART = re.compile(r'"(?P<quoted>(?:[^"]|"")*)"|`(?P<ticked>[^`]*)`|(?P<plain>[^."`]+)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a parser says of one statement.

    Attributes:
        rejection: Why it is no SQL; None where it is.
        effects: What it reads and writes; None where the parser does not tell.
    """

    rejection: Rejection | None = None
    effects: Effects | None = None


def judge(parser: ExternalParser, sql: str, names: Names) -> Verdict:
    """Ask a parser about one statement.

    Args:
        parser: The one that decides.
        sql: The statement, without a machine-learning clause and without a semicolon.
        names: How its names are resolved.

    Raises:
        TransientError: The parser cannot be asked now.
        TerminalError: It cannot be asked at all.
    """
    parsed = parser.parse(names.dialect, sql)
    if parsed.rejection is not None:
        return Verdict(rejection=parsed.rejection)
    if sql[parsed.accepted :].strip("; \t\r\n"):
        message = "it is accepted only up to here"
        return Verdict(rejection=Rejection(message=message, start=parsed.accepted, end=len(sql)))
    return Verdict(effects=_effects(parsed, sql, names))


def judged(
    found: Effects | Rejection,
    sql: str,
    place: Span,
    what: str,
    *,
    parser: ExternalParser | None,
    names: Names,
) -> tuple[Effects, Diagnostic | None]:
    """What a statement does: by the parser configured, the built-in one, or else its keywords.

    Args:
        found: What the built-in parser says.
        sql: The statement, without a machine-learning clause and without a semicolon.
        place: Where it stands, or what its text was taken out of.
        what: Empty, or what a message calls it and a verb, such as ``the SELECT is``.
        parser: The one that decides what is SQL; None for the engine, later.
        names: How its names are resolved.

    Returns:
        Its effects, and what is to be said against it.

    Raises:
        TransientError: The parser cannot be asked now.
        TerminalError: It cannot be asked at all.
    """
    if parser is not None:
        verdict = judge(parser, sql, names)
        if verdict.rejection is not None:
            at = _within(place, sql, verdict.rejection)
            return Effects(barrier=True), _refused(verdict.rejection, at, what)
        if verdict.effects and (isinstance(found, Rejection) or found.barrier):
            return verdict.effects, None
    if not isinstance(found, Rejection):
        return found, None
    warning = Diagnostic(
        code=Code.NOT_UNDERSTOOD,
        message=f"{what}not understood, sent to the engine as it is: {found.message}",
        span=_within(place, sql, found),
        hint="its tables were guessed from its keywords",
        severity=Severity.WARNING,
    )
    return loose_effects(sql, names), warning


def _refused(rejection: Rejection, place: Span, what: str) -> Diagnostic:
    """The error for what a parser rejects."""
    return Diagnostic(
        code=Code.REFUSED_BY_PARSER,
        message=f"{what}refused by the parser: {rejection.message}",
        span=place,
        hint="the parser of --parser or SQLFLOW_PARSER decides here what is SQL",
    )


def _within(place: Span, sql: str, rejection: Rejection) -> Span:
    """Where a statement is rejected; all of its place where that holds it as a quoted text."""
    if place.text != sql:
        return place
    return place.source.span(place.start + rejection.start, place.start + rejection.end)


def _effects(parsed: ParsedText, sql: str, names: Names) -> Effects | None:
    inputs = [name for tables in parsed.tables for name in tables.inputs]
    outputs = [name for tables in parsed.tables for name in tables.outputs]
    if not inputs and not outputs:
        return None
    # A parser tells which tables are written, not how.
    modes = {write.ref: write.mode for write in loose_effects(sql, names).writes}
    written = dict.fromkeys(_table(name, names) for name in outputs)
    return Effects(
        reads=frozenset(_table(name, names) for name in inputs),
        writes=tuple(Write(ref=ref, mode=modes.get(ref, Mode.MODIFY)) for ref in written),
    )


def _table(name: str, names: Names) -> ObjectRef:
    parts, quoted = [], []
    for part in _PART.finditer(name):
        parts.append(part[part.lastgroup or 0].replace('""', '"'))
        quoted.append(part.lastgroup != "plain")
    return names.table(parts, quoted=quoted)
