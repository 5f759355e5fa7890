"""Cut a program at its semicolons and find where each machine-learning clause starts.

One regular expression per dialect finds the few things that matter (comments, strings, quoted names,
parentheses, semicolons, the word TO) and skips everything else. Nothing is lost: the pieces joined are
the text. Inside a machine-learning clause the rules of that clause hold, not the dialect's: there
``"it's"`` is a string in every dialect and ``[10,20]`` never a quoted name. Inside the body of a
procedure or trigger a semicolon does not end the statement.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from sqlflow_dagster.errors import Diagnostic
from sqlflow_dagster.lang.dialects import Lexis, lexis
from sqlflow_dagster.lang.lexemes import blank_lexemes, nested_comment_end, sql_lexemes
from sqlflow_dagster.lang.sql_text import bare_sql
from sqlflow_dagster.source import Source

BLANK = r"(?:\s++|--[^\r\n]*+|/\*(?s:.*?)\*/)"
CLAUSE_STRING = r"""(?:"(?:[^"\\]|\\.|"")*+"|'(?:[^'\\]|\\.|'')*+')"""
_NAME = rf"(?:[^\W\d][\w./:@-]*+|(?s:{CLAUSE_STRING}))"
_FOLLOW = {
    "TRAIN": "WITH|COLUMN|LABEL|OUTPUT|USING|INTO",
    "PREDICT": "WITH|USING",
    "EVALUATE": "WITH|LABEL|OUTPUT|INTO",
    "EXPLAIN": r"WITH|USING|INTO|;|\Z",
    "RUN": r"CMD|WITH|INTO|;|\Z",
}
VERBS = (*_FOLLOW, "MAXIMIZE", "MINIMIZE")

# What must follow TO for a machine-learning clause to start there. Without the word after the name,
# `SELECT to train FROM t` (a column with an alias) would be one.
CLAUSE_START = re.compile(
    rf"{BLANK}+(?:"
    + "|".join(
        rf"{verb}\b{BLANK}*+{_NAME}(?:{BLANK}*+\.{BLANK}*+{_NAME})*+(?:{BLANK}*+@{BLANK}*+\d++)?+"
        rf"{BLANK}*+(?:(?:{follow})(?!\w))"
        for verb, follow in _FOLLOW.items()
    )
    + rf"""|(?:MAXIMIZE|MINIMIZE)\b{BLANK}*+[\w(\[.'"-])""",
    re.IGNORECASE,
)
QUERY_START = re.compile(r"(?:SELECT|WITH|FROM|VALUES|TABLE)\b|\(", re.IGNORECASE)

# A statement with a body: its semicolons belong to it.
BODY_START = re.compile(
    r"CREATE\s+(?:OR\s+(?:REPLACE|ALTER)\s+)?(?:DEFINER\s*=\s*\S+\s+)?(?:TEMP(?:ORARY)?\s+|AGGREGATE\s+)?"
    r"(?:PROCEDURE|FUNCTION|TRIGGER|EVENT)\b",
    re.IGNORECASE,
)
_DELIMITER = re.compile(r"DELIMITER[ \t]++(\S++)[^\n]*+(?:\n|\Z)", re.IGNORECASE)

