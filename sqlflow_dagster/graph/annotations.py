"""The comments ``-- sqlflow: …`` above statements: what they declare, and whether they can be read.

``-- sqlflow: reads a, s.b writes c`` above a statement that no parser understands, such as a CALL, takes the
place of what would be found out or guessed. ``resources.memory=8Gi`` is a setting of the step.
"""

import re
from collections.abc import Collection, Iterator, Sequence

from sqlflow_dagster.errors import Diagnostic, Severity, did_you_mean
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
_PART = r'(?:"(?:[^"]|"")+"|[^\W\d]\w*)'
_NAME = rf"{_PART}(?:\.{_PART})*"
_LIST = rf"{_NAME}(?:\s*,\s*{_NAME})*"
_SEPARATORS = " \t,;"
_CLAUSE = re.compile(
    rf"[{_SEPARATORS}]*(?P<verb>reads|writes)\s+(?P<names>{_LIST})(?![^{_SEPARATORS}])",
    re.IGNORECASE,
)
_PARTS = re.compile(_PART)
_NAMES = re.compile(_NAME)
_UNKNOWN_SETTING = re.compile(r"(?P<name>[\w.]+)\s*=")
# Words that programs of other tools may hold, and that a later version may give a meaning.
_RESERVED = frozenset({"datasource", "name", "stable"})


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
        body = _SETTING.sub(lambda setting: " " * len(setting.group()), comment["body"])
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


def refuse_declarations(statement: Span, names: Names) -> None:
    """The comments above a statement whose effects are known declare none.

    Raises:
        ClauseError: They do, or they cannot be read.
    """
    if declared_effects(statement, names) is not None:
        span = annotation_comments(statement)[0]
        message = "what this statement reads and writes is known, and cannot be declared"
        raise ClauseError(Diagnostic(message=message, span=span, hint="leave the comment out"))


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
                yield Diagnostic(message=message, span=span, hint=hint, severity=severity)


def _comments(statement: Span) -> Iterator[re.Match[str]]:
    for span in annotation_comments(statement):
        yield from _COMMENT.finditer(span.source.text, span.start, span.end)


def _ref(text: str, names: Names) -> ObjectRef:
    parts = _PARTS.findall(text)
    return names.table(
        [part[1:-1].replace('""', '"') if part[0] == '"' else part for part in parts],
        quoted=[part[0] == '"' for part in parts],
    )


def _unreadable(source: Source, rest: str, end: int) -> ClauseError:
    """The error for the rest of a comment, which ends at ``end``."""
    start = end - len(rest.lstrip(_SEPARATORS))
    text = rest.strip(_SEPARATORS)
    end = start + len(text)
    setting = _UNKNOWN_SETTING.match(text)
    word = text.split(maxsplit=1)[0]
    if setting is not None:
        known = [PREFIX + name for name in KNOWN]
        message = f"unknown setting {setting['name']!r}"
        meant = PREFIX + setting["name"].rsplit(".", 1)[-1]
        hint = did_you_mean(meant, known) or f"known: {', '.join(known)}"
        end = start + len(setting["name"])
    elif word.lower() in _RESERVED:
        message = f"{word!r} in a comment for sqlflow is not supported by this version"
        hint = f"supported: reads, writes, {', '.join(PREFIX + name for name in KNOWN)}"
        end = start + len(word)
    else:
        message = f"expected 'reads' or 'writes' and the names of tables, found {text!r}"
        hint = "write it as: -- sqlflow: reads a, b writes c"
    return ClauseError(Diagnostic(message=message, span=source.span(start, end), hint=hint))
