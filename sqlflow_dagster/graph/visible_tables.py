"""The TEMP tables and TEMP views of a user that a statement finds on a connection of its own."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from sqlflow_dagster.graph.analyzed import AnalyzedQuery, AnalyzedStatement
from sqlflow_dagster.graph.effects import Effects, Mode, temporary_refs
from sqlflow_dagster.graph.generated_names import generated_name, sql_name
from sqlflow_dagster.graph.objects import Names, ObjectRef
from sqlflow_dagster.lang.standard import parse_sql
from sqlflow_dagster.lang.statements import QualifiedName, SqlStatement, TemporaryTableStatement

_COMPUTED = (exp.ComputedColumnConstraint, exp.GeneratedAsIdentityColumnConstraint)
_WITH_TEMPORARY_VIEWS = frozenset({"duckdb", "sqlite", "postgres", "spark", "snowflake"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """What a TEMP table or view is on the connection of a statement that reads it.

    Attributes:
        sql: The statement that makes it.
        place: How many session statements (USE, SET) run before that.
        reads: The tables that it shows.
        needs: The TEMP tables and views that it shows.
        kept: The generated table behind it; None for a view.
        maker: The statement that makes that table and nothing else, so that it can be run again where the
            table is missing; None where there is no such statement.
        definition: The statements of the user that make the TEMP table without its rows, with its keys and
            the defaults of its columns; empty where it was made of a SELECT.
    """

    sql: str
    place: int
    reads: frozenset[ObjectRef]
    needs: frozenset[ObjectRef] = frozenset()
    kept: QualifiedName | None = None
    maker: TemporaryTableStatement | None = None
    definition: tuple[SqlStatement, ...] = ()


@dataclass(slots=True, kw_only=True)
class VisibleTables:
    """The TEMP tables and views at one point of a program.

    Attributes:
        program: The program's name, which the names of the generated tables hold.
        taken: The names that it uses.
        found: The TEMP tables and views, in the order in which they were made.
    """

    program: str
    taken: set[ObjectRef]
    found: dict[ObjectRef, Visible] = field(default_factory=dict)

    def opened(self, refs: Iterable[ObjectRef]) -> dict[ObjectRef, Visible]:
        """TEMP tables and views with those that they show, in an order in which they can be made."""
        opened: dict[ObjectRef, Visible] = {}
        wanted = set(refs)
        pending = [ref for ref in reversed(self.found) if ref in wanted]
        entered: set[ObjectRef] = set()
        while pending:
            ref = pending[-1]
            known = self.found[ref]
            missing = known.needs & self.found.keys() - opened.keys()
            if ref not in entered and missing:
                entered.add(ref)
                pending += sorted(missing)
                continue
            pending.pop()
            # A table that was dropped and made again may stand later than a view that shows it.
            places = (opened[need].place for need in known.needs & opened.keys())
            opened.setdefault(ref, replace(known, place=max((known.place, *places))))
        return opened

    def behind(self, refs: frozenset[ObjectRef]) -> frozenset[ObjectRef]:
        """Objects read, TEMP tables and views replaced by what is behind them."""
        hidden = temporary_refs(refs)
        return (refs - hidden).union(*(item.reads for item in self.opened(hidden).values()))

    def reader(self, item: AnalyzedStatement) -> AnalyzedStatement:
        """A statement that finds on its connection what it reads of the TEMP tables and views."""
        everything = item.effects.barrier or item.effects.loose
        opened = self.opened(self.found if everything else temporary_refs(item.effects.reads))
        if not opened:
            return item
        return replace(
            item,
            effects=replace(item.effects, reads=self.behind(item.effects.reads)),
            query=self._over_copies(item.query),
            validation=self._over_copies(item.validation),
            prefix=spliced(item.prefix, opened.values()),
            views=tuple(view.sql for view in opened.values()),
            temporary_tables=makers(opened.values()),
        )

    def _over_copies(self, query: AnalyzedQuery | None) -> AnalyzedQuery | None:
        return None if query is None else replace(query, reads=self.behind(query.reads))

    def new_table(self, temporary: ObjectRef, names: Names) -> QualifiedName:
        """The name of a generated table that keeps a TEMP table."""
        body = f"{self.program}_{temporary.parts[-1]}"
        ref = names.named(generated_name(body, schema=(), names=names, taken=self.taken))
        self.taken.add(ref)
        # The statements that read it may be in another schema.
        return QualifiedName(parts=ref.parts)

    def define_view(
        self, ref: ObjectRef, sql: str, reads: frozenset[ObjectRef], place: int
    ) -> None:
        """Take note of a TEMP view, which is made again on each connection that needs it."""
        # One that is made again comes after what it shows now.
        self.found.pop(ref, None)
        needs = temporary_refs(reads)
        self.found[ref] = Visible(sql=sql, place=place, reads=reads - needs, needs=needs)

    def show(
        self,
        ref: ObjectRef,
        kept: QualifiedName,
        *,
        names: Names,
        place: int,
        maker: TemporaryTableStatement | None = None,
        definition: tuple[SqlStatement, ...] = (),
    ) -> None:
        """Let the statements that follow see what was kept of a TEMP table."""
        former = self.found.get(ref)
        kind = "VIEW" if names.dialect in _WITH_TEMPORARY_VIEWS else "TABLE"
        self.found[ref] = Visible(
            sql=_made(kind, ref, kept, names.dialect),
            # TEMP views that show it stand where they stood.
            place=place if former is None else former.place,
            reads=frozenset({names.table(kept.parts)}),
            kept=kept,
            maker=maker,
            definition=definition,
        )


def restoring(ref: ObjectRef, former: Visible, names: Names) -> tuple[SqlStatement, ...]:
    """The statements that make a TEMP table of what was kept of it."""
    assert former.kept is not None
    # Where it belongs to a schema, the user's own words make it in another one after a USE.
    if not former.definition or names.temporary_table(ref.parts[-1:]) != ref:
        return (SqlStatement(sql=_made("TABLE", ref, former.kept, names.dialect)),)
    table, kept = (sql_name(parts, names.dialect) for parts in (ref.parts, former.kept.parts))
    filled = SqlStatement(sql=f"INSERT INTO {table} SELECT * FROM {kept}")
    return (*(SqlStatement(sql=item.sql) for item in former.definition), filled)


def made_by_itself(
    opened: Mapping[ObjectRef, Visible],
    changed: Collection[ObjectRef],
    names: Names,
    *,
    rewritten: Collection[ObjectRef] = (),
) -> dict[ObjectRef, tuple[SqlStatement, ...]]:
    """What a statement makes itself of what it needs: the TEMP tables that it changes, and views of them.

    Args:
        opened: The TEMP tables and views that it needs, in the order in which they are made.
        changed: The TEMP tables that it changes.
        names: How its names are resolved.
        rewritten: The lasting tables that it creates or drops: before it, they may not be there.
    """
    found: dict[ObjectRef, tuple[SqlStatement, ...]] = {}
    for ref, known in opened.items():
        if known.kept is not None and ref in changed:
            found[ref] = restoring(ref, known, names)
        elif known.needs & {*found, *changed} or known.reads & {*rewritten}:
            found[ref] = (SqlStatement(sql=known.sql),)
    return found


def definition_after(
    statement: SqlStatement, effects: Effects, former: Visible | None, dialect: str
) -> tuple[SqlStatement, ...]:
    """The definition of a TEMP table after one more statement that writes it; see :class:`Visible`.

    Args:
        statement: The statement.
        effects: What it reads and writes.
        former: The TEMP table before it; None where there was none.
        dialect: Its SQL dialect.
    """
    known = former.definition if former is not None else ()
    tree = parse_sql(statement.sql, dialect)
    if isinstance(tree, exp.Alter):
        return (*known, statement) if known else ()
    if not isinstance(tree, exp.Create):
        return known
    if former is not None and effects.writes[0].mode is Mode.ENSURE:
        return known
    # Nobody may insert into a computed column, nor copy the columns of a table that has changed since.
    by_columns = tree.args.get("expression") is None and not effects.reads
    return (statement,) if by_columns and tree.find(*_COMPUTED) is None else ()


def _made(kind: str, ref: ObjectRef, kept: QualifiedName, dialect: str) -> str:
    shown, behind = sql_name(ref.parts, dialect), sql_name(kept.parts, dialect)
    return f"CREATE TEMPORARY {kind} {shown} AS SELECT * FROM {behind}"


def makers(visible: Iterable[Visible]) -> tuple[TemporaryTableStatement, ...]:
    """The statements that make the tables behind TEMP tables, and can be run again."""
    return tuple(item.maker for item in visible if item.maker is not None)


def spliced(prefix: tuple[str, ...], views: Collection[Visible]) -> tuple[str, ...]:
    """Session statements with TEMP views between them, each where it was made: USE decides its tables."""
    found: list[str] = []
    for place, setting in enumerate((*prefix, None)):
        found += (view.sql for view in views if view.place == place)
        found += () if setting is None else (setting,)
    return tuple(found)
