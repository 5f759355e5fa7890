"""``sqlflow lineage``: where the columns of a program come from."""

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
from sqlflow_dagster.model_store.settings import ModelSettings

if TYPE_CHECKING:
    from sqlflow_dagster.graph.columns import ColumnRef
    from sqlflow_dagster.graph.program_lineage import ProgramLineage


@click.command(short_help="Show where the columns of a program come from.")
@click.argument("file", type=PROGRAM_FILE)
@click.option(
    "--column",
    "name",
    metavar="TABLE.COLUMN",
    help="Show one column of a table or a model: all it comes from, and all that come from it.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "mermaid"]),
    default="text",
    show_default=True,
    help="How it is written.",
)
@datasource_option
@models_option
@compile_options
def lineage(
    *,
    file: Path,
    name: str | None,
    form: str,
    datasource: str | None,
    models: ModelSettings,
    settings: CompileSettings,
) -> None:
    """Show what each column of each table and model of a program is computed from.

    Columns that only filter or join rows do not count. With a data source, the columns of the tables and models
    that the program only reads are known; without one, they are where the program names them.
    """
    from sqlflow_dagster.cli.output import print_diagnostics
    from sqlflow_dagster.cli.programs import compile_file
    from sqlflow_dagster.graph.lineage_formats import lineage_json, lineage_mermaid, lineage_text
    from sqlflow_dagster.graph.program_lineage import program_lineage

    program = compile_file(file, settings, settings.dialect_for(datasource))
    print_diagnostics(program.diagnostics)
    schema = None
    if datasource is not None:
        from sqlflow_dagster.runtime.context import open_context
        from sqlflow_dagster.runtime.lineage import outside_columns

        context = open_context(
            datasource, models=models, datasources=settings.datasources, program=program.name
        )
        schema = outside_columns(program, context)
    found = program_lineage(program, schema)
    column = _column(found, name) if name is not None else None
    write = {"text": lineage_text, "json": lineage_json, "mermaid": lineage_mermaid}[form]
    click.echo(write(found, column), nl=False)


def _column(found: "ProgramLineage", name: str) -> "ColumnRef":
    """The column that was asked for.

    Raises:
        click.BadParameter: The program has no such column.
    """
    from sqlflow_dagster.errors import did_you_mean

    column = found.find(name)
    if column is None:
        near = did_you_mean(name, found.names())
        message = f"the program neither makes nor reads a column {name!r}"
        raise click.BadParameter(f"{message}; {near}" if near else message, param_hint="--column")
    return column
