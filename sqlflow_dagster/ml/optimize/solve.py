"""The solution of a linear problem: by HiGHS, or by another solver through Pyomo."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import Any

import numpy as np

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.graph.optimization import GAP, HIGHS, TIME_LIMIT
from sqlflow_dagster.ml.optimize.coefficients import Numbers
from sqlflow_dagster.ml.optimize.problem import LinearProblem


class Status(StrEnum):
    """How good a solution is."""

    OPTIMAL = "optimal"
    TIME_LIMIT = "time limit"  # obeys every constraint; a better one was not ruled out


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """The values of the variables.

    Attributes:
        values: One for each variable of the problem.
        status: How good they are.
        gap: How far from the best they may be, as a share of the objective; None where that is not told.
    """

    values: Numbers
    status: Status
    gap: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a solver may stop.

    Attributes:
        seconds: The longest time; None for no limit.
        gap: How far from the best a solution may be, as a share of the objective; None for the solver's own.
    """

    seconds: float | None = None
    gap: float | None = None


def solve(problem: LinearProblem, solver: str = HIGHS, limits: Limits | None = None) -> Solution:
    """Solve a problem.

    Args:
        problem: The problem.
        solver: One of :data:`sqlflow_dagster.graph.optimization.SOLVERS`.
        limits: When it may stop.

    Raises:
        TerminalError: There is no solution, no best one, or none was found in time; or the solver is not there.
    """
    limits = limits or Limits()
    if solver == HIGHS:
        return _highs(problem, limits)
    from sqlflow_dagster.ml.optimize.pyomo import solve_with_pyomo

    return solve_with_pyomo(problem, solver, limits)


def infeasible() -> TerminalError:
    """The error for a problem without a solution."""
    return TerminalError(
        "no values of the variables obey all constraints",
        hint="loosen a constraint, or allow more values: see var_type",
    )


def unbounded(problem: LinearProblem) -> TerminalError:
    """The error for a problem whose objective has no end."""
    direction = "above" if problem.maximize else "below"
    return TerminalError(
        f"the objective has no bound {direction}",
        hint="add the constraint that keeps the variables from growing for ever",
    )


def unsolvable(
    problem: LinearProblem, solve_again: Callable[[LinearProblem], Solution]
) -> TerminalError:
    """The error for a problem of which a solver only tells that it is infeasible or unbounded.

    Args:
        problem: The problem.
        solve_again: Solves another one; without costs, only the first can be the case.
    """
    solve_again(replace(problem, costs=np.zeros_like(problem.costs)))
    return unbounded(problem)


def too_late(limits: Limits) -> TerminalError:
    """The error for a solver that found nothing in time."""
    return TerminalError(
        f"no solution was found in {limits.seconds:g} seconds",
        hint=f"give it longer with {TIME_LIMIT}, or settle for less with {GAP}",
    )


class _Status(IntEnum):
    """How HiGHS ended, by scipy's numbers; 4 is anything else."""

    OPTIMAL = 0
    LIMIT = 1
    INFEASIBLE = 2
    UNBOUNDED = 3


def _highs(problem: LinearProblem, limits: Limits) -> Solution:
    result = _milp(problem, limits)
    match result.status:
        case _Status.OPTIMAL:
            return Solution(values=result.x, status=Status.OPTIMAL, gap=result.mip_gap)
        case _Status.LIMIT if result.x is not None:
            return Solution(values=result.x, status=Status.TIME_LIMIT, gap=result.mip_gap)
        case _Status.LIMIT:
            raise too_late(limits)
        case _Status.INFEASIBLE:
            raise infeasible()
        case _Status.UNBOUNDED:
            raise unbounded(problem)
        case _ if "infeasible" in result.message:
            raise unsolvable(problem, lambda other: _highs(other, limits))
        case _:
            raise TerminalError(f"HiGHS gave up: {result.message}")


def _milp(problem: LinearProblem, limits: Limits) -> Any:
    """Ask HiGHS; the result is scipy's own."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

    shape = (len(problem.row_lower), len(problem.costs))
    matrix = coo_array((problem.values, (problem.rows, problem.columns)), shape=shape).tocsr()
    given = {"time_limit": limits.seconds, "mip_rel_gap": limits.gap}
    return milp(
        -problem.costs if problem.maximize else problem.costs,
        integrality=problem.integer.astype(int),
        bounds=Bounds(problem.lower, problem.upper),
        constraints=LinearConstraint(matrix, problem.row_lower, problem.row_upper),
        options={name: value for name, value in given.items() if value is not None},
    )
