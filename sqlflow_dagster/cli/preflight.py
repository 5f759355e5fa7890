"""What stands against a program in a data source, found before anything of it runs."""

from sqlflow_dagster.errors import Diagnostic
from sqlflow_dagster.graph.objects import ObjectRef
from sqlflow_dagster.graph.program import Program
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.preflight import missing_inputs
from sqlflow_dagster.runtime.rehearsal import rehearse


def problems_before(
    program: Program,
    context: RunContext,
    steps: frozenset[int] | None = None,
    *,
    made: frozenset[ObjectRef] = frozenset(),
) -> list[Diagnostic]:
    """The tables and models that are missing; where none is, the statements that the engine refuses.

    Args:
        program: The program.
        context: The data source.
        steps: The indexes of the steps that will run; None for all.
        made: What programs that run before make.

    Raises:
        TransientError: The data source cannot be reached or is locked.
    """
    missing = missing_inputs(program, context, steps, made=made)
    # Nobody knows yet which columns a table has that another program will have made anew.
    if missing or program.inputs & made:
        return missing
    return rehearse(program, context, steps)
