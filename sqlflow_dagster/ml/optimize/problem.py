"""A linear problem as a solver takes it: vectors, and a sparse matrix."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.graph.optimization import LinearConstraint, Optimization
from sqlflow_dagster.ml.optimize.coefficients import Numbers, Rows

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearProblem:
    """Find ``x`` for which ``costs @ x`` is least, ``row_lower <= A @ x <= row_upper`` and ``lower <= x <= upper``.

    ``A`` has ``values[k]`` at ``(rows[k], columns[k])``; entries at one place add up.

    Attributes:
        costs: One for each variable, shape (n,); those of the decision variables come first.
        maximize: Whether the greatest ``costs @ x`` is wanted instead.
        offset: Added to the objective.
        rows: Of the entries of the matrix.
        columns: Of the entries.
        values: The entries.
        row_lower: A lower bound for each row, shape (m,).
        row_upper: An upper bound for each row, shape (m,).
        lower: A lower bound for each variable.
        upper: An upper bound for each variable.
        integer: Whether a variable is whole, for each.
        decisions: How many of the variables the statement asks for.
    """

    costs: Numbers
    maximize: bool
    offset: float
    rows: Places
    columns: Places
    values: Numbers
    row_lower: Numbers
    row_upper: Numbers
    lower: Numbers
    upper: Numbers
    integer: NDArray[np.bool_]
    decisions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Rows of the matrix; ``sums`` is how many more variables they bring."""

    rows: Places
    columns: Places
    values: Numbers
    lower: Numbers
    upper: Numbers
    sums: int = 0


_NO_PLACES, _NO_NUMBERS = np.empty(0, dtype=np.int64), np.empty(0)
_NOTHING = _Block(
    rows=_NO_PLACES,
    columns=_NO_PLACES,
    values=_NO_NUMBERS,
    lower=_NO_NUMBERS,
    upper=_NO_NUMBERS,
)


def linear_problem(optimization: Optimization, rows: Rows) -> LinearProblem:
    """The problem of a statement.

    A constraint without SUM is a row of the matrix for each row of the SELECT; one with SUM is a row for each
    group, with the tightest of the bounds that its rows give. Where the rows of a group ask for different
    combinations (``x <= 0.5 * SUM(x)``), each sum is a variable of its own, so that the matrix stays sparse.

    Raises:
        TerminalError: A constraint contradicts itself.
    """
    n = rows.keys.num_rows
    objective = optimization.objective
    assert objective.summed is not None
    costs = rows.numbers(objective.summed)
    blocks, variables, height = [_NOTHING], n, 0
    for constraint in optimization.constraints:
        block = _block(constraint, rows, variables, height)
        blocks.append(block)
        variables += block.sums
        height += len(block.lower)
    domain = optimization.domain
    free = variables - n
    return LinearProblem(
        costs=np.concatenate([costs, np.zeros(free)]),
        maximize=optimization.maximize,
        offset=float(rows.numbers(objective.constant)[0]),
        rows=np.concatenate([item.rows for item in blocks]),
        columns=np.concatenate([item.columns for item in blocks]),
        values=np.concatenate([item.values for item in blocks]),
        row_lower=np.concatenate([item.lower for item in blocks]),
        row_upper=np.concatenate([item.upper for item in blocks]),
        lower=np.concatenate([np.full(n, domain.lower), np.full(free, -np.inf)]),
        upper=np.concatenate([np.full(n, domain.upper), np.full(free, np.inf)]),
        integer=np.concatenate([np.full(n, domain.integer), np.zeros(free, dtype=bool)]),
        decisions=n,
    )


def _block(constraint: LinearConstraint, rows: Rows, variables: int, height: int) -> _Block:
    """The rows of a constraint, in a matrix that has this many variables and rows so far."""
    form, group = constraint.form, constraint.group_by
    bound = -rows.numbers(form.constant, group)
    anything = np.full(len(bound), np.inf)
    lower = bound if constraint.operator in {">=", "="} else -anything
    upper = bound if constraint.operator in {"<=", "="} else anything
    every = np.arange(len(bound))
    if form.summed is not None:
        members, count = _members(group, rows)
        highest, lowest = np.full(count, -np.inf), np.full(count, np.inf)
        np.maximum.at(highest, members, lower)
        np.minimum.at(lowest, members, upper)
        _check_crossed(constraint, rows, highest, lowest)
        values = rows.numbers(form.summed, group)
        return _Block(
            rows=height + members, columns=every, values=values, lower=highest, upper=lowest
        )
    own = rows.numbers(form.coefficient, group)
    block = _Block(rows=height + every, columns=every, values=own, lower=lower, upper=upper)
    return _with_sums(block, constraint, rows, variables, height) if form.sums else block


def _members(group: str | None, rows: Rows) -> tuple[Places, int]:
    """The place of each row's group, and how many groups there are."""
    if group is None:
        return np.zeros(rows.keys.num_rows, dtype=np.int64), 1
    values, members = rows.groups[group.lower()]
    return members, len(values)


def _check_crossed(
    constraint: LinearConstraint, rows: Rows, lower: Numbers, upper: Numbers
) -> None:
    """Refuse a sum that is to equal two numbers, because the rows of a group give two."""
    crossed = np.flatnonzero(lower > upper)
    if not len(crossed):
        return
    place = int(crossed[0])
    where = ""
    if constraint.group_by is not None:
        value = rows.groups[constraint.group_by.lower()][0][place].as_py()
        where = f" where {constraint.group_by} is {value!r}"
    raise TerminalError(
        f"{constraint.text} asks for both {upper[place]:.10g} and {lower[place]:.10g}{where}",
        constraint.span,
        hint="what stands beside the SUM must be the same in all rows that it is over",
    )


def _with_sums(
    block: _Block, constraint: LinearConstraint, rows: Rows, variables: int, height: int
) -> _Block:
    """A block of one row for each row of the SELECT, with sums over groups in it.

    Each sum of each group is a variable ``s``, after the ``variables`` that there are: a row below the block
    says that ``SUM(coefficient * x) - s = 0``.
    """
    form, group = constraint.form, constraint.group_by
    members, count = _members(group, rows)
    every = np.arange(len(members))
    parts = [(block.rows, block.columns, block.values)]
    below = height + len(members)
    for number, item in enumerate(form.sums):
        sums = variables + number * count
        defined = below + number * count
        parts += [
            (height + every, sums + members, rows.numbers(item.factor, group)),
            (defined + members, every, rows.numbers(item.coefficient, group)),
            (defined + np.arange(count), sums + np.arange(count), np.full(count, -1.0)),
        ]
    added = len(form.sums) * count
    return _Block(
        rows=np.concatenate([part[0] for part in parts]),
        columns=np.concatenate([part[1] for part in parts]),
        values=np.concatenate([part[2] for part in parts]),
        lower=np.concatenate([block.lower, np.zeros(added)]),
        upper=np.concatenate([block.upper, np.zeros(added)]),
        sums=added,
    )
