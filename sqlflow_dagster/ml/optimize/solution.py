"""What a solver answers: the values of the variables, or the error that says why there are none."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.graph.optimization import GAP, TIME_LIMIT
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
