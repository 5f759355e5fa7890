"""Give complex SELECTs of machine-learning statements a table of their own.

A statement such as ``SELECT … FROM a JOIN b … TO TRAIN …`` becomes two: one that computes the SELECT once
into a ``sqlflow_temporary_*`` table, and the statement over that table. Statements with the same SELECT
share one table, as long as nothing writes what it reads between them.

The table is named after its first user, not after its SELECT, so that it stays the same asset when the
SELECT is edited.
"""

import re
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from sqlflow_dagster.graph.analyzed import AnalyzedQuery, AnalyzedStatement
from sqlflow_dagster.graph.dependencies import Views
from sqlflow_dagster.graph.effects import Effects, Mode, Write
from sqlflow_dagster.graph.generated_names import generated_name, sql_name
from sqlflow_dagster.graph.objects import ObjectRef
from sqlflow_dagster.graph.program import Program
from sqlflow_dagster.lang.expressions import Literal
from sqlflow_dagster.lang.sql_text import normalized_sql
from sqlflow_dagster.lang.statements import (
    VALIDATION_SELECT,
    Attribute,
    EvaluateStatement,
    ExplainStatement,
    OptimizeStatement,
    PredictStatement,
    QualifiedName,
    Query,
    QueryStatement,
    RunStatement,
    SqlStatement,
    TemporaryTableStatement,
    TrainStatement,
    TransactionStatement,
    attribute,
)


class TemporaryTables(StrEnum):
    """Which SELECTs of machine-learning statements get a table of their own."""

    AUTO = "auto"  # those that are more than columns and a WHERE over one table
    ALWAYS = "always"
    NEVER = "never"


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLife:
    """How long generated tables are there.

    Attributes:
        drop_after_run: Whether a program drops each of them after its last reader.
        time_to_live: How long one is there after it was made; None where that has no end.
    """

    drop_after_run: bool = False
    time_to_live: timedelta | None = None

    @classmethod
    def parse(cls, text: str) -> "TableLife":
        """The life that ``keep``, ``drop_after_run`` or ``ttl=7d`` means.

        Raises:
            ValueError: The text is none of these.
        """
        match text.strip().lower():
            case "keep":
                return cls()
            case "drop_after_run":
                return cls(drop_after_run=True)
            case other if other.startswith("ttl="):
                return cls(time_to_live=parse_duration(other.removeprefix("ttl=")))
            case _:
                raise ValueError(f"{text!r} is none of keep, drop_after_run and ttl=7d")


def parse_duration(text: str) -> timedelta:
    """The time that a text such as ``90m``, ``12h`` or ``7d`` means.

    Raises:
        ValueError: The text is no such time.
    """
    found = re.fullmatch(r"([1-9]\d{0,5})\s*([smhdw])", text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} is no time such as 90m, 12h or 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def duration_text(time: timedelta) -> str:
    """The text that :func:`parse_duration` reads as a time of whole seconds."""
    seconds = int(time.total_seconds())
    for unit in "wdhm":
        size = int(timedelta(**{_UNITS[unit]: 1}).total_seconds())
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


@dataclass(slots=True, kw_only=True)
class _Pass:
    """The state of one walk over a program."""

    mode: TemporaryTables
    program: str
    made: dict[Hashable, TemporaryTableStatement] = field(default_factory=dict)
    taken: set[ObjectRef] = field(default_factory=set)
    views: Views = field(default_factory=Views)
    writes: Counter[ObjectRef] = field(default_factory=Counter)
    barriers: int = 0
    leaves: int = 0

    def record(self, effects: Effects) -> None:
        """Take note of what a statement changes."""
        self.views.record(effects)
        self.writes.update(write.ref for write in effects.writes)
        self.barriers += effects.barrier

    def state_of(self, refs: frozenset[ObjectRef]) -> Hashable:
        """Equal for two points of the program between which nothing changes these objects."""
        versions = frozenset((ref, self.writes[ref]) for ref in self.views.opened(refs))
        return versions, self.barriers


