"""SQL text to a :class:`~sqlflow_dagster.graph.program.Program`.

The compile is a walk through :data:`PASSES`. It touches no database and imports no library of machine
learning or orchestration: Dagster loads definitions often, and ``sqlflow check`` must start fast.
"""

import gc
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlflow_dagster.errors import CompileError, Diagnostic, Severity, did_you_mean
from sqlflow_dagster.graph.analysis import AnalyzedStatement, analyze
from sqlflow_dagster.graph.dependencies import Waits, dependencies
from sqlflow_dagster.graph.objects import Names
from sqlflow_dagster.graph.program import Program, Segment, Step
from sqlflow_dagster.graph.segments import segments
from sqlflow_dagster.graph.sql_graph import SQLGraph, SQLNode
from sqlflow_dagster.lang.expressions import Call, Expression, ListExpression, Name
from sqlflow_dagster.lang.scanner import Piece, content_start, normalized_sql, scan
from sqlflow_dagster.lang.standard import quiet_parser
from sqlflow_dagster.lang.statements import (
    EvaluateStatement,
    ExplainStatement,
    PredictStatement,
    Query,
    QueryStatement,
    ShowTrainStatement,
    SqlStatement,
    Statement,
    TemporaryTableStatement,
    TrainStatement,
    TransactionStatement,
)
from sqlflow_dagster.lang.templates import substitute
from sqlflow_dagster.registry import Group, Registry
from sqlflow_dagster.source import Source
from sqlflow_dagster.temp_tables import TemporaryTables, add_temporary_tables

ESTIMATORS: Registry[object] = Registry(Group.TRAINERS, "estimator")


@dataclass(slots=True, kw_only=True)
class Draft:
    """A program on its way through the passes; each pass fills in what it finds."""

    source: Source
    dialect: str
    name: str
    names: Names
    variables: Mapping[str, str]
    mode: TemporaryTables
    pieces: list[Piece] = field(default_factory=list)
    statements: list[AnalyzedStatement] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    waits: list[Waits] = field(default_factory=list)
    segments: tuple[Segment, ...] = ()
    diagnostics: list[Diagnostic] = field(default_factory=list)


def fill_templates(draft: Draft) -> None:
    """Fill in ``${NAME}`` and dates."""
    draft.source, problems = substitute(draft.source, draft.variables)
    draft.diagnostics += problems


def split(draft: Draft) -> None:
    """Cut the text at its semicolons and find the machine-learning clauses."""
    if draft.diagnostics:
        return  # An unfilled template is no SQL: errors about it would only confuse.
    draft.pieces, problems = scan(draft.source, draft.dialect)
    draft.diagnostics += problems
    if problems:
        # What follows a quote that is never closed would give errors of its own, all of them wrong.
        draft.pieces.pop()


def find_effects(draft: Draft) -> None:
    """Parse each piece and find out what it reads and writes."""
    draft.statements, problems = analyze(draft.source, draft.pieces, draft.names)
    draft.diagnostics += problems


def check_estimators(draft: Draft) -> None:
    """Every estimator is known to some trainer."""
    for item in draft.statements:
        statement = item.statement
        if isinstance(statement, TrainStatement) and statement.estimator not in ESTIMATORS:
            draft.diagnostics.append(
                Diagnostic(
                    message=f"unknown estimator {statement.estimator!r}",
                    span=statement.estimator_span,
                    hint=ESTIMATORS.hint(statement.estimator),
                )
            )


def check_columns(draft: Draft) -> None:
    """COLUMN and LABEL name columns of the SELECT, where its text alone tells which it has."""
    for item in draft.statements:
        if not isinstance(item.statement, QueryStatement) or item.query is None:
            continue
        columns = item.query.shape.columns
        if columns is None:
            continue
        known = {name.lower() for name in columns}
        for name in _named_columns(item.statement):
            if name.name.rsplit(".", 1)[-1].lower() not in known:
                hint = did_you_mean(name.name, columns)
                draft.diagnostics.append(
                    Diagnostic(
                        message=f"column {name.name!r} is not among the columns of the SELECT: "
                        + ", ".join(columns),
                        span=name.span,
                        hint=hint,
                    )
                )


