"""``sqlflow submit``: hand a program to a running Dagster."""

import sys
from pathlib import Path

import click

from sqlflow_dagster.cli.options import (
    PROGRAM_FILE,
    CompileSettings,
    named_datasources,
    parser_option,
    parser_spec,
    variable_option,
)
from sqlflow_dagster.cli.server_options import server_option


@click.command(short_help="Start a program on a running Dagster.")
@click.argument("file", type=PROGRAM_FILE, metavar="FILE")
@server_option
@variable_option
@click.option(
    "--dialect",
    metavar="NAME",
    default="duckdb",
    show_default=True,
    help="The SQL dialect of the server's data source.",
)
@parser_option
@click.option(
    "--programs",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The folder that the server reads its programs from.  [env var: SQLFLOW_PROGRAMS_DIR; default: "
    "the folder of the first of SQLFLOW_PROGRAMS, else examples]",
)
@click.option(
    "--location",
    metavar="NAME",
    help="The server's code location; by default the one with SQL programs.",
)
@click.option("--replace", is_flag=True, help="Replace another program of the same name.")
@click.option("--watch", is_flag=True, help="Stay and show the run until it is over.")
@click.pass_context
def submit(
    ctx: click.Context,
    *,
    file: Path,
    url: str,
    variables: dict[str, str],
    dialect: str,
    parser: str | None,
    folder: Path | None,
    location: str | None,
    replace: bool,
    watch: bool,
) -> None:
    """Start a program on a running `dagster dev` or `dagster-webserver`.

    The program is compiled first; with an error nothing is sent. Then it is put into the server's program
    folder, with its variables filled in, the server reads the folder again, and the program's job is
    started. The command ends there and prints the ID of the run and its page, unless it is to --watch.
    """
    from sqlflow_dagster.cli.output import print_diagnostics
    from sqlflow_dagster.cli.programs import compile_file
    from sqlflow_dagster.cli.watch import exit_code, watch_run
    from sqlflow_dagster.client.program_folder import default_folder
    from sqlflow_dagster.client.server import Server
    from sqlflow_dagster.client.submission import submit as submitted

    server = Server(url=url)
    settings = CompileSettings(
        variables=variables,
        dialect=dialect,
        default_schema=None,
        temp_tables="auto",
        parser=parser_spec(parser, ctx.find_root().params["datasource"]),
        datasources=named_datasources(),
    )
    program = compile_file(file, settings, dialect)
    print_diagnostics(program.diagnostics)
    submission = submitted(
        program,
        server=server,
        folder=folder or default_folder(),
        location=location,
        replace=replace,
        parser=settings.parser,
        notify=lambda message: click.echo(message, err=True),
    )
    click.echo(submission.run_id)
    click.echo(submission.url)
    if watch:
        sys.exit(exit_code(watch_run(server, submission.run_id)))