def add_temporary_tables(
    statements: Sequence[AnalyzedStatement], *, mode: TemporaryTables, program: str
) -> list[AnalyzedStatement]:
    """The program with a statement before each complex SELECT that computes it into a table.

    Args:
        statements: The program.
        mode: Which SELECTs get a table.
        program: The program's name, for tables whose user writes nothing.
    """
    if all(item.query is None for item in statements):
        return list(statements)
    state = _Pass(mode=mode, program=program)
    for item in statements:
        state.taken.update(item.effects.reads, (write.ref for write in item.effects.writes))
    return [new for item in statements for new in _rewritten(item, state)]


def end_temporary_tables(
    statements: Sequence[AnalyzedStatement], life: TableLife
) -> list[AnalyzedStatement]:
    """The program with the end of its generated tables: what drops each, or when it may be dropped."""
    found = [_with_end(item, life) for item in statements]
    if not life.drop_after_run:
        return found
    made = [item for item in found if isinstance(item.statement, TemporaryTableStatement)]
    return [*found, *(_dropping(item) for item in made)]


def generated_tables(program: Program) -> frozenset[ObjectRef]:
    """The generated tables that a program makes."""
    found: set[ObjectRef] = set()
    for step in program.steps:
        match step.statement:
            case TemporaryTableStatement():
                found |= step.writes
            case TransactionStatement(kept=kept):
                found |= {step.names.named(table) for table in kept}
            case _:
                pass
    return frozenset(found)


def _with_end(item: AnalyzedStatement, life: TableLife) -> AnalyzedStatement:
    statement = item.statement
    if life.time_to_live is None or not isinstance(statement, TemporaryTableStatement):
        return item
    return replace(item, statement=replace(statement, time_to_live=life.time_to_live))


def _dropping(made: AnalyzedStatement) -> AnalyzedStatement:
    """The statement that drops a generated table after its last reader."""
    assert isinstance(made.statement, TemporaryTableStatement)
    name = sql_name(made.statement.table.parts, made.names.dialect)
    writes = tuple(replace(write, mode=Mode.DROP) for write in made.effects.writes)
    return AnalyzedStatement(
        statement=SqlStatement(sql=f"DROP TABLE IF EXISTS {name}"),
        effects=Effects(writes=writes),
        names=made.names,
        prefix=tuple(sql for sql in made.prefix if sql not in made.views),
    )


def _rewritten(item: AnalyzedStatement, state: _Pass) -> Iterator[AnalyzedStatement]:
    statement = item.statement
    if item.query is not None and isinstance(statement, QueryStatement):
        for part in ("query", "validation"):
            analyzed = item.query if part == "query" else item.validation
            if analyzed is None or not _wants_table(analyzed, state.mode):
                continue
            table, new = _table(item, analyzed, part, state)
            if new is not None:
                yield new
            item = _over_table(item, analyzed, part, table)
    state.record(item.effects)
    yield item


def _wants_table(analyzed: AnalyzedQuery, mode: TemporaryTables) -> bool:
    if mode is TemporaryTables.AUTO:
        return analyzed.shape.complex
    return mode is TemporaryTables.ALWAYS


def _table(
    item: AnalyzedStatement, analyzed: AnalyzedQuery, part: str, state: _Pass
) -> tuple[TemporaryTableStatement, AnalyzedStatement | None]:
    """The table of a SELECT, and the statement that makes it unless an earlier one did."""
    text = normalized_sql(analyzed.query.sql, item.names.dialect)
    key = (item.names.datasource, text, item.prefix, state.state_of(analyzed.reads))
    if key in state.made:
        return state.made[key], None
    name = _name(item, part, state)
    ref = item.names.named(name)
    span = analyzed.query.span or item.statement.span
    table = TemporaryTableStatement(table=name, query=analyzed.query, span=span)
    state.made[key] = table
    state.taken.add(ref)
    write = Write(ref=ref, mode=Mode.REPLACE)
    effects = Effects(reads=analyzed.reads, writes=(write,), takes=item.effects.takes)
    return table, AnalyzedStatement(
        statement=table,
        effects=effects,
        names=item.names,
        prefix=item.prefix,
        views=item.views,
        temporary_tables=tuple(known for known in item.temporary_tables if known.setup),
    )


