"""TEMP tables and TEMP views that are written between BEGIN and COMMIT, and used after it.

The transaction runs on one connection, so its own statements see them. What statements after it use is kept in
generated tables, which the transaction itself makes as its last statements: they are there when it has been
committed, and not otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlflow_dagster.graph.analyzed import AnalyzedStatement
from sqlflow_dagster.graph.effects import Effects, Mode, Write, temporary_refs
from sqlflow_dagster.graph.generated_names import sql_name
from sqlflow_dagster.graph.objects import ObjectRef
from sqlflow_dagster.graph.visible_tables import (
    VisibleTables,
    definition_after,
    made_by_itself,
    makers,
    spliced,
)
from sqlflow_dagster.lang.statements import QualifiedName, SqlStatement, TransactionStatement


def later_uses(statements: Sequence[AnalyzedStatement]) -> dict[int, frozenset[ObjectRef] | None]:
    """For each transaction, the TEMP tables and views that later statements name.

    None where a later statement may use any.
    """
    found: dict[int, frozenset[ObjectRef] | None] = {}
    named: set[ObjectRef] = set()
    anything = False
    for index, item in reversed(list(enumerate(statements))):
        if isinstance(item.statement, TransactionStatement):
            found[index] = None if anything else frozenset(named)
        for effects in (item.effects, *item.parts):
            named |= temporary_refs((*effects.reads, *(write.ref for write in effects.writes)))
            anything |= effects.barrier or effects.loose
    return found


@dataclass(slots=True)
class _Inside:
    """What the statements of a transaction do with TEMP tables and views.

    Attributes:
        needed: Those from before that they use.
        changed: Those from before that they change, drop or make anew.
        views: The TEMP views that they leave, with their statements.
        tables: The TEMP tables that they leave, each with the statements that write it.
    """

    needed: set[ObjectRef] = field(default_factory=set)
    changed: set[ObjectRef] = field(default_factory=set)
    views: dict[ObjectRef, tuple[SqlStatement, Effects]] = field(default_factory=dict)
    tables: dict[ObjectRef, list[tuple[SqlStatement, Effects]]] = field(default_factory=dict)


def _inside(statement: TransactionStatement, parts: Sequence[Effects]) -> _Inside:
    found = _Inside()
    made: set[ObjectRef] = set()
    for sql, part in zip(statement.statements, parts, strict=True):
        found.needed |= temporary_refs(part.reads) - made
        for write in part.writes:
            ref = write.ref
            if ref not in temporary_refs([ref]):
                continue
            anew = part.temporary and write.mode is not Mode.ENSURE
            found.needed |= set() if anew or ref in made else {ref}
            found.changed.add(ref)
            made.add(ref)
            found.views.pop(ref, None)
            writers = found.tables.pop(ref, [])
            if part.temporary and write.view:
                found.views[ref] = (sql, part)
            elif write.mode is not Mode.DROP:
                found.tables[ref] = [*writers, (sql, part)]
    return found


def with_copies(
    item: AnalyzedStatement, used: frozenset[ObjectRef] | None, visible: VisibleTables
) -> AnalyzedStatement:
    """A transaction that finds the TEMP tables and views it uses, and keeps those that it leaves.

    Args:
        item: The transaction.
        used: The TEMP tables and views that later statements name; None for any.
        visible: Those that there are; afterwards those that the transaction leaves.
    """
    assert isinstance(item.statement, TransactionStatement)
    inside = _inside(item.statement, item.parts)
    if not inside.changed:
        return visible.reader(item)
    everything = any(part.barrier or part.loose for part in item.parts)
    opened = visible.opened(visible.found if everything else inside.needed)
    first = made_by_itself(opened, inside.changed, item.names)
    before = {ref: view for ref, view in opened.items() if ref not in first}
    kept = _leave(item, inside, used, visible)
    copies = [
        SqlStatement(
            sql=f"CREATE TABLE {sql_name(table.parts, item.names.dialect)} AS "
            f"SELECT * FROM {sql_name(ref.parts, item.names.dialect)}"
        )
        for ref, table in kept.items()
    ]
    restored = (statement for statements in first.values() for statement in statements)
    statements = (*restored, *item.statement.statements, *copies)
    lasting = item.effects.reads - temporary_refs(item.effects.reads)
    tables = (item.names.table(table.parts) for table in kept.values())
    return replace(
        item,
        statement=replace(item.statement, statements=statements, kept=tuple(kept.values())),
        effects=replace(
            item.effects,
            reads=lasting.union(*(view.reads for view in opened.values())),
            writes=(
                *item.effects.writes,
                *(Write(ref=ref, mode=Mode.CREATE) for ref in tables),
            ),
        ),
        prefix=spliced(item.prefix, before.values()),
        views=tuple(view.sql for view in before.values()),
        temporary_tables=makers(opened.values()),
    )


def _leave(
    item: AnalyzedStatement,
    inside: _Inside,
    used: frozenset[ObjectRef] | None,
    visible: VisibleTables,
) -> dict[ObjectRef, QualifiedName]:
    """Let the statements that follow see what a transaction leaves; the tables to be kept for that."""
    wanted = {*inside.views, *inside.tables}
    if used is not None:
        views = {ref: temporary_refs(part.reads) for ref, (_, part) in inside.views.items()}
        views |= {ref: known.needs for ref, known in visible.found.items() if ref not in views}
        wanted &= _with_shown(used, views)
    kept = {}
    for ref, writers in inside.tables.items():
        if ref not in wanted:
            continue
        kept[ref] = visible.new_table(ref, item.names)
        for statement, effects in writers:
            former = visible.found.get(ref)
            visible.show(
                ref,
                kept[ref],
                names=item.names,
                place=len(item.prefix),
                definition=definition_after(statement, effects, former, item.names.dialect),
            )
    for ref in inside.changed - kept.keys():
        visible.found.pop(ref, None)
    for ref, (sql, part) in inside.views.items():
        if ref in wanted:
            visible.define_view(ref, sql.sql, part.reads, len(item.prefix))
    return kept


def _with_shown(
    refs: frozenset[ObjectRef], shown: dict[ObjectRef, frozenset[ObjectRef]]
) -> set[ObjectRef]:
    """TEMP tables and views with those that they show."""
    found, pending = set(refs), list(refs)
    while pending:
        new = shown.get(pending.pop(), frozenset()) - found
        found |= new
        pending += new
    return found
