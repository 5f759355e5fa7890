"""Where output goes: data to standard output, everything else to standard error."""

from collections.abc import Iterable
from functools import cache

import click
from rich.console import Console
from rich.text import Text

from sqlflow_dagster.cli.tables import TextTable, plain_text, rich_table
from sqlflow_dagster.errors import Diagnostic, Severity

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow"}


@cache
def data_console() -> Console:
    """Standard output."""
    return Console(highlight=False, soft_wrap=True)


@cache
def log_console() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_table(table: TextTable, console: Console | None = None) -> None:
    """Print a table to standard output: drawn on a terminal, aligned text elsewhere.

    Args:
        table: The table.
        console: Draws on the terminal, where something else is drawing on it too.
    """
    if data_console().is_terminal:
        (console or data_console()).print(rich_table(table), soft_wrap=False)
    else:
        click.echo(plain_text(table))


def print_diagnostics(diagnostics: Iterable[Diagnostic], console: Console | None = None) -> None:
    """Print diagnostics, each with its place, to standard error or to ``console``."""
    for number, item in enumerate(diagnostics):
        if number:
            (console or log_console()).print()
        (console or log_console()).print(_styled(item))


def _styled(diagnostic: Diagnostic) -> Text:
    text = Text(diagnostic.render())
    word = f"{diagnostic.severity}:"
    style = _STYLES[diagnostic.severity]
    start = text.plain.find(word)
    text.stylize(style, start, start + len(word))
    text.highlight_regex(r"(?m)^ +\^+$", style)
    text.highlight_regex(r"(?m)^hint:", "bold cyan")
    return text
