"""Solvers against problems whose answers can be counted."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.ml.optimize.problem import LinearProblem
from sqlflow_dagster.ml.optimize.solution import Limits, Status
from sqlflow_dagster.ml.optimize.solve import solve

INFINITY = float("inf")
SOLVERS = pytest.mark.parametrize("solver", ["highs", "appsi_highs"])


def problem(
    costs: list[float],
    matrix: list[list[float]],
    upper: list[float],
    *,
    maximize: bool = True,
    most: float = INFINITY,
    integer: bool = False,
) -> LinearProblem:
    """Variables from 0 to ``most`` and rows that are at most ``upper``."""
    table = np.array(matrix, dtype=float).reshape(len(upper), len(costs))
    rows, columns = np.indices(table.shape)
    n = len(costs)
    return LinearProblem(
        costs=np.array(costs, dtype=float),
        maximize=maximize,
        offset=0.0,
        rows=rows.ravel(),
        columns=columns.ravel(),
        values=table.ravel(),
        row_lower=np.full(len(upper), -INFINITY),
        row_upper=np.array(upper, dtype=float),
        lower=np.zeros(n),
        upper=np.full(n, most),
        integer=np.full(n, integer),
        decisions=n,
    )


WORKSHOP = ([3.0, 2.0], [[2.0, 1.0], [1.0, 1.0], [1.0, 0.0]], [100.0, 80.0, 40.0])


@SOLVERS
@pytest.mark.parametrize("integer", [True, False], ids=["whole", "real"])
def test_known_answer(solver: str, integer: bool) -> None:
    solution = solve(problem(*WORKSHOP, integer=integer), solver)
    assert solution.values == pytest.approx([20, 60])
    assert solution.status is Status.OPTIMAL


@SOLVERS
def test_limits_are_accepted(solver: str) -> None:
    limits = Limits(seconds=60, gap=0.5)
    solution = solve(problem(*WORKSHOP, integer=True), solver, limits)
    assert 90 <= float(np.array(WORKSHOP[0]) @ solution.values) <= 180.0001


@SOLVERS
@pytest.mark.parametrize("integer", [True, False], ids=["whole", "real"])
@pytest.mark.parametrize(
    ("upper", "message"),
    [
        pytest.param([-1.0], "no values of the variables obey all constraints", id="infeasible"),
        pytest.param([INFINITY], "the objective has no bound above", id="unbounded"),
    ],
)
def test_no_answer(solver: str, integer: bool, upper: list[float], message: str) -> None:
    with pytest.raises(TerminalError, match=message):
        solve(problem([1.0, 1.0], [[1.0, 2.0]], upper, integer=integer), solver)


def test_a_solver_that_is_not_installed() -> None:
    with pytest.raises(TerminalError, match="the solver 'glpk' is not installed") as caught:
        solve(problem(*WORKSHOP), "glpk")
    assert caught.value.hint is not None
    assert "leave USING out" in caught.value.hint


def test_a_solver_without_pyomo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyomo.environ", None)
    with pytest.raises(
        TerminalError, match="asked through Pyomo, which is not installed"
    ) as caught:
        solve(problem(*WORKSHOP), "cbc")
    assert caught.value.hint is not None
    assert "sqlflow-dagster[pyomo]" in caught.value.hint


def market_split(markets: int = 4, products: int = 30) -> LinearProblem:
    """Split each market in two halves: easily done badly, and hardly done well."""
    demand = np.random.default_rng(1).integers(0, 100, (markets, products)).astype(float)
    slack = np.eye(markets)
    n, m = products, markets
    half = np.floor(demand.sum(axis=1) / 2)
    split = problem([0.0] * n + [1.0] * 2 * m, np.hstack([demand, slack, -slack]).tolist(), [*half])
    return replace(
        split,
        maximize=False,
        row_lower=half,
        upper=np.array([1.0] * n + [INFINITY] * 2 * m),
        integer=np.array([True] * n + [False] * 2 * m),
        decisions=n,
    )


def test_the_best_so_far_is_taken_at_the_time_limit() -> None:
    posed = market_split()
    solution = solve(posed, limits=Limits(seconds=0.5))
    assert solution.status is Status.TIME_LIMIT
    assert solution.gap is not None
    assert solution.gap > 0
    table = np.zeros((4, len(posed.costs)))
    table[posed.rows, posed.columns] = posed.values
    assert table @ solution.values == pytest.approx(posed.row_upper, abs=1e-4)


NUMBERS = st.integers(-5, 5).map(float)


@given(data=st.data(), n=st.integers(1, 4), m=st.integers(0, 3), maximize=st.booleans())
@settings(max_examples=60, deadline=None)
def test_small_whole_problems_are_solved_as_by_trying_everything(
    data: st.DataObject, n: int, m: int, maximize: bool
) -> None:
    costs = data.draw(st.lists(NUMBERS, min_size=n, max_size=n))
    row = st.lists(NUMBERS, min_size=n, max_size=n)
    matrix = data.draw(st.lists(row, min_size=m, max_size=m))
    upper = data.draw(st.lists(NUMBERS, min_size=m, max_size=m))
    tried = np.array(list(product(range(4), repeat=n)), dtype=float)
    allowed = tried[(tried @ np.array(matrix).reshape(m, n).T <= upper).all(axis=1)]
    posed = problem(costs, matrix, upper, maximize=maximize, most=3, integer=True)
    if not len(allowed):
        with pytest.raises(TerminalError, match="no values of the variables"):
            solve(posed)
        return
    found = solve(posed).values
    assert found == pytest.approx(np.rint(found), abs=1e-6)
    best = (allowed @ costs).max() if maximize else (allowed @ costs).min()
    assert float(found @ costs) == pytest.approx(best)
