"""Cut a program at its semicolons and find where each machine-learning clause starts.

One regular expression per dialect runs over a statement to its end in one match. Only where the words
``TO TRAIN`` or their like lie ahead, a second one finds each thing that matters (comments, strings, quoted
names, parentheses, semicolons, the word TO). Nothing is lost: the pieces joined are the text. Inside a
machine-learning clause the rules of that clause hold, not the dialect's: there ``"it's"`` is a string in
every dialect and ``[10,20]`` never a quoted name.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic
from sqlflow_dagster.lang.bodies import body_end, body_start, plain_end
from sqlflow_dagster.lang.dialects import Lexis, lexis
from sqlflow_dagster.lang.lexemes import (
    SLASH_LINE,
    UnterminatedError,
    closed,
    skip_blanks,
    sql_lexemes,
    statement_end,
    to_statement_end,
)
from sqlflow_dagster.lang.sql_text import bare_sql, content_end
from sqlflow_dagster.source import Source

BLANK = r"(?:\s++|--[^\r\n]*+|/\*(?s:.*?)\*/)"
CLAUSE_STRING = r"""(?:"(?:[^"\\]|\\.|"")*+"|'(?:[^'\\]|\\.|'')*+'|`(?:[^`]|``)*+`)"""
# A template is filled in before a program is compiled; only the formatter meets one here.
TEMPLATE = r"\$\{[^{}\n]*+\}"
_NAME = (
    rf"(?:(?:[^\W\d]|{TEMPLATE})(?:\w|{TEMPLATE})*+(?:[./:-](?:\w|{TEMPLATE})++)*+"
    rf"|(?s:{CLAUSE_STRING}))"
)
_FOLLOW = {
    "TRAIN": "WITH|COLUMN|LABEL|OUTPUT|USING|INTO",
    "PREDICT": "WITH|USING",
    "EVALUATE": "WITH|LABEL|OUTPUT|INTO",
    "EXPLAIN": r"WITH|USING|INTO|[;/$]|\Z",
    "RUN": r"CMD|WITH|INTO|[;/$]|\Z",
}
VERBS = (*_FOLLOW, "MAXIMIZE", "MINIMIZE")

# What must follow TO for a machine-learning clause to start there; `/` and `$` may be what ends it. Without
# the word after the name, `SELECT to train FROM t` (a column with an alias) would be one.
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

_DELIMITER = re.compile(r"DELIMITER[ \t]++(\S++)[^\n]*+(?:\n|\Z)", re.IGNORECASE)
_COPY_ROWS = re.compile(r"COPY\b.*\bFROM\s+STDIN\b", re.IGNORECASE | re.DOTALL)
_END_OF_ROWS = re.compile(r"^\\\.[ \t\r]*$", re.MULTILINE)
# What starts every clause and little else, in a form that is found fast and never looks far ahead.
_CLAUSE_AHEAD = re.compile(
    rf"[tT][oO](?<!\w..)(?=[\s/-])(?=\s*+(?:--|/\*|(?i:{'|'.join(VERBS)})\b))"
)

