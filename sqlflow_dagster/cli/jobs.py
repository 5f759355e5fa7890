"""``sqlflow status``, ``logs`` and ``cancel``: the runs of a running Dagster."""

import sys

import click

from sqlflow_dagster.cli.server_options import server_option
from sqlflow_dagster.errors import ExitCode

_RUN = click.argument("run_id", metavar="ID")


@click.command(short_help="Tell where a submitted run stands.")
@_RUN
@server_option
@click.option("--watch", is_flag=True, help="Stay and show the run until it is over.")
def status(*, run_id: str, url: str, watch: bool) -> None:
    """Tell where the run ID stands, step by step.

    The exit code is 0 while it runs and when it has succeeded, 1 when it has failed or was canceled.
    """
    from sqlflow_dagster.cli.output import print_table
    from sqlflow_dagster.cli.watch import (
        exit_code,
        print_failures,
        status_line,
        status_table,
        watch_run,
    )
    from sqlflow_dagster.client.runs import RunState, run_status
    from sqlflow_dagster.client.server import Server

    server = Server(url=url)
    found = watch_run(server, run_id) if watch else run_status(server, run_id)
    click.echo(status_line(found))
    click.echo(found.url)
    print_table(status_table(found))
    if found.state is RunState.FAILED and not watch:
        print_failures(server, run_id)
    sys.exit(exit_code(found))


@click.command(short_help="Show what a submitted run has told.")
@_RUN
@server_option
@click.option("--follow", is_flag=True, help="Go on until the run is over.")
def logs(*, run_id: str, url: str, follow: bool) -> None:
    """Show what the run ID has told so far, from its beginning."""
    from sqlflow_dagster.cli.watch import log_text
    from sqlflow_dagster.client.run_log import run_log
    from sqlflow_dagster.client.server import Server

    for line in run_log(Server(url=url), run_id, follow=follow):
        click.echo(log_text(line))


@click.command(short_help="End a submitted run.")
@_RUN
@server_option
def cancel(*, run_id: str, url: str) -> None:
    """End the run ID and wait until it has ended; tables that it was writing stay as they were."""
    from sqlflow_dagster.cli.watch import status_line
    from sqlflow_dagster.client.runs import RunState, cancel_run
    from sqlflow_dagster.client.server import Server

    ended = cancel_run(Server(url=url), run_id)
    click.echo(status_line(ended))
    sys.exit(ExitCode.OK if ended.state is RunState.CANCELED else ExitCode.FAILED)
