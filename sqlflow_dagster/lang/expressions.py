"""Expressions of the machine-learning clause: attribute values and column functions.

They are values, not code: nothing here is ever evaluated as Python.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeAlias, assert_never

from sqlflow_dagster.lang.clause_lexer import QuotedTemplate
from sqlflow_dagster.source import Span

Scalar: TypeAlias = "int | float | str | bool | None"
Value: TypeAlias = "Scalar | tuple[Value, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A number, a quoted string, a boolean or NULL."""

    value: Scalar
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """An unquoted word: a column, an optimizer, ``reg:squarederror``, ``*``."""

    name: str
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListExpression:
    """``[a, b, …]``."""

    items: "tuple[Expression, ...]"
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """``FUNCTION(a, b, …)``; the function name is kept as written."""

    function: str
    arguments: "tuple[Expression, ...]"
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unary:
    """``-a`` or ``NOT a``."""

    operator: str
    operand: "Expression"
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """``a + b - c``: operands between operators that bind equally strongly, grouped to the left.

    It is flat, so that a thousand terms are no thousand levels. :func:`chain` makes one.

    Attributes:
        first: The first operand; it is no chain of the same strength.
        rest: The others, each with the operator before it; AND and OR are upper case, ``<>`` is written
            ``!=``.
    """

    first: "Expression"
    rest: "tuple[tuple[str, Expression], ...]"
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def strength(self) -> int:
        """How strongly its operators bind, see :data:`PRECEDENCE`."""
        return PRECEDENCE[self.rest[0][0]]

    @property
    def operands(self) -> "tuple[Expression, ...]":
        """All operands, from left to right."""
        return (self.first, *(operand for _, operand in self.rest))


Expression: TypeAlias = Literal | Name | ListExpression | Call | Unary | Chain


PRECEDENCE = {
    "OR": 1,
    "AND": 2,
    **dict.fromkeys(("=", "<", ">", "<=", ">=", "!="), 4),
    **dict.fromkeys(("+", "-"), 5),
    **dict.fromkeys(("*", "/", "%"), 6),
    "**": 8,
}
"""How strongly binary operators bind; all of them group to the left."""

UNARY_PRECEDENCE = {"NOT": 3, "-": 7}
"""How strongly unary operators bind; NOT between comparisons and AND, as in SQL."""


def chain(first: Expression, rest: Iterable[tuple[str, Expression]]) -> Chain:
    """Operands connected by operators of one strength, of which there is at least one.

    ``(a + b) + c`` is ``a + b + c``; ``a + (b + c)`` stays what it is.
    """
    added = tuple(rest)
    if isinstance(first, Chain) and first.strength == PRECEDENCE[added[0][0]]:
        return replace(first, rest=first.rest + added)
    return Chain(first=first, rest=added, span=first.span)


# Only before these does a backslash need one before itself.
_AMBIGUOUS_BACKSLASH = re.compile(r"""\\(?=[\\"']|\Z)""")


def quoted(text: str) -> str:
    """A text as a string of the clause, in double quotes unless only it holds such."""
    if isinstance(text, QuotedTemplate):
        return text.written
    quote = "'" if '"' in text and "'" not in text else '"'
    escaped = _AMBIGUOUS_BACKSLASH.sub(r"\\\\", text).replace(quote, "\\" + quote)
    return f"{quote}{escaped}{quote}"


def expression_text(expression: Expression) -> str:
    """An expression as text that parses back to an equal expression, with no parenthesis too many."""
    match expression:
        case Literal(value=str(text)):
            return quoted(text)
        case Literal(value=None):
            return "NULL"
        case Literal(value=bool(flag)):
            return "true" if flag else "false"
        case Literal(value=number):
            return repr(number)
        case Name(name=name):
            return name
        case ListExpression(items=items):
            return f"[{', '.join(map(expression_text, items))}]"
        case Call(function=function, arguments=arguments):
            return f"{function}({', '.join(map(expression_text, arguments))})"
        case Unary(operator="-", operand=Unary(operator="-") as operand):
            return f"-({expression_text(operand)})"  # Two dashes would start a comment.
        case Unary(operator=operator, operand=operand):
            blank = " " if operator.isalpha() else ""
            return operator + blank + _operand_text(operand, UNARY_PRECEDENCE[operator])
        case Chain(first=first, rest=rest):
            strength = expression.strength
            others = (f" {sign} {_operand_text(item, strength + 1)}" for sign, item in rest)
            return _operand_text(first, strength) + "".join(others)
        case _:
            assert_never(expression)


def _operand_text(expression: Expression, weakest: int) -> str:
    """An operand, in parentheses where it binds less than ``weakest``."""
    text = expression_text(expression)
    match expression:
        case Unary(operator=operator):
            strength = UNARY_PRECEDENCE[operator]
        case Chain():
            strength = expression.strength
        case _:
            return text
    return f"({text})" if strength < weakest else text


def expression_value(expression: Expression) -> Value:
    """The Python value of a constant expression.

    A name stands for its own text, a list for a tuple, ``-1`` for a negative number; any other
    compound expression stands for its text (an acceptance rule such as ``accuracy >= 0.9``).
    """
    match expression:
        case Literal(value=value):
            return value
        case Name(name=name):
            return name
        case ListExpression(items=items):
            return tuple(map(expression_value, items))
        case Unary(operator="-", operand=Literal(value=int() | float() as number)):
            return -number
        case Call() | Unary() | Chain():
            return expression_text(expression)
        case _:
            assert_never(expression)