def _named_columns(statement: QueryStatement) -> Iterator[Name]:
    match statement:
        case TrainStatement(columns=clauses, label=label):
            for clause in clauses:
                for column in clause.columns:
                    yield from _names(column)
            yield from _names(label)
        case EvaluateStatement(label=label):
            yield from _names(label)
        case PredictStatement() | ExplainStatement():
            return


def _names(expression: Expression | None) -> Iterator[Name]:
    match expression:
        case Name(name=name) if name != "*":
            yield expression
        case ListExpression(items=items):
            for item in items:
                yield from _names(item)
        case Call(arguments=arguments) if arguments:
            # The column comes first; what follows are sizes, delimiters and combiners.
            yield from _names(arguments[0])
        case _:
            return


def add_tables(draft: Draft) -> None:
    """Give complex SELECTs a table of their own."""
    draft.statements = add_temporary_tables(
        draft.statements, mode=draft.mode, dialect=draft.dialect, program=draft.name
    )


def connect(draft: Draft) -> None:
    """Make steps of the statements and find out what waits for what."""
    draft.waits = dependencies([item.effects for item in draft.statements])
    taken: Counter[str] = Counter()
    for index, (item, waits) in enumerate(zip(draft.statements, draft.waits, strict=True)):
        name = _step_name(item, draft.dialect)
        taken[name] += 1
        draft.steps.append(
            Step(
                index=index,
                name=name if taken[name] == 1 else f"{name}_{taken[name]}",
                statement=item.statement,
                effects=item.effects,
                waits_for=waits.all,
                prefix=item.prefix,
                temporary_tables=item.temporary_tables,
                code_version=_code_version(item, draft.dialect),
            )
        )


def _step_name(item: AnalyzedStatement, dialect: str) -> str:
    match item.statement:
        case TrainStatement(into=into):
            words = ("train", *into.parts)
        case PredictStatement(into=into):
            words = ("predict", *into.parts)
        case EvaluateStatement(model=model, into=into):
            words = ("evaluate", *(into or model.name).parts)
        case ExplainStatement(model=model, into=into):
            words = ("explain", *(into or model.name).parts)
        case ShowTrainStatement(model=model):
            words = ("show_train", *model.name.parts)
        case TemporaryTableStatement(table=table):
            words = table.parts
        case TransactionStatement():
            words = ("transaction", *_objects(item))
        case SqlStatement(sql=sql):
            first = content_start(sql, 0, len(sql), dialect)
            verb = re.match(r"[a-z]*", sql[first:].lower())
            word = verb.group() if verb else ""
            words = ("select" if word in {"", "with", "from"} else word, *_objects(item))
    safe = re.sub(r"[^a-z0-9]+", "_", "_".join(words).lower()).strip("_")
    return safe if re.match(r"[a-z]", safe) else f"step_{safe}".rstrip("_")


def _objects(item: AnalyzedStatement) -> tuple[str, ...]:
    """The parts of the object that a plain statement is about."""
    if item.effects.writes:
        return item.effects.writes[0].ref.parts
    return min(item.effects.reads).parts if item.effects.reads else ()


def _code_version(item: AnalyzedStatement, dialect: str) -> str:
    text = repr((item.prefix, _normal(item.statement, dialect), item.temporary_tables))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _normal(statement: Statement, dialect: str) -> Statement:
    """The statement without what does not change its meaning: comments and blanks."""
    match statement:
        case SqlStatement(sql=sql):
            return SqlStatement(sql=normalized_sql(sql, dialect))
        case TransactionStatement(statements=inside):
            parts = tuple(SqlStatement(sql=normalized_sql(item.sql, dialect)) for item in inside)
            return TransactionStatement(statements=parts)
        case ShowTrainStatement():
            return statement
        case _:
            return replace(statement, query=Query(sql=normalized_sql(statement.query.sql, dialect)))


