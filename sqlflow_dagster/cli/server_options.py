"""Options of the commands that talk to a running Dagster."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from sqlflow_dagster.client.server import DEFAULT_URL

Command = TypeVar("Command", bound=Callable[..., Any])


def server_option(command: Command) -> Command:
    """``--url URL`` of the Dagster page."""
    return click.option(
        "--url",
        metavar="URL",
        envvar="SQLFLOW_URL",
        show_envvar=True,
        default=DEFAULT_URL,
        show_default=True,
        help="The Dagster page, as in a browser.",
    )(command)
