"""The solution of a linear problem: by HiGHS, or by another solver through Pyomo."""

from enum import IntEnum
from typing import Any

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.graph.optimization import HIGHS
from sqlflow_dagster.ml.optimize.problem import LinearProblem
from sqlflow_dagster.ml.optimize.solution import (
    Limits,
    Solution,
    Status,
    infeasible,
    too_late,
    unbounded,
    unsolvable,
)


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