def _name(item: AnalyzedStatement, part: str, state: _Pass) -> QualifiedName:
    assert isinstance(item.statement, QueryStatement)
    verb, place, target = _user(item.statement)
    if target is None:
        state.leaves += 1
        target = f"{state.program}_{state.leaves}"
    body = f"{verb}_{target}" + ("_validation" if part == "validation" else "")
    schema = item.names.spelled(place)
    return generated_name(body, schema=schema, names=item.names, taken=state.taken)


def _user(statement: QueryStatement) -> tuple[str, QualifiedName, str | None]:
    """The verb, the schema and the name of what a statement makes; no name where it makes nothing."""
    match statement:
        case TrainStatement(into=into):
            # The parts of a model's name are no schemas of the database.
            return "train", _NO_SCHEMA, "_".join(into.parts)
        case PredictStatement(into=into):
            return "predict", _schema_of(into), into.parts[-1]
        case EvaluateStatement(into=into):
            verb = "evaluate"
        case ExplainStatement(into=into):
            verb = "explain"
        case OptimizeStatement(sense=sense, into=into):
            verb = sense.lower()
        case RunStatement(into=tables):
            verb, into = "run", tables[0] if tables else None
    return (verb, _NO_SCHEMA, None) if into is None else (verb, _schema_of(into), into.parts[-1])


_NO_SCHEMA = QualifiedName(parts=())


def _schema_of(name: QualifiedName) -> QualifiedName:
    return QualifiedName(parts=name.parts[:-1], quoted=name.quoted[:-1])


def _over_table(
    item: AnalyzedStatement,
    analyzed: AnalyzedQuery,
    part: str,
    table: TemporaryTableStatement,
) -> AnalyzedStatement:
    """The statement with the SELECT replaced by one over the table."""
    assert isinstance(item.statement, QueryStatement)
    name = sql_name(table.table.parts, item.names.dialect)
    query = Query(sql=f"SELECT * FROM {name}", span=analyzed.query.span)
    ref = item.names.named(table.table)
    other = item.validation if part == "query" else item.query
    kept = other.reads if other is not None else frozenset()
    reads = (item.effects.reads - analyzed.reads) | kept | {ref}
    simple = replace(analyzed, query=query, reads=frozenset({ref}))
    changed = replace(
        _without_views(item) if other is None else item,
        effects=replace(item.effects, reads=reads),
    )
    changed = replace(changed, temporary_tables=(*changed.temporary_tables, table))
    if part == "query":
        return replace(changed, statement=replace(item.statement, query=query), query=simple)
    return replace(changed, statement=_with_validation(item.statement, query), validation=simple)


def _without_views(item: AnalyzedStatement) -> AnalyzedStatement:
    """A statement that reads no TEMP table itself any more."""
    prefix = tuple(sql for sql in item.prefix if sql not in item.views)
    tables = tuple(table for table in item.temporary_tables if not table.setup)
    return replace(item, prefix=prefix, views=(), temporary_tables=tables)


def _with_validation(statement: QueryStatement, query: Query) -> QueryStatement:
    old = attribute(statement, VALIDATION_SELECT)
    assert old is not None
    new = Attribute(
        name=old.name, expression=Literal(value=query.sql, span=old.span), span=old.span
    )
    attributes = tuple(new if item is old else item for item in statement.attributes)
    return replace(statement, attributes=attributes)
