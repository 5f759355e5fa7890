"""Before anything runs: watermarks that no table has."""

from collections.abc import Iterable

from sqlflow_dagster.engines.base import Column
from sqlflow_dagster.engines.table_statistics import watermark
from sqlflow_dagster.errors import Diagnostic
from sqlflow_dagster.graph.objects import ObjectRef
from sqlflow_dagster.graph.program import Program
from sqlflow_dagster.graph.retraining import retraining, retraining_scope, without_watermark
from sqlflow_dagster.lang.statements import TrainStatement
from sqlflow_dagster.runtime.context import RunContext


def missing_watermarks(
    program: Program, context: RunContext, steps: frozenset[int] | None
) -> list[Diagnostic]:
    """A diagnostic for each ``retrain.watermark`` that is a column of none of the watched tables.

    Nothing is said while one of them is not there yet.

    Args:
        program: The program.
        context: Where to look.
        steps: The indexes of the steps that will run; None for all.
    """
    problems = []
    for segment in program.segments:
        for index in segment.steps:
            statement = program.steps[index].statement
            if not isinstance(statement, TrainStatement) or (
                steps is not None and index not in steps
            ):
                continue
            when = retraining(statement)
            if when is None or when.watermark is None:
                continue
            tables = _columns(retraining_scope(program, segment).watched, context)
            if tables is None or any(watermark(item, when.watermark) for item in tables.values()):
                continue
            names = {ref: [column.name for column in item] for ref, item in tables.items()}
            problems.append(without_watermark(statement, names))
    return problems


def _columns(
    tables: Iterable[ObjectRef], context: RunContext
) -> dict[ObjectRef, tuple[Column, ...]] | None:
    """The columns of tables; None where one of them is not there."""
    found = {}
    for ref in tables:
        with context.on(ref.datasource).engine.session() as session:
            columns = session.columns(ref.parts)
        if columns is None:
            return None
        found[ref] = columns
    return found
