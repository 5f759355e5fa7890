"""SQL text to a :class:`~sqlflow_dagster.graph.program.Program`.

The compile is a walk through :data:`PASSES`. It touches no database and imports no library of machine
learning or orchestration: Dagster loads definitions often, and ``sqlflow check`` must start fast.
"""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import CompileError, Diagnostic, Severity
from sqlflow_dagster.graph.analysis import AnalyzedStatement, analyze
from sqlflow_dagster.graph.annotations import misplaced_annotations
from sqlflow_dagster.graph.column_checks import column_problems
from sqlflow_dagster.graph.dependencies import Waits, dependencies
from sqlflow_dagster.graph.label_names import with_output_label
from sqlflow_dagster.graph.objects import Names
from sqlflow_dagster.graph.optimization import read_optimization
from sqlflow_dagster.graph.program import Program, Segment, Step
from sqlflow_dagster.graph.resources import step_resources
from sqlflow_dagster.graph.retraining import retraining, unwatched
from sqlflow_dagster.graph.scratch_tables import keep_temporary_tables
from sqlflow_dagster.graph.segment_resources import segment_resources
from sqlflow_dagster.graph.segments import segments
from sqlflow_dagster.graph.sql_graph import SQLGraph, SQLNode
from sqlflow_dagster.graph.static_checks import (
    misspelt_models,
    schemas_taken_for_tables,
    unknown_attributes,
)
from sqlflow_dagster.graph.steps import make_steps
from sqlflow_dagster.lang.expression_parser import ClauseError
from sqlflow_dagster.lang.parsers import ExternalParser, open_parser
from sqlflow_dagster.lang.scanner import Piece, piece_end, scan
from sqlflow_dagster.lang.standard import quiet_parser
from sqlflow_dagster.lang.statements import (
    EvaluateStatement,
    OptimizeStatement,
    QueryStatement,
    Statement,
    TrainStatement,
)
from sqlflow_dagster.lang.templates import substitute
from sqlflow_dagster.own_classes import is_allowed
from sqlflow_dagster.registry import Group, Registry
from sqlflow_dagster.source import Source
from sqlflow_dagster.temp_tables import (
    TableLife,
    TemporaryTables,
    add_temporary_tables,
    end_temporary_tables,
)

_SETTINGS = ("sqlflow:", "resources.", "retrain.")
ESTIMATORS: Registry[object] = Registry(Group.TRAINERS, "estimator")


@dataclass(slots=True, kw_only=True)
class Draft:
    """A program on its way through the passes; each pass fills in what it finds."""

    source: Source
    dialect: str
    name: str
    names: Names
    variables: Mapping[str, str]
    mode: TemporaryTables = TemporaryTables.AUTO
    parser: ExternalParser | None = None
    life: TableLife = field(default_factory=TableLife)
    pieces: list[Piece] = field(default_factory=list)
    whole: bool = True
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
        draft.whole = False


def find_effects(draft: Draft) -> None:
    """Parse each piece and find out what it reads and writes."""
    draft.statements, problems = analyze(
        draft.source, draft.pieces, draft.names, whole=draft.whole, parser=draft.parser
    )
    draft.diagnostics += problems


def name_labels(draft: Draft) -> None:
    """A LABEL with the name of a table before it means a column that the SELECT gives."""
    for index, item in enumerate(draft.statements):
        if isinstance(item.statement, TrainStatement | EvaluateStatement):
            try:
                named = with_output_label(item.statement, draft.dialect)
            except ClauseError as error:
                draft.diagnostics.append(error.diagnostic)
                named = replace(
                    item.statement, label=None
                )  # It has been told what is wrong with it.
            draft.statements[index] = replace(item, statement=named)


def keep_scratch_tables(draft: Draft) -> None:
    """Let every statement see the TEMP tables of those before it."""
    draft.statements, problems = keep_temporary_tables(draft.statements, program=draft.name)
    draft.diagnostics += problems


def check_estimators(draft: Draft) -> None:
    """Every estimator is known to some trainer, or a class that the configuration allows."""
    for item in draft.statements:
        statement = item.statement
        if not isinstance(statement, TrainStatement):
            continue
        name = statement.estimator
        if name not in ESTIMATORS and not is_allowed(name):
            draft.diagnostics.append(
                Diagnostic(
                    code=Code.UNKNOWN_ESTIMATOR,
                    message=f"unknown estimator {name!r}",
                    span=statement.estimator_span,
                    hint=ESTIMATORS.hint(name),
                )
            )


