"""Where the columns come from that a step writes, with the columns that the tables really have."""

from itertools import groupby

from sqlflow_dagster.engines.base import Session
from sqlflow_dagster.graph.columns import Lineage
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef, model_ref
from sqlflow_dagster.graph.program import Program, Step
from sqlflow_dagster.graph.program_lineage import step_lineage as written_lineage
from sqlflow_dagster.ml.models.model import Model
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.model_inputs import ModelInputs, used_model


def step_lineage(
    step: Step, session: Session, context: RunContext, model: Model | None = None
) -> Lineage:
    """Where the columns come from of the one table or model that a step writes.

    Empty where it cannot be told: it is knowledge about a step, never a reason for it to fail.

    Args:
        step: The step, before it has run.
        session: Knows the columns of the tables.
        context: Is told where the lineage is not known.
        model: The model that the step uses.
    """
    if not step.effects.writes or step.effects.loose or step.effects.barrier:
        return {}
    tables = {
        ref: columns
        for ref in step.reads | step.writes
        if ref.kind is ObjectKind.TABLE and (columns := session.columns(ref.parts)) is not None
    }
    schema = {ref: [column.name for column in columns] for ref, columns in tables.items()}
    labels = {}
    used = used_model(step)
    if model is not None and used is not None:
        ref, label = model_ref(used.name.parts), model.manifest.label.name
        features = dict.fromkeys(source.column for source in model.source_columns())
        schema[ref], labels[ref] = [*features, label], label
    try:
        written = written_lineage(step, schema, labels)
    except RecursionError as error:
        context.progress.note(f"the lineage of the columns is not known: {error}")
        return {}
    return next(iter(written.values())).lineage() if len(written) == 1 else {}


def outside_columns(program: Program, context: RunContext) -> dict[ObjectRef, list[str]]:
    """The columns of the tables and the features of the models that a program does not make first.

    What is not there is left out.
    """
    found: dict[ObjectRef, list[str]] = {}
    tables = (ref for ref in program.inputs if ref.kind is ObjectKind.TABLE)
    inputs = sorted(tables, key=lambda ref: (ref.datasource, ref.name))
    for datasource, refs in groupby(inputs, key=lambda ref: ref.datasource):
        with context.on(datasource).engine.session() as session:
            for ref in refs:
                columns = session.columns(ref.parts)
                if columns is not None:
                    found[ref] = [column.name for column in columns]
    for (ref, version), sources in ModelInputs.stored(program.steps, context).sources.items():
        if version is None and ref in program.inputs:
            found[ref] = list(dict.fromkeys(source.column for source in sources))
    return found
