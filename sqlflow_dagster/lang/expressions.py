"""Expressions of the machine-learning clause: attribute values and column functions.

They are values, not code: nothing here is ever evaluated as Python.
"""

from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

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
class Binary:
    """``a <operator> b``; AND and OR are upper case, ``<>`` is written ``!=``."""

    operator: str
    left: "Expression"
    right: "Expression"
    span: Span | None = field(default=None, compare=False, repr=False)


Expression: TypeAlias = Literal | Name | ListExpression | Call | Unary | Binary


def expression_text(expression: Expression) -> str:
    """An expression as text that parses back to an equal expression."""
    match expression:
        case Literal(value=str(text)):
            escaped = text.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'
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
        case Unary(operator=operator, operand=operand):
            blank = " " if operator.isalpha() else ""
            return f"({operator}{blank}{expression_text(operand)})"
        case Binary(operator=operator, left=left, right=right):
            return f"({expression_text(left)} {operator} {expression_text(right)})"
        case _:
            assert_never(expression)


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
        case Call() | Unary() | Binary():
            return expression_text(expression)
        case _:
            assert_never(expression)
