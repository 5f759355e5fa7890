"""The command itself: its subcommands, its errors and their exit codes."""

from datetime import timedelta
from pathlib import Path

import click

from sqlflow_dagster.cli.argo import argo
from sqlflow_dagster.cli.check import check
from sqlflow_dagster.cli.demo_data import demo_data
from sqlflow_dagster.cli.fmt import fmt
from sqlflow_dagster.cli.graph import graph
from sqlflow_dagster.cli.jobs import cancel, logs, status
from sqlflow_dagster.cli.lineage import lineage
from sqlflow_dagster.cli.models import models as models_group
from sqlflow_dagster.cli.options import (
    datasource_option,
    duration,
    named_datasources,
    parser_option,
    parser_spec,
    required,
    root_models_option,
)
from sqlflow_dagster.cli.parser_server import parser_server
from sqlflow_dagster.cli.plan import plan
from sqlflow_dagster.cli.run import run
from sqlflow_dagster.cli.statement import Generated, decoded, run_statement
from sqlflow_dagster.cli.submit import submit
from sqlflow_dagster.cli.temp_tables import temp_tables as temp_tables_group
from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import (
    CompileError,
    Diagnostic,
    ExitCode,
    PluginError,
    SqlflowError,
    StepError,
)
from sqlflow_dagster.model_store.settings import ModelSettings

INTERRUPTED = 130
"""What a shell expects of a command that Ctrl-C ended: 128 and the number of the signal."""


class SqlflowGroup(click.Group):
    """A group whose commands may raise the errors of this package."""

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; an error becomes a message and an exit code."""
        try:
            return super().invoke(ctx)
        except SqlflowError as error:
            ctx.exit(_report(error))
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)


def _report(error: SqlflowError) -> int:
    from sqlflow_dagster.cli.output import print_diagnostics

    match error:
        case CompileError(diagnostics=diagnostics):
            print_diagnostics(diagnostics)
            return ExitCode.FAILED
        case StepError():
            print_diagnostics([error.diagnostic])
            return error.exit_code
        case PluginError(message=message, hint=hint):
            print_diagnostics([Diagnostic(code=Code.CANNOT_RUN, message=message, hint=hint)])
        case _:
            print_diagnostics([Diagnostic(code=Code.CANNOT_RUN, message=str(error))])
    return ExitCode.FAILED


@click.group(
    cls=SqlflowGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 75 a later attempt may succeed, 130 Ctrl-C.",
)
@datasource_option
@root_models_option
@click.option(
    "--run",
    "statement",
    metavar="SQL|@FILE",
    help="Run one statement in this process; its rows go to standard output.",
)
@click.option("--run-base64", metavar="TEXT|@FILE", help="The same, with the statement in Base64.")
@click.option(
    "--temp-tables",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="For --run: whether a complex SELECT is computed into a table first.",
)
@click.option(
    "--generated-by",
    metavar="PROGRAM",
    help="For --run: it makes a generated table of this program, which `temp-tables` will know of.",
)
@click.option(
    "--time-to-live",
    metavar="TIME",
    callback=duration,
    help="For --generated-by: when that table may be dropped, such as 7d; else it is kept.",
)
@parser_option
@click.version_option(package_name="sqlflow-dagster", message="%(package)s %(version)s")
@click.pass_context
def main(
    ctx: click.Context,
    *,
    datasource: str | None,
    models: str | None,
    statement: str | None,
    run_base64: str | None,
    temp_tables: str,
    generated_by: str | None,
    time_to_live: timedelta | None,
    parser: str | None,
) -> None:
    """Run SQL programs whose statements train and use models."""
    given = statement is not None or run_base64 is not None
    if ctx.invoked_subcommand is not None:
        if given:
            raise click.UsageError(f"--run does not go with the command {ctx.invoked_subcommand!r}")
        return
    if not given:
        click.echo(ctx.get_help())
        return
    if statement is not None and run_base64 is not None:
        raise click.UsageError("--run and --run-base64 are two ways to give one statement")
    path = statement[1:] if statement is not None and statement.startswith("@") else None
    text = decoded(statement, run_base64)
    run_statement(
        text,
        Path(path) if path else None,
        required(datasource),
        models=ModelSettings.from_environment(store=models),
        datasources=named_datasources(),
        temp_tables=temp_tables,
        parser=parser_spec(parser, datasource),
        generated=None
        if generated_by is None
        else Generated(program=generated_by, time_to_live=time_to_live),
    )


for command in (
    run,
    check,
    graph,
    lineage,
    plan,
    fmt,
    demo_data,
    submit,
    status,
    logs,
    cancel,
    argo,
    parser_server,
    temp_tables_group,
    models_group,
):
    main.add_command(command)