def check_columns(draft: Draft) -> None:
    """Machine-learning statements name columns that there are, and features that can be learnt from."""
    draft.diagnostics += column_problems(draft.statements)


def check_models(draft: Draft) -> None:
    """No model has a name that is a slip of the pen for one of the program's."""
    draft.diagnostics += misspelt_models([item.statement for item in draft.statements])


def check_attributes(draft: Draft) -> None:
    """The attributes of a statement are known."""
    for item in draft.statements:
        if isinstance(item.statement, QueryStatement):
            draft.diagnostics += unknown_attributes(item.statement)


def check_optimizations(draft: Draft) -> None:
    """What is to be maximised or minimised is linear in variables that are given."""
    for item in draft.statements:
        if isinstance(item.statement, OptimizeStatement):
            with _collected(draft.diagnostics):
                read_optimization(item.statement)


def add_tables(draft: Draft) -> None:
    """Give complex SELECTs a table of their own."""
    draft.statements = add_temporary_tables(
        draft.statements, mode=draft.mode, dialect=draft.dialect, program=draft.name
    )


def end_tables(draft: Draft) -> None:
    """Say when the generated tables are dropped."""
    draft.statements = end_temporary_tables(draft.statements, draft.life)


def connect(draft: Draft) -> None:
    """Make steps of the statements and find out what waits for what."""
    draft.waits = dependencies([item.effects for item in draft.statements])
    draft.steps = make_steps(draft.statements, draft.waits, draft.dialect)


def check_predictions(draft: Draft) -> None:
    """``TO PREDICT a.b`` names a table and its column, not a schema and its table."""
    draft.diagnostics += schemas_taken_for_tables(
        (step.statement for step in draft.steps),
        (ref for step in draft.steps for ref in step.reads | step.writes),
    )


def cut_segments(draft: Draft) -> None:
    """Make assets of the steps."""
    if any(item.severity is Severity.ERROR for item in draft.diagnostics):
        return
    draft.segments = segments(draft.steps, draft.waits)


def check_versions(draft: Draft) -> None:
    """No real table has the name of an earlier version of another one."""
    made = ((segment, output) for segment in draft.segments for output in segment.outputs)
    earlier = [(segment, output) for segment, output in made if output.version]
    if not earlier:
        return
    named = {(ref.kind, ref.parts) for step in draft.steps for ref in step.reads | step.writes}
    for segment, output in earlier:
        if (output.ref.kind, output.parts) in named:
            name = ".".join(output.parts)
            message = (
                f"the earlier version of {output.ref} would be called {name!r}, "
                f"like another {output.ref.kind} of this program"
            )
            span = draft.steps[segment.steps[0]].statement.span
            hint = f"rename the {output.ref.kind} {name!r}"
            draft.diagnostics.append(
                Diagnostic(code=Code.VERSION_CLASH, message=message, span=span, hint=hint)
            )


def check_settings(draft: Draft) -> None:
    """The settings for orchestrators can be followed: resources of pods, times of trainings."""
    text = draft.source.text.lower()
    if not any(word in text for word in _SETTINGS):
        return  # Most programs: no statement need be looked at.
    for step in draft.steps:
        with _collected(draft.diagnostics):
            step_resources(step)
        if isinstance(step.statement, TrainStatement):
            with _collected(draft.diagnostics):
                retraining(step.statement)
    if not any(item.severity is Severity.ERROR for item in draft.diagnostics):
        program = _program(draft)
        starts = {step.statement.span.start for step in program.steps if step.statement.span}
        draft.diagnostics += misplaced_annotations(draft.source, draft.pieces, starts)
        for segment in program.segments:
            with _collected(draft.diagnostics):
                segment_resources(program, segment)
        draft.diagnostics += unwatched(program)


@contextmanager
def _collected(diagnostics: list[Diagnostic]) -> Iterator[None]:
    """A block whose compile error becomes diagnostics among others."""
    try:
        yield
    except CompileError as error:
        diagnostics += error.diagnostics


Pass = Callable[[Draft], None]
PASSES: tuple[Pass, ...] = (
    fill_templates,
    split,
    find_effects,
    name_labels,
    keep_scratch_tables,
    check_estimators,
    check_columns,
    check_models,
    check_attributes,
    check_optimizations,
    add_tables,
    end_tables,
    connect,
    check_predictions,
    cut_segments,
    check_versions,
    check_settings,
)


