"""What TO MAXIMIZE and TO MINIMIZE ask for, as far as the text of the statement tells it."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import CompileError, Diagnostic, did_you_mean
from sqlflow_dagster.graph.columns import bare
from sqlflow_dagster.graph.linear_forms import (
    COMPARISONS,
    LinearForm,
    NotLinearError,
    columns,
    extent,
    linear_form,
    of_the_row,
)
from sqlflow_dagster.lang.expressions import (
    PRECEDENCE,
    Chain,
    Expression,
    Literal,
    Name,
    expression_text,
)
from sqlflow_dagster.lang.statements import (
    Attribute,
    Constraint,
    OptimizeStatement,
    Sense,
    attribute,
)
from sqlflow_dagster.source import Span

VARIABLES = "variables"
VARIABLE_TYPE = "var_type"
TIME_LIMIT = "optimize.time_limit"
GAP = "optimize.mip_gap"
ATTRIBUTES = (VARIABLES, VARIABLE_TYPE, TIME_LIMIT, GAP)
HIGHS = "highs"
# A closed list: a library that is asked for a solver it does not know runs the program of that name.
SOLVERS = (
    *(HIGHS, "appsi_highs", "baron", "cbc", "copt", "cplex", "glpk", "gurobi", "mosek", "scip"),
    "xpress",
)
"""What USING may name; all but HiGHS are asked through Pyomo."""

_EXAMPLE = 'write variables = "amount(product)", with the columns that tell rows apart'


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """The values that a variable may take, by Pyomo's name for them; a bound belongs to it."""

    name: str
    integer: bool = False
    lower: float = -math.inf
    upper: float = math.inf


