"""Where every column of a program's tables and models comes from.

The statements are followed in the order of the text, each with what those before it have made. What a program
cannot tell, such as the columns of a table that it only reads, is said to be unknown; nothing here fails.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlglot import exp

from sqlflow_dagster.graph.column_lineage import query_columns
from sqlflow_dagster.graph.columns import ANY, NOTHING, Column, ColumnRef, Relation, merged, united
from sqlflow_dagster.graph.effects import Effects, Mode
from sqlflow_dagster.graph.model_lineage import (
    ModelColumns,
    evaluated,
    explained,
    predicted,
    trained,
)
from sqlflow_dagster.graph.objects import Names, ObjectKind, ObjectRef, model_ref
from sqlflow_dagster.graph.output_names import Naming, engine_name
from sqlflow_dagster.graph.program import Program
from sqlflow_dagster.graph.statement_lineage import Written, written_columns
from sqlflow_dagster.lang.standard import Rejection, parse_sql, quiet_parser
from sqlflow_dagster.lang.statements import (
    EvaluateStatement,
    ExplainStatement,
    ModelReference,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What statements have made.

    Attributes:
        owner: Tells those apart that make one version of it.
        relation: Its columns with what they come from.
        shown: The same columns for those who read it: each comes from itself.
        label: Of a model.
    """

    owner: object
    relation: Relation
    shown: Relation
    label: str | None = None


@dataclass(slots=True)
class ColumnTracker:
    """What is known of the columns of tables and models, statement after statement.

    Attributes:
        schema: The columns of tables and the features of models that no statement makes.
        naming: What a column is called that its SELECT gives no name.
        made: What the statements so far have made.
    """

    schema: Schema = field(default_factory=dict)
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
        self._owner = owner
        # CREATE TABLE IF NOT EXISTS leaves a table that is there as it is.
        ensured = {write.ref for write in item.effects.writes if write.mode is Mode.ENSURE}
        kept = ensured & self.made.keys()
        found: dict[ObjectRef, Relation] = {}
        for written in self._written(item):
            for ref, relation in written.items():
                found.pop(ref, None)
                if relation is None:
                    self.made.pop(ref, None)
                    continue
                if ref in kept:
                    continue
                name = (called or {}).get(ref, ref)
                found[ref] = own = _without_itself(relation, name)
                names = [column.name for column in own.columns]
                label = self._label(item.statement) if ref.kind is ObjectKind.MODEL else None
                shown = Relation.of(name, names)
                self.made[ref] = _Made(owner=owner, relation=own, shown=shown, label=label)
        lasting = {write.ref for write in item.effects.writes}
        for ref in found.keys() - lasting:
            del self.made[ref]  # A temporary table of a transaction.
        return {ref: relation for ref, relation in found.items() if ref in lasting}

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
        label = made.label if made is not None else None
        if label is None:
            return ModelColumns(features=found)
        return ModelColumns(features=found.without([label]), label=found.column(label))

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
                if isinstance(tree, Rejection):
                    continue
                try:
                    written = written_columns(tree, names, self.columns, naming=self.naming)
                except RecursionError:
                    continue
                covered |= written.keys()
                if isinstance(tree, _ELSEWHERE):
                    covered |= {write.ref for write in item.effects.writes}
                yield written
        elif isinstance(statement, TemporaryTableStatement):
            covered.add(names.table(statement.table.parts))
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


def _without_itself(relation: Relation, ref: ObjectRef) -> Relation:
    """The columns without the source that says that they stay what they were."""
    return Relation(
        Column(item.name, item.sources - {ColumnRef(ref, item.name)}, item.certain)
        for item in relation.columns
    )


