"""Asset checks that come with a program."""

import dagster as dg
from dagster import AssetCheckExecutionContext

from sqlflow_dagster.asset_graph import AssetGraph, SegmentSpecs
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.statements import PredictStatement
from sqlflow_dagster.resources import OpResources
from sqlflow_dagster.runtime.temp_tables import rebuild_missing_tables

ROW_CHECK = "as_many_rows_as_its_input"


def program_checks(graph: AssetGraph, resources: OpResources) -> list[dg.AssetChecksDefinition]:
    """The checks of all programs: each prediction table has a row for each row of its SELECT.

    Args:
        graph: The assets.
        resources: The resources of the assets.
    """
    found = []
    for item in graph.segments:
        step = item.program.steps[item.segment.steps[-1]]
        if isinstance(step.statement, PredictStatement) and not _changed_later(step, item):
            found.append(_row_check(item, step, step.statement, resources))
    return found


def _changed_later(step: Step, item: SegmentSpecs) -> bool:
    """Whether what a prediction was made of, or the prediction itself, is written again.

    Then nothing is left to compare, or it may be gone at any moment of the check.
    """
    later = item.program.steps[step.index + 1 :]
    written = step.writes.union(*(other.writes for other in later))
    return bool(written & step.reads or any(other.writes & step.writes for other in later))


def _row_check(
    item: SegmentSpecs, step: Step, statement: PredictStatement, resources: OpResources
) -> dg.AssetChecksDefinition:
    key = item.specs[0].key
    spec = dg.AssetCheckSpec(
        name=ROW_CHECK,
        asset=key,
        description="The table has as many rows as the SELECT that was predicted on.",
    )

    @dg.multi_asset_check(
        name=f"{item.op_name}__rows",
        specs=[spec],
        resource_defs=dict(resources.definitions),
        required_resource_keys=set(resources.definitions),
    )
    def count_rows(context: AssetCheckExecutionContext) -> dg.AssetCheckResult:
        with resources.running(context, item.program.name) as run_context:
            engine = run_context.engine
            rebuild_missing_tables(step, run_context)
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