def cut_segments(draft: Draft) -> None:
    """Make assets of the steps."""
    if any(item.severity is Severity.ERROR for item in draft.diagnostics):
        return
    draft.segments = segments(draft.steps, draft.waits)


def check_versions(draft: Draft) -> None:
    """No real table has the name of an earlier version of another one."""
    named = {ref.name for step in draft.steps for ref in step.reads | step.writes}
    for segment in draft.segments:
        for output in segment.outputs:
            name = ".".join(output.parts)
            if output.version and name in named:
                message = (
                    f"the earlier version of {output.ref} would be called {name!r}, like a table"
                )
                span = draft.steps[segment.steps[0]].statement.span
                hint = f"rename the table {name!r}"
                draft.diagnostics.append(Diagnostic(message=message, span=span, hint=hint))


Pass = Callable[[Draft], None]
PASSES: tuple[Pass, ...] = (
    fill_templates,
    split,
    find_effects,
    check_estimators,
    check_columns,
    add_tables,
    connect,
    cut_segments,
    check_versions,
)


def compile_program(
    text: str,
    *,
    dialect: str = "duckdb",
    path: str | Path | None = None,
    variables: Mapping[str, str] | None = None,
    default_schema: str | None = None,
    temp_tables: TemporaryTables | str = TemporaryTables.AUTO,
) -> Program:
    """Compile a SQL program with machine-learning clauses.

    Args:
        text: The program.
        dialect: The SQL dialect, a name of :data:`sqlflow_dagster.lang.dialects.LEXIS`.
        path: Where the text was read from, for messages and the program's name.
        variables: The values of ``${NAME}`` templates.
        default_schema: The schema of unqualified tables; None for the engine's own.
        temp_tables: Which SELECTs get a table of their own: ``auto``, ``always`` or ``never``.

    Returns:
        The program; its ``diagnostics`` are warnings.

    Raises:
        CompileError: With every problem of the program.
    """
    names = Names(dialect=dialect)
    draft = Draft(
        source=Source(text=text, path=None if path is None else str(path)),
        dialect=dialect,
        name=Path(path).stem if path is not None else "program",
        names=names.using(default_schema) if default_schema else names,
        variables=variables or {},
        mode=TemporaryTables(temp_tables),
    )
    with quiet_parser(), _uncollected():
        for run in PASSES:
            run(draft)
    found = sorted(draft.diagnostics, key=lambda item: item.span.start if item.span else -1)
    if any(item.severity is Severity.ERROR for item in found):
        raise CompileError(found)
    return Program(
        source=draft.source,
        dialect=dialect,
        name=draft.name,
        steps=tuple(draft.steps),
        segments=draft.segments,
        diagnostics=tuple(found),
    )


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector, which would walk all syntax trees again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def split_sql_statements(text: str, dialect: str = "duckdb") -> list[str]:
    """The statements of a program as texts, without semicolons, blanks and comments around them.

    Raises:
        CompileError: A quote or a comment is never closed.
    """
    pieces, problems = scan(Source(text=text), dialect)
    if problems:
        raise CompileError(problems)
    starts = [content_start(text, piece.start, piece.end, dialect) for piece in pieces]
    texts = [text[start : piece.end].rstrip() for start, piece in zip(starts, pieces, strict=True)]
    return [item for item in texts if item]


def analyze_sql_graph(statements: Sequence[str], dialect: str = "duckdb") -> SQLGraph:
    """What the statements of a program read and write, and what must wait for what.

    Args:
        statements: As :func:`split_sql_statements` gives them.
        dialect: Their SQL dialect.

    Raises:
        CompileError: With every problem of the statements.
    """
    text = "\n;\n".join(statements)
    program = compile_program(text, dialect=dialect, temp_tables=TemporaryTables.NEVER)
    nodes = tuple(
        SQLNode(
            index=step.index,
            sql=step.statement.span.text if step.statement.span else "",
            reads=step.reads,
            writes=step.writes,
        )
        for step in program.steps
    )
    edges = sorted((before, step.index) for step in program.steps for before in step.waits_for)
    return SQLGraph(nodes=nodes, edges=tuple(edges))
