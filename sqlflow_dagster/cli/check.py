"""``sqlflow check``: every problem of programs, found without running anything."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sqlflow_dagster.cli.options import (
    PROGRAM_FILE,
    CompileSettings,
    compile_options,
    datasource_option,
    models_option,
)
from sqlflow_dagster.errors import ExitCode, Severity
from sqlflow_dagster.model_store.settings import ModelSettings

if TYPE_CHECKING:
    from sqlflow_dagster.errors import Diagnostic
    from sqlflow_dagster.graph.program import Program
    from sqlflow_dagster.runtime.model_inputs import FeaturesCallback, PlannedFeatures


@click.command(short_help="Tell every problem of programs; nothing runs.")
@click.argument("files", nargs=-1, required=True, type=PROGRAM_FILE, metavar="FILE…")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="How it is written; github: as annotations of a workflow's run.",
)
@datasource_option
@models_option
@compile_options
def check(
    files: tuple[Path, ...],
    form: str,
    datasource: str | None,
    models: ModelSettings,
    settings: CompileSettings,
) -> None:
    """Tell every error and warning of programs; nothing is run and nothing is changed.

    Two files that write one table are an error; attributes are checked by the trainers. With a data source, so are tables and models that a
    program reads and that are not there, and SELECTs that the data source refuses; and what each model will learn
    from is told: the features that COLUMN lists, and those that are derived.
    """
    from sqlflow_dagster.cli.programs import compile_files, in_running_order

    dialect = settings.dialect_for(datasource)
    compiled = compile_files(files, settings, dialect)
    found = [*compiled.diagnostics]
    features: list[PlannedFeatures] = []
    for path in dict.fromkeys(files):
        found += _attribute_problems(path, settings, dialect)
    if datasource is not None:
        found += _problems_there(
            in_running_order(compiled.programs),
            datasource,
            models,
            settings.datasources,
            features.append,
        )
    found = _in_order(found, files)
    _write(found, features, form, files=len(set(files)))
    failed = any(item.severity is Severity.ERROR for item in found)
    sys.exit(ExitCode.FAILED if failed else ExitCode.OK)


def _write(
    found: "list[Diagnostic]", features: "list[PlannedFeatures]", form: str, *, files: int
) -> None:
    """Write diagnostics to standard output: here they are what was asked for."""
    from sqlflow_dagster.cli.diagnostic_formats import diagnostics_github, diagnostics_json
    from sqlflow_dagster.cli.output import data_console, print_diagnostics

    if form == "json":
        click.echo(diagnostics_json(found, features))
        return
    if form == "github":
        click.echo(diagnostics_github(found), nl=bool(found))
    else:
        print_diagnostics(found, data_console())
        if found:
            click.echo()
        if features:
            click.echo("\n".join(map(_features_text, features)) + "\n")
    errors = sum(item.severity is Severity.ERROR for item in found)
    counts = [(files, "file"), (errors, "error"), (len(found) - errors, "warning")]
    click.echo(", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts))


def _features_text(planned: "PlannedFeatures") -> str:
    """What a model will learn from, in a line: ``features of m: listed BUCKET(x, 3); derived y, z``."""
    base = planned.statement.base_model
    if base is not None:
        said = [f"those of {base}"]
    else:
        found = {"listed": planned.listed, "derived": planned.derived}
        said = [f"{name} {_some(items)}" for name, items in found.items() if items]
    return f"features of {planned.statement.into}: {'; '.join(said)}"


def _some(items: Sequence[str]) -> str:
    from sqlflow_dagster.cli.model_texts import SHOWN_FEATURES

    more = len(items) - SHOWN_FEATURES
    return ", ".join(items[:SHOWN_FEATURES]) + (f" and {more} more" if more > 0 else "")


def _attribute_problems(path: Path, settings: CompileSettings, dialect: str) -> "list[Diagnostic]":
    """What trainers have against the attributes of a program, whatever else is wrong with it."""
    from sqlflow_dagster.cli.programs import read_text
    from sqlflow_dagster.compiler import parse_statements
    from sqlflow_dagster.errors import CompileError
    from sqlflow_dagster.lang.statements import TrainStatement
    from sqlflow_dagster.passes import ESTIMATORS

    try:
        text = read_text(path)
    except CompileError:
        return []  # Told by the compile.
    statements = parse_statements(
        text,
        dialect=dialect,
        path=path,
        variables=settings.variables,
        datasources=settings.dialects(),
    )
    trainings = [
        item
        for item in statements
        if isinstance(item, TrainStatement) and item.estimator in ESTIMATORS
    ]
    if not trainings:
        return []
    # Only now: this brings in libraries of machine learning.
    from sqlflow_dagster.runtime.train_attributes import attribute_problem

    problems = (attribute_problem(item) for item in trainings)
    return [item for item in problems if item is not None]


def _in_order(found: "list[Diagnostic]", files: tuple[Path, ...]) -> "list[Diagnostic]":
    """Diagnostics in the order of the files and their texts, each problem of a place once."""
    order = {str(path): index for index, path in enumerate(files)}
    once: dict[tuple[str, str], Diagnostic] = {}
    for item in found:
        once.setdefault((item.message, str(item.span)), item)

    def place(item: "Diagnostic") -> tuple[int, int]:
        if item.span is None:
            return -1, -1
        return order.get(item.span.source.path or "", len(order)), item.span.start

    return sorted(once.values(), key=place)


def _problems_there(
    programs: "tuple[Program, ...]",
    datasource: str,
    models: ModelSettings,
    datasources: Mapping[str, str],
    learns: "FeaturesCallback",
) -> "list[Diagnostic]":
    """What stands against the programs in their data sources."""
    from sqlflow_dagster.cli.programs import written
    from sqlflow_dagster.graph.objects import ObjectRef
    from sqlflow_dagster.runtime.context import open_context
    from sqlflow_dagster.runtime.preflight import problems_before

    found: list[Diagnostic] = []
    made: frozenset[ObjectRef] = frozenset()
    for program in programs:
        context = open_context(
            datasource, models=models, datasources=datasources, program=program.name
        )
        found += problems_before(program, context, made=made, learns=learns)
        made |= written(program)
    return found
