"""Expressions of an optimisation as linear forms in the decision variable.

The coefficients stay expressions over the columns of the SELECT: the SQL engine computes them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic
from sqlflow_dagster.graph.columns import bare
from sqlflow_dagster.lang.expressions import (
    Call,
    Chain,
    Expression,
    ListExpression,
    Literal,
    Name,
    Unary,
    chain,
    expression_text,
)
from sqlflow_dagster.source import Span

ZERO = Literal(value=0)
ONE = Literal(value=1)
SUM = "SUM"
AGGREGATES = (SUM, "AVG", "MIN", "MAX", "COUNT")
COMPARISONS = ("<=", ">=", "=")
_OTHER_COMPARISONS = frozenset({"<", ">", "!="})
_ARITHMETIC = frozenset({"+", "-", "*", "/"})
_LOGIC = frozenset({"AND", "OR", "NOT"})
_IN_THE_SELECT = "compute it as a column of the SELECT"
_JOINED = re.compile(r"[-/]")


class NotLinearError(Exception):
    """An expression that is not linear in the decision variable; carries the diagnostic."""

    def __init__(self, message: str, expression: Expression, hint: str | None = None) -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic(
            code=Code.NOT_LINEAR, message=message, span=extent(expression), hint=hint
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedSum:
    """``factor * SUM(coefficient * variable)``, neither of them with the variable in it."""

    factor: Expression
    coefficient: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearForm:
    """``sums + coefficient * variable + constant``, as it holds for one row of the SELECT.

    Attributes:
        sums: Over the variables of all rows, or of the row's group.
        coefficient: Of the row's own variable.
        constant: What is left.
    """

    sums: tuple[WeightedSum, ...] = ()
    coefficient: Expression = ZERO
    constant: Expression = ZERO

    @property
    def has_variable(self) -> bool:
        """Whether the decision variable occurs in it."""
        return bool(self.sums) or self.coefficient != ZERO

    @property
    def parts(self) -> tuple[Expression, ...]:
        """All expressions that it is made of."""
        sums = (part for item in self.sums for part in (item.factor, item.coefficient))
        return (self.constant, self.coefficient, *sums)

    @property
    def summed(self) -> Expression | None:
        """The coefficient of each row's variable in the one sum that the form is.

        None where the form is no sum, or is another one for each row of a group.
        """
        if not self.sums or self.coefficient != ZERO:
            return None
        if any(of_the_row(item.factor) for item in self.sums):
            return None
        total: Expression = ZERO
        for item in self.sums:
            total = _plus(total, _times(item.factor, item.coefficient))
        return total

    def plus(self, other: "LinearForm") -> "LinearForm":
        """The sum of two forms."""
        return LinearForm(
            sums=self.sums + other.sums,
            coefficient=_plus(self.coefficient, other.coefficient),
            constant=_plus(self.constant, other.constant),
        )

    def times(self, factor: Expression) -> "LinearForm":
        """The form times an expression without the variable."""
        return LinearForm(
            sums=tuple(
                WeightedSum(factor=_times(factor, item.factor), coefficient=item.coefficient)
                for item in self.sums
            ),
            coefficient=_times(factor, self.coefficient),
            constant=_times(factor, self.constant),
        )


def linear_form(expression: Expression, variable: str) -> LinearForm:
    """An expression as a linear form.

    Args:
        expression: Without a comparison.
        variable: The name of the decision variable; case does not count.

    Raises:
        NotLinearError: It is not linear in the variable, or means nothing here.
    """
    match expression:
        case Literal(value=bool() | None) | ListExpression():
            raise NotLinearError("a number or a column is wanted here", expression)
        case Literal(value=str(name), span=span):
            return _column(Name(name=name, span=span), variable)
        case Literal():
            return LinearForm(constant=expression)
        case Name(name=name):
            joined = _JOINED.search(name)
            if joined is not None:
                sign = joined.group()
                message = f"{name!r} is one name: a name may hold {sign!r}"
                hint = f"write blanks around {sign!r}, or quotes around it if it is a column"
                raise NotLinearError(message, expression, hint)
            return _column(Name(name=bare(name), span=expression.span), variable)
        case Unary(operator="-", operand=operand):
            return linear_form(operand, variable).times(Literal(value=-1))
        case Chain(first=first, rest=rest):
            misplaced = next((sign for sign, _ in rest if sign not in _ARITHMETIC), None)
            if misplaced is not None:
                raise _misplaced(expression, misplaced)
            form = linear_form(first, variable)
            for operator, operand in rest:
                form = _connected(form, operator, operand, expression, variable)
            return form
        case Call():
            return _aggregate(expression, variable)
        case Unary(operator=operator):
            raise _misplaced(expression, operator)


def columns(expression: Expression) -> Iterator[Name]:
    """The names in an expression, quoted ones included, without the table before them."""
    for leaf in _leaves(expression):
        match leaf:
            case Name(name=name, span=span):
                yield Name(name=bare(name), span=span)
            case Literal(value=str(name), span=span):
                yield Name(name=name, span=span)
            case _:
                pass


def extent(expression: Expression) -> Span | None:
    """The place of an expression from its first word to its last."""
    spans = [span for leaf in _leaves(expression) if (span := leaf.span) is not None]
    if expression.span is not None:
        spans.append(expression.span)
    if not spans:
        return None
    return spans[0].source.span(min(s.start for s in spans), max(s.end for s in spans))


def of_the_row(expression: Expression) -> bool:
    """Whether an expression names a column outside of an aggregate, so that the rows of a group may differ."""
    match expression:
        case Name():
            return True
        case Unary(operand=operand):
            return of_the_row(operand)
        case Chain(operands=operands):
            return any(map(of_the_row, operands))
        case _:
            return False


def _leaves(expression: Expression) -> Iterator[Expression]:
    match expression:
        case Unary(operand=operand):
            yield from _leaves(operand)
        case Chain(operands=items) | Call(arguments=items) | ListExpression(items=items):
            for item in items:
                yield from _leaves(item)
        case _:
            yield expression


def _column(name: Name, variable: str) -> LinearForm:
    if name.name.lower() == variable.lower():
        return LinearForm(coefficient=ONE)
    return LinearForm(constant=name)


def _connected(
    left: LinearForm, operator: str, operand: Expression, whole: Expression, variable: str
) -> LinearForm:
    """A form connected with one more operand of ``whole``."""
    match operator:
        case "+":
            return left.plus(linear_form(operand, variable))
        case "-":
            return left.plus(linear_form(operand, variable).times(Literal(value=-1)))
        case "*":
            return _product(left, linear_form(operand, variable), whole, variable)
        case _:
            return _quotient(left, linear_form(operand, variable), whole, variable)


def _product(left: LinearForm, right: LinearForm, whole: Expression, variable: str) -> LinearForm:
    if not left.has_variable:
        return right.times(left.constant)
    if not right.has_variable:
        return left.times(right.constant)
    message = f"the variable {variable!r} is multiplied by itself: this is not linear"
    raise NotLinearError(message, whole)


def _quotient(
    left: LinearForm, divisor: LinearForm, whole: Expression, variable: str
) -> LinearForm:
    if divisor.has_variable:
        message = f"the variable {variable!r} stands in a denominator: this is not linear"
        hint = "multiply both sides of the constraint by the denominator"
        raise NotLinearError(message, whole, hint)
    if divisor.constant == ZERO:
        raise NotLinearError("this is divided by zero", whole)
    if left.has_variable:
        return left.times(_calculated("/", ONE, divisor.constant))
    return LinearForm(constant=_calculated("/", left.constant, divisor.constant))


def _aggregate(call: Call, variable: str) -> LinearForm:
    function = call.function.upper()
    if function not in AGGREGATES:
        message = f"{call.function} is none of {', '.join(AGGREGATES)}"
        raise NotLinearError(message, call, _IN_THE_SELECT)
    if len(call.arguments) != 1:
        raise NotLinearError(f"{function} takes one expression", call)
    (argument,) = call.arguments
    for inner in _calls(argument):
        message = f"{inner.function.upper()} stands inside {function}"
        raise NotLinearError(message, inner, f"write it beside {function}, or {_IN_THE_SELECT}")
    form = linear_form(argument, variable)
    if not form.has_variable:
        return LinearForm(constant=Call(function=function, arguments=(form.constant,)))
    if function != SUM:
        hint = "write SUM(…) / COUNT(…)" if function == "AVG" else None
        message = f"{function} of the variable {variable!r} is not understood, only SUM is"
        raise NotLinearError(message, call, hint)
    constant = form.constant
    return LinearForm(
        sums=(WeightedSum(factor=ONE, coefficient=form.coefficient),),
        constant=ZERO if constant == ZERO else Call(function=SUM, arguments=(constant,)),
    )


def _calls(expression: Expression) -> Iterator[Call]:
    match expression:
        case Call():
            yield expression
        case Unary(operand=operand):
            yield from _calls(operand)
        case Chain(operands=operands):
            for operand in operands:
                yield from _calls(operand)
        case _:
            return


def _misplaced(expression: Expression, operator: str) -> NotLinearError:
    if operator in _LOGIC:
        hint = "a comma separates constraints" if operator == "AND" else None
        return NotLinearError(f"{operator} is not linear", expression, hint)
    if operator in COMPARISONS or operator in _OTHER_COMPARISONS:
        return NotLinearError(
            "a comparison stands where a number is wanted",
            expression,
            "write two constraints: 1 <= x, x <= 5",
        )
    return NotLinearError(f"{operator} is not understood here", expression, _IN_THE_SELECT)


def _plus(left: Expression, right: Expression) -> Expression:
    if left == ZERO:
        return right
    return left if right == ZERO else _calculated("+", left, right)


def _times(left: Expression, right: Expression) -> Expression:
    if ZERO in (left, right):
        return ZERO
    if left == ONE:
        return right
    return left if right == ONE else _calculated("*", left, right)


def _calculated(operator: str, left: Expression, right: Expression) -> Expression:
    """Two expressions connected, or the number that it is."""
    whole = chain(left, [(operator, right)])
    match left, right:
        case Literal(value=int() | float() as first), Literal(value=int() | float() as second):
            pass
        case _:
            return whole
    try:
        number = _number(operator, first, second)
    except OverflowError:
        number = float("inf")
    if abs(number) > _LARGEST:
        raise NotLinearError(f"{expression_text(whole)} is too large a number", whole)
    return Literal(value=number)


_LARGEST = 1e300


def _number(operator: str, first: float, second: float) -> float:
    match operator:
        case "+":
            return first + second
        case "*":
            return first * second
        case _:
            return first / second
