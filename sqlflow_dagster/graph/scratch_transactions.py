"""TEMP tables and TEMP views that are written between BEGIN and COMMIT, and used after it.

The transaction runs on one connection, so its own statements see them. What statements after it use is kept in
generated tables, which the transaction itself makes as its last statements: they are there when it has been
committed, and not otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlflow_dagster.graph.analyzed import AnalyzedStatement
from sqlflow_dagster.graph.effects import KEEPS_CONTENT, Effects, Mode, Write, temporary_refs
from sqlflow_dagster.graph.generated_names import sql_name
from sqlflow_dagster.graph.objects import ObjectRef
from sqlflow_dagster.graph.visible_tables import (
    Visible,
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
        opened: Those from before that they use.
        first_uses: The index of the first statement that uses each of these.
        reads: The lasting tables behind these, but for those that the transaction has made before.
        changed: Those from before that they change, drop or make anew.
        rewritten: The lasting tables that they create or drop.
        views: The TEMP views that they leave, with their statements.
        tables: The TEMP tables that they leave, each with the statements that write it.
    """

    opened: dict[ObjectRef, Visible] = field(default_factory=dict)
    first_uses: dict[ObjectRef, int] = field(default_factory=dict)
    reads: set[ObjectRef] = field(default_factory=set)
    changed: set[ObjectRef] = field(default_factory=set)
    rewritten: set[ObjectRef] = field(default_factory=set)
    views: dict[ObjectRef, tuple[SqlStatement, Effects]] = field(default_factory=dict)
    tables: dict[ObjectRef, list[tuple[SqlStatement, Effects]]] = field(default_factory=dict)


def _inside(
    statement: TransactionStatement, parts: Sequence[Effects], visible: VisibleTables
) -> _Inside:
    found = _Inside()
    made: set[ObjectRef] = set()
    for index, (sql, part) in enumerate(zip(statement.statements, parts, strict=True)):
        _use(index, part, made, found, visible)
        made.update(write.ref for write in part.writes if write.mode not in KEEPS_CONTENT)
        found.rewritten.update(write.ref for write in part.writes if write.mode in _REWRITING)
        for ref in sorted(temporary_refs(write.ref for write in part.writes)):
            found.changed.add(ref)
            made.add(ref)
            found.views.pop(ref, None)
            writers = found.tables.pop(ref, [])
            if part.temporary and part.writes[0].view:
                found.views[ref] = (sql, part)
            elif part.writes[0].mode is not Mode.DROP:
                found.tables[ref] = [*writers, (sql, part)]
    return found


_REWRITING = frozenset({Mode.CREATE, Mode.REPLACE, Mode.ENSURE, Mode.DROP})


def _use(
    index: int, part: Effects, made: set[ObjectRef], found: _Inside, visible: VisibleTables
) -> None:
    """Take note of the TEMP tables and views from before that one statement uses."""
    used = set(temporary_refs(part.reads))
    for write in part.writes:
        anew = part.temporary and write.mode is not Mode.ENSURE
        used |= set() if anew else temporary_refs([write.ref])
    if part.barrier or part.loose:
        used |= visible.found.keys()
    for ref, known in visible.opened(used - made).items():
        if ref not in made:
            found.opened.setdefault(ref, known)
            found.first_uses.setdefault(ref, index)
            found.reads |= known.reads - made


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
    inside = _inside(item.statement, item.parts, visible)
    opened = inside.opened
    own = made_by_itself(opened, inside.changed, item.names, rewritten=inside.rewritten)
    before = {ref: view for ref, view in opened.items() if ref not in own}
    kept = _leave(item, inside, used, visible)
    statements: list[SqlStatement] = []
    for index, statement in enumerate(item.statement.statements):
        for ref, made in own.items():
            statements += made if inside.first_uses[ref] == index else ()
        statements.append(statement)
    statements += (_copy(ref, table, item.names.dialect) for ref, table in kept.items())
    tables = (item.names.table(table.parts) for table in kept.values())
    return replace(
        item,
        statement=replace(item.statement, statements=tuple(statements), kept=tuple(kept.values())),
        effects=replace(
            item.effects,
            reads=(item.effects.reads - temporary_refs(item.effects.reads)) | inside.reads,
            writes=(
                *item.effects.writes,
                *(Write(ref=ref, mode=Mode.CREATE) for ref in tables),
            ),
        ),
        prefix=spliced(item.prefix, before.values()),
        views=tuple(view.sql for view in before.values()),
        temporary_tables=makers(opened.values()),
    )


def _copy(ref: ObjectRef, table: QualifiedName, dialect: str) -> SqlStatement:
    """The statement that keeps a TEMP table in a generated one."""
    kept, temporary = sql_name(table.parts, dialect), sql_name(ref.parts, dialect)
    return SqlStatement(sql=f"CREATE TABLE {kept} AS SELECT * FROM {temporary}")


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
