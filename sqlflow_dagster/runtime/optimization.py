"""TO MAXIMIZE and TO MINIMIZE."""

import numpy as np
import pyarrow as pa

from sqlflow_dagster.errors import StepError, TerminalError
from sqlflow_dagster.graph.optimization import Optimization, read_optimization
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.graph.static_checks import unknown_columns
from sqlflow_dagster.lang.statements import OptimizeStatement
from sqlflow_dagster.ml.optimize.coefficients import coefficient_query, read_rows
from sqlflow_dagster.ml.optimize.problem import LinearProblem, linear_problem
from sqlflow_dagster.ml.optimize.solution import Limits, Solution, Status
from sqlflow_dagster.ml.optimize.solve import solve
from sqlflow_dagster.runtime.comments import table_comment
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.inputs import no_rows, query_columns
from sqlflow_dagster.runtime.lineage import step_lineage
from sqlflow_dagster.runtime.results import StepResult
from sqlflow_dagster.runtime.sql import written_tables


def run_optimize(step: Step, statement: OptimizeStatement, context: RunContext) -> StepResult:
    """Find the best values of the variables and write them, one row for each row of the SELECT.

    The engine computes the coefficients, then the connection is closed: none is held while a solver works.
    """
    optimization = read_optimization(statement)
    with context.engine.session(prefix=step.prefix) as session:
        given = query_columns(session, statement.query)
        for wrong in unknown_columns(statement, [column.name for column in given]):
            raise TerminalError(wrong.message, wrong.span, wrong.hint)
        query = coefficient_query(statement.query.sql, optimization, given, context.engine.dialect)
        lineage = step_lineage(step, session, context)
        try:
            answer = session.read(query.sql).read_all()
        except StepError as error:
            raise error.at(statement.query.span) from error
    if answer.num_rows == 0:
        raise no_rows(statement.query)
    rows = read_rows(answer, query)
    problem = linear_problem(optimization, rows)
    solution = _solved(problem, optimization, context)
    values = solution.values[: problem.decisions]
    if optimization.domain.integer:
        values = np.rint(values)
    objective = float(problem.costs[: problem.decisions] @ values) + problem.offset
    context.progress.note(f"objective value is {objective:.10g}")
    table = rows.keys.append_column(optimization.result_column, _column(values, optimization))
    with context.engine.session(prefix=step.prefix) as session:
        comment = table_comment(step, context)
        session.replace_table(
            step.names.spelled(statement.into), table.to_reader(), comment=comment
        )
        tables = written_tables(step, session, context)
    return StepResult(
        tables=tables,
        input_rows=answer.num_rows,
        column_lineage=lineage,
        details={
            "objective value": objective,
            "solver": optimization.solver,
            "solver status": str(solution.status),
            **({} if solution.gap is None else {"gap": float(solution.gap)}),
            "variables": problem.decisions,
            "constraints": len(problem.row_lower),
        },
    )


def _solved(problem: LinearProblem, optimization: Optimization, context: RunContext) -> Solution:
    context.progress.note(
        f"{optimization.solver} looks for {problem.decisions} values "
        f"under {len(problem.row_lower)} constraints"
    )
    limits = Limits(seconds=optimization.time_limit, gap=optimization.gap)
    solution = solve(problem, optimization.solver, limits)
    if solution.status is Status.TIME_LIMIT:
        known = solution.gap is not None and np.isfinite(solution.gap)
        left = f"; the best is at most {solution.gap:.2%} better" if known else ""
        context.progress.note(f"stopped at the time limit of {limits.seconds:g} seconds{left}")
    return solution


def _column(values: np.ndarray, optimization: Optimization) -> pa.Array:
    if optimization.domain.integer:
        return pa.array(values.astype(np.int64), type=pa.int64())
    return pa.array(values + 0.0, type=pa.float64())  # There is no -0.0 in a plan.
