"""``sqlflow graph``: what a program makes out of what."""

from pathlib import Path

import click

from sqlflow_dagster.cli.options import (
    PROGRAM_FILE,
    CompileSettings,
    compile_options,
    datasource_option,
)


@click.command(short_help="Show what a program makes out of what.")
@click.argument("file", type=PROGRAM_FILE)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "mermaid", "dot"]),
    default="text",
    show_default=True,
    help="How it is written.",
)
@datasource_option
@compile_options
def graph(file: Path, form: str, datasource: str | None, settings: CompileSettings) -> None:
    """Show the tables and models of a program and what each is made from."""
    from sqlflow_dagster.cli.output import print_diagnostics
    from sqlflow_dagster.cli.programs import compile_file
    from sqlflow_dagster.graph.formats import to_dot, to_json, to_mermaid, to_text

    program = compile_file(file, settings, settings.dialect_for(datasource))
    print_diagnostics(program.diagnostics)
    written = {"text": to_text, "json": to_json, "mermaid": to_mermaid, "dot": to_dot}[form]
    click.echo(written(program), nl=False)
