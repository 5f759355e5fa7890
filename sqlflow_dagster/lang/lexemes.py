"""The few lexemes of a dialect's SQL that decide where a statement ends, as regular expressions.

What matches none of them is code that needs no look.
"""

import re
from functools import cache

from sqlflow_dagster.lang.dialects import Lexis

# Every pattern starts with a character of its own, even where it looks back at the one before: where none of
# these characters stands, the search goes on at once.
_ESCAPED = r"(?:[^'\\]|\\.|'')*+'"
_PLAIN = r"(?:[^']|'')*+'"
_DOLLAR = r"\$(?<!\w\$)"
_AFTER_DOLLAR = r"(?:[^\W\d]\w*+)?+\$"
_QUOTE_AFTER_Q = r"'(?:(?<=\b[qQ]')|(?<=\b[nN][qQ]'))"
_QUOTE_ELSEWHERE = r"'(?<!\b[qQ]')(?<!\b[nN][qQ]')"
_CLOSING = {"[": "]", "{": "}", "(": ")", "<": ">"}
_OWN_END = r"(?-i:(?P<chosen>[^\s\[{(<]).*?(?P=chosen)')"

_COMMENT = r"/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/"
_INNERMOST_COMMENT = r"/\*(?:[^*/]|\*(?!/)|/(?!\*))*+\*/"
EXECUTABLE_COMMENT = r"/\*M?!"
"""What starts a comment that MySQL (or MariaDB alone, with the M) takes for code."""

_SLASH_LINE = r"(?m:^)/(?=[ \t\r]*(?m:$))"


SLASH_LINE = "/"
"""The delimiter that is a line of its own."""


def statement_end(rules: Lexis, delimiter: str) -> str:
    """A regular expression for what ends a statement: the delimiter, or a line that is only ``/``."""
    if not rules.slash_lines:
        return re.escape(delimiter)
    return _SLASH_LINE if delimiter == SLASH_LINE else rf"(?:{re.escape(delimiter)}|{_SLASH_LINE})"


# END IF closes an IF; its IF opens none.
_END = r"(?i:END)\b(?:\s+(?i:IF|LOOP|WHILE|REPEAT|FOR|CASE)\b)?+"
_BEGIN = r"(?i:BEGIN)\b(?!\s*(?:;|(?i:TRANSACTION|WORK|NAME)\b))(?:\s+(?i:(?:NOT\s+)?ATOMIC)\b)?+"
# What other words mean in a body, each a group by which a match tells them apart.
_ROLES = {
    "declare": "DECLARE",
    "case": "CASE",
    "branch": "THEN|ELSE",
    "condition": "IF|WHILE|FOR",
    "loop": "LOOP|REPEAT",
    "start": "DO|ROW",
}
_WORD = rf"(?:{_BEGIN}|(?i:{'|'.join(_ROLES.values())})\b)"


_OTHER_WORD = r"[^\W_bcdefilrtwBCDEFILRTW]\w*+"
"""A word that is none of those, by its first letter: most of them are told by that alone."""


@cache
def to_statement_end(
    rules: Lexis, delimiter: str, *, words: bool = False, parens: bool = False
) -> re.Pattern[str]:
    """From a place outside quotes to the end of the statement, or to what stands before it, in one match.

    The name of the last matched group tells what was found: ``stop``; ``open``, a quote or a comment of
    which :func:`closed` finds the end, if there is one; ``paren``; ``end``, ``begin`` and the other
    roles of words in a body; None at the end of the text.

    Args:
        rules: The dialect's.
        delimiter: What ends a statement.
        words: Whether to stop at the words that open, divide and close the parts of a body.
        parens: Whether to stop at parentheses.
    """
    quoted, opening = _quoted(rules)
    comment = _INNERMOST_COMMENT if rules.nested_comments else _COMMENT
    stop = statement_end(rules, delimiter)
    marks = re.escape("".join(sorted({*"/-'\"#`[$", delimiter[0]})))
    code, found = rf"[^{marks}]++", rf"(?P<stop>{stop})|(?P<open>/\*|{opening})"
    other = rf"(?!{stop})(?:{line_comment(rules)}|{'|'.join(quoted)}|{comment}|(?!{opening}|/\*)[{marks}])"
    if words:
        # A column may be called end: t.end, @end.
        code = rf"[^\w.@{marks}]++|[.@]\w*+|{_OTHER_WORD}|(?!{_END}|{_WORD})\w++"
        code += rf"|(?i:CASE)\b(?:{code}|(?i:THEN|ELSE)\b|{other})*+{_END}"  # No statement in it.
        roles = (rf"|(?P<{role}>(?i:{spelt})\b)" for role, spelt in _ROLES.items())
        found += rf"|(?P<end>{_END})|(?P<begin>{_BEGIN}){''.join(roles)}"
    elif parens:
        code, found = rf"[^(){marks}]++", rf"{found}|(?P<paren>[()])"
    return re.compile(rf"(?:{code}|{other})*+(?:{found})?+", re.DOTALL)


