"""Cut a program at its semicolons and find where each machine-learning clause starts.

One regular expression per dialect finds the few things that matter (comments, strings, quoted names,
parentheses, semicolons, the word TO) and skips everything else. Nothing is lost: the pieces joined are
the text. Inside a machine-learning clause the rules of that clause hold, not the dialect's: there
``"it's"`` is a string in every dialect and ``[10,20]`` never a quoted name.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from sqlflow_dagster.errors import Diagnostic
from sqlflow_dagster.lang.dialects import Lexis, lexis
from sqlflow_dagster.source import Source

BLANK = r"(?:\s++|--[^\n]*+|/\*(?s:.*?)\*/)"
_NAME = r"""(?:[^\W\d][\w./:@-]*+|"[^"]*+"|'[^']*+')"""
_FOLLOW = {
    "TRAIN": "WITH|COLUMN|LABEL|OUTPUT|USING|INTO",
    "PREDICT": "WITH|USING",
    "EVALUATE": "WITH|LABEL|OUTPUT|INTO",
    "EXPLAIN": r"WITH|USING|INTO|;|\Z",
    "RUN": r"CMD|INTO|;|\Z",
}
VERBS = (*_FOLLOW, "MAXIMIZE", "MINIMIZE")

# What must follow TO for a machine-learning clause to start there. Without the word after the name,
# `SELECT to train FROM t` (a column with an alias) would be one.
CLAUSE_START = re.compile(
    rf"{BLANK}+(?:"
    + "|".join(
        rf"{verb}\b{BLANK}*+{_NAME}(?:{BLANK}*+\.{BLANK}*+{_NAME})*+{BLANK}*+(?:(?:{follow})(?!\w))"
        for verb, follow in _FOLLOW.items()
    )
    + rf"|(?:MAXIMIZE|MINIMIZE)\b{BLANK}*+[\w(-])",
    re.IGNORECASE,
)
_QUERY_START = re.compile(rf"{BLANK}*+(?:(?:SELECT|WITH|FROM|VALUES|TABLE)\b|\()", re.IGNORECASE)

CLAUSE_STRING = r"""(?:"(?:[^"\\]|\\.|"")*+"|'(?:[^'\\]|\\.|'')*+')"""
_CLAUSE_TOKENS = re.compile(
    rf"(?P<skip>--[^\n]*+|/\*(?s:.*?)\*/|(?s:{CLAUSE_STRING}))|(?P<stop>;)|(?P<open>/\*|[\"'])"
)

