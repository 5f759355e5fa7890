"""``sqlflow temp-tables``: the generated tables of a data source."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sqlflow_dagster.cli.options import (
    PROGRAM_FILE,
    CompileSettings,
    compile_options,
    datasource_option,
    duration,
    required,
)

if TYPE_CHECKING:
    from sqlflow_dagster.graph.objects import ObjectRef
    from sqlflow_dagster.runtime.generated_tables import GeneratedTable, GeneratedTables


@click.group("temp-tables", short_help="Show or drop generated tables.")
def temp_tables() -> None:
    """Show or drop the tables that complex SELECTs and TEMP tables were computed into."""


@temp_tables.command("list", short_help="Show the generated tables.")
@click.argument("files", nargs=-1, type=PROGRAM_FILE, metavar="[FILE…]")
@datasource_option
@compile_options
def show(*, files: tuple[Path, ...], datasource: str | None, settings: CompileSettings) -> None:
    """Show the generated tables of a data source: who made each, when, and until when it is there.

    With FILEs, those that no statement of these programs makes any more are called leftovers.
    """
    from sqlflow_dagster.cli.output import print_table
    from sqlflow_dagster.cli.tables import TextTable

    url = required(datasource)
    owned = _owned(files, settings, url) if files else None
    now = datetime.now(UTC)
    rows = [
        (
            item.table.called,
            item.program,
            str(item.rows),
            _age(now - item.made_at),
            _state(item, owned),
        )
        for tables in _everywhere(url, settings)
        for item in tables.found()
    ]
    if not rows:
        click.echo("there are no generated tables", err=True)
        return
    header = ("table", "program", "rows", "age", "state")
    print_table(TextTable(header=header, rows=tuple(rows), right=frozenset({2})))


@temp_tables.command(short_help="Drop leftovers.")
@click.argument("files", nargs=-1, required=True, type=PROGRAM_FILE, metavar="FILE…")
@click.option(
    "--older-than",
    metavar="TIME",
    callback=duration,
    help="Leave alone what was made in this time, such as 12h or 7d.",
)
@click.option("--dry-run", is_flag=True, help="Only tell what would be dropped.")
@datasource_option
@compile_options
def prune(
    *,
    files: tuple[Path, ...],
    older_than: timedelta | None,
    dry_run: bool,
    datasource: str | None,
    settings: CompileSettings,
) -> None:
    """Drop the generated tables that no statement of FILEs makes any more, and those whose time is over.

    Give all programs of the data source: what the others have made is a leftover, too. A table that is
    dropped too early is computed again when it is needed. Nothing is dropped when a file has an error.
    """
    from sqlflow_dagster.runtime.generated_tables import leftovers

    url = required(datasource)
    owned = _owned(files, settings, url)
    count = 0
    for tables in _everywhere(url, settings):
        doomed = leftovers(tables.found(), owned, now=datetime.now(UTC), older_than=older_than)
        if not dry_run:
            tables.drop([item.table for item in doomed])
        for item in doomed:
            click.echo(item.table.called)
        count += len(doomed)
    click.echo(f"{count} {'would be dropped' if dry_run else 'dropped'}", err=True)


def _everywhere(url: str, settings: CompileSettings) -> "list[GeneratedTables]":
    """The generated tables of every data source."""
    from sqlflow_dagster.engines.base import open_engine
    from sqlflow_dagster.runtime.generated_tables import GeneratedTables

    others = sorted(settings.datasources.items())
    return [
        GeneratedTables(open_engine(url)),
        *(GeneratedTables(open_engine(other), name) for name, other in others),
    ]


def _owned(files: Iterable[Path], settings: CompileSettings, url: str) -> "frozenset[ObjectRef]":
    """The generated tables that programs make.

    Raises:
        CompileError: With every error of every file.
    """
    from sqlflow_dagster.cli.programs import compile_files
    from sqlflow_dagster.errors import CompileError
    from sqlflow_dagster.temp_tables import generated_tables

    compiled = compile_files(files, settings, settings.dialect_for(url))
    if compiled.errors:
        raise CompileError(compiled.diagnostics)
    return frozenset().union(*(generated_tables(program) for program in compiled.programs))


def _state(item: "GeneratedTable", owned: "frozenset[ObjectRef] | None") -> str:
    now = datetime.now(UTC)
    if item.expired(now):
        return "its time is over"
    if owned is not None and item.table not in owned:
        return "leftover"
    if item.expires_at is not None:
        return f"for another {_age(item.expires_at - now)}"
    return "kept"


_UNITS: Sequence[tuple[int, str]] = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def _age(time: timedelta) -> str:
    """A time in its largest unit: ``3 d``, ``5 h``."""
    seconds = max(0, int(time.total_seconds()))
    size, unit = next((item for item in _UNITS if seconds >= item[0]), _UNITS[-1])
    return f"{seconds // size} {unit}"