@cache
def sql_lexemes(rules: Lexis, delimiter: str = ";") -> re.Pattern[str]:
    """The lexemes of a dialect, one at a time.

    The name of the last matched group tells what was found: ``stop``, ``paren``, ``to``, ``skip`` (a line
    comment, a string, a quoted name), ``nested`` (a comment that may hold others), ``open`` (a quote or
    comment that nothing closes), None for a plain comment.

    Args:
        rules: The dialect's.
        delimiter: What ends a statement.
    """
    _, opening = _quoted(rules)
    return re.compile(
        rf"(?P<stop>{statement_end(rules, delimiter)})|(?P<paren>[()])|(?P<to>\bto\b)"
        rf"|{_shielded(rules)}|(?P<open>/\*|{opening})",
        re.IGNORECASE | re.DOTALL,
    )


@cache
def shielded_lexemes(rules: Lexis) -> re.Pattern[str]:
    """Only the lexemes whose inside is no code: ``skip``, ``nested`` and None, as above."""
    return re.compile(_shielded(rules), re.IGNORECASE | re.DOTALL)


def _shielded(rules: Lexis) -> str:
    quoted, _ = _quoted(rules)
    if rules.dollar_quotes:
        quoted.append(rf"{_DOLLAR}(?-i:(?P<tag>{_AFTER_DOLLAR}).*?\$(?P=tag))")
    if rules.chosen_quotes:
        brackets = (rf"\{left}.*?\{right}'" for left, right in _CLOSING.items())
        quoted.insert(0, rf"{_QUOTE_AFTER_Q}(?:{'|'.join(brackets)}|{_OWN_END})")
    if rules.executable_comments:
        quoted.append(rf"{EXECUTABLE_COMMENT}.*?\*/")
    comment = r"(?P<nested>/\*)" if rules.nested_comments else r"/\*.*?\*/"
    return rf"(?P<skip>{line_comment(rules)}|{'|'.join(quoted)})|{comment}"


def _quoted(rules: Lexis) -> tuple[list[str], str]:
    """What matches a closed string or quoted name whose ends are alike, and what opens any."""
    quoted = [f"'{_ESCAPED if rules.backslash_strings else _PLAIN}"]
    opening = ["['\"]"]
    if rules.chosen_quotes:
        quoted = [rf"{_QUOTE_ELSEWHERE}{_PLAIN}"]
    if rules.triple_quoted_strings:
        quoted[:0] = ['"""(?:[^"\\\\]|\\\\.|"(?!""))*+"""', r"'''(?:[^'\\]|\\.|'(?!''))*+'''"]
    if rules.escape_strings:
        quoted.insert(0, rf"'(?<=\b[eE]'){_ESCAPED}")
    if rules.raw_strings:
        quoted[:0] = [r"'(?<=\b[rR]')[^']*+'", r'"(?<=\b[rR]")[^"]*+"']
    quoted.append(r'"(?:[^"\\]|\\.|"")*+"' if rules.double_quoted_strings else r'"(?:[^"]|"")*+"')
    if rules.backticks:
        quoted.append("`(?:[^`]|``)*+`")
        opening.append("`")
    if rules.brackets:
        quoted.append(r"\[[^\]]*+\]")
        opening.append(r"\[")
    if rules.dollar_quotes:
        opening.append(_DOLLAR + _AFTER_DOLLAR)
    return quoted, "|".join(opening)


@cache
def line_comment(rules: Lexis) -> str:
    """A regular expression for a comment that ends with its line."""
    return "|".join(rf"{start}[^\r\n]*+" for start in rules.line_comments)


@cache
def blank_lexemes(rules: Lexis) -> re.Pattern[str]:
    """Blanks and comments; the group ``comment`` is the start of one that ends with ``*/``."""
    code = rf"(?!{EXECUTABLE_COMMENT})" if rules.executable_comments else ""
    # A byte-order mark is no blank to Python, and none of it belongs to a statement.
    return re.compile(rf"[\s\ufeff]++|{line_comment(rules)}|(?P<comment>{code}/\*)")


def skip_blanks(text: str, start: int, end: int, rules: Lexis) -> int:
    """The offset of the first character that is neither blank nor comment; ``end`` without one."""
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


_COMMENT_EDGE = re.compile(r"/\*|\*/")


def nested_comment_end(text: str, start: int) -> int | None:
    """One past the comment that starts at ``start`` and may hold others; None where it never ends."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return None


class UnterminatedError(Exception):
    """A quote, a comment or a body that nothing closes.

    Attributes:
        start: Offset of what opens it.
        end: One past what opens it.
    """

    def __init__(self, start: int, end: int) -> None:
        super().__init__(start, end)
        self.start = start
        self.end = end


_CHOSEN_OPENING = re.compile(rf"{_QUOTE_AFTER_Q}(?=\S)")


def closed(text: str, start: int, end: int, rules: Lexis) -> int:
    """One past a comment or string of which only the opening tells how it ends.

    Args:
        text: The program.
        start: Offset of what opens it: ``/*``, ``$tag$`` or the quote of ``q'[``.
        end: One past what opens it.
        rules: The dialect's.

    Raises:
        UnterminatedError: It never ends, or it is another opening that nothing closes.
    """
    opening, found = text[start:end], None
    if opening == "/*":
        found = _comment_end(text, start, rules)
    elif opening.startswith("$"):
        found = _after(text, opening, end)
    elif rules.chosen_quotes and _CHOSEN_OPENING.match(text, start):
        found = _after(text, _CLOSING.get(text[end], text[end]) + opening, end + 1)
    if found is None:
        raise UnterminatedError(start, end)
    return found


def _after(text: str, closing: str, start: int) -> int | None:
    found = text.find(closing, start)
    return None if found < 0 else found + len(closing)
