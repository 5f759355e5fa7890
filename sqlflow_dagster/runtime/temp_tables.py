"""Generated tables: how one is computed, and computed again where it is missing."""

from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.statements import TemporaryTableStatement
from sqlflow_dagster.runtime.comments import table_comment
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.generated_tables import GeneratedTables
from sqlflow_dagster.runtime.lineage import step_lineage
from sqlflow_dagster.runtime.results import StepResult
from sqlflow_dagster.runtime.sql import written_tables


def run_temporary_table(
    step: Step, statement: TemporaryTableStatement, context: RunContext
) -> StepResult:
    """Compute a SELECT into its generated table, which appears whole or not at all."""
    # Known as ours before it is there: what is half-way when the process dies can be told from a user's.
    owners = GeneratedTables(context.engine, step.datasource)
    (write,) = step.effects.writes
    owners.record(write.ref, program=context.program, time_to_live=statement.time_to_live)
    with context.engine.session(prefix=step.prefix) as session:
        for item in statement.setup:
            session.execute(item.sql)
        comment = table_comment(step, context)
        session.create_table_as(statement.table.parts, statement.query.sql, comment=comment)
        return StepResult(
            tables=written_tables(step, session, context),
            column_lineage=step_lineage(step, session, context),
        )


def rebuild_missing_tables(step: Step, context: RunContext) -> None:
    """Make the generated tables of a step that are not there, as after ``sqlflow temp-tables prune``."""
    for maker in step.temporary_tables:
        statement = maker.statement
        assert isinstance(statement, TemporaryTableStatement)
        with context.engine.session(prefix=maker.settings) as session:
            there = session.relation_kind(statement.table.parts) is not None
        if not there:
            context.progress.note(f"{statement.table} is missing; computing it again")
            rebuild_missing_tables(maker, context)
            run_temporary_table(maker, statement, context)
