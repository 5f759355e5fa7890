"""The arguments of COLUMN's functions that are no columns."""

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.lang.column_functions import COLUMN_FUNCTIONS, call_problem
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

COMBINERS = ("sum", "mean", "sqrtn")
INITIALIZERS = ("normal", "uniform", "zeros")

_DELIMITERS = {"COMMA": ",", "TAB": "\t", "SPACE": " "}
_MAX_SIZE = 2**31 - 1


def check_call(call: Call, span: Span | None) -> None:
    """Refuse an unknown function, and one with too few or too many arguments.

    Raises:
        TerminalError: With how the function is written.
    """
    problem = call_problem(call)
    if problem is not None:
        message, hint = problem
        raise TerminalError(message, call.span or span, hint)


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
        f"write {COLUMN_FUNCTIONS[call.function.upper()].usage}",
    )
