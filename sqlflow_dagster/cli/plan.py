"""``sqlflow plan``: what a run with ``--resume`` would do."""

from pathlib import Path

import click

from sqlflow_dagster.cli.options import (
    PROGRAM_FILE,
    CompileSettings,
    compile_options,
    datasource_option,
    models_option,
    required,
)
from sqlflow_dagster.model_store.settings import ModelSettings


@click.command(short_help="Show what `run --resume` would do, and why.")
@click.argument("file", type=PROGRAM_FILE)
@datasource_option
@models_option
@compile_options
def plan(
    file: Path, datasource: str | None, models: ModelSettings, settings: CompileSettings
) -> None:
    """Show which statements `sqlflow run --resume` would run, and why."""
    from sqlflow_dagster.cli.output import print_diagnostics, print_table
    from sqlflow_dagster.cli.programs import compile_file
    from sqlflow_dagster.cli.tables import TextTable
    from sqlflow_dagster.graph.formats import step_label
    from sqlflow_dagster.runtime.context import open_context
    from sqlflow_dagster.runtime.plan import plan as planned_steps

    url = required(datasource)
    program = compile_file(file, settings, settings.dialect_for(url))
    print_diagnostics(program.diagnostics)
    context = open_context(
        url, models=models, datasources=settings.datasources, program=program.name
    )
    planned = planned_steps(program, context)
    rows = [(step_label(item.step), "yes" if item.stale else "no", item.reason) for item in planned]
    print_table(TextTable(header=("step", "runs?", "reason"), rows=tuple(rows)))
