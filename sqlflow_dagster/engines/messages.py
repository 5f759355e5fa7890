"""Texts of database drivers made fit for a user's eyes."""

import re

from sqlflow_dagster.source import Excerpt

_URL_PASSWORD = re.compile(r"(?<=://)([^\s:/@'\"]*):[^\s@'\"]+@")
_NAMED_PASSWORD = re.compile(
    r"\b(password|passwd|pwd|token|secret)"
    r"(\s*=\s*(?:'[^']*'|\"[^\"]*\"|[^\s,;)'\"]+)|\s+'[^']*')",
    re.IGNORECASE,
)
_QUOTED_STATEMENT = re.compile(r"\s*\n\s*LINE \d+:.*", re.DOTALL)
_QUOTED_LINE = re.compile(r"^(LINE \d+: )(.*)\n( *)\^", re.MULTILINE)
_NEAR = re.compile(r'at or near "(.+?)"')
_CUT = "..."
_SQLALCHEMY_NOISE = re.compile(r"\s*(\[SQL:|\(Background on this error).*", re.DOTALL)


def redact(text: str, password: str | None) -> str:
    """A text without passwords.

    Args:
        text: Of a driver; it may quote a URL or a statement of the user.
        password: The one of the data source.
    """
    if password:
        text = text.replace(password, "***")
    text = _URL_PASSWORD.sub(r"\1:***@", text)
    return _NAMED_PASSWORD.sub(r"\1=***", text)


def brief(text: str) -> str:
    """The first paragraph of a driver's error, on one line, without a copy of the statement."""
    text = _SQLALCHEMY_NOISE.sub("", _QUOTED_STATEMENT.sub("", text.strip()))
    return re.sub(r"\s*\n\s*", " ", text.split("\n\n", 1)[0]).strip()


def quoted(text: str) -> Excerpt | None:
    """The line of the statement that a driver quotes, with the place of the caret below it.

    DuckDB and PostgreSQL write ``LINE 1: SELECT x FROM t`` and a caret; a long line is cut at its ends.
    """
    found = _QUOTED_LINE.search(text)
    if found is None:
        return None
    label, line, indent = found.groups()
    column = len(indent) - len(label)
    if line.startswith(_CUT):
        line, column = line.removeprefix(_CUT), column - len(_CUT)
    line = line.removesuffix(_CUT).rstrip()
    near = _NEAR.search(text)
    if near is not None:
        # After a character beyond ASCII DuckDB's caret is off by a few.
        words = [match.start() for match in re.finditer(re.escape(near[1]), line)]
        column = min(words, key=lambda start: abs(start - column), default=column)
    return Excerpt(text=line, column=column) if 0 <= column < len(line) else None
