"""Asset checks that come with a program."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster import AssetCheckExecutionContext

from sqlflow_dagster.asset_graph import AssetGraph
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.statements import PredictStatement
from sqlflow_dagster.resources import run_context_of
from sqlflow_dagster.translator import safe_name

ROW_CHECK = "as_many_rows_as_its_input"


def program_checks(
    graph: AssetGraph, resources: Mapping[str, Any]
) -> list[dg.AssetChecksDefinition]:
    """The checks of all programs: each prediction table has a row for each row of its SELECT.

    Args:
        graph: The assets.
        resources: The resources of the assets, by key.
    """
    found = []
    for item in graph.segments:
        step = item.program.steps[item.segment.steps[-1]]
        if isinstance(step.statement, PredictStatement) and not step.reads & step.writes:
            # A table that is predicted in place has replaced its input: nothing is left to compare.
            statement = step.statement
            found.append(
                _row_check(item.program.name, step, statement, item.specs[0].key, resources)
            )
    return found


def _row_check(
    program: str,
    step: Step,
    statement: PredictStatement,
    key: dg.AssetKey,
    resources: Mapping[str, Any],
) -> dg.AssetChecksDefinition:
    spec = dg.AssetCheckSpec(
        name=ROW_CHECK,
        asset=key,
        description="The table has as many rows as the SELECT that was predicted on.",
    )

    @dg.multi_asset_check(
        name=safe_name(f"{program}__{step.name}__rows"),
        specs=[spec],
        resource_defs=dict(resources),
        required_resource_keys=set(resources),
    )
    def count_rows(context: AssetCheckExecutionContext) -> dg.AssetCheckResult:
        engine = run_context_of(context, program).engine
        with engine.session(prefix=step.prefix) as session:
            written = session.count(f"SELECT * FROM {engine.quote(statement.into.parts)}")
            given = session.count(statement.query.sql)
        return dg.AssetCheckResult(
            asset_key=key,
            check_name=ROW_CHECK,
            passed=written == given,
            metadata={"rows of the table": written, "rows of the SELECT": given},
        )

    return count_rows