DOMAINS = {
    domain.name.lower(): domain
    for domain in (
        Domain(name="Binary", integer=True, lower=0, upper=1),
        Domain(name="Boolean", integer=True, lower=0, upper=1),
        Domain(name="Integers", integer=True),
        Domain(name="NonNegativeIntegers", integer=True, lower=0),
        Domain(name="PositiveIntegers", integer=True, lower=1),
        Domain(name="NonPositiveIntegers", integer=True, upper=0),
        Domain(name="NegativeIntegers", integer=True, upper=-1),
        Domain(name="Reals"),
        Domain(name="NonNegativeReals", lower=0),
        Domain(name="PositiveReals", lower=0),
        Domain(name="NonPositiveReals", upper=0),
        Domain(name="NegativeReals", upper=0),
        Domain(name="UnitInterval", lower=0, upper=1),
        Domain(name="PercentFraction", lower=0, upper=1),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearConstraint:
    """``form <= 0``, ``form >= 0`` or ``form = 0``.

    Attributes:
        group_by: The column whose values make the groups that sums are over; None for all rows.
        text: As written.
    """

    form: LinearForm
    operator: str
    group_by: str | None = None
    text: str
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimization:
    """An optimisation: a decision variable for each row of a SELECT.

    Attributes:
        variable: The name of the variable.
        keys: The columns that the table of the solution tells rows apart by.
        domain: The values that the variable may take.
        maximize: Whether the objective is to be large.
        objective: A sum over all rows.
        constraints: What a solution obeys.
        solver: Who solves it, one of :data:`SOLVERS`.
        time_limit: In seconds; None for no limit.
        gap: How far from the best a solution may be, as a share of the objective; None for the solver's default.
    """

    variable: str
    keys: tuple[str, ...]
    domain: Domain
    maximize: bool
    objective: LinearForm
    constraints: tuple[LinearConstraint, ...]
    solver: str
    time_limit: float | None
    gap: float | None

    @property
    def forms(self) -> tuple[tuple[LinearForm, str | None], ...]:
        """The objective, then the constraints, each with the column whose groups its sums are over."""
        constraints = ((item.form, item.group_by) for item in self.constraints)
        return ((self.objective, None), *constraints)

    @property
    def result_column(self) -> str:
        """The column of the solution: the variable's name, with ``_value`` where a key has that name."""
        taken = {key.lower() for key in self.keys}
        if self.variable.lower() not in taken:
            return self.variable
        stem = name = f"{self.variable}_value"
        number = 1
        while name.lower() in taken:
            name = f"{stem}_{number}"
            number += 1
        return name


def read_optimization(statement: OptimizeStatement) -> Optimization:
    """What a statement asks for.

    Raises:
        CompileError: With each part that is missing, wrong or not linear.
    """
    reader = _Reader(statement)
    variable, keys = reader.variables()
    optimization = Optimization(
        variable=variable,
        keys=keys,
        domain=reader.domain(),
        maximize=statement.sense is Sense.MAXIMIZE,
        objective=reader.objective(variable),
        constraints=tuple(reader.constraints(variable)),
        solver=reader.solver(),
        time_limit=reader.number(TIME_LIMIT, above_zero=True),
        gap=reader.number(GAP, above_zero=False),
    )
    if reader.problems:
        raise CompileError(reader.problems)
    return optimization


def named_columns(statement: OptimizeStatement) -> Iterator[Name]:
    """The columns that a statement names, with their places; nothing where ``variables`` is wrong."""
    reader = _Reader(statement)
    variable, keys = reader.variables()
    if reader.problems:
        return
    item = attribute(statement, VARIABLES)
    yield from (Name(name=key, span=item.expression.span if item else None) for key in keys)
    for expression in (statement.objective, *(item.expression for item in statement.constraints)):
        yield from (name for name in columns(expression) if name.name.lower() != variable.lower())
    for constraint in statement.constraints:
        if constraint.group_by is not None:
            group = constraint.group_by
            yield Name(name=bare(group.parts[-1]), span=group.span)


def hidden_columns(statement: OptimizeStatement, names: Sequence[str]) -> list[Diagnostic]:
    """A diagnostic where the decision variable has the name of a column that is no key of the solution.

    Args:
        statement: The statement.
        names: The columns of its SELECT.
    """
    reader = _Reader(statement)
    variable, keys = reader.variables()
    taken = {name.lower() for name in names} - {key.lower() for key in keys}
    if reader.problems or variable.lower() not in taken:
        return []
    item = attribute(statement, VARIABLES)
    return [
        Diagnostic(
            code=Code.INVALID_ATTRIBUTE,
            message=f"the variable {variable!r} has the name of a column of the SELECT",
            span=item.expression.span if item else statement.span,
            hint="give the variable another name",
        )
    ]


_VARIABLES = re.compile(r"\s*([^(),]*?)\s*(?:\(([^()]*)\))?\s*")


class _Reader:
    """Reads the parts of a statement and keeps what is wrong with them."""

    def __init__(self, statement: OptimizeStatement) -> None:
        self._statement = statement
        self.problems: list[Diagnostic] = []

    def _refuse(self, message: str, span: Span | None, hint: str | None = None) -> None:
        place = span or self._statement.span
        self.problems.append(
            Diagnostic(code=Code.INVALID_ATTRIBUTE, message=message, span=place, hint=hint)
        )

    def _given(self, name: str, hint: str) -> Attribute | None:
        item = attribute(self._statement, name)
        if item is None:
            self._refuse(f"WITH gives no {name}", self._statement.span, hint)
        return item

    def variables(self) -> tuple[str, tuple[str, ...]]:
        """The name of the decision variable and the columns that its rows are told apart by."""
        item = self._given(VARIABLES, _EXAMPLE)
        if item is None:
            return "", ()
        span = item.expression.span or item.span
        match = _VARIABLES.fullmatch(item.value) if isinstance(item.value, str) else None
        if match is None or not match[1]:
            self._refuse(f"{VARIABLES} is not of the form name(column, …)", span, _EXAMPLE)
            return "", ()
        listed = match[1] if match[2] is None else match[2]
        keys = tuple(bare(key.strip()) for key in listed.split(","))
        if not all(keys) or len({key.lower() for key in keys}) < len(keys):
            self._refuse(f"{VARIABLES} names a column twice, or none", span, _EXAMPLE)
        return match[1], keys

    def domain(self) -> Domain:
        """The values that the variable may take."""
        known = ", ".join(domain.name for domain in DOMAINS.values())
        item = self._given(VARIABLE_TYPE, f"one of {known}")
        domain = DOMAINS.get(str(item.value).lower()) if item is not None else None
        if item is not None and domain is None:
            names = [domain.name for domain in DOMAINS.values()]
            hint = did_you_mean(str(item.value), names) or f"one of {known}"
            self._refuse(f"unknown {VARIABLE_TYPE} {item.value!r}", item.expression.span, hint)
        return domain or Domain(name="")

    def solver(self) -> str:
        """Who solves it."""
        name = (self._statement.solver or HIGHS).lower()
        if name not in SOLVERS:
            hint = did_you_mean(name, SOLVERS) or f"one of {', '.join(SOLVERS)}"
            self._refuse(
                f"unknown solver {self._statement.solver!r}", self._statement.solver_span, hint
            )
        return name

    def number(self, name: str, *, above_zero: bool) -> float | None:
        """An attribute that is a number from 0."""
        item = attribute(self._statement, name)
        if item is None:
            return None
        value = item.value
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or value < 0 or (above_zero and value == 0):  # type: ignore[operator]
            wanted = "a number above 0" if above_zero else "a number from 0"
            self._refuse(f"{item.name} must be {wanted}, and is {value!r}", item.span)
            return None
        return float(value)  # type: ignore[arg-type]

    def objective(self, variable: str) -> LinearForm:
        """The objective; nothing where the variable is not known."""
        try:
            return _objective(self._statement.objective, variable) if variable else LinearForm()
        except NotLinearError as error:
            self.problems.append(error.diagnostic)
            return LinearForm()

    def constraints(self, variable: str) -> Iterator[LinearConstraint]:
        """The constraints that can be understood."""
        for item in self._statement.constraints if variable else ():
            try:
                yield _constraint(item, variable)
            except NotLinearError as error:
                self.problems.append(error.diagnostic)


def _objective(expression: Expression, variable: str) -> LinearForm:
    form = linear_form(expression, variable)
    if not form.has_variable:
        raise NotLinearError(f"the variable {variable!r} is not in the objective", expression)
    if form.summed is None or of_the_row(form.constant):
        message = "the objective must be one number for all rows, and differs from row to row"
        raise NotLinearError(message, expression, f"write SUM(…) around what holds {variable!r}")
    return form


def _constraint(constraint: Constraint, variable: str) -> LinearConstraint:
    expression = constraint.expression
    first, operator, bound = _compared(expression, variable)
    right = linear_form(bound, variable).times(Literal(value=-1))
    form = linear_form(first, variable).plus(right)
    if not form.has_variable:
        raise NotLinearError(f"the variable {variable!r} is not in this constraint", expression)
    group = bare(constraint.group_by.parts[-1]) if constraint.group_by is not None else None
    if group is not None and not form.sums:
        message = (
            "GROUP BY is for a constraint with SUM; without it a constraint holds for each row"
        )
        raise NotLinearError(message, expression, "leave GROUP BY out")
    return LinearConstraint(
        form=form,
        operator=operator,
        group_by=group,
        text=expression_text(expression) + (f" GROUP BY {group}" if group else ""),
        span=extent(expression),
    )


def _compared(expression: Expression, variable: str) -> tuple[Expression, str, Expression]:
    """The two sides of a comparison and its operator."""
    match expression:
        case Chain(rest=((("<" | ">" | "!=") as operator, _),)):
            message = (
                f"{operator} has no bound that is reached: a constraint compares with <=, >= or ="
            )
            hint = f"write {operator}=" if operator != "!=" else None
            raise NotLinearError(message, expression, hint)
        case Chain(first=first, rest=((operator, bound),)) if operator in COMPARISONS:
            return first, operator, bound
        case Chain() if expression.strength <= PRECEDENCE["="]:
            linear_form(expression, variable)  # Says why it cannot be.
        case _:
            pass
    raise NotLinearError("a constraint compares two expressions with <=, >= or =", expression)
