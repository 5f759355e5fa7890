"""The passes of a compile, and the draft that each of them adds what it finds to."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import CompileError, Diagnostic, Severity, did_you_mean
from sqlflow_dagster.graph.analysis import analyze
from sqlflow_dagster.graph.analyzed import AnalyzedStatement
from sqlflow_dagster.graph.annotations import misplaced_annotations
from sqlflow_dagster.graph.column_checks import column_problems
from sqlflow_dagster.graph.conflicts import read_across
from sqlflow_dagster.graph.datasources import ProgramDatasources
from sqlflow_dagster.graph.dependencies import Waits, dependencies
from sqlflow_dagster.graph.label_names import with_output_label
from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE, Names
from sqlflow_dagster.graph.optimization import read_optimization
from sqlflow_dagster.graph.program import Program, Segment, Step
from sqlflow_dagster.graph.resources import step_resources
from sqlflow_dagster.graph.retraining import retraining, unwatched
from sqlflow_dagster.graph.scratch_tables import keep_temporary_tables
from sqlflow_dagster.graph.segment_resources import segment_resources
from sqlflow_dagster.graph.segments import segments
from sqlflow_dagster.graph.static_checks import (
    column_function_problems,
    misspelt_models,
    schemas_taken_for_tables,
    unknown_attributes,
)
from sqlflow_dagster.graph.steps import make_steps
from sqlflow_dagster.lang.expression_parser import ClauseError
from sqlflow_dagster.lang.parsers import ExternalParser
from sqlflow_dagster.lang.scanner import Piece, scan
from sqlflow_dagster.lang.statements import (
    EvaluateStatement,
    ExplainStatement,
    OptimizeStatement,
    QueryStatement,
    TrainStatement,
)
from sqlflow_dagster.lang.templates import substitute
from sqlflow_dagster.own_classes import TRAINERS_VARIABLE, is_allowed
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
EXPLAINERS: Registry[object] = Registry(Group.EXPLAINERS, "explainer")


@dataclass(slots=True, kw_only=True)
class Draft:
    """A program on its way through the passes; each pass fills in what it finds."""

    source: Source
    dialect: str
    name: str
    names: Names
    datasources: ProgramDatasources
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
    draft.datasources, unknown = draft.datasources.of(draft.source)
    draft.pieces, problems = scan(
        draft.source, draft.dialect, dialect_at=draft.datasources.dialect_at(draft.source)
    )
    draft.diagnostics += unknown + problems
    if problems:
        # What follows a quote that is never closed would give errors of its own, all of them wrong.
        draft.pieces.pop()
        draft.whole = False


def find_effects(draft: Draft) -> None:
    """Parse each piece and find out what it reads and writes."""
    draft.statements, problems = analyze(
        draft.source,
        draft.pieces,
        draft.names,
        whole=draft.whole,
        parser=draft.parser,
        datasources=draft.datasources,
    )
    draft.diagnostics += problems


def name_labels(draft: Draft) -> None:
    """A LABEL with the name of a table before it means a column that the SELECT gives."""
    for index, item in enumerate(draft.statements):
        if isinstance(item.statement, TrainStatement | EvaluateStatement):
            try:
                named = with_output_label(item.statement, item.names.dialect)
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
                    hint=_estimator_hint(name),
                )
            )


def check_explainers(draft: Draft) -> None:
    """Every explainer that a statement names is registered."""
    for item in draft.statements:
        statement = item.statement
        if not isinstance(statement, ExplainStatement) or statement.explainer is None:
            continue
        if statement.explainer not in EXPLAINERS:
            draft.diagnostics.append(
                Diagnostic(
                    code=Code.UNKNOWN_EXPLAINER,
                    message=f"unknown explainer {statement.explainer!r}",
                    span=statement.explainer_span or statement.span,
                    hint=EXPLAINERS.hint(statement.explainer),
                )
            )


def _estimator_hint(name: str) -> str:
    package = name.partition(".")[0].lower()
    families = {known.partition(".")[0].lower() for known in ESTIMATORS.registered()}
    if "." in name and package not in families and not did_you_mean(name, ESTIMATORS.names()):
        return f"a class of your own must be in {TRAINERS_VARIABLE}"
    return ESTIMATORS.hint(name)


def check_columns(draft: Draft) -> None:
    """Machine-learning statements name columns that there are, and features that can be learnt from."""
    for item in draft.statements:
        if isinstance(item.statement, TrainStatement):
            draft.diagnostics += column_function_problems(item.statement)
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
    draft.statements = add_temporary_tables(draft.statements, mode=draft.mode, program=draft.name)


def end_tables(draft: Draft) -> None:
    """Say when the generated tables are dropped."""
    draft.statements = end_temporary_tables(draft.statements, draft.life)


def connect(draft: Draft) -> None:
    """Make steps of the statements and find out what waits for what."""
    draft.waits = dependencies([item.effects for item in draft.statements])
    draft.steps = make_steps(draft.statements, draft.waits)


def check_datasources(draft: Draft) -> None:
    """Warn of statements that seem to read what another data source has."""
    draft.diagnostics += read_across(draft.steps)


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
        program = program_of(draft)
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


def program_of(draft: Draft) -> Program:
    """The program of a draft, as far as it has come."""
    return Program(
        source=draft.source,
        dialect=draft.dialect,
        name=draft.name,
        steps=tuple(draft.steps),
        segments=draft.segments,
        datasources={
            name: names.dialect
            for name, names in draft.datasources.names.items()
            if name != DEFAULT_DATASOURCE
        },
        diagnostics=tuple(draft.diagnostics),
    )


Pass = Callable[[Draft], None]
PASSES: tuple[Pass, ...] = (
    fill_templates,
    split,
    find_effects,
    name_labels,
    keep_scratch_tables,
    check_estimators,
    check_explainers,
    check_columns,
    check_models,
    check_attributes,
    check_optimizations,
    add_tables,
    end_tables,
    connect,
    check_datasources,
    check_predictions,
    cut_segments,
    check_versions,
    check_settings,
)
