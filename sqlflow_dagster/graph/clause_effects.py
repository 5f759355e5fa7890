"""What the clause of a machine-learning statement reads and writes."""

from sqlflow_dagster.graph.effects import Effects, Mode, Write
from sqlflow_dagster.graph.objects import Names, ObjectRef, model_ref
from sqlflow_dagster.lang.statements import (
    EvaluateStatement,
    ExplainStatement,
    OptimizeStatement,
    PredictStatement,
    QualifiedName,
    QueryStatement,
    RunStatement,
    TrainStatement,
)


def clause_effects(statement: QueryStatement, names: Names) -> Effects:
    """What a statement reads and writes, its SELECT left out.

    Args:
        statement: The statement.
        names: How its names are resolved.
    """
    match statement:
        case TrainStatement(into=into, base_model=base):
            reads = frozenset({model_ref(base.name.parts)} if base else ())
            return Effects(reads=reads, writes=_replaces(model_ref(into.parts)))
        case PredictStatement(into=into, model=model):
            reads = frozenset({model_ref(model.name.parts)})
            return Effects(reads=reads, writes=_replaces(names.named(into)))
        case EvaluateStatement(into=into, model=model) | ExplainStatement(into=into, model=model):
            reads = frozenset({model_ref(model.name.parts)})
            return Effects(reads=reads, writes=_table_written(into, names))
        case RunStatement(into=tables):
            writes = tuple(Write(ref=names.named(item), mode=Mode.REPLACE) for item in tables)
            # Without INTO nobody can tell what the image does.
            return Effects(writes=writes, barrier=not writes)
        case OptimizeStatement(into=into):
            return Effects(writes=_replaces(names.named(into)))


def _replaces(ref: ObjectRef) -> tuple[Write, ...]:
    return (Write(ref=ref, mode=Mode.REPLACE),)


def _table_written(into: QualifiedName | None, names: Names) -> tuple[Write, ...]:
    return () if into is None else _replaces(names.named(into))
