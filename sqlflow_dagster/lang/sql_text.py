"""Views of a statement's text: without what is quoted, without comments at its end, normalised."""

import re

from sqlflow_dagster.lang.dialects import Lexis, lexis
from sqlflow_dagster.lang.lexemes import (
    EXECUTABLE_COMMENT,
    line_comment,
    nested_comment_end,
    shielded_lexemes,
    sql_lexemes,
)

_COMMENT_MARK = re.compile(r"--|/\*|#|//")


def bare_sql(text: str, dialect: str) -> str:
    """A statement with all that is quoted, commented or in parentheses replaced by blanks.

    Every other character keeps its place.
    """
    pattern = sql_lexemes(lexis(dialect))
    bare: list[str] = []
    position = depth = 0
    while lexeme := pattern.search(text, position):
        code = text[position : lexeme.start()]
        bare.append(code if depth <= 0 else " " * len(code))
        position = lexeme.end()
        match lexeme.lastgroup:
            case "to" if depth <= 0:
                bare.append(lexeme.group())
                continue
            case "paren":
                depth += 1 if lexeme.group() == "(" else -1
            case "nested":
                position = nested_comment_end(text, lexeme.start()) or len(text)
            case _:
                pass
        bare.append(" " * (position - lexeme.start()))
    bare.append(text[position:] if depth <= 0 else "")
    return "".join(bare)


def content_end(text: str, start: int, end: int, dialect: str) -> int:
    """One past the last character of ``text[start:end]`` that is neither blank nor comment.

    Args:
        text: The program.
        start: Offset of the statement's first word.
        end: One past its last character.
        dialect: Its SQL dialect.
    """
    rules = lexis(dialect)
    if _COMMENT_MARK.search(text, start, end) is None:
        return start + len(text[start:end].rstrip())
    pattern = shielded_lexemes(rules)
    position = last = start
    while lexeme := pattern.search(text, position, end):
        code = text[position : lexeme.start()].rstrip()
        last = position + len(code) if code else last
        position = lexeme.end()
        if lexeme.lastgroup == "nested":
            position = nested_comment_end(text, lexeme.start()) or end
        elif not _is_comment(lexeme, rules):
            last = position
    code = text[position:end].rstrip()
    return position + len(code) if code else last


def normalized_sql(text: str, dialect: str) -> str:
    """A statement without comments, each run of blanks outside quotes made one blank.

    Two texts with the same normal form are the same statement; the reverse does not hold.
    """
    rules = lexis(dialect)
    pattern = shielded_lexemes(rules)
    normal: list[str] = []
    position = 0
    while lexeme := pattern.search(text, position):
        start, end = lexeme.span()
        _append_code(normal, text[position:start])
        if lexeme.lastgroup == "nested":
            end = nested_comment_end(text, start) or len(text)
        if _is_comment(lexeme, rules):
            _append_code(normal, " ")
        else:
            normal.append(lexeme.group())
        position = end
    _append_code(normal, text[position:])
    return "".join(normal).rstrip()


_EXECUTABLE = re.compile(rf"{EXECUTABLE_COMMENT}\d*+")


def executed_sql(text: str, dialect: str) -> str:
    """A statement with the marks around what MySQL executes of its comments replaced by blanks.

    Every other character keeps its place.
    """
    rules = lexis(dialect)
    if not rules.executable_comments or _EXECUTABLE.search(text) is None:
        return text

    def opened(lexeme: re.Match[str]) -> str:
        mark = _EXECUTABLE.match(lexeme.group())
        if mark is None:
            return lexeme.group()
        return " " * mark.end() + lexeme.group()[mark.end() : -len("*/")] + "  "

    return shielded_lexemes(rules).sub(opened, text)


def _append_code(normal: list[str], code: str) -> None:
    words = " ".join(code.split())
    if words and code[-1].isspace():
        words += " "
    if code[:1].isspace() and normal and not normal[-1].endswith(" "):
        words = " " + words
    if words:
        normal.append(words)


def _is_comment(lexeme: re.Match[str], rules: Lexis) -> bool:
    if lexeme.lastgroup in {"nested", None}:
        return True
    return lexeme.lastgroup == "skip" and re.match(line_comment(rules), lexeme.group()) is not None
