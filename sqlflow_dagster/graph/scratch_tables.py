"""Let the TEMP tables and TEMP views of a user be seen by statements that run on other connections.

A TEMP table is seen by its own connection only, and every statement runs on a connection of its own. So the
statements that write TEMP table ``t`` become one that runs them and keeps a copy of ``t`` in a generated
table, and each statement that reads ``t`` finds a temporary view of that name over the copy. A TEMP view is
made again on each connection that needs it. A transaction that writes ``t`` keeps the copy itself, as its
last statement. No text of a user is changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic
from sqlflow_dagster.graph.analyzed import AnalyzedStatement
from sqlflow_dagster.graph.effects import Effects, Mode, Write, temporary_refs
from sqlflow_dagster.graph.generated_names import sql_name
from sqlflow_dagster.graph.objects import ObjectRef
from sqlflow_dagster.graph.scratch_transactions import later_uses, with_copies
from sqlflow_dagster.graph.visible_tables import (
    Visible,
    VisibleTables,
    definition_after,
    made_by_itself,
    makers,
    spliced,
)
from sqlflow_dagster.lang.statements import (
    QualifiedName,
    Query,
    SqlStatement,
    TemporaryTableStatement,
    TransactionStatement,
)
from sqlflow_dagster.source import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """A run of statements that write a TEMP table.

    Attributes:
        ref: The TEMP table.
        table: The generated table that keeps it.
        former: What the TEMP table was before; None where they make it from nothing.
        items: The statements.
        reads: The tables that they read.
        needs: The other TEMP tables and views that they read.
    """

    ref: ObjectRef
    table: QualifiedName
    former: Visible | None
    items: tuple[AnalyzedStatement, ...] = ()
    reads: frozenset[ObjectRef] = frozenset()
    needs: frozenset[ObjectRef] = frozenset()


@dataclass(slots=True, kw_only=True)
class _Pass:
    """The state of one walk over a program.

    Attributes:
        visible: The TEMP tables and views at this point.
        growing: What the statement that stands last in ``found`` was made of, if that can still grow.
    """

    visible: VisibleTables
    growing: _Written | None = None
    found: list[AnalyzedStatement] = field(default_factory=list)
    problems: list[Diagnostic] = field(default_factory=list)


def keep_temporary_tables(
    statements: Sequence[AnalyzedStatement], *, program: str
) -> tuple[list[AnalyzedStatement], list[Diagnostic]]:
    """The statements of a program, those that write TEMP tables made to write generated ones.

    Args:
        statements: The program.
        program: Its name, which the names of the generated tables hold.
    """
    if not any(effects.temporary for item in statements for effects in (item.effects, *item.parts)):
        return list(statements), []
    taken = {
        ref
        for item in statements
        for ref in (*item.effects.reads, *(write.ref for write in item.effects.writes))
    }
    state = _Pass(visible=VisibleTables(program=program, taken=taken))
    used = later_uses(statements)
    for index, item in enumerate(statements):
        if isinstance(item.statement, TransactionStatement):
            _take_transaction(item, used[index], state)
        else:
            _take(item, state)
    return state.found, state.problems


def _take_transaction(
    item: AnalyzedStatement, used: frozenset[ObjectRef] | None, state: _Pass
) -> None:
    state.growing = None
    for ref in _changed_views(item, state):
        state.problems.append(_unfit(item, ref, state))
    if not state.problems:
        state.found.append(with_copies(item, used, state.visible))


def _changed_views(item: AnalyzedStatement, state: _Pass) -> list[ObjectRef]:
    """The TEMP views whose rows the statements of a transaction are to change."""
    views = {ref for ref, known in state.visible.found.items() if known.kept is None}
    found = []
    for part in item.parts:
        for write in part.writes:
            if write.ref in views and not part.temporary and write.mode is not Mode.DROP:
                found.append(write.ref)
            views.discard(write.ref)
    return found


def _take(item: AnalyzedStatement, state: _Pass) -> None:
    growing, state.growing = state.growing, None
    refs = temporary_refs(write.ref for write in item.effects.writes)
    if not refs:
        state.found.append(state.visible.reader(item))
        return
    modes = {write.mode for write in item.effects.writes}
    alone = len(refs) == len(item.effects.writes)
    if not isinstance(item.statement, SqlStatement):
        state.problems.append(_unfit(item, min(refs), state))
    elif not alone or (len(refs) > 1 and modes != {Mode.DROP}):
        state.problems.append(_mixed(item, refs))
    elif modes == {Mode.DROP}:
        for ref in refs:
            state.visible.found.pop(ref, None)
    elif item.effects.temporary and item.effects.writes[0].view:
        state.visible.define_view(
            min(refs), item.statement.sql, item.effects.reads, len(item.prefix)
        )
    else:
        _write(item, min(refs), growing, state)


def _unfit(item: AnalyzedStatement, ref: ObjectRef, state: _Pass) -> Diagnostic:
    known = state.visible.found.get(ref)
    kind = "view" if known is not None and known.kept is None else "table"
    return Diagnostic(
        code=Code.TEMP_TABLE,
        message=f"{ref.name} is a TEMP {kind} here, which this statement cannot write",
        span=item.statement.span,
        hint="make it a table, or drop it before this statement",
    )


def _mixed(item: AnalyzedStatement, refs: frozenset[ObjectRef]) -> Diagnostic:
    names = ", ".join(sorted(ref.name for ref in refs))
    return Diagnostic(
        code=Code.TEMP_TABLE,
        message=f"this statement writes {names}, a TEMP table, and something else",
        span=item.statement.span,
        hint="make two statements of it, or make it a table",
    )


def _write(item: AnalyzedStatement, ref: ObjectRef, growing: _Written | None, state: _Pass) -> None:
    """Let a statement that writes a TEMP table write the generated one."""
    former = state.visible.found.get(ref)
    read = temporary_refs(item.effects.reads)
    if former is not None and former.kept is None:
        state.problems.append(_unfit(item, ref, state))
        return
    if _goes_on(growing, ref, item, state):
        assert growing is not None
        state.found.pop()
    else:
        anew = item.effects.temporary and item.effects.writes[0].mode is not Mode.ENSURE
        anew &= ref not in state.visible.opened(read)
        table = state.visible.new_table(ref, item.names)
        growing = _Written(ref=ref, table=table, former=None if anew else former)
    state.growing = replace(
        growing,
        items=(*growing.items, item),
        reads=growing.reads | (item.effects.reads - read),
        needs=growing.needs | (read - {ref}),
    )
    made, table_statement = _kept(state.growing, state)
    state.found.append(made)
    assert isinstance(item.statement, SqlStatement)
    state.visible.show(
        ref,
        growing.table,
        names=made.names,
        place=len(made.prefix) - len(made.views),
        maker=table_statement,
        definition=definition_after(item.statement, item.effects, former, item.names.dialect),
    )


def _goes_on(
    growing: _Written | None, ref: ObjectRef, item: AnalyzedStatement, state: _Pass
) -> bool:
    """Whether a statement is one more of those that write a TEMP table one after the other."""
    if growing is None or growing.ref != ref or growing.items[-1].prefix != item.prefix:
        return False
    # A view of the table would have to be made between two of them.
    others = growing.needs | (temporary_refs(item.effects.reads) - {ref})
    return ref not in state.visible.opened(others)


def _kept(run: _Written, state: _Pass) -> tuple[AnalyzedStatement, TemporaryTableStatement]:
    """The statement that runs those that write a TEMP table and keeps a copy of it."""
    names = run.items[0].names
    copied = f"SELECT * FROM {sql_name(run.ref.parts, names.dialect)}"
    opened = state.visible.opened(run.needs)
    if run.former is not None:
        opened = state.visible.opened({run.ref, *run.needs}) | {run.ref: run.former}
    first = made_by_itself(opened, {run.ref}, names)
    before = [item for ref, item in opened.items() if ref not in first]
    setup = [statement for statements in first.values() for statement in statements]
    setup += [item.statement for item in run.items if isinstance(item.statement, SqlStatement)]
    table = TemporaryTableStatement(
        table=run.table,
        query=Query(sql=copied),
        setup=tuple(setup),
        span=_span(run.items[0], run.items[-1]),
    )
    write = Write(ref=names.table(run.table.parts), mode=Mode.REPLACE)
    made = AnalyzedStatement(
        statement=table,
        effects=Effects(
            reads=run.reads.union(*(item.reads for item in opened.values())),
            writes=(write,),
            takes=frozenset().union(*(item.effects.takes for item in run.items)),
        ),
        names=names,
        prefix=spliced(run.items[0].prefix, before),
        views=tuple(view.sql for view in before),
        temporary_tables=makers(opened.values()),
    )
    return made, table


def _span(first: AnalyzedStatement, last: AnalyzedStatement) -> Span | None:
    start, end = first.statement.span, last.statement.span
    return (
        start.source.span(start.start, end.end) if start is not None and end is not None else None
    )
