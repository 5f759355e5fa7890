"""Names and expressions of a machine-learning clause, from tokens.

A keyword is a name where only a name can stand: ``LABEL label INTO into`` names a column and a model.
"""

from collections.abc import Callable
from typing import TypeVar

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic, did_you_mean
from sqlflow_dagster.lang.clause_lexer import QuotedTemplate, Token, TokenKind
from sqlflow_dagster.lang.expressions import (
    PRECEDENCE,
    UNARY_PRECEDENCE,
    Call,
    Expression,
    ListExpression,
    Literal,
    Name,
    Unary,
    chain,
)
from sqlflow_dagster.lang.statements import QualifiedName

T = TypeVar("T")

KEYWORDS = frozenset(
    {"WITH", "COLUMN", "LABEL", "OUTPUT", "USING", "INTO", "FOR", "CMD", "CONSTRAINT", "GROUP"}
)
_AFTER_A_NAME = KEYWORDS | {"AND", "OR"}
CONSTANTS: dict[str, bool | None] = {"TRUE": True, "FALSE": False, "NULL": None, "NONE": None}
# Far more than anyone writes, far less than what Python's own stack allows.
_MAX_DEPTH = 64
_MAX_DIGITS = 400


class ClauseError(Exception):
    """A clause that cannot be parsed; carries the diagnostic."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


class ExpressionParser:
    """Recursive descent over the tokens of a clause."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._index = 0
        self._depth = 0

    @property
    def current(self) -> Token:
        """The token that comes next."""
        return self._tokens[self._index]

    def advance(self) -> Token:
        """Step over the next token and return it."""
        token = self.current
        if token.kind is not TokenKind.END:
            self._index += 1
        return token

    def accept(self, text: str) -> bool:
        """Step over a symbol or keyword if it comes next."""
        token = self.current
        if token.kind in {TokenKind.SYMBOL, TokenKind.WORD} and token.text.upper() == text:
            self._index += 1
            return True
        return False

    def expect(self, text: str, wanted: str | None = None) -> None:
        """Step over a symbol or keyword that must come next."""
        if not self.accept(text):
            raise self.failure(wanted or f"'{text}'")

    def failure(
        self, wanted: str, *, near: tuple[str, ...] = (), hint: str | None = None
    ) -> ClauseError:
        """The error for a next token that is not what it must be."""
        token = self.current
        if token.kind is TokenKind.WORD:
            hint = did_you_mean(token.text, near) or hint
        message = f"expected {wanted}, found {token}"
        return ClauseError(
            Diagnostic(code=Code.SYNTAX_ERROR, message=message, span=token.span, hint=hint)
        )

    def separated(self, item: Callable[[], T], close: str | None = None) -> tuple[T, ...]:
        """``item {, item}``; with ``close``, possibly empty and up to that symbol."""
        if close and self.accept(close):
            return ()
        items = [item()]
        while self.accept(","):
            items.append(item())
        if close:
            self.expect(close, f"',' or '{close}'")
        return tuple(items)

    def word(self, wanted: str) -> Token:
        """A name: a word or a string."""
        if self.current.kind is not TokenKind.STRING and not self._names_something():
            raise self.failure(wanted)
        return self.advance()

    def _names_something(self) -> bool:
        """Whether a word comes next that is a name, not the keyword of a clause."""
        token = self.current
        if token.kind is not TokenKind.WORD:
            return False
        if token.keyword not in KEYWORDS:
            return True
        following = self._tokens[self._index + 1]
        match following.kind:
            case TokenKind.END:
                return True
            case TokenKind.SYMBOL:
                return following.text not in {"(", "["}
            case _:
                return following.keyword in _AFTER_A_NAME

    def qualified_name(self, wanted: str) -> QualifiedName:
        """``a.b.c``, where a quoted part is one part whatever it holds."""
        return self._dotted(self.word(wanted))

    def _dotted(self, first: Token) -> QualifiedName:
        """The name that starts with a word or a string, and the parts that follow after dots."""
        parts, quoted, last = _name_parts(first), _quoted_parts(first), first
        while self._dot_follows(last):
            self.advance()
            last = self.word("a name after '.'")
            parts += _name_parts(last)
            quoted += _quoted_parts(last)
        span = first.span.source.span(first.span.start, last.span.end)
        return QualifiedName(parts=parts, quoted=quoted, span=span)

    def _dot_follows(self, token: Token) -> bool:
        return self.current.text == "." and self.current.span.start == token.span.end

    def integer(self, wanted: str) -> int:
        """A whole number without a sign."""
        if not self.current.text.isdecimal() or len(self.current.text) > _MAX_DIGITS:
            raise self.failure(wanted)
        return int(self.advance().text)

    def expression(self) -> Expression:
        """A value, or values connected by operators."""
        return self._binary(weakest=1)

    def _binary(self, weakest: int) -> Expression:
        self._deepen()
        left = self._operand()
        while (strength := self._strength()) >= weakest:
            rest = []
            while self._strength() == strength:
                operator = self.advance().text.upper()
                right = self._binary(strength + 1)
                rest.append(("!=" if operator == "<>" else operator, right))
            left = chain(left, rest)
        self._depth -= 1
        return left

    def _strength(self) -> int:
        """How strongly the operator binds that comes next; 0 where none does."""
        token = self.current
        return PRECEDENCE["!="] if token.text == "<>" else PRECEDENCE.get(token.text.upper(), 0)

    def _deepen(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            message = f"this expression is nested more than {_MAX_DEPTH} deep"
            raise ClauseError(
                Diagnostic(code=Code.NESTED_TOO_DEEPLY, message=message, span=self.current.span)
            )

    def _operand(self) -> Expression:
        token = self.current
        span = token.span
        for operator, strength in UNARY_PRECEDENCE.items():
            if self.accept(operator):
                return Unary(operator=operator, operand=self._binary(strength), span=span)
        if self.accept("("):
            inner = self.expression()
            self.expect(")")
            return inner
        if self.accept("["):
            return ListExpression(items=self.separated(self.expression, "]"), span=span)
        if token.kind is TokenKind.STRING:
            return self._quoted_name(self.advance())
        if token.kind is TokenKind.NUMBER:
            return Literal(value=self._number(), span=span)
        if not self._names_something():
            raise self.failure("a value")
        self.advance()
        if self.accept("("):
            arguments = self.separated(self.expression, ")")
            return Call(function=token.text, arguments=arguments, span=span)
        if self._dot_follows(token):
            return self._quoted_name(token)
        if token.keyword in CONSTANTS:
            return Literal(value=CONSTANTS[token.keyword], span=span)
        return Name(name=token.text, span=span)

    def _quoted_name(self, first: Token) -> Literal:
        """A string, or a dotted name with one in it: ``t."my column"``."""
        name = self._dotted(first)
        if name.span == first.span:
            return Literal(value=first.value, span=first.span)
        text = str(name)
        if name.span and any(isinstance(part, QuotedTemplate) for part in name.parts):
            text = QuotedTemplate(text, name.span.text)
        return Literal(value=text, span=name.span)

    def _number(self) -> int | float:
        token = self.current
        if token.text.isdecimal() and len(token.text) <= _MAX_DIGITS:
            return self.integer("a number")
        number = float(self.advance().text)
        if number == float("inf"):
            message = "this number is too large"
            raise ClauseError(Diagnostic(code=Code.SYNTAX_ERROR, message=message, span=token.span))
        return number


def _name_parts(token: Token) -> tuple[str, ...]:
    return (token.value,) if token.kind is TokenKind.STRING else tuple(token.text.split("."))


def _quoted_parts(token: Token) -> tuple[bool, ...]:
    return (token.kind is TokenKind.STRING,) * len(_name_parts(token))