def compile_program(
    text: str,
    *,
    dialect: str = "duckdb",
    path: str | Path | None = None,
    variables: Mapping[str, str] | None = None,
    default_schema: str | None = None,
    temp_tables: TemporaryTables | str = TemporaryTables.AUTO,
    parser: ExternalParser | str | None = None,
    temp_tables_life: str = "keep",
) -> Program:
    """Compile a SQL program with machine-learning clauses.

    Args:
        text: The program.
        dialect: The SQL dialect, a name of :data:`sqlflow_dagster.lang.dialects.LEXIS`.
        path: Where the text was read from, for messages and the program's name.
        variables: The values of ``${NAME}`` templates.
        default_schema: The schema of unqualified tables; None for the engine's own.
        temp_tables: Which SELECTs get a table of their own: ``auto``, ``always`` or ``never``.
        parser: Decides what is SQL, so that what it rejects is an error: ``sqlglot``, ``grpc://host:port``,
            ``engine:URL``, or a parser of yours. None leaves that to the engine, when it runs a statement.
        temp_tables_life: When those tables are dropped: ``keep``, ``drop_after_run`` or ``ttl=7d``.

    Returns:
        The program; its ``diagnostics`` are warnings.

    Raises:
        CompileError: With every problem of the program.
        PluginError: No parser has the name.
        StepError: The parser cannot be asked; ``TransientError`` where a later attempt may succeed.
        ValueError: There is no such mode, or no such life.
    """
    names = Names(dialect=dialect)
    draft = _draft(
        text, path, names.using(default_schema) if default_schema else names, variables or {}
    )
    draft.mode = TemporaryTables(temp_tables)
    draft.life = TableLife.parse(temp_tables_life)
    with quiet_parser(), _rarely_collected(), _opened(parser) as draft.parser:
        for run in PASSES:
            run(draft)
    found = sorted(draft.diagnostics, key=lambda item: item.span.start if item.span else -1)
    if any(item.severity is Severity.ERROR for item in found):
        raise CompileError(found)
    draft.diagnostics = found
    return _program(draft)


def _draft(text: str, path: str | Path | None, names: Names, variables: Mapping[str, str]) -> Draft:
    return Draft(
        source=Source(text=text, path=None if path is None else str(path)),
        dialect=names.dialect,
        name=Path(path).stem if path is not None else "program",
        names=names,
        variables=variables,
    )


def _program(draft: Draft) -> Program:
    return Program(
        source=draft.source,
        dialect=draft.dialect,
        name=draft.name,
        steps=tuple(draft.steps),
        segments=draft.segments,
        diagnostics=tuple(draft.diagnostics),
    )


@contextmanager
def _opened(parser: ExternalParser | str | None) -> Iterator[ExternalParser | None]:
    """A parser by its name or URL, closed at the end; any other as it is."""
    if not isinstance(parser, str):
        yield parser
        return
    with closing(open_parser(parser)) as opened:
        yield opened


@contextmanager
def _rarely_collected() -> Iterator[None]:
    """With a garbage collector that looks at what is new and leaves what has lasted.

    Syntax trees hold cycles. Never collected they would pile up, collected as by default everything
    that the program consists of so far would be walked again and again.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(50_000, 1_000, 1_000)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def parse_statements(
    text: str,
    *,
    dialect: str = "duckdb",
    path: str | Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> tuple[Statement, ...]:
    """The statements of a program that can be parsed; the others are left out, whatever is wrong with them.

    Args:
        text: The program.
        dialect: The SQL dialect.
        path: Where the text was read from, for messages.
        variables: The values of ``${NAME}`` templates.
    """
    draft = _draft(text, path, Names(dialect=dialect), variables or {})
    with quiet_parser(), _rarely_collected():
        for run in (fill_templates, split, find_effects):
            run(draft)
    return tuple(item.statement for item in draft.statements)


def split_sql_statements(text: str, dialect: str = "duckdb") -> list[str]:
    """The statements of a program as texts, without semicolons, blanks and comments around them.

    Raises:
        CompileError: A quote or a comment is never closed.
    """
    pieces, problems = scan(Source(text=text), dialect)
    if problems:
        raise CompileError(problems)
    return [
        text[piece.content : piece_end(text, piece, dialect)]
        for piece in pieces
        if piece.content < piece.end
    ]


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
