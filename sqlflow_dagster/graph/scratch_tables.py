"""Let the TEMP tables and TEMP views of a user be seen by statements that run on other connections.

A TEMP table is seen by its own connection only, and every statement runs on a connection of its own. So the
statements that write TEMP table ``t`` become one that runs them and keeps a copy of ``t`` in a generated
table, and each statement that reads ``t`` finds a temporary view of that name over the copy. A TEMP view is
made again on each connection that needs it. No text of a user is changed.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic
from sqlflow_dagster.graph.analysis import AnalyzedQuery, AnalyzedStatement
from sqlflow_dagster.graph.effects import Effects, Mode, Write
from sqlflow_dagster.graph.generated_names import generated_name, sql_name
from sqlflow_dagster.graph.objects import Names, ObjectKind, ObjectRef
from sqlflow_dagster.lang.statements import (
    QualifiedName,
    Query,
    SqlStatement,
    TemporaryTableStatement,
)
from sqlflow_dagster.source import Span

# The schemas by which engines let a TEMP table be named.
_TEMPORARY_SCHEMAS = frozenset({"temp", "pg_temp"})
_WITH_TEMPORARY_VIEWS = frozenset({"duckdb", "sqlite", "postgres", "spark", "snowflake"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visible:
    """What a TEMP table or view is on the connection of a statement that reads it.

    Attributes:
        sql: The statement that makes it.
        place: How many session statements (USE, SET) run before that.
        reads: The tables that it shows.
        needs: The TEMP tables and views that it shows.
        table: The generated table behind it; None for a view.
    """

    sql: str
    place: int
    reads: frozenset[ObjectRef]
    needs: frozenset[str] = frozenset()
    table: TemporaryTableStatement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """A run of statements that write a TEMP table.

    Attributes:
        name: Of the TEMP table.
        table: The generated table that keeps it.
        former: What the TEMP table was before; None where they make it from nothing.
        items: The statements.
        reads: The tables that they read.
        needs: The other TEMP tables and views that they read.
    """

    name: str
    table: QualifiedName
    former: _Visible | None
    items: tuple[AnalyzedStatement, ...] = ()
    reads: frozenset[ObjectRef] = frozenset()
    needs: frozenset[str] = frozenset()


@dataclass(slots=True, kw_only=True)
class _Pass:
    """The state of one walk over a program.

    Attributes:
        program: Its name.
        taken: The names that it uses.
        visible: Its TEMP tables and views at this point, by name.
        growing: What the statement that stands last in ``found`` was made of, if that can still grow.
    """

    program: str
    taken: set[ObjectRef]
    visible: dict[str, _Visible] = field(default_factory=dict)
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
    if not any(item.effects.temporary for item in statements):
        return list(statements), []
    state = _Pass(program=program, taken=set())
    for item in statements:
        state.taken.update(item.effects.reads, (write.ref for write in item.effects.writes))
    for item in statements:
        _take(item, state)
    return state.found, state.problems


def _take(item: AnalyzedStatement, state: _Pass) -> None:
    growing, state.growing = state.growing, None
    written = [_written(write, item, state) for write in item.effects.writes]
    names = {name for name in written if name is not None}
    if not names:
        state.found.append(_reader(item, state))
        return
    modes = {write.mode for write in item.effects.writes}
    if not isinstance(item.statement, SqlStatement):
        state.problems.append(_unfit(item, min(names), state))
    elif None in written or (len(names) > 1 and modes != {Mode.DROP}):
        state.problems.append(_mixed(item, names))
    elif modes == {Mode.DROP}:
        for name in names:
            del state.visible[name]
    elif item.effects.temporary and item.effects.writes[0].view:
        _define_view(item, item.statement, names.pop(), state)
    else:
        _write(item, names.pop(), growing, state)


def _written(write: Write, item: AnalyzedStatement, state: _Pass) -> str | None:
    """The name of the TEMP table or view that a statement writes; None for anything else."""
    if item.effects.temporary:
        return write.ref.parts[-1]
    return _visible(write.ref, item.names, state)


def _visible(ref: ObjectRef, names: Names, state: _Pass) -> str | None:
    """The name of the TEMP table or view that a name stands for; None for any other object."""
    if ref.kind is not ObjectKind.TABLE:
        return None
    *schema, name = ref.parts
    own = not schema or schema == [names.schema] or schema[-1] in _TEMPORARY_SCHEMAS
    return name if own and name in state.visible else None


def _unfit(item: AnalyzedStatement, name: str, state: _Pass) -> Diagnostic:
    kind = "view" if state.visible[name].table is None else "table"
    return Diagnostic(
        code=Code.TEMP_TABLE,
        message=f"{name} is a TEMP {kind} here, which this statement cannot write",
        span=item.statement.span,
        hint="make it a table, or drop it before this statement",
    )


def _mixed(item: AnalyzedStatement, names: set[str]) -> Diagnostic:
    return Diagnostic(
        code=Code.TEMP_TABLE,
        message=f"this statement writes {', '.join(sorted(names))}, a TEMP table, and something else",
        span=item.statement.span,
        hint="make two statements of it, or make it a table",
    )


def _keys(refs: Iterable[ObjectRef], names: Names, state: _Pass) -> dict[ObjectRef, str]:
    """Those of the objects that are TEMP tables or views, by name."""
    found = {ref: _visible(ref, names, state) for ref in refs}
    return {ref: name for ref, name in found.items() if name is not None}


def _opened(names: Iterable[str], state: _Pass) -> dict[str, _Visible]:
    """TEMP tables and views with those that they show, in the order in which they are made."""
    wanted, pending = set(names), list(names)
    while pending:
        new = state.visible[pending.pop()].needs & state.visible.keys() - wanted
        wanted |= new
        pending += new
    return {name: item for name, item in state.visible.items() if name in wanted}


def _reader(item: AnalyzedStatement, state: _Pass) -> AnalyzedStatement:
    """A statement that finds on its connection what it reads of the TEMP tables and views."""
    everything = item.effects.barrier or item.effects.loose
    used = set(_keys(item.effects.reads, item.names, state).values())
    opened = _opened(state.visible if everything else used, state)
    if not opened:
        return item
    return replace(
        item,
        effects=replace(item.effects, reads=_behind(item.effects.reads, item.names, state)),
        query=_over_copies(item.query, item.names, state),
        validation=_over_copies(item.validation, item.names, state),
        prefix=_spliced(item.prefix, opened.values()),
        views=tuple(view.sql for view in opened.values()),
        temporary_tables=_tables(opened.values()),
    )


def _behind(refs: frozenset[ObjectRef], names: Names, state: _Pass) -> frozenset[ObjectRef]:
    """Objects read, TEMP tables and views replaced by what is behind them."""
    keys = _keys(refs, names, state)
    shown = (view.reads for view in _opened(keys.values(), state).values())
    return (refs - keys.keys()).union(*shown)


def _over_copies(query: AnalyzedQuery | None, names: Names, state: _Pass) -> AnalyzedQuery | None:
    return None if query is None else replace(query, reads=_behind(query.reads, names, state))


def _tables(visible: Iterable[_Visible]) -> tuple[TemporaryTableStatement, ...]:
    return tuple(item.table for item in visible if item.table is not None)


def _spliced(prefix: tuple[str, ...], views: Collection[_Visible]) -> tuple[str, ...]:
    """Session statements with TEMP views between them, each where it was made: USE decides its tables."""
    spliced: list[str] = []
    for place, setting in enumerate((*prefix, None)):
        spliced += (view.sql for view in views if view.place == place)
        spliced += () if setting is None else (setting,)
    return tuple(spliced)


def _define_view(item: AnalyzedStatement, statement: SqlStatement, name: str, state: _Pass) -> None:
    keys = _keys(item.effects.reads, item.names, state)
    # One that is made again comes after what it shows now.
    state.visible.pop(name, None)
    state.visible[name] = _Visible(
        sql=statement.sql,
        place=len(item.prefix),
        reads=item.effects.reads - keys.keys(),
        needs=frozenset(keys.values()),
    )


def _write(item: AnalyzedStatement, name: str, growing: _Written | None, state: _Pass) -> None:
    """Let a statement that writes a TEMP table write the generated one."""
    former = state.visible.get(name)
    keys = _keys(item.effects.reads, item.names, state)
    if former is not None and former.table is None:
        state.problems.append(_unfit(item, name, state))
        return
    if growing is not None and growing.name == name and growing.items[-1].prefix == item.prefix:
        state.found.pop()
    else:
        anew = item.effects.temporary and name not in keys.values()
        anew &= item.effects.writes[0].mode is not Mode.ENSURE
        table = _new_table(item, name, state)
        growing = _Written(name=name, table=table, former=None if anew else former)
    state.growing = replace(
        growing,
        items=(*growing.items, item),
        reads=growing.reads | (item.effects.reads - keys.keys()),
        needs=growing.needs | (set(keys.values()) - {name}),
    )
    made = _kept(state.growing, state)
    state.found.append(made)
    assert isinstance(made.statement, TemporaryTableStatement)
    _show(name, former, made, made.statement, state)


def _new_table(item: AnalyzedStatement, name: str, state: _Pass) -> QualifiedName:
    body = f"{state.program}_{name}"
    parts = generated_name(body, schema=(), names=item.names, taken=state.taken)
    ref = item.names.table(parts)
    state.taken.add(ref)
    # The statements that read it may be in another schema.
    return QualifiedName(parts=ref.parts)


def _kept(run: _Written, state: _Pass) -> AnalyzedStatement:
    """The statement that runs those that write a TEMP table and keeps a copy of it."""
    first, last = run.items[0], run.items[-1]
    names = first.names
    copied = f"SELECT * FROM {sql_name((run.name,), names.dialect)}"
    opened = _opened(run.needs, state)
    behind = [*opened.values(), *([run.former] if run.former else [])]
    setup = [item.statement for item in run.items if isinstance(item.statement, SqlStatement)]
    if run.former is not None:
        setup.insert(0, _restoring(run.name, run.former, names.dialect))
    table = TemporaryTableStatement(
        table=run.table, query=Query(sql=copied), setup=tuple(setup), span=_span(first, last)
    )
    write = Write(ref=names.table(run.table.parts), mode=Mode.REPLACE)
    return AnalyzedStatement(
        statement=table,
        effects=Effects(reads=run.reads.union(*(item.reads for item in behind)), writes=(write,)),
        names=names,
        prefix=_spliced(first.prefix, opened.values()),
        views=tuple(view.sql for view in opened.values()),
        temporary_tables=_tables(behind),
    )


def _restoring(name: str, former: _Visible, dialect: str) -> SqlStatement:
    """The statement that makes a TEMP table of what was kept of it."""
    assert former.table is not None
    kept = sql_name(former.table.table.parts, dialect)
    made = sql_name((name,), dialect)
    return SqlStatement(sql=f"CREATE TEMPORARY TABLE {made} AS SELECT * FROM {kept}")


def _span(first: AnalyzedStatement, last: AnalyzedStatement) -> Span | None:
    start, end = first.statement.span, last.statement.span
    return (
        start.source.span(start.start, end.end) if start is not None and end is not None else None
    )


def _show(
    name: str,
    former: _Visible | None,
    made: AnalyzedStatement,
    table: TemporaryTableStatement,
    state: _Pass,
) -> None:
    """Let the statements that follow see what was kept of a TEMP table."""
    dialect = made.names.dialect
    kind = "VIEW" if dialect in _WITH_TEMPORARY_VIEWS else "TABLE"
    kept = sql_name(table.table.parts, dialect)
    state.visible[name] = _Visible(
        sql=f"CREATE TEMPORARY {kind} {sql_name((name,), dialect)} AS SELECT * FROM {kept}",
        # TEMP views that show it stand where they stood.
        place=len(made.prefix) - len(made.views) if former is None else former.place,
        reads=frozenset(write.ref for write in made.effects.writes),
        table=table,
    )
