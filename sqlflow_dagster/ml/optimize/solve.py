"""The solution of a linear problem: by HiGHS, or by another solver through Pyomo."""

from dataclasses import dataclass
from enum import StrEnum

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


def too_late(limits: Limits) -> TerminalError:
    """The error for a solver that found nothing in time."""
    return TerminalError(
        f"no solution was found in {limits.seconds:g} seconds",
        hint=f"give it longer with {TIME_LIMIT}, or settle for less with {GAP}",
    )


_OPTIMAL, _LIMIT, _INFEASIBLE, _UNBOUNDED = range(4)  # scipy's status; 4 is anything else


def _highs(problem: LinearProblem, limits: Limits) -> Solution:
    result = _milp(problem, limits, problem.costs)
    if result.status == _OPTIMAL:
        return Solution(values=result.x, status=Status.OPTIMAL, gap=result.mip_gap)
    if result.status == _LIMIT:
        if result.x is None:
            raise too_late(limits)
        return Solution(values=result.x, status=Status.TIME_LIMIT, gap=result.mip_gap)
    if result.status == _INFEASIBLE:
        raise infeasible()
    # HiGHS often tells no more than that one of the two is the case: without costs only one is possible.
    anything = _milp(problem, limits, np.zeros_like(problem.costs))
    if anything.status == _INFEASIBLE:
        raise infeasible()
    if anything.status == _OPTIMAL and (
        result.status == _UNBOUNDED or "nbounded" in result.message
    ):
        raise unbounded(problem)
    raise TerminalError(f"HiGHS gave up: {result.message}")


def _milp(problem: LinearProblem, limits: Limits, costs: Numbers):  # type: ignore[no-untyped-def]
    """Ask HiGHS; the result is scipy's own, which has no type."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

    shape = (len(problem.row_lower), len(costs))
    matrix = coo_array((problem.values, (problem.rows, problem.columns)), shape=shape).tocsr()
    given = {"time_limit": limits.seconds, "mip_rel_gap": limits.gap}
    return milp(
        -costs if problem.maximize else costs,
        integrality=problem.integer.astype(int),
        bounds=Bounds(problem.lower, problem.upper),
        constraints=LinearConstraint(matrix, problem.row_lower, problem.row_upper),
        options={name: value for name, value in given.items() if value is not None},
    )
