"""Where every column of a program's tables and models comes from.

The statements are followed in the order of the text, each with what those before it have made. What a program
cannot tell, such as the columns of a table that it only reads, is said to be unknown; nothing here fails.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlflow_dagster.graph.column_tracker import ColumnTracker, Schema, Stated
from sqlflow_dagster.graph.columns import ANY, Column, ColumnRef, Relation
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.graph.program import Program
from sqlflow_dagster.lang.standard import quiet_parser


def step_lineage(
    step: Stated, schema: Schema, labels: Mapping[ObjectRef, str]
) -> dict[ObjectRef, Relation]:
    """The columns of what one statement writes, with those they come from.

    Args:
        step: The statement.
        schema: The columns of the tables and of the models that there are.
        labels: The labels of those models.
    """
    with quiet_parser():
        return ColumnTracker(schema=schema, labels=labels).follow(step, owner=0)


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
            called = [ref for ref in refs if owner in {ref.called.lower(), str(ref).lower()}]
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
        return [f"{ref.table.called}.{ref.column}" for ref in (*made, *read) if ref.column != ANY]

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
        names = {
            item.ref: ObjectRef.of(item.ref.kind, item.parts, item.ref.datasource)
            for item in segment.outputs
        }
        for index in segment.steps:
            owners[index], called[index] = segment.index, names
    tracker = ColumnTracker(schema=schema or {})
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
