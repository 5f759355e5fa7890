"""The coefficients of an optimisation, computed by the SQL engine.

One SELECT over the user's own gives a row for each decision variable: the columns that tell the rows apart, the
columns that make groups, and every coefficient. Only what is connected by ``+ - * /`` and the aggregates of
:data:`~sqlflow_dagster.graph.linear_forms.AGGREGATES` gets there; all numbers are doubles, so that no engine
divides whole numbers its own way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlglot import exp

from sqlflow_dagster.engines.base import Column
from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.graph.linear_forms import SUM, ZERO, LinearForm, columns
from sqlflow_dagster.graph.optimization import Optimization
from sqlflow_dagster.lang.dialects import lexis
from sqlflow_dagster.lang.expressions import (
    Call,
    Chain,
    Expression,
    Literal,
    Name,
    expression_text,
)
from sqlflow_dagster.source import Span

Numbers: TypeAlias = NDArray[np.float64]
_ROWS = "sqlflow_rows"
_AGGREGATES: dict[str, type[exp.AggFunc]] = {
    SUM: exp.Sum,
    "AVG": exp.Avg,
    "MIN": exp.Min,
    "MAX": exp.Max,
    "COUNT": exp.Count,
}
_INVERSE = {"+": "-", "-": "+", "*": "/", "/": "*"}
_OPERATORS: dict[str, type[exp.Binary]] = {"+": exp.Add, "-": exp.Sub, "*": exp.Mul, "/": exp.Div}


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """An expression over the columns.

    Attributes:
        expression: What is computed.
        group_by: Its aggregates are over the groups of this column; None for all rows.
        part: What it is a coefficient of, as written.
        span: Where that stands.
    """

    expression: Expression
    group_by: str | None = None
    part: str = field(default="", compare=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoefficientQuery:
    """What to ask of the engine, and how to read the answer.

    Attributes:
        sql: The SELECT.
        keys: The columns that tell rows apart, as the engine spells them; the first columns of the answer.
        groups: The columns that make groups, folded to lower case; they come next.
        coefficients: The rest.
    """

    sql: str
    keys: tuple[str, ...]
    groups: tuple[str, ...]
    coefficients: tuple[Coefficient, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The answer: an entry of every array for each row of the SELECT.

    Attributes:
        keys: The columns that tell rows apart.
        groups: By column, the values of its groups and the place of each row's group among them.
        values: The numbers of each coefficient that is no constant.
    """

    keys: pa.Table
    groups: dict[str, tuple[pa.Array, NDArray[np.int64]]]
    values: dict[Coefficient, Numbers]

    def numbers(self, expression: Expression, group_by: str | None = None) -> Numbers:
        """The values of an expression, one for each row."""
        if isinstance(expression, Literal):
            return np.full(self.keys.num_rows, expression.value, dtype=np.float64)
        return self.values[Coefficient(expression=expression, group_by=group_by)]


def coefficient_query(
    query: str, optimization: Optimization, given: Sequence[Column], dialect: str
) -> CoefficientQuery:
    """The SELECT that gives the coefficients.

    Args:
        query: The SELECT of the user, which stands in it word for word.
        optimization: What is asked for.
        given: The columns of that SELECT.
        dialect: The SQL dialect.

    Raises:
        TerminalError: A column is not there, or no number where one is wanted.
    """
    by_name = {column.name.lower(): column for column in given}
    wanted = tuple(dict.fromkeys(_wanted(optimization)))
    for item in wanted:
        for name in columns(item.expression):
            check_number(name, _found(name.name, by_name, name.span))
    keys = tuple(_found(key, by_name).name for key in optimization.keys)
    groups = tuple(
        dict.fromkeys(item.group_by.lower() for item in optimization.constraints if item.group_by)
    )
    writer = _Writer(by_name)
    selected = [
        *(writer.column(key) for key in keys),
        *(writer.column(group).as_(f"sqlflow_group_{n}") for n, group in enumerate(groups)),
        *(writer.coefficient(item).as_(f"sqlflow_number_{n}") for n, item in enumerate(wanted)),
    ]
    written = ", ".join(item.sql(dialect=lexis(dialect).sqlglot) for item in selected)
    return CoefficientQuery(
        sql=f"SELECT {written} FROM (\n{query}\n) AS {_ROWS}",
        keys=keys,
        groups=groups,
        coefficients=wanted,
    )


def check_number(name: Name, column: Column) -> None:
    """Refuse a column that holds no numbers.

    Raises:
        TerminalError: With the place of the column in the program.
    """
    kind = column.arrow_type
    checks = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    # A column of NULLs has no type in some engines; its values are refused later.
    if not any(check(kind) for check in checks) and not pa.types.is_null(kind):
        raise TerminalError(
            f"column {column.name!r} is of type {column.type}, and a number is wanted",
            name.span,
            hint="convert it in the SELECT",
        )