def step_lineage(step: Stated, schema: Schema) -> dict[ObjectRef, Relation]:
    """The columns of what one statement writes, with those they come from.

    Args:
        step: The statement.
        schema: The columns of the tables and the features of the models that there are.
    """
    with quiet_parser():
        return ColumnTracker(schema).follow(step, owner=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedObject:
    """A table, a file or a model that a program makes.

    Attributes:
        ref: The object; an earlier version of a table is called ``t__v1``, as in the graph.
        columns: Its columns, in order, with what they are computed from.
    """

    ref: ObjectRef
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramLineage:
    """Where the columns of a program's tables and models come from.

    Attributes:
        objects: What the program makes, in the order of the text.
    """

    objects: tuple[TracedObject, ...]
    _by_ref: dict[ObjectRef, Relation] = field(init=False, repr=False, compare=False)
    _users: dict[ColumnRef, list[ColumnRef]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        made = {item.ref: Relation(item.columns) for item in self.objects}
        users: dict[ColumnRef, list[ColumnRef]] = defaultdict(list)
        for item in self.objects:
            for column in item.columns:
                for source in sorted(column.sources):
                    users[_folded(source)].append(ColumnRef(item.ref, column.name))
        object.__setattr__(self, "_by_ref", made)
        object.__setattr__(self, "_users", users)

    def column(self, ref: ColumnRef) -> Column | None:
        """A column that the program makes; None for one that it does not."""
        relation = self._by_ref.get(ref.table)
        return relation.column(ref.column) if relation is not None else None

    def find(self, name: str) -> ColumnRef | None:
        """The column of a name such as ``schema.table.column`` or ``model.column``; tables come first.

        Case does not count. A column that the program only reads is found too.
        """
        refs = [*self._by_ref, *dict.fromkeys(source.table for source in self._users)]
        place = len(name)
        while (place := name.rfind(".", 0, place)) > 0:
            owner, column = name[:place].lower(), name[place + 1 :]
            called = [ref for ref in refs if owner in {ref.name.lower(), str(ref).lower()}]
            for ref in sorted(called, key=lambda ref: ref.kind is not ObjectKind.TABLE):
                found = self._named(ref, column)
                if found is not None:
                    return found
        return None

    def _named(self, ref: ObjectRef, column: str) -> ColumnRef | None:
        made = self.column(ColumnRef(ref, column))
        if made is not None:
            return ColumnRef(ref, made.name)
        read = {source for source in self._users if source.table == ref}
        wanted = ColumnRef(ref, column.lower())
        return wanted if wanted in read or ColumnRef(ref, ANY) in read else None

    def names(self) -> list[str]:
        """What :meth:`find` finds, columns without a name left out."""
        made = [
            ColumnRef(item.ref, column.name) for item in self.objects for column in item.columns
        ]
        read = [source for source in self._users if source.table not in self._by_ref]
        return [f"{ref.table.name}.{ref.column}" for ref in (*made, *read) if ref.column != ANY]

    def users(self, ref: ColumnRef) -> tuple[ColumnRef, ...]:
        """The columns that are computed from a column, in the order of the text."""
        found = list(self._users.get(_folded(ref), ()))
        if ref.column != ANY:
            for user in self._users.get(ColumnRef(ref.table, ANY), ()):
                known = self._by_ref[user.table].known(ref.column)
                if user.column == ANY and known is None:
                    found.append(ColumnRef(user.table, ref.column))
                elif user.column != ANY:
                    found.append(user)
        return tuple(dict.fromkeys(found))

    def upstream(self, ref: ColumnRef) -> Iterator[ColumnRef]:
        """All columns that a column is computed from, near ones first."""
        return _reached(
            ref, lambda item: sorted(found.sources) if (found := self.column(item)) else ()
        )

    def downstream(self, ref: ColumnRef) -> Iterator[ColumnRef]:
        """All columns that are computed from a column, near ones first."""
        return _reached(ref, self.users)


def _reached(
    start: ColumnRef, near: Callable[[ColumnRef], Iterable[ColumnRef]]
) -> Iterator[ColumnRef]:
    """What can be reached from a column, itself left out."""
    seen = {_folded(start)}
    ahead = deque(near(start))
    while ahead:
        item = ahead.popleft()
        if _folded(item) not in seen:
            seen.add(_folded(item))
            yield item
            ahead.extend(near(item))


def _folded(ref: ColumnRef) -> ColumnRef:
    return ColumnRef(ref.table, ref.column.lower())


def program_lineage(program: Program, schema: Schema | None = None) -> ProgramLineage:
    """Where the columns of everything that a program makes come from.

    Args:
        program: The program.
        schema: The columns of the tables and the features of the models that it reads and does not make, as
            far as they are known.
    """
    owners: dict[int, int] = {}
    called: dict[int, dict[ObjectRef, ObjectRef]] = {}
    for segment in program.segments:
        names = {item.ref: ObjectRef.of(item.ref.kind, item.parts) for item in segment.outputs}
        for index in segment.steps:
            owners[index], called[index] = segment.index, names
    tracker = ColumnTracker(schema or {})
    found: dict[ObjectRef, Relation] = {}
    with quiet_parser():
        for step in program.steps:
            names = called.get(step.index, {})
            owner = owners.get(step.index)
            for ref, relation in tracker.follow(step, owner=owner, called=names).items():
                found[names.get(ref, ref)] = relation
    return ProgramLineage(
        objects=tuple(
            TracedObject(ref=ref, columns=relation.columns) for ref, relation in found.items()
        )
    )
