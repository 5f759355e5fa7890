"""Where a statement ends whose body holds statements: procedures, triggers, packages, scripts.

A semicolon ends such a statement only where no BEGIN, CASE, IF or loop of its body is open.
"""

import re
from functools import cache
from typing import NamedTuple

from sqlflow_dagster.lang.dialects import Lexis
from sqlflow_dagster.lang.lexemes import (
    SLASH_LINE,
    UnterminatedError,
    closed,
    skip_blanks,
    to_statement_end,
)

BODY_START = re.compile(
    r"CREATE\s+(?:OR\s+(?:REPLACE|ALTER)\s+)?(?:DEFINER\s*=\s*\S+\s+)?"
    r"(?:(?:TEMP|TEMPORARY|AGGREGATE|CONSTRAINT|SECURE|EDITIONABLE|NONEDITIONABLE)\s+)?"
    r"(PROCEDURE|FUNCTION|TRIGGER|EVENT|RULE|PACKAGE|TYPE\s+BODY|TASK)\b",
    re.IGNORECASE,
)
"""A statement that only defines what a later one may run; its group is the kind of thing."""

_LABEL = r"(?:\w+\s*:|<<\s*\w+\s*>>)"
_LABELLED = re.compile(_LABEL)
_LOOPS = frozenset({"IF", "LOOP", "WHILE", "FOR", "REPEAT"})


@cache
def body_start(rules: Lexis) -> re.Pattern[str]:
    """The first words of a statement that may hold statements."""
    starts = [f"(?i:{BODY_START.pattern})", r"(?i:WITH\s+FUNCTION)\b"]
    for words in rules.scripts:
        # Alone, BEGIN opens a transaction.
        block = r"(?!\s*(?:;|\Z|(?i:TRANSACTION|WORK|NAME)\b))" if words == "BEGIN" else ""
        starts.append(rf"(?:{_LABEL}\s*+)?(?i:{words})\b{block}")
    # Most statements are told by their first letter.
    return re.compile("|".join(starts))


def body_end(text: str, content: int, rules: Lexis, *, to_slash: bool) -> tuple[int, int]:
    """The end of a statement with a body, and one past the semicolon or the line that ends it.

    Args:
        text: The program.
        content: Offset of the statement's first word.
        rules: The dialect's.
        to_slash: Whether a line that is only ``/`` ends it, and nothing else.

    Raises:
        UnterminatedError: A quote, a comment or a part of the body is never closed.
    """
    if to_slash:
        return plain_end(text, content, rules, SLASH_LINE)
    return _Body(text, content, rules).end()


def plain_end(text: str, position: int, rules: Lexis, delimiter: str) -> tuple[int, int]:
    """The first delimiter outside quotes and comments, and one past it; twice the text's end without.

    Raises:
        UnterminatedError: A quote or a comment is never closed.
    """
    pattern = to_statement_end(rules, delimiter)
    while found := pattern.match(text, position):
        if found.lastgroup == "stop":
            return found.start("stop"), found.end()
        if found.lastgroup is None:
            break
        position = closed(text, *found.span("open"), rules)
    return len(text), len(text)


class _Opening(NamedTuple):
    """A word of a body that some END closes."""

    span: tuple[int, int]
    holds_statements: bool


class _Body:
    """One walk over the words of a body."""

    def __init__(self, text: str, content: int, rules: Lexis) -> None:
        self._text, self._rules = text, rules
        self._open: list[_Opening] = []
        """What is open, innermost last."""
        self._fresh = content
        """Where a statement of the body may start."""
        head = BODY_START.match(text, content)
        kind = head[1].split()[0].upper() if head else ""
        self._rule = kind == "RULE"
        """Whether parentheses stand around the statements."""
        # In Oracle, declarations stand before BEGIN, and a package is closed by an END of its own.
        self._declaring = rules.slash_lines and kind in {"PROCEDURE", "FUNCTION"}
        self._package = rules.slash_lines and kind in {"PACKAGE", "TYPE"}

    def end(self) -> tuple[int, int]:
        text = self._text
        pattern = to_statement_end(self._rules, ";", in_body=True)
        position, depth = self._fresh, 0
        while found := pattern.match(text, position):
            position = found.end()
            match found.lastgroup:
                case None:
                    break
                case "stop" if not (self._open or self._declaring or self._package or depth > 0):
                    # Oracle wants the semicolon after END.
                    return position if self._rules.slash_lines else position - 1, position
                case "stop":
                    self._fresh = position
                case "paren" if self._rule:
                    depth += 1 if found["paren"] == "(" else -1
                case "word":
                    self._word(found["word"].split()[0].upper(), *found.span("word"))
                case "end" if self._open:
                    self._open.pop()
                case "end":
                    self._package = False
                case "open":
                    position = closed(text, *found.span("open"), self._rules)
                case _:
                    pass
        if self._open:
            raise UnterminatedError(*self._open[0].span)
        return len(text), len(text)

    def _word(self, word: str, start: int, end: int) -> None:
        match word:
            case "BEGIN":
                self._open.append(_Opening((start, end), True))
                self._declaring = False
                self._fresh = end
            case "DECLARE":
                self._declaring = self._declaring or not self._open
            case "CASE":
                self._open.append(_Opening((start, end), self._starts_statement(start)))
            case "THEN" | "ELSE":
                # In an expression, what follows is a value: IF(…) is a function there.
                if not self._open or self._open[-1].holds_statements:
                    self._fresh = end
            case _:
                if word in _LOOPS and self._starts_statement(start):
                    self._open.append(_Opening((start, end), True))
                if word in {"LOOP", "REPEAT", "DO", "ROW"}:
                    self._fresh = end

    def _starts_statement(self, word: int) -> bool:
        text, rules = self._text, self._rules
        # Kept, so that a long comment is not walked over for each word after it.
        start = self._fresh = skip_blanks(text, self._fresh, word, rules)
        label = _LABELLED.match(text, start, word)
        return word == (skip_blanks(text, label.end(), word, rules) if label else start)
