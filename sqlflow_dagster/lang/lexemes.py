"""The few lexemes of a dialect's SQL that decide where a statement ends, as regular expressions.

What matches none of them is code that needs no look.
"""

import re
from functools import cache

from sqlflow_dagster.lang.dialects import Lexis


@cache
def sql_lexemes(rules: Lexis, delimiter: str = ";", *, blocks: bool = False) -> re.Pattern[str]:
    """The lexemes of a dialect.

    The name of the last matched group tells what was found: ``stop``, ``paren``, ``to``, ``skip`` (a line
    comment, a string, a quoted name), ``nested`` (a comment that may hold others), ``open`` (a quote or
    comment that nothing closes), None for a plain comment; with ``blocks``, also ``block`` and ``end``.

    Args:
        rules: The dialect's.
        delimiter: What ends a statement.
        blocks: Whether BEGIN, CASE and END count.
    """
    _, opening = _quoted(rules)
    # END IF and its like close what no group here opens.
    block = (
        r"|(?P<block>\bCASE\b|\bBEGIN\b(?!\s*(?:TRANSACTION\b|WORK\b|;)))"
        r"|(?P<end>\bEND\b(?!\s+(?:IF|LOOP|WHILE|REPEAT|FOR)\b)(?:\s+CASE\b)?)"
    )
    return re.compile(
        rf"(?P<stop>{re.escape(delimiter)})|(?P<paren>[()])|(?P<to>\bto\b)"
        rf"|{_shielded(rules)}|(?P<open>/\*|{opening}){block if blocks else ''}",
        re.IGNORECASE | re.DOTALL,
    )


@cache
def shielded_lexemes(rules: Lexis) -> re.Pattern[str]:
    """Only the lexemes whose inside is no code: ``skip``, ``nested`` and None, as above."""
    return re.compile(_shielded(rules), re.IGNORECASE | re.DOTALL)


def _shielded(rules: Lexis) -> str:
    quoted, _ = _quoted(rules)
    comment = r"(?P<nested>/\*)" if rules.nested_comments else r"/\*.*?\*/"
    return rf"(?P<skip>{line_comment(rules)}|{quoted})|{comment}"


def _quoted(rules: Lexis) -> tuple[str, str]:
    """What matches a closed string or quoted name, and what opens one."""
    escaped, plain = r"'(?:[^'\\]|\\.|'')*+'", r"'(?:[^']|'')*+'"
    quoted = [escaped if rules.backslash_strings else plain]
    opening = ["['\"]"]
    if rules.triple_quoted_strings:
        quoted[:0] = ['"""(?:[^"\\\\]|\\\\.|"(?!""))*+"""', r"'''(?:[^'\\]|\\.|'(?!''))*+'''"]
    if rules.escape_strings:
        quoted.insert(0, rf"\b[eE]{escaped}")
    quoted.append(r'"(?:[^"\\]|\\.|"")*+"' if rules.double_quoted_strings else r'"(?:[^"]|"")*+"')
    if rules.backticks:
        quoted.append("`(?:[^`]|``)*+`")
        opening.append("`")
    if rules.brackets:
        quoted.append(r"\[[^\]]*+\]")
        opening.append(r"\[")
    if rules.dollar_quotes:
        tag = r"(?:[^\W\d]\w*+)?+"
        quoted.append(rf"(?<!\w)(?P<dollars>\${tag}\$).*?(?P=dollars)")
        opening.append(rf"(?<!\w)\${tag}\$")
    return "|".join(quoted), "|".join(opening)


@cache
def line_comment(rules: Lexis) -> str:
    """A regular expression for a comment that ends with its line."""
    return "|".join(rf"{start}[^\r\n]*+" for start in rules.line_comments)


@cache
def blank_lexemes(rules: Lexis) -> re.Pattern[str]:
    """Blanks and comments; the group ``comment`` is the start of one that ends with ``*/``."""
    # A byte-order mark is no blank to Python, and none of it belongs to a statement.
    return re.compile(rf"[\s\ufeff]++|{line_comment(rules)}|(?P<comment>/\*)")


_COMMENT_EDGE = re.compile(r"/\*|\*/")


def nested_comment_end(text: str, start: int) -> int | None:
    """One past the comment that starts at ``start`` and may hold others; None where it never ends."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return None