# What opens, what a message calls it, and what closes it.
_OPENINGS = {
    "/*": ("comment", "*/"),
    "'": ("quote", "'"),
    '"': ("quote", '"'),
    "`": ("quoted name", "`"),
    "[": ("quoted name", "]"),
    "BEGIN": ("BEGIN", "END"),
    "CASE": ("CASE", "END"),
    **{word: (word, f"END {word}") for word in ("IF", "LOOP", "WHILE", "FOR", "REPEAT")},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One statement's text.

    Attributes:
        start: Offset of the first character, blanks and comments included.
        content: Offset of the first character that is neither; ``end`` where there is none.
        end: One past the last character, without the semicolon.
        stop: One past the semicolon and what belongs to it; equal to ``end`` where there is none.
        clause: Offset of the TO that starts the machine-learning clause; None without one.
    """

    start: int
    content: int
    end: int
    stop: int
    clause: int | None = None


def scan(
    source: Source, dialect: str, *, dialect_at: Callable[[int], str] | None = None
) -> tuple[list[Piece], list[Diagnostic]]:
    """Cut a program into pieces.

    Args:
        source: The program.
        dialect: A name of :data:`sqlflow_dagster.lang.dialects.LEXIS`.
        dialect_at: The dialect of the statement that starts at an offset; None where all have one.

    Returns:
        The pieces, which joined are the text, and a diagnostic for what is never closed: a quote, a
        comment or a body. What follows it up to the text's end is one piece.
    """
    scanner, pieces = _Scanner(source.text, lexis(dialect)), []
    scanners = {dialect: scanner}
    position, end = 0, len(source.text)
    while position < end:
        if dialect_at is not None:
            spoken = dialect_at(content_start(source.text, position, end, dialect))
            scanner = scanners.setdefault(spoken, _Scanner(source.text, lexis(spoken)))
        try:
            piece = scanner.piece(position)
        except UnterminatedError as unterminated:
            content = content_start(source.text, position, end, dialect)
            pieces.append(Piece(start=position, content=content, end=end, stop=end))
            return pieces, [_unterminated(source, unterminated)]
        pieces.append(piece)
        position = piece.stop
    return pieces, []


class _Scanner:
    """One walk over a program."""

    def __init__(self, text: str, rules: Lexis) -> None:
        self._text = text
        self._rules = rules
        self._delimiter = ";"
        self._clause_ahead = -1
        """Where a clause may start, at or after the last query looked at."""
        self._rows_ahead = True

    def piece(self, start: int) -> Piece:
        """The piece that starts at an offset.

        Raises:
            UnterminatedError: Something in it is never closed.
        """
        text, rules = self._text, self._rules
        content = skip_blanks(text, start, len(text), rules)
        if rules.delimiter_command and (command := _DELIMITER.match(text, content)):
            # A command of the client, not of the engine: all of it separates statements.
            self._delimiter = command[1]
            return Piece(start=start, content=start, end=start, stop=command.end())
        clause = None
        if self._delimiter == ";" and (head := body_start(rules).match(text, content)):
            to_slash = content < self._last_slash_line
            end, stop = body_end(text, content, rules, kind=head[1] or "", to_slash=to_slash)
        elif QUERY_START.match(text, content):
            clause, end, stop = self._query(content)
        else:
            end, stop = plain_end(text, content, rules, self._delimiter)
        if rules.copied_rows and _COPY_ROWS.match(text, content, end):
            stop = self._end_of_rows(stop)
        return Piece(start=start, content=content, end=end, stop=stop, clause=clause)

    def _end_of_rows(self, start: int) -> int:
        """One past the rows that follow a COPY; ``start`` where none do."""
        if self._rows_ahead and (rows := _END_OF_ROWS.search(self._text, start)):
            return rows.end()
        self._rows_ahead = False
        return start

    @cached_property
    def _last_slash_line(self) -> int:
        if not self._rules.slash_lines:
            return -1
        lines = re.finditer(statement_end(self._rules, SLASH_LINE), self._text)
        return max((line.start() for line in lines), default=-1)

    def _query(self, content: int) -> tuple[int | None, int, int]:
        """The start of a query's clause, if it has one, its end, and one past its semicolon."""
        text = self._text
        if self._clause_ahead < content:
            ahead = _CLAUSE_AHEAD.search(text, content)
            self._clause_ahead = ahead.start() if ahead else len(text)
        if self._clause_ahead == len(text):
            return None, *plain_end(text, content, self._rules, self._delimiter)
        pattern = to_statement_end(self._rules, self._delimiter)
        end = pattern.match(text, content, self._clause_ahead)
        if end is not None and end.lastgroup == "stop":
            return None, end.start("stop"), end.end()
        return self._query_with_clause(content)

    def _query_with_clause(self, content: int) -> tuple[int | None, int, int]:
        text, rules, delimiter = self._text, self._rules, self._delimiter
        pattern = sql_lexemes(rules, delimiter)
        position, depth = content, 0
        while lexeme := pattern.search(text, position):
            position = lexeme.end()
            match lexeme.lastgroup:
                case "stop":
                    return None, lexeme.start(), position
                case "paren":
                    depth += 1 if lexeme.group() == "(" else -1
                case "to" if depth <= 0 and CLAUSE_START.match(text, position):
                    return lexeme.start(), *_clause_end(text, position, rules, delimiter)
                case "nested" | "open":
                    position = closed(text, *lexeme.span(), rules)
                case _:
                    pass
        return None, len(text), len(text)


@cache
def _clause_lexemes(rules: Lexis, delimiter: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<skip>--[^\r\n]*+|/\*(?s:.*?)\*/|(?s:{CLAUSE_STRING}))"
        rf"|(?P<stop>{statement_end(rules, delimiter)})|(?P<open>/\*|[\"'`])"
    )


def _clause_end(text: str, position: int, rules: Lexis, delimiter: str) -> tuple[int, int]:
    for lexeme in _clause_lexemes(rules, delimiter).finditer(text, position):
        if lexeme.lastgroup == "stop":
            return lexeme.span()
        if lexeme.lastgroup == "open":
            raise UnterminatedError(*lexeme.span())
    return len(text), len(text)


def piece_end(text: str, piece: Piece, dialect: str) -> int:
    """One past the last character of a piece that is neither blank nor comment.

    Args:
        text: The program.
        piece: One that is not empty.
        dialect: Its SQL dialect.
    """
    if piece.clause is None:
        return content_end(text, piece.content, piece.end, dialect)
    position = last = piece.clause
    for lexeme in _clause_lexemes(lexis(dialect), ";").finditer(text, position, piece.end):
        code = text[position : lexeme.start()].rstrip()
        last = position + len(code) if code else last
        position = lexeme.end()
        if not lexeme.group().startswith(("--", "/*")):
            last = position
    code = text[position : piece.end].rstrip()
    return position + len(code) if code else last


def _unterminated(source: Source, opening: UnterminatedError) -> Diagnostic:
    span = source.span(opening.start, opening.end)
    what, closing = _OPENINGS.get(span.text.split()[0].upper(), ("dollar quote", span.text))
    return Diagnostic(
        code=Code.NEVER_CLOSED,
        message=f"this {what} is never closed",
        span=span,
        hint=f"close it with {closing}",
    )


def content_start(text: str, start: int, end: int, dialect: str) -> int:
    """The offset of the first character that is neither blank nor comment; ``end`` without one."""
    return skip_blanks(text, start, end, lexis(dialect))


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
