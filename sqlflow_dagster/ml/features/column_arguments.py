"""The functions of COLUMN, how each is written, and the arguments that are no columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.lang.expressions import (
    Call,
    Expression,
    ListExpression,
    Literal,
    Value,
    expression_text,
    expression_value,
)
from sqlflow_dagster.ml.features.feature import Combiner, Embedding
from sqlflow_dagster.source import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """How a function is written.

    Attributes:
        usage: As a hint shows it.
        least: How many arguments it wants.
        most: How many it takes.
    """

    usage: str
    least: int
    most: int


FUNCTIONS: Mapping[str, Function] = {
    "NUMERIC": Function(usage="NUMERIC(x)", least=1, most=1),
    "DENSE": Function(usage="DENSE(x[, shape[, delimiter[, int or float]]])", least=1, most=4),
    "SPARSE": Function(
        usage="SPARSE(x[, size[, delimiter[, int or string[, pair delimiter[, float]]]]])",
        least=1,
        most=6,
    ),
    "BUCKET": Function(usage="BUCKET(x, n) or BUCKET(x, [boundary, …])", least=2, most=2),
    "CROSS": Function(usage="CROSS([x, y, …], size)", least=2, most=2),
    "CATEGORY_ID": Function(usage="CATEGORY_ID(x[, n])", least=1, most=2),
    "SEQ_CATEGORY_ID": Function(usage="SEQ_CATEGORY_ID(x[, n])", least=1, most=2),
    "CATEGORY_HASH": Function(usage="CATEGORY_HASH(x, size)", least=2, most=2),
    "WEIGHTED_CATEGORY": Function(
        usage="WEIGHTED_CATEGORY(CATEGORY_ID(SPARSE(x, …), n))", least=1, most=1
    ),
    "EMBEDDING": Function(
        usage="EMBEDDING(x or category, dimension[, combiner[, initializer]])", least=2, most=4
    ),
    "INDICATOR": Function(usage="INDICATOR(x or category)", least=1, most=1),
}
COMBINERS = ("sum", "mean", "sqrtn")
INITIALIZERS = ("normal", "uniform", "zeros")

_DELIMITERS = {"COMMA": ",", "TAB": "\t", "SPACE": " "}
_MAX_SIZE = 2**31 - 1


def check_call(call: Call, span: Span | None) -> None:
    """Refuse an unknown function, and one with too few or too many arguments.

    Raises:
        TerminalError: With how the function is written.
    """
    function = FUNCTIONS.get(call.function.upper())
    if function is None:
        raise TerminalError(
            f"COLUMN has no function {call.function}",
            call.span or span,
            did_you_mean(call.function, FUNCTIONS) or f"it has: {', '.join(FUNCTIONS)}",
        )
    count = len(call.arguments)
    if not function.least <= count <= function.most:
        wanted = (
            f"{function.least}"
            if function.least == function.most
            else f"{function.least} to {function.most}"
        )
        raise TerminalError(
            f"{call.function} takes {wanted} argument{'' if function.most == 1 else 's'}, "
            f"but {expression_text(call)} has {count}",
            call.span or span,
            f"write {function.usage}",
        )


def read_embedding(call: Call) -> Embedding:
    """The dimension, combiner and initializer of an EMBEDDING."""
    _, dimension, *rest = call.arguments
    combiner, initializer = [*rest, Literal(value=None), Literal(value=None)][:2]
    check_word(combiner, COMBINERS, call)
    check_word(initializer, INITIALIZERS, call)
    return Embedding(
        dimension=read_size(dimension, call),
        combiner=cast("Combiner", read_word(combiner) or "mean"),
        initializer=read_word(initializer),
    )


def read_word(expression: Expression) -> str | None:
    """A word in lower case; None where there is none."""
    value = expression_value(expression)
    return value.lower() if isinstance(value, str) else None


def check_word(expression: Expression, choices: Sequence[str], call: Call) -> None:
    """Refuse a word that is none of the choices; NONE stands for the default."""
    value = expression_value(expression)
    if value is not None and (not isinstance(value, str) or value.lower() not in choices):
        raise wrong_argument(expression, call, " or ".join(choices))


def read_size(expression: Expression, call: Call) -> int:
    """A whole number from 1."""
    value = expression_value(expression)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MAX_SIZE:
        raise wrong_argument(expression, call, f"a whole number from 1 to {_MAX_SIZE}")
    return value


def read_shape(expression: Expression, call: Call, *, dense: bool) -> tuple[int, ...]:
    """A size or a list of sizes; empty for NONE."""
    value = expression_value(expression)
    items = value if isinstance(value, tuple) else (value,)
    if value is None:
        return ()
    if not items or any(
        isinstance(item, bool) or not isinstance(item, int) or not 1 <= item <= _MAX_SIZE
        for item in items
    ):
        wanted = "a shape such as 4 or [2, 2]" if dense else "a size such as 1000"
        raise wrong_argument(expression, call, wanted)
    return cast("tuple[int, ...]", items)


def read_delimiter(expression: Expression, call: Call) -> str | None:
    """A delimiter, by its name or as a text; None for NONE."""
    value = expression_value(expression)
    if value is None:
        return None
    if isinstance(value, str):
        found = _DELIMITERS.get(value.upper(), value)
        if found and len(found) <= 8:
            return found
    raise wrong_argument(expression, call, 'a delimiter: COMMA, TAB, SPACE or a text such as "|"')


def read_boundaries(expression: Expression, call: Call) -> int | tuple[float, ...]:
    """The boundaries of buckets, or how many buckets there shall be."""
    if not isinstance(expression, ListExpression):
        return read_size(expression, call)
    values = cast("tuple[Value, ...]", expression_value(expression))
    numbers = [
        item for item in values if isinstance(item, int | float) and not isinstance(item, bool)
    ]
    ascending = all(low < high for low, high in pairwise(numbers))
    if not numbers or len(numbers) < len(values) or not ascending:
        raise wrong_argument(
            expression, call, "boundaries in strictly ascending order, such as [0, 10]"
        )
    return tuple(map(float, numbers))


def wrong_argument(expression: Expression, call: Call, wanted: str) -> TerminalError:
    """The error for an argument that is not what a function wants."""
    return TerminalError(
        f"{expression_text(call)} wants {wanted}, but got {expression_text(expression)}",
        expression.span or call.span,
        f"write {FUNCTIONS[call.function.upper()].usage}",
    )
