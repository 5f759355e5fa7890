"""Tokens of a machine-learning clause.

The rules are the clause's own, the same in every dialect: a word may hold dots, slashes, colons and
dashes (``reg:squarederror``, ``registry/image:tag/Class``), a string stands in single or double quotes, a name may stand in backticks too.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Self

from sqlflow_dagster.lang.scanner import CLAUSE_STRING, TEMPLATE
from sqlflow_dagster.source import Source, Span


class TokenKind(Enum):
    """The kinds of token."""

    WORD = auto()
    NUMBER = auto()
    STRING = auto()
    SYMBOL = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Attributes:
        kind: What it is.
        text: As written, quotes included.
        span: Where.
    """

    kind: TokenKind
    text: str
    span: Span

    @property
    def keyword(self) -> str:
        """The word in upper case; empty for a token that is no word."""
        return self.text.upper() if self.kind is TokenKind.WORD else ""

    @property
    def value(self) -> str:
        """The text of a string without its quotes and escapes; of another token, the text."""
        if self.kind is not TokenKind.STRING:
            return self.text
        quote, inner = self.text[0], self.text[1:-1]
        if quote == "`":
            value = inner.replace("``", "`")
        else:
            value = _ESCAPE.sub(lambda match: _unescaped(match, quote), inner)
        return QuotedTemplate(value, self.text) if _TEMPLATE.search(inner) else value

    def __str__(self) -> str:
        return "the end of the statement" if self.kind is TokenKind.END else f"'{self.text}'"


class QuotedTemplate(str):
    """A text in quotes that holds a template: what is filled in may need the quotes.

    Attributes:
        written: The text as written, with its quotes.
    """

    written: str

    def __new__(cls, text: str, written: str) -> Self:
        """The text, and how it is written."""
        self = super().__new__(cls, text)
        self.written = written
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (str(self), self.written)


_TEMPLATE = re.compile(TEMPLATE)
_ESCAPE = re.compile(r"""\\(.)|(["'])\2""", re.DOTALL)


def _unescaped(match: re.Match[str], quote: str) -> str:
    if match[1] is None:
        return quote if match[2] == quote else match[0]
    # Only a quote or a backslash can be escaped: 'C:\new' and regular expressions stay as written.
    return match[1] if match[1] in "\"'\\" else match[0]


_WORD = rf"(?:[^\W\d]|{TEMPLATE})(?:\w|{TEMPLATE})*+(?:(?:[./:]|-(?=\w))(?:\w|{TEMPLATE})++)*+"
_TOKEN = re.compile(
    rf"(?P<blank>\s++|--[^\r\n]*+|/\*(?s:.*?)\*/)|(?P<STRING>(?s:{CLAUSE_STRING}))"
    r"|(?P<NUMBER>(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d++)?)"
    rf"|(?P<WORD>{_WORD})"
    r"|(?P<SYMBOL>\*\*|<=|>=|!=|<>|.)"
)
_WHOLE_WORD = re.compile(_WORD)


def is_word(text: str) -> bool:
    """Whether a text is one word of the clause, without quotes."""
    return not isinstance(text, QuotedTemplate) and _WHOLE_WORD.fullmatch(text) is not None


def tokenize_clause(source: Source, start: int, end: int) -> list[Token]:
    """The tokens of ``source.text[start:end]``, closed by one of kind END."""
    tokens = []
    for match in _TOKEN.finditer(source.text, start, end):
        kind = match.lastgroup
        if kind != "blank" and kind is not None:
            tokens.append(Token(TokenKind[kind], match.group(), source.span(*match.span())))
    last = tokens[-1].span.end if tokens else start
    tokens.append(Token(TokenKind.END, "", source.span(last, last)))
    return tokens


def comments(source: Source, start: int, end: int) -> list[Span]:
    """The comments of ``source.text[start:end]``."""
    return [
        source.span(*match.span())
        for match in _TOKEN.finditer(source.text, start, end)
        if match.lastgroup == "blank" and not match.group().isspace()
    ]