_OPEN_NAMES = {"/*": "comment", '"': "quote", "'": "quote", "`": "quoted name", "[": "quoted name"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One statement's text.

    Attributes:
        start: Offset of the first character, blanks and comments included.
        end: One past the last character, without the semicolon.
        stop: One past the semicolon; equal to ``end`` where there is none.
        clause: Offset of the TO that starts the machine-learning clause; None without one.
    """

    start: int
    end: int
    stop: int
    clause: int | None = None


@cache
def _tokens(rules: Lexis) -> re.Pattern[str]:
    line_comments = "|".join(rf"{start}[^\n]*+" for start in rules.line_comments)
    escaped, plain = r"'(?:[^'\\]|\\.|'')*+'", r"'(?:[^']|'')*+'"
    quoted = [escaped if rules.backslash_strings else plain]
    if rules.triple_quoted_strings:
        quoted[:0] = ['"""(?:[^"\\\\]|\\\\.|"(?!""))*+"""', r"'''(?:[^'\\]|\\.|'(?!''))*+'''"]
    if rules.escape_strings:
        quoted.insert(0, rf"\b[eE]{escaped}")
    quoted.append(r'"(?:[^"\\]|\\.|"")*+"' if rules.double_quoted_strings else r'"(?:[^"]|"")*+"')
    opening = "'\""
    if rules.backticks:
        quoted.append("`(?:[^`]|``)*+`")
        opening += "`"
    if rules.brackets:
        quoted.append(r"\[[^\]]*+\]")
        opening += r"\["
    if rules.dollar_quotes:
        quoted.append(r"(?<!\w)\$(?P<tag>\w*+)\$.*?\$(?P=tag)\$")
    comment = r"(?P<nested>/\*)" if rules.nested_comments else r"/\*.*?\*/"
    return re.compile(
        rf"(?P<stop>;)|(?P<paren>[()])|(?P<to>\bto\b)|(?P<skip>{line_comments}|{'|'.join(quoted)})"
        rf"|{comment}|(?P<open>/\*|[{opening}])",
        re.IGNORECASE | re.DOTALL,
    )


_COMMENT_EDGE = re.compile(r"/\*|\*/")


def _nested_comment_end(text: str, start: int) -> int | None:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return None


class _UnterminatedError(Exception):
    def __init__(self, offset: int) -> None:
        self.offset = offset


def _clause_end(text: str, position: int) -> int:
    for token in _CLAUSE_TOKENS.finditer(text, position):
        if token.lastgroup == "stop":
            return token.start()
        if token.lastgroup == "open":
            raise _UnterminatedError(token.start())
    return len(text)


def _piece(text: str, start: int, pattern: re.Pattern[str]) -> Piece:
    position, depth = start, 0
    query = _QUERY_START.match(text, start) is not None
    while token := pattern.search(text, position):
        position = token.end()
        match token.lastgroup:
            case "stop":
                return Piece(start=start, end=token.start(), stop=position)
            case "paren":
                depth += 1 if token.group() == "(" else -1
            case "to" if query and depth <= 0 and CLAUSE_START.match(text, position):
                end = _clause_end(text, position)
                stop = min(end + 1, len(text))
                return Piece(start=start, end=end, stop=stop, clause=token.start())
            case "nested":
                closed = _nested_comment_end(text, token.start())
                if closed is None:
                    raise _UnterminatedError(token.start())
                position = closed
            case "open":
                raise _UnterminatedError(token.start())
            case _:
                pass
    return Piece(start=start, end=len(text), stop=len(text))


def scan(source: Source, dialect: str) -> tuple[list[Piece], list[Diagnostic]]:
    """Cut a program into pieces.

    Args:
        source: The program.
        dialect: A name of :data:`sqlflow_dagster.lang.dialects.LEXIS`.

    Returns:
        The pieces, which joined are the text, and a diagnostic for what is never closed: a quote or
        a comment. What follows it up to the text's end is one piece.
    """
    text, pattern = source.text, _tokens(lexis(dialect))
    pieces: list[Piece] = []
    position = 0
    while position < len(text):
        try:
            piece = _piece(text, position, pattern)
        except _UnterminatedError as unterminated:
            problem = _unterminated(source, unterminated.offset)
            pieces.append(Piece(start=position, end=len(text), stop=len(text)))
            return pieces, [problem]
        pieces.append(piece)
        position = piece.stop
    return pieces, []


def _unterminated(source: Source, offset: int) -> Diagnostic:
    opening = "/*" if source.text.startswith("/*", offset) else source.text[offset]
    what = _OPEN_NAMES[opening]
    closing = {"/*": "*/", "[": "]"}.get(opening, opening)
    return Diagnostic(
        message=f"this {what} is never closed",
        span=source.span(offset, offset + len(opening)),
        hint=f"close it with {closing}",
    )


@cache
def _blank(rules: Lexis) -> re.Pattern[str]:
    line_comments = "|".join(rf"{start}[^\n]*+" for start in rules.line_comments)
    return re.compile(rf"\s++|{line_comments}|(?P<comment>/\*)")


def content_start(text: str, start: int, end: int, dialect: str) -> int:
    """The offset of the first character that is neither blank nor comment; ``end`` without one."""
    rules = lexis(dialect)
    pattern = _blank(rules)
    while start < end and (token := pattern.match(text, start)):
        if token.lastgroup != "comment":
            start = token.end()
        elif rules.nested_comments:
            start = _nested_comment_end(text, start) or end
        else:
            start = text.index("*/", start) + 2
    return min(start, end)


_SHOW_TRAIN = re.compile(rf"SHOW{BLANK}+TRAIN\b", re.IGNORECASE)
_CANDIDATE = re.compile(rf"(?P<to>\bTO{BLANK}+)?(?P<word>\b[A-Z]+\b)", re.IGNORECASE)


def show_train_starts(text: str, start: int) -> bool:
    """Whether ``SHOW TRAIN`` stands at an offset."""
    return _SHOW_TRAIN.match(text, start) is not None


def clause_candidates(
    text: str, start: int, end: int, dialect: str
) -> Iterator[tuple[int, str, bool]]:
    """The words outside parentheses and quotes that might open a machine-learning clause.

    Yields:
        The offset of ``TO`` or, where there is none, of the word; the word; whether TO stands before it.
    """
    if _QUERY_START.match(text, start):
        for word in _CANDIDATE.finditer(_bare(text, start, end, dialect), start):
            yield word.start(), word["word"], word["to"] is not None


def _bare(text: str, start: int, end: int, dialect: str) -> str:
    """The text up to ``end`` with all that is quoted, commented or in parentheses blanked out."""
    pattern = _tokens(lexis(dialect))
    bare, position, depth = [" " * start], start, 0
    while token := pattern.search(text, position, end):
        code = text[position : token.start()]
        bare.append(code if depth <= 0 else " " * len(code))
        position = token.end()
        match token.lastgroup:
            case "paren":
                depth += 1 if token.group() == "(" else -1
            case "nested":
                position = _nested_comment_end(text, token.start()) or end
            case "to" if depth <= 0:
                bare.append(token.group())
                continue
            case _:
                pass
        bare.append(" " * (position - token.start()))
    return "".join([*bare, text[position:end] if depth <= 0 else ""])


def normalized_sql(text: str, dialect: str) -> str:
    """A statement without comments, each run of blanks outside quotes made one blank.

    Two texts with the same normal form are the same statement; the reverse does not hold.
    """
    rules = lexis(dialect)
    pattern = _tokens(rules)
    normal, position = "", 0
    while token := pattern.search(text, position):
        start, end = token.span()
        normal = _append_code(normal, text[position:start])
        if token.lastgroup == "nested":
            end = _nested_comment_end(text, start) or len(text)
        if token.lastgroup in {"nested", None} or _starts_comment(token.group(), rules):
            normal = _append_code(normal, " ")
        else:
            normal += token.group()
        position = end
    return _append_code(normal, text[position:]).strip()


def _append_code(normal: str, code: str) -> str:
    code = re.sub(r"\s+", " ", code)
    return normal + (code.lstrip() if normal.endswith(" ") else code)


def _starts_comment(text: str, rules: Lexis) -> bool:
    return any(re.match(start, text) for start in rules.line_comments)
