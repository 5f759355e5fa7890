"""Solvers other than HiGHS, asked through Pyomo."""

from typing import Any

import numpy as np

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.graph.optimization import GAP
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

_GAP_OPTIONS = {
    "appsi_highs": "mip_rel_gap",
    "baron": "EpsR",
    "cbc": "ratioGap",
    "cplex": "mip_tolerances_mipgap",
    "glpk": "mipgap",
    "gurobi": "MIPGap",
    "mosek": "dparam.mio_tol_rel_gap",
    "scip": "limits/gap",
    "xpress": "miprelstop",
}
"""What each solver calls the gap at which it may stop."""


def solve_with_pyomo(problem: LinearProblem, solver: str, limits: Limits) -> Solution:
    """Solve a problem with a solver that Pyomo knows.

    Args:
        problem: The problem.
        solver: Its name there.
        limits: When it may stop.

    Raises:
        TerminalError: As :func:`sqlflow_dagster.ml.optimize.solve.solve` does.
    """
    try:
        import pyomo.environ as pyo
    except ImportError:
        raise TerminalError(
            f"the solver {solver!r} is asked through Pyomo, which is not installed",
            hint="pip install 'sqlflow-dagster[pyomo]', or leave USING out: HiGHS is there",
        ) from None
    factory = pyo.SolverFactory(solver)
    if not factory.available(exception_flag=False):
        raise TerminalError(
            f"the solver {solver!r} is not installed",
            hint="install its program, or leave USING out: HiGHS is there",
        )
    if limits.gap is not None:
        if solver not in _GAP_OPTIONS:
            raise TerminalError(f"the solver {solver!r} takes no {GAP}")
        factory.options[_GAP_OPTIONS[solver]] = limits.gap
    timed = {} if limits.seconds is None else {"timelimit": limits.seconds}
    model = _model(problem, pyo)
    result = factory.solve(model, load_solutions=False, **timed)
    return _solution(model, result, problem, solver, limits)


def _model(problem: LinearProblem, pyo: Any) -> Any:
    """The problem in Pyomo's terms."""
    model = pyo.ConcreteModel()
    places = range(len(problem.costs))
    model.x = pyo.Var(
        places,
        domain=lambda _, i: pyo.Integers if problem.integer[i] else pyo.Reals,
        bounds=lambda _, i: (_bound(problem.lower[i]), _bound(problem.upper[i])),
    )
    model.objective = pyo.Objective(
        expr=sum(float(cost) * model.x[i] for i, cost in enumerate(problem.costs)),
        sense=pyo.maximize if problem.maximize else pyo.minimize,
    )
    model.rows = pyo.ConstraintList()
    terms: list[list[Any]] = [[] for _ in problem.row_lower]
    for row, column, value in zip(problem.rows, problem.columns, problem.values, strict=True):
        terms[row].append(float(value) * model.x[int(column)])
    for row, lower, upper in zip(terms, problem.row_lower, problem.row_upper, strict=True):
        bounds = _bound(lower), _bound(upper)
        if row and bounds != (None, None):
            model.rows.add((bounds[0], sum(row), bounds[1]))
    return model


def _bound(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _solution(
    model: Any, result: Any, problem: LinearProblem, solver: str, limits: Limits
) -> Solution:
    from pyomo.opt import TerminationCondition

    condition = result.solver.termination_condition
    stopped = condition == TerminationCondition.maxTimeLimit
    match condition:
        case TerminationCondition.infeasible:
            raise infeasible()
        case TerminationCondition.unbounded:
            raise unbounded(problem)
        case TerminationCondition.infeasibleOrUnbounded:
            raise unsolvable(problem, lambda other: solve_with_pyomo(other, solver, limits))
        case TerminationCondition.optimal:
            pass
        case _ if stopped and len(result.solution):
            pass
        case _ if stopped:
            raise too_late(limits)
        case _:
            raise TerminalError(f"the solver {solver!r} gave up: {condition}")
    model.solutions.load_from(result)
    values = np.array([float(model.x[i].value or 0.0) for i in range(len(problem.costs))])
    return Solution(values=values, status=Status.TIME_LIMIT if stopped else Status.OPTIMAL)
