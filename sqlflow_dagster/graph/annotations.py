"""What a comment above a statement declares it reads and writes.

``-- sqlflow: reads a, s.b writes c`` above a statement that no parser understands, such as a CALL, takes the
place of what would be found out or guessed.
"""

import re

from sqlflow_dagster.errors import Diagnostic
from sqlflow_dagster.graph.effects import Effects, Mode, Write
from sqlflow_dagster.graph.objects import Names, ObjectRef
from sqlflow_dagster.lang.clause_parser import ClauseError
from sqlflow_dagster.source import Source

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


def declared_effects(source: Source, start: int, end: int, names: Names) -> Effects | None:
    """What the comments in a stretch of a program declare; None where they declare nothing.

    Args:
        source: The program.
        start: Where the blanks and comments before a statement start.
        end: Where they end.
        names: How the declared names are resolved.

    Raises:
        ClauseError: A declaration cannot be read.
    """
    reads: set[ObjectRef] = set()
    writes: list[Write] = []
    for comment in _COMMENT.finditer(source.text, start, end):
        body = _SETTING.sub(lambda setting: " " * len(setting.group()), comment["body"])
        position = 0
        while body[position:].strip(_SEPARATORS):
            clause = _CLAUSE.match(body, position)
            if clause is None:
                raise _unreadable(source, comment.start("body") + position, comment.end("body"))
            refs = [_ref(name.group(), names) for name in _NAMES.finditer(clause["names"])]
            if clause["verb"].lower() == "reads":
                reads.update(refs)
            else:
                writes += (Write(ref=ref, mode=Mode.MODIFY) for ref in refs)
            position = clause.end()
    return Effects(reads=frozenset(reads), writes=tuple(writes)) if reads or writes else None


def _ref(text: str, names: Names) -> ObjectRef:
    parts = _PARTS.findall(text)
    return names.table(
        [part[1:-1].replace('""', '"') if part[0] == '"' else part for part in parts],
        quoted=[part[0] == '"' for part in parts],
    )


def _unreadable(source: Source, start: int, end: int) -> ClauseError:
    text = source.text[start:end]
    start += len(text) - len(text.lstrip())
    return ClauseError(
        Diagnostic(
            message=f"expected 'reads' or 'writes' and the names of tables, found {text.strip()!r}",
            span=source.span(start, end),
            hint="write it as: -- sqlflow: reads a, b writes c",
        )
    )
