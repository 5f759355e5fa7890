"""Asset checks that come with a program."""

import dagster as dg
from dagster import AssetCheckExecutionContext

from sqlflow_dagster.asset_graph import AssetGraph, SegmentSpecs
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.statements import PredictStatement
from sqlflow_dagster.materialization import INPUT_ROWS
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
        later = item.program.steps[step.index + 1 :]
        written = frozenset().union(*(other.writes for other in later))
        # A prediction that is written again may be gone at any moment of its check.
        if isinstance(step.statement, PredictStatement) and not written & step.writes:
            lasting = not (written | step.writes) & step.reads
            found.append(_row_check(item, step, step.statement, resources, lasting=lasting))
    return found


def _row_check(
    item: SegmentSpecs,
    step: Step,
    statement: PredictStatement,
    resources: OpResources,
    *,
    lasting: bool,
) -> dg.AssetChecksDefinition:
    """The check of a prediction.

    Args:
        item: The segment that it is made in.
        step: The step that makes it.
        statement: Its statement.
        resources: Of the asset.
        lasting: Whether what it was made of is still there afterwards; else the rows that the step has read count.
    """
    key = item.specs[0].key
    spec = dg.AssetCheckSpec(
        name=ROW_CHECK,
        asset=key,
        description="The table has as many rows as the SELECT that was predicted on.",
    )

    needed = resources.needed_on({step.datasource})

    @dg.multi_asset_check(
        name=f"{item.op_name}__rows",
        specs=[spec],
        resource_defs=needed,
        required_resource_keys=set(needed),
    )
    def count_rows(context: AssetCheckExecutionContext) -> dg.AssetCheckResult:
        with resources.running(context, item.program.name) as of_program:
            run_context = of_program.on(step.datasource)
            engine = run_context.engine
            if lasting:
                rebuild_missing_tables(step, run_context)
            with engine.session(prefix=step.prefix if lasting else step.settings) as session:
                name = engine.quote(step.names.spelled(statement.into))
                written = session.count(f"SELECT * FROM {name}")
                given = (
                    session.count(statement.query.sql)
                    if lasting
                    else _rows_read(context.instance, key)
                )
        return dg.AssetCheckResult(
            asset_key=key,
            check_name=ROW_CHECK,
            passed=written == given,
            metadata={"rows of the table": written, "rows of the SELECT": given},
        )

    return count_rows


def _rows_read(instance: dg.DagsterInstance, key: dg.AssetKey) -> int:
    """How many rows the step read that made a prediction last.

    Raises:
        dagster.Failure: No run has told.
    """
    event = instance.get_latest_materialization_event(key)
    made = None if event is None else event.asset_materialization
    rows = None if made is None else made.metadata.get(INPUT_ROWS)
    if rows is None or not isinstance(rows.value, int):
        raise dg.Failure(
            description=f"no run has told how many rows {key.to_user_string()} was predicted on\n"
            "hint: materialize it; what it is made of is not there to be counted",
            allow_retries=False,
        )
    return rows.value
