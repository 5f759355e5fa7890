"""What is known of the columns of tables and models, statement after statement."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from sqlglot import exp

from sqlflow_dagster.graph.column_lineage import query_columns
from sqlflow_dagster.graph.columns import ANY, NOTHING, Column, ColumnRef, Relation, merged, united
from sqlflow_dagster.graph.effects import Effects, Mode, names_after
from sqlflow_dagster.graph.model_lineage import (
    ModelColumns,
    evaluated,
    explained,
    optimized,
    predicted,
    trained,
    usual_metrics,
)
from sqlflow_dagster.graph.objects import Names, ObjectKind, ObjectRef, model_ref
from sqlflow_dagster.graph.output_names import Naming, engine_name
from sqlflow_dagster.graph.sql_effects import sql_effects
from sqlflow_dagster.graph.statement_lineage import Written, written_columns
from sqlflow_dagster.lang.standard import Rejection, parse_sql
from sqlflow_dagster.lang.statements import (
    EvaluateStatement,
    ExplainStatement,
    ModelReference,
    OptimizeStatement,
    PredictStatement,
    Query,
    QueryStatement,
    SqlStatement,
    Statement,
    TemporaryTableStatement,
    TrainStatement,
    TransactionStatement,
)

Schema = Mapping[ObjectRef, Sequence[str]]
"""The columns of tables, and the features of models, that the program does not make."""


_ELSEWHERE = (exp.Delete, exp.Create, exp.Alter, exp.Comment)
"""The kinds of statements that say all they change of columns, which may be nothing."""


_UNKNOWN = Relation([Column(ANY, certain=False)])


class Stated(Protocol):
    """A statement with its effects."""

    @property
    def statement(self) -> Statement:
        """The statement."""

    @property
    def effects(self) -> Effects:
        """What it reads and writes."""

    @property
    def names(self) -> Names:
        """How its names are resolved."""

    @property
    def views(self) -> tuple[str, ...]:
        """The session statements that stand for TEMP tables and views."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What statements have made.

    Attributes:
        owner: Tells those apart that make one version of it.
        relation: Its columns with what they come from.
        shown: The same columns for those who read it: each comes from itself.
        label: Of a model.
        metrics: What a model is judged by where nobody says.
    """

    owner: object
    relation: Relation
    shown: Relation
    label: str | None = None
    metrics: tuple[str, ...] = ()


@dataclass(slots=True)
class ColumnTracker:
    """What is known of the columns of tables and models, statement after statement.

    Attributes:
        schema: The columns of tables and the features of models that no statement makes.
        labels: Those of the models in ``schema`` whose columns include it.
        naming: What a column is called that its SELECT gives no name.
        made: What the statements so far have made.
    """

    schema: Schema = field(default_factory=dict)
    labels: Mapping[ObjectRef, str] = field(default_factory=dict)
    naming: Naming = engine_name
    made: dict[ObjectRef, _Made] = field(default_factory=dict)
    _outside: dict[ObjectRef, Relation] = field(default_factory=dict)
    _owner: object = None

    def columns(self, ref: ObjectRef) -> Relation:
        """The columns of a table or model as a statement finds them."""
        made = self.made.get(ref)
        if made is None:
            found = self._outside.get(ref)
            if found is None:
                found = self._outside[ref] = Relation.of(ref, self.schema.get(ref))
            return found
        # Statements that make one version of a table are one thing: what they read of it is what they made.
        return made.relation if made.owner == self._owner else made.shown

    def follow(
        self, item: Stated, *, owner: object, called: Mapping[ObjectRef, ObjectRef] | None = None
    ) -> dict[ObjectRef, Relation]:
        """Follow one statement.

        Args:
            item: The statement.
            owner: Equal for statements that make one version of a table together.
            called: What later readers call the objects it writes; by default what they are called.

        Returns:
            The columns of each object it leaves behind, with what they come from.
        """
        found: dict[ObjectRef, Relation] = {}
        # CREATE TABLE IF NOT EXISTS leaves a table that is there as it is.
        ensured = {write.ref for write in item.effects.writes if write.mode is Mode.ENSURE}
        kept = ensured & self.made.keys()
        lasting = {write.ref for write in item.effects.writes}
        with self.at(item, owner=owner):
            for written in self._written(item):
                for ref, relation in written.items():
                    found.pop(ref, None)
                    if relation is None:
                        self.made.pop(ref, None)
                    elif ref not in kept:
                        name = (called or {}).get(ref, ref)
                        found[ref] = self._make(ref, relation, name, item.statement)
            for ref in found.keys() - lasting:
                del self.made[ref]  # A temporary table of a transaction.
        return {ref: relation for ref, relation in found.items() if ref in lasting}

    @contextmanager
    def at(self, item: Stated, *, owner: object) -> Iterator[None]:
        """A block at the place of a statement: the TEMP tables and views that it sees are there."""
        self._owner = owner
        hidden: dict[ObjectRef, _Made | None] = {}
        names = item.names
        for sql in (*item.views, *_setup(item.statement)):
            tree = parse_sql(sql, names.dialect)
            written = self._after(tree, names)
            names = _names_after(tree, names)
            for ref, relation in written.items():
                if relation is not None:
                    hidden.setdefault(ref, self.made.get(ref))
                    self.made[ref] = _Made(owner=owner, relation=relation, shown=relation)
        try:
            yield
        finally:
            for ref, former in hidden.items():
                if former is None:
                    self.made.pop(ref, None)
                else:
                    self.made[ref] = former

    def _after(self, tree: exp.Expr | Rejection, names: Names) -> Written:
        """The columns of what a statement writes; nothing where nobody understands it."""
        if isinstance(tree, Rejection):
            return {}
        try:
            return written_columns(tree, names, self.columns, naming=self.naming)
        except RecursionError:
            return {}

    def _make(
        self, ref: ObjectRef, relation: Relation, name: ObjectRef, statement: Statement
    ) -> Relation:
        """Take note of what a statement makes, under the name that its readers know."""
        own = _without_itself(relation, name)
        shown = Relation.of(name, [column.name for column in own.columns])
        label = self._label(statement) if ref.kind is ObjectKind.MODEL else None
        metrics = usual_metrics(statement) if isinstance(statement, TrainStatement) else ()
        self.made[ref] = _Made(
            owner=self._owner, relation=own, shown=shown, label=label, metrics=metrics
        )
        return own

    def query(
        self, query: Query, names: Names, *, unknown: list[exp.Column] | None = None
    ) -> Relation:
        """The columns of a SELECT; ``unknown`` gets those that none of its tables has."""
        tree = parse_sql(query.sql, names.dialect)
        if isinstance(tree, Rejection):
            return _UNKNOWN
        try:
            return query_columns(tree, names, self.columns, naming=self.naming, unknown=unknown)
        except RecursionError:
            return _UNKNOWN

    def model(self, reference: ModelReference) -> ModelColumns:
        """The columns of a model as a statement finds them."""
        ref = model_ref(reference.name.parts)
        found, made = self.columns(ref), self.made.get(ref)
        label = made.label if made is not None else self.labels.get(ref)
        if label is None:
            return ModelColumns(features=found)
        metrics = made.metrics if made is not None else ()
        return ModelColumns(
            features=found.without([label]), label=found.column(label), metrics=metrics
        )

    def _label(self, statement: Statement) -> str | None:
        if not isinstance(statement, TrainStatement):
            return None
        label = trained(statement, NOTHING, None).label
        return label.name if label is not None else None

    def _written(self, item: Stated) -> Iterator[Written]:
        """The columns that a statement writes, step by step."""
        statement, names = item.statement, item.names
        covered: set[ObjectRef] = set()
        if isinstance(statement, SqlStatement | TransactionStatement):
            inside = [statement] if isinstance(statement, SqlStatement) else statement.statements
            for part in inside:
                tree = parse_sql(part.sql, names.dialect)
                written = self._after(tree, names)
                names = _names_after(tree, names)
                covered |= written.keys()
                if isinstance(tree, _ELSEWHERE):
                    covered |= {write.ref for write in item.effects.writes}
                yield written
        elif isinstance(statement, TemporaryTableStatement):
            covered.add(names.table(statement.table.parts))
            for sql in _setup(statement):
                names = _names_after(parse_sql(sql, names.dialect), names)
            yield dict.fromkeys(covered, self.query(statement.query, names))
        elif isinstance(statement, QueryStatement):
            relation = self._of_model(statement, names)
            if relation is not None:
                covered |= {write.ref for write in item.effects.writes}
                yield dict.fromkeys(covered, relation)
        yield dict(self._guessed(item.effects, covered))

    def _of_model(self, statement: QueryStatement, names: Names) -> Relation | None:
        match statement:
            case TrainStatement(base_model=reference):
                base = self.model(reference) if reference is not None else None
                return trained(statement, self.query(statement.query, names), base).all
            case PredictStatement(model=model):
                return predicted(statement, self.query(statement.query, names), self.model(model))
            case EvaluateStatement(model=model):
                return evaluated(statement, self.query(statement.query, names), self.model(model))
            case ExplainStatement(model=model):
                return explained(statement, self.query(statement.query, names), self.model(model))
            case OptimizeStatement():
                return optimized(statement, self.query(statement.query, names))
            case _:
                return None

    def _guessed(
        self, effects: Effects, covered: set[ObjectRef]
    ) -> Iterator[tuple[ObjectRef, Relation | None]]:
        """What is left of what a statement writes: its columns may come from whatever it reads."""
        reads = [self.columns(ref).columns for ref in sorted(effects.reads)]
        guess = merged(ANY, (column for columns in reads for column in columns), certain=False)
        for write in effects.writes:
            if write.ref in covered or write.ref.kind is ObjectKind.SCHEMA:
                continue
            match write.mode:
                case Mode.DROP:
                    yield write.ref, None
                case Mode.APPEND | Mode.MODIFY | Mode.OVERWRITE:
                    old = self.columns(write.ref)
                    more = Relation(guess.named(column.name) for column in old.columns)
                    yield write.ref, united(old, more)
                case Mode.CREATE | Mode.REPLACE | Mode.ENSURE:
                    yield write.ref, Relation([guess])
                case _:
                    pass


def _names_after(tree: exp.Expression | Rejection, names: Names) -> Names:
    """How names are resolved after a statement that runs on the same connection."""
    return names if isinstance(tree, Rejection) else names_after(names, sql_effects(tree, names))


def _setup(statement: Statement) -> Iterator[str]:
    """The statements that the SELECT of a generated table needs before it."""
    if isinstance(statement, TemporaryTableStatement):
        yield from (item.sql for item in statement.setup)


def _without_itself(relation: Relation, ref: ObjectRef) -> Relation:
    """The columns without the source that says that they stay what they were."""
    return Relation(
        Column(item.name, item.sources - {ColumnRef(ref, item.name)}, item.certain)
        for item in relation.columns
    )
