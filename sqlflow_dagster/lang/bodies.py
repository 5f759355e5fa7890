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
    r"(?:CREATE\s+(?:OR\s+(?:REPLACE|ALTER)\s+)?(?:DEFINER\s*=\s*\S+\s+)?"
    r"(?:(?:TEMP|TEMPORARY|AGGREGATE|CONSTRAINT|SECURE|EDITIONABLE|NONEDITIONABLE|SQL"
    r"|AND\s+(?:RESOLVE|COMPILE))\s+)?"
    r"|ALTER\s+(?=(?:EVENT|TASK|ALERT)\b))"
    r"(PROCEDURE|FUNCTION|TRIGGER|EVENT|RULE|PACKAGE|TYPE\s+BODY|TASK|ALERT|JAVA|MLE\s+MODULE)\b",
    re.IGNORECASE,
)
"""A statement that only defines what a later one may run; its group is the kind of thing."""

_COMPOUND = re.compile(r"[^;]*?\bCOMPOUND\s+TRIGGER\b", re.IGNORECASE)
_WITH = re.compile(r"WITH\b", re.IGNORECASE)
_LABEL = r"(?:\w+\s*:|<<\s*\w+\s*>>)"
_LABELLED = re.compile(_LABEL)


@cache
def body_start(rules: Lexis) -> re.Pattern[str]:
    """The first words of a statement that may hold statements; a group as in :data:`BODY_START`."""
    starts = [f"(?i:{BODY_START.pattern})", r"(?i:WITH\s+FUNCTION)\b"]
    for words in rules.scripts:
        # Alone, BEGIN opens a transaction.
        block = r"(?!\s*(?:;|\Z|(?i:TRANSACTION|WORK|NAME)\b))" if words == "BEGIN" else ""
        starts.append(rf"(?:{_LABEL}\s*+)?(?i:{words})\b{block}")
    # Most statements are told by their first letter.
    return re.compile("|".join(starts))


def body_end(
    text: str, content: int, rules: Lexis, *, kind: str, to_slash: bool
) -> tuple[int, int]:
    """The end of a statement with a body, and one past the semicolon or the line that ends it.

    Args:
        text: The program.
        content: Offset of the statement's first word.
        rules: The dialect's.
        kind: What it defines, as :data:`BODY_START` tells; empty for a script.
        to_slash: Whether a line that is only ``/`` ends it, and nothing else.

    Raises:
        UnterminatedError: A quote, a comment or a part of the body is never closed.
    """
    if to_slash:
        return plain_end(text, content, rules, SLASH_LINE)
    kind = kind.upper()
    if kind == "RULE":
        return _rule_end(text, content, rules)
    return _Body(text, content, rules, kind).end()


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


def _rule_end(text: str, position: int, rules: Lexis) -> tuple[int, int]:
    """The end of PostgreSQL's CREATE RULE, around whose statements stand parentheses."""
    pattern = to_statement_end(rules, ";", parens=True)
    depth = 0
    while found := pattern.match(text, position):
        position = found.end()
        match found.lastgroup:
            case None:
                break
            case "stop" if depth <= 0:
                return position - 1, position
            case "paren":
                depth += 1 if found["paren"] == "(" else -1
            case "open":
                position = closed(text, *found.span("open"), rules)
            case _:
                pass
    return len(text), len(text)


class _Opening(NamedTuple):
    """A word of a body that some END closes."""

    span: tuple[int, int]
    holds_statements: bool


class _Body:
    """One walk over the words of a body."""

    def __init__(self, text: str, content: int, rules: Lexis, kind: str) -> None:
        self._text, self._rules = text, rules
        self._open: list[_Opening] = []
        """What is open, innermost last."""
        self._fresh = content
        """Where a statement of the body may start."""
        # In Oracle, declarations stand before BEGIN, and what holds procedures is closed by an END of its own.
        self._declaring = rules.slash_lines and kind in {"PROCEDURE", "FUNCTION"}
        compound = kind == "TRIGGER" and _COMPOUND.match(text, content) is not None
        self._package = rules.slash_lines and (compound or kind.startswith(("PACKAGE", "TYPE")))
        # Nor does the semicolon after END close the WITH that declares a function for its query.
        self._with_functions = rules.slash_lines and _WITH.match(text, content) is not None
        self._declared = False

    def end(self) -> tuple[int, int]:
        text = self._text
        pattern = to_statement_end(self._rules, ";", words=True)
        position = self._fresh
        while found := pattern.match(text, position):
            position = found.end()
            match found.lastgroup:
                case None:
                    break
                case "stop" if self._declared:
                    self._declared = False
                case "stop" if not (self._open or self._declaring or self._package):
                    # Oracle wants the semicolon after END, and none after a query.
                    kept = self._rules.slash_lines and not self._with_functions
                    return position if kept else position - 1, position
                case "stop":
                    self._fresh = position
                case "end" if self._open:
                    closing = self._open.pop()
                    self._declared = (
                        self._with_functions and closing.holds_statements and not self._open
                    )
                case "end":
                    self._package = False
                case "open":
                    position = closed(text, *found.span("open"), self._rules)
                case role:
                    self._word(role, *found.span(role))
        if self._open:
            raise UnterminatedError(*self._open[0].span)
        return len(text), len(text)

    def _word(self, role: str, start: int, end: int) -> None:
        match role:
            case "begin":
                self._open.append(_Opening((start, end), True))
                self._declaring = False
                self._fresh = end
            case "declare":
                self._declaring = self._declaring or not self._open
            case "case":
                self._open.append(_Opening((start, end), self._starts_statement(start)))
            case "branch":
                # In an expression, what follows is a value: IF(…) is a function there.
                if not self._open or self._open[-1].holds_statements:
                    self._fresh = end
            case "start":
                self._fresh = end
            case _:
                if self._starts_statement(start):
                    self._open.append(_Opening((start, end), True))
                if role == "loop":
                    self._fresh = end

    def _starts_statement(self, word: int) -> bool:
        text, rules = self._text, self._rules
        if text[self._fresh : word].isspace():
            return True
        # Kept, so that a long comment is not walked over for each word after it.
        start = self._fresh = skip_blanks(text, self._fresh, word, rules)
        label = _LABELLED.match(text, start, word)
        return word == (skip_blanks(text, label.end(), word, rules) if label else start)