# What opens, what a message calls it, and what closes it.
_OPENINGS = {
    "/*": ("comment", "*/"),
    "'": ("quote", "'"),
    '"': ("quote", '"'),
    "`": ("quoted name", "`"),
    "[": ("quoted name", "]"),
    "BEGIN": ("BEGIN", "END"),
    "CASE": ("CASE", "END"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One statement's text.

    Attributes:
        start: Offset of the first character, blanks and comments included.
        content: Offset of the first character that is neither; ``end`` where there is none.
        end: One past the last character, without the semicolon.
        stop: One past the semicolon; equal to ``end`` where there is none.
        clause: Offset of the TO that starts the machine-learning clause; None without one.
    """

    start: int
    content: int
    end: int
    stop: int
    clause: int | None = None


class _UnterminatedError(Exception):
    """An opening that nothing closes."""

    def __init__(self, opening: re.Match[str]) -> None:
        self.opening = opening


def scan(source: Source, dialect: str) -> tuple[list[Piece], list[Diagnostic]]:
    """Cut a program into pieces.

    Args:
        source: The program.
        dialect: A name of :data:`sqlflow_dagster.lang.dialects.LEXIS`.

    Returns:
        The pieces, which joined are the text, and a diagnostic for what is never closed: a quote, a
        comment or a body. What follows it up to the text's end is one piece.
    """
    text, rules = source.text, lexis(dialect)
    pieces: list[Piece] = []
    position, delimiter = 0, ";"
    while position < len(text):
        try:
            content = content_start(text, position, len(text), dialect)
            command = _DELIMITER.match(text, content) if rules.delimiter_command else None
            if command is not None:
                # A command of the client, not of the engine: all of it separates statements.
                delimiter = command[1]
                piece = Piece(start=position, content=position, end=position, stop=command.end())
            else:
                piece = _piece(text, position, content, rules, delimiter)
        except _UnterminatedError as unterminated:
            end = len(text)
            pieces.append(Piece(start=position, content=position, end=end, stop=end))
            return pieces, [_unterminated(source, unterminated.opening)]
        pieces.append(piece)
        position = piece.stop
    return pieces, []


def _piece(text: str, start: int, content: int, rules: Lexis, delimiter: str) -> Piece:
    if BODY_START.match(text, content):
        return _piece_with_body(text, start, content, rules, delimiter)
    pattern = sql_lexemes(rules, delimiter)
    position, depth = content, 0
    query = QUERY_START.match(text, content) is not None
    while lexeme := pattern.search(text, position):
        position = lexeme.end()
        match lexeme.lastgroup:
            case "stop":
                return Piece(start=start, content=content, end=lexeme.start(), stop=position)
            case "paren":
                depth += 1 if lexeme.group() == "(" else -1
            case "to" if query and depth <= 0 and CLAUSE_START.match(text, position):
                end = _clause_end(text, position, delimiter)
                stop = min(end + len(delimiter), len(text))
                return Piece(
                    start=start, content=content, end=end, stop=stop, clause=lexeme.start()
                )
            case "nested" | "open":
                position = _closed(text, lexeme)
            case _:
                pass
    return Piece(start=start, content=content, end=len(text), stop=len(text))


def _piece_with_body(text: str, start: int, content: int, rules: Lexis, delimiter: str) -> Piece:
    pattern = sql_lexemes(rules, delimiter, blocks=True)
    position = content
    open_blocks: list[re.Match[str]] = []
    while lexeme := pattern.search(text, position):
        position = lexeme.end()
        match lexeme.lastgroup:
            case "stop" if not open_blocks:
                return Piece(start=start, content=content, end=lexeme.start(), stop=position)
            case "block":
                open_blocks.append(lexeme)
            case "end" if open_blocks:
                open_blocks.pop()
            case "nested" | "open":
                position = _closed(text, lexeme)
            case _:
                pass
    if open_blocks:
        raise _UnterminatedError(open_blocks[0])
    return Piece(start=start, content=content, end=len(text), stop=len(text))


def _closed(text: str, opening: re.Match[str]) -> int:
    """One past the end of the comment that opens here.

    Raises:
        _UnterminatedError: It never ends, or it is another opening that nothing closes.
    """
    end = nested_comment_end(text, opening.start()) if opening.lastgroup == "nested" else None
    if end is None:
        raise _UnterminatedError(opening)
    return end


@cache
def _clause_lexemes(delimiter: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<skip>--[^\r\n]*+|/\*(?s:.*?)\*/|(?s:{CLAUSE_STRING}))"
        rf"|(?P<stop>{re.escape(delimiter)})|(?P<open>/\*|[\"'])"
    )


def _clause_end(text: str, position: int, delimiter: str) -> int:
    for lexeme in _clause_lexemes(delimiter).finditer(text, position):
        if lexeme.lastgroup == "stop":
            return lexeme.start()
        if lexeme.lastgroup == "open":
            raise _UnterminatedError(lexeme)
    return len(text)


def _unterminated(source: Source, opening: re.Match[str]) -> Diagnostic:
    text = opening.group().upper()
    what, closing = _OPENINGS.get(text, ("dollar quote", opening.group()))
    return Diagnostic(
        message=f"this {what} is never closed",
        span=source.span(*opening.span()),
        hint=f"close it with {closing}",
    )


def content_start(text: str, start: int, end: int, dialect: str) -> int:
    """The offset of the first character that is neither blank nor comment; ``end`` without one."""
    rules = lexis(dialect)
    pattern = blank_lexemes(rules)
    while start < end and (lexeme := pattern.match(text, start)):
        if lexeme.lastgroup != "comment":
            start = lexeme.end()
            continue
        closed = _comment_end(text, start, rules)
        if closed is None:
            return start
        start = closed
    return min(start, end)


def _comment_end(text: str, start: int, rules: Lexis) -> int | None:
    if rules.nested_comments:
        return nested_comment_end(text, start)
    end = text.find("*/", start + 2)
    return None if end < 0 else end + 2


_SHOW_TRAIN = re.compile(rf"SHOW{BLANK}+TRAIN\b", re.IGNORECASE)


def show_train_starts(text: str, start: int) -> bool:
    """Whether ``SHOW TRAIN`` stands at an offset."""
    return _SHOW_TRAIN.match(text, start) is not None


_CANDIDATE = re.compile(rf"(?P<to>\bTO{BLANK}+)?(?P<word>\b[A-Z]+\b)", re.IGNORECASE)


def clause_candidates(
    text: str, start: int, end: int, dialect: str
) -> Iterator[tuple[int, str, bool]]:
    """The words outside parentheses and quotes that might open a machine-learning clause.

    Args:
        text: The program.
        start: Offset of the statement's first word.
        end: One past its last character.
        dialect: Its SQL dialect.

    Yields:
        The offset of ``TO`` or, where there is none, of the word; the word; whether TO stands before it.
    """
    for word in _CANDIDATE.finditer(bare_sql(text[start:end], dialect)):
        yield start + word.start(), word["word"], word["to"] is not None
