"""Where the columns come from that a step writes, with the columns that the tables really have."""

from sqlflow_dagster.engines.base import Session
from sqlflow_dagster.graph.column_lineage import query_lineage
from sqlflow_dagster.graph.columns import ColumnRef, Lineage
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.graph.program import Program, Step
from sqlflow_dagster.graph.program_lineage import step_lineage as written_lineage
from sqlflow_dagster.lang.statements import SqlStatement, TransactionStatement
from sqlflow_dagster.ml.model import Model
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.model_inputs import ModelInputs


def step_lineage(step: Step, sql: str, session: Session, context: RunContext) -> Lineage:
    """The lineage of the columns that a step writes; for a machine-learning one, of its SELECT's.

    Empty where it cannot be told: it is knowledge about a step, never a reason for it to fail.
    """
    if not step.effects.writes or step.effects.loose or step.effects.barrier:
        return {}
    tables = {
        ref: columns
        for ref in step.reads | step.writes
        if ref.kind is ObjectKind.TABLE and (columns := session.columns(ref.parts)) is not None
    }
    schema = {ref: [column.name for column in columns] for ref, columns in tables.items()}
    try:
        if not isinstance(step.statement, SqlStatement | TransactionStatement):
            return query_lineage(sql, step.names, schema)
        written = written_lineage(step, schema)
    except RecursionError as error:
        context.progress.note(f"the lineage of the columns is not known: {error}")
        return {}
    return next(iter(written.values())).lineage() if len(written) == 1 else {}


def feature_lineage(model: Model, lineage: Lineage) -> Lineage:
    """The lineage of each feature of a model, from that of the SELECT it was taken from."""
    folded = {name.lower(): sources for name, sources in lineage.items()}
    names = dict.fromkeys(feature.column for feature in model.feature_columns())
    return {name: folded.get(name.lower(), ()) for name in names}


def all_features(model: Model, lineage: Lineage) -> tuple[ColumnRef, ...]:
    """What a prediction comes from: the columns of all features."""
    found = feature_lineage(model, lineage).values()
    return tuple(sorted({source for sources in found for source in sources}))


def outside_columns(program: Program, context: RunContext) -> dict[ObjectRef, list[str]]:
    """The columns of the tables and the features of the models that a program does not make first.

    What is not there is left out.
    """
    with context.engine.session() as session:
        tables = {
            ref: columns
            for ref in sorted(program.inputs)
            if ref.kind is ObjectKind.TABLE and (columns := session.columns(ref.parts)) is not None
        }
    found = {ref: [column.name for column in columns] for ref, columns in tables.items()}
    for (ref, version), features in ModelInputs.stored(program.steps, context).features.items():
        if version is None and ref in program.inputs:
            found[ref] = list(dict.fromkeys(feature.column for feature in features))
    return found