def _found(name: str, by_name: dict[str, Column], span: Span | None = None) -> Column:
    column = by_name.get(name.lower())
    if column is None:
        names = [item.name for item in by_name.values()]
        raise TerminalError(
            f"column {name!r} is not among the columns of the SELECT: {', '.join(names)}",
            span,
            hint=did_you_mean(name, names),
        )
    return column


def _wanted(optimization: Optimization) -> Iterator[Coefficient]:
    """Each coefficient; before those that are computed from them, the columns that they name."""
    yield from _of_form(optimization.objective, Coefficient(expression=ZERO, part="the objective"))
    for item in optimization.constraints:
        like = Coefficient(expression=ZERO, group_by=item.group_by, part=item.text, span=item.span)
        yield from _of_form(item.form, like)


def _of_form(form: LinearForm, like: Coefficient) -> Iterator[Coefficient]:
    for expression in form.parts if form.summed is None else (form.constant, form.summed):
        if isinstance(expression, Literal):
            continue
        for name in columns(expression):
            yield Coefficient(expression=Name(name=name.name.lower(), span=name.span))
        yield replace(like, expression=expression)


class _Writer:
    """Writes expressions as SQL."""

    def __init__(self, columns: dict[str, Column]) -> None:
        self._columns = columns

    def column(self, name: str) -> exp.Expr:
        return exp.column(exp.to_identifier(_found(name, self._columns).name, quoted=True))

    def coefficient(self, item: Coefficient) -> exp.Expr:
        partition = [] if item.group_by is None else [self.column(item.group_by)]
        return self._number(item.expression, partition)

    def _number(self, expression: Expression, partition: list[exp.Expr]) -> exp.Expr:
        match expression:
            case Literal(value=int() | float() as number):
                return _double(exp.Literal.number(repr(float(number))))
            case Name(name=name):
                column = self.column(name)
                if pa.types.is_boolean(_found(name, self._columns).arrow_type):
                    column = exp.cast(column, "int")
                return _double(column)
            case Chain(first=first, rest=rest):
                return self._chain((("", first), *rest), partition)
            case Call(function=function, arguments=(argument,)):
                inner = self._number(argument, partition)
                aggregate = _AGGREGATES[function](this=inner)
                over = exp.Window(this=aggregate, partition_by=[item.copy() for item in partition])
                return _double(over)
            case _:
                raise AssertionError(f"no linear form holds {expression_text(expression)}")

    def _chain(
        self, operands: Sequence[tuple[str, Expression]], partition: list[exp.Expr]
    ) -> exp.Expr:
        """Operands, each with the operator before it, as a tree of few levels: engines refuse a thousand."""
        if len(operands) == 1:
            return self._number(operands[0][1], partition)
        middle = (len(operands) + 1) // 2
        operator, right = operands[middle][0], operands[middle:]
        if operator in {"-", "/"}:  # a - b + c is a - (b - c).
            right = [(_INVERSE[sign], operand) for sign, operand in right]
        sides = self._chain(operands[:middle], partition), self._chain(right, partition)
        return exp.paren(_OPERATORS[operator](this=sides[0], expression=sides[1]), copy=False)


def _double(value: exp.Expr) -> exp.Expr:
    return exp.Cast(this=value, to=exp.DataType(this=exp.DType.DOUBLE))


def read_rows(answer: pa.Table, query: CoefficientQuery) -> Rows:
    """The answer of the engine as arrays.

    Raises:
        TerminalError: A coefficient is no number: NULL, infinite, or divided by zero.
    """
    values: dict[Coefficient, Numbers] = {}
    first = len(query.keys) + len(query.groups)
    for item, column in zip(query.coefficients, answer.columns[first:], strict=True):
        numbers = pc.cast(column, pa.float64()).to_numpy()
        wrong = int(np.count_nonzero(~np.isfinite(numbers)))
        if wrong:
            raise _no_number(item, wrong, column.null_count)
        values[item] = numbers
    groups = {}
    for name, column in zip(query.groups, answer.columns[len(query.keys) : first], strict=True):
        coded = column.combine_chunks().dictionary_encode(null_encoding="encode")
        groups[name] = (coded.dictionary, coded.indices.to_numpy().astype(np.int64))
    # Two engines number columns of one name, so names come from the query.
    keys = answer.select(range(len(query.keys))).rename_columns(list(query.keys))
    return Rows(keys=keys, groups=groups, values=values)


def _no_number(item: Coefficient, wrong: int, nulls: int) -> TerminalError:
    rows = f"{wrong} row" if wrong == 1 else f"{wrong} rows"
    if isinstance(item.expression, Name):
        what = "NULL" if nulls else "not a finite number"
        return TerminalError(
            f"column {item.expression.name!r} is {what} in {rows}",
            item.expression.span,
            hint="leave these rows out of the SELECT, or give them a number: COALESCE(…, 0)",
        )
    names = dict.fromkeys(name.name for name in columns(item.expression))
    return TerminalError(
        f"a coefficient of {item.part} is not a finite number in {rows}",
        item.span,
        hint=f"it divides by zero, or is too large: look at {', '.join(names)}",
    )
