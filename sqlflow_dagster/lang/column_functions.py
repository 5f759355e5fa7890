"""The functions of COLUMN: their names, how each is written, how many arguments it takes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlflow_dagster.errors import did_you_mean
from sqlflow_dagster.lang.expressions import Call, Expression, ListExpression, expression_text


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


COLUMN_FUNCTIONS: Mapping[str, Function] = {
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


def call_problem(call: Call) -> tuple[str, str] | None:
    """What is wrong with a call, and what to do: an unknown function, too few or too many arguments."""
    function = COLUMN_FUNCTIONS.get(call.function.upper())
    if function is None:
        known = f"it has: {', '.join(COLUMN_FUNCTIONS)}"
        hint = did_you_mean(call.function, COLUMN_FUNCTIONS) or known
        return f"COLUMN has no function {call.function}", hint
    count = len(call.arguments)
    if function.least <= count <= function.most:
        return None
    wanted = (
        f"{function.least}"
        if function.least == function.most
        else f"{function.least} to {function.most}"
    )
    return (
        f"{call.function} takes {wanted} argument{'' if function.most == 1 else 's'}, "
        f"but {expression_text(call)} has {count}",
        f"write {function.usage}",
    )


def calls(expression: Expression) -> Iterator[Call]:
    """The calls in an item of COLUMN, the outer ones first."""
    match expression:
        case Call(arguments=arguments):
            yield expression
            for argument in arguments:
                yield from calls(argument)
        case ListExpression(items=items):
            for item in items:
                yield from calls(item)
        case _:
            return
