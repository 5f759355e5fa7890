"""The comments ``-- sqlflow: …`` above statements: what they declare, and whether they can be read.

``-- sqlflow: reads a, s.b writes c`` above a statement that no parser understands, such as a CALL, takes the
place of what would be found out or guessed. ``resources.memory=8Gi`` is a setting of the step; ``stable``,
``name=…`` and ``datasource=…`` say something of the statement itself.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic, Severity, did_you_mean
from sqlflow_dagster.graph.datasources import PROGRAM_OPTION
from sqlflow_dagster.graph.effects import Effects, Mode, Write
from sqlflow_dagster.graph.objects import Names, ObjectRef
from sqlflow_dagster.graph.resources import KNOWN, PREFIX, annotation_comments
from sqlflow_dagster.lang.clause_parser import ClauseError
from sqlflow_dagster.lang.scanner import Piece
from sqlflow_dagster.source import Source, Span

_COMMENT = re.compile(r"--[ \t]*sqlflow:(?P<body>[^\r\n]*)", re.IGNORECASE)
# The settings of a step, such as resources.memory=8Gi, are read elsewhere.
_SETTING = re.compile(
    r"""\bresources\.(?:"[^"]*"|'[^']*'|[^,;"'])*?(?=[,;]|\b(?:reads|writes)\b|\Z)""", re.IGNORECASE
)
# A table may be called like an option: then it stands in quotes, or is the first after `reads`.
_OPTION = re.compile(
    r"""(?<![\w."])(?<!reads )(?<!writes )(?:(?P<flag>stable)\b(?!\s*=)"""
    r"""|(?P<option>stable|name|datasource)\s*=\s*(?P<value>"[^"]*"|'[^']*'|[^\s,;"']*))""",
    re.IGNORECASE,
)
_STEP_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_BOOLEANS = {"true": True, "false": False}
_PART = r'(?:"(?:[^"]|"")+"|`(?:[^`]|``)+`|[^\W\d]\w*)'
_NAME = rf"{_PART}(?:\.{_PART})*"
_LIST = rf"{_NAME}(?:\s*,\s*{_NAME})*"
_SEPARATORS = " \t,;"
_CLAUSE = re.compile(
    rf"[{_SEPARATORS}]*(?P<verb>reads|writes)(?:\s*=\s*|\s+)(?P<names>{_LIST})(?![^{_SEPARATORS}])",
    re.IGNORECASE,
)
_PARTS = re.compile(_PART)
_NAMES = re.compile(_NAME)
_UNKNOWN_SETTING = re.compile(r"(?P<name>[\w.]+)\s*=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotations:
    """What the comments above a statement say of itself.

    Attributes:
        name: What its step is called; None for the name that is made of what it does.
        stable: Whether it gives the same in every run, although a function such as ``now()`` says otherwise.
    """

    name: str | None = None
    stable: bool = False


NO_ANNOTATIONS = Annotations()


def annotations(statement: Span, effects: Effects, taken: Collection[str] = ()) -> Annotations:
    """What the comments above a statement say of itself.

    Args:
        statement: The statement.
        effects: What it reads and writes.
        taken: The names that were given to other statements.

    Raises:
        ClauseError: Something is given twice, has a value that means nothing, or does not fit the statement.
    """
    given: dict[str, str] = {}
    source = statement.source
    for comment in _comments(statement):
        start = comment.start("body")
        for option in _OPTION.finditer(_SETTING.sub(_blank, comment["body"])):
            name = (option["option"] or option["flag"]).lower()
            value = (option["value"] or "").strip("\"'") if option["option"] else "true"
            problem = f"{name} is given twice" if name in given else _bad_value(name, value)
            if name == "name" and problem is None:
                problem = _bad_name(value, effects, taken)
            if problem is not None:
                span = source.span(start + option.start(), start + option.end())
                raise ClauseError(
                    Diagnostic(
                        code=Code.INVALID_ANNOTATION, message=problem, span=span, hint=_HINTS[name]
                    )
                )
            given[name] = value
    if not given:
        return NO_ANNOTATIONS
    return Annotations(
        name=given.get("name"),
        stable=_BOOLEANS[given.get("stable", "false").lower()],
    )


_HINTS = {
    "name": "write it as: -- sqlflow: name=daily_report",
    "stable": "write it as: -- sqlflow: stable",
    "datasource": "write it as: -- sqlflow: datasource=warehouse",
}


def _bad_value(option: str, value: str) -> str | None:
    """What is wrong with the value of an option."""
    if option == "stable" and value.lower() not in _BOOLEANS:
        return f"stable is true or false, and not {value!r}"
    if option == "name" and not _STEP_NAME.fullmatch(value):
        return f"a step cannot be called {value!r}: a name has letters, digits and underscores"
    return None


def declared_effects(statement: Span, names: Names) -> Effects | None:
    """What the comments above a statement declare; None where they declare nothing.

    Args:
        statement: The statement.
        names: How the declared names are resolved.

    Raises:
        ClauseError: A declaration cannot be read.
    """
    reads: set[ObjectRef] = set()
    writes: list[Write] = []
    for comment in _comments(statement):
        body = PROGRAM_OPTION.sub(_blank, _SETTING.sub(_blank, comment["body"]))
        body = _OPTION.sub(_blank, body)
        position = 0
        while body[position:].strip(_SEPARATORS):
            clause = _CLAUSE.match(body, position)
            if clause is None:
                raise _unreadable(statement.source, body[position:], comment.end("body"))
            refs = [_ref(name.group(), names) for name in _NAMES.finditer(clause["names"])]
            if clause["verb"].lower() == "reads":
                reads.update(refs)
            else:
                writes += (Write(ref=ref, mode=Mode.MODIFY) for ref in refs)
            position = clause.end()
    return Effects(reads=frozenset(reads), writes=tuple(writes)) if reads or writes else None


def _bad_name(name: str, effects: Effects, taken: Collection[str]) -> str | None:
    """Why a statement cannot have a name."""
    written = [write.ref for write in effects.writes if write.mode is not Mode.DROP]
    if written:
        return f"this statement is called after {written[0]}, which it writes"
    return f"another statement is called {name!r} already" if name in taken else None


def _blank(match: re.Match[str]) -> str:
    """What is read elsewhere; a comma ends the list of tables before it."""
    return ";" + " " * (len(match.group()) - 1)


def refuse_declarations(statement: Span, names: Names) -> None:
    """The comments above a statement whose effects are known declare none.

    Raises:
        ClauseError: They do, or they cannot be read.
    """
    if declared_effects(statement, names) is not None:
        span = annotation_comments(statement)[0]
        message = "what this statement reads and writes is known, and cannot be declared"
        raise ClauseError(
            Diagnostic(
                code=Code.INVALID_ANNOTATION,
                message=message,
                span=span,
                hint="leave the comment out",
            )
        )


def misplaced_annotations(
    source: Source, pieces: Sequence[Piece], steps: Collection[int]
) -> Iterator[Diagnostic]:
    """A warning for each comment that nobody heeds.

    Args:
        source: The program.
        pieces: Its text cut at semicolons.
        steps: The offsets at which the statements of its steps start.
    """
    for piece in pieces:
        comments = list(_COMMENT.finditer(source.text, piece.start, piece.content))
        if not comments:
            continue
        above = annotation_comments(source.span(piece.content, piece.end))
        heeded = {span.start for span in above} if piece.content < piece.end else set()
        for comment in comments:
            message, hint = None, None
            if comment.start() not in heeded:
                message = "this comment stands above no statement"
                hint = "put it on lines of its own, right above the statement that it is for"
            elif piece.content not in steps and PREFIX in comment["body"].lower():
                message = "these settings are for no step: this statement is part of another one"
                hint = "put them above that: the BEGIN of its transaction, or what follows a SET"
            if message is not None:
                span = source.span(*comment.span())
                severity = Severity.WARNING
                yield Diagnostic(
                    code=Code.IGNORED_ANNOTATION,
                    message=message,
                    span=span,
                    hint=hint,
                    severity=severity,
                )


def _comments(statement: Span) -> Iterator[re.Match[str]]:
    for span in annotation_comments(statement):
        yield from _COMMENT.finditer(span.source.text, span.start, span.end)


def _ref(text: str, names: Names) -> ObjectRef:
    parts = _PARTS.findall(text)
    quoted = [part[0] in '"`' for part in parts]
    return names.table(
        [
            part[1:-1].replace(part[0] * 2, part[0]) if in_quotes else part
            for part, in_quotes in zip(parts, quoted, strict=True)
        ],
        quoted=quoted,
    )


def _unreadable(source: Source, rest: str, end: int) -> ClauseError:
    """The error for the rest of a comment, which ends at ``end``."""
    start = end - len(rest.lstrip(_SEPARATORS))
    text = rest.strip(_SEPARATORS)
    end = start + len(text)
    setting = _UNKNOWN_SETTING.match(text)
    if setting is not None:
        known = [*_HINTS, *(PREFIX + name for name in KNOWN)]
        message = f"unknown setting {setting['name']!r}"
        meant = PREFIX + setting["name"].rsplit(".", 1)[-1]
        hint = did_you_mean(meant, known) or f"known: {', '.join(known)}"
        end = start + len(setting["name"])
    else:
        message = f"expected 'reads' or 'writes' and the names of tables, found {text!r}"
        hint = "write it as: -- sqlflow: reads a, b writes c"
    return ClauseError(
        Diagnostic(
            code=Code.INVALID_ANNOTATION, message=message, span=source.span(start, end), hint=hint
        )
    )
