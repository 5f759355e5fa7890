"""``sqlflow fmt``: the machine-learning clauses of programs in one canonical form."""

import sys
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sqlflow_dagster.cli.options import PROGRAM_FILE
from sqlflow_dagster.cli.whole_files import write_whole
from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import CompileError, Diagnostic, ExitCode

if TYPE_CHECKING:
    from sqlflow_dagster.lang.statements import Statement
    from sqlflow_dagster.source import Source


@click.command(short_help="Format the clauses of programs.")
@click.argument("files", nargs=-1, required=True, type=PROGRAM_FILE, metavar="FILE…")
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if a file would change.")
@click.option("--diff", is_flag=True, help="Change nothing; show what would change.")
@click.option(
    "--dialect", metavar="NAME", default="duckdb", show_default=True, help="The SQL dialect."
)
def fmt(files: tuple[Path, ...], *, check: bool, diff: bool, dialect: str) -> None:
    """Write each machine-learning clause on a line of its own, in one order and one spelling.

    The SQL of the engine and all comments stay as they are. A file with an error is left alone.
    """
    from sqlflow_dagster.cli.output import print_diagnostics

    changed, failed = 0, False
    for path in files:
        try:
            text = _read(path)
            formatted = _formatted(text, path, dialect)
        except CompileError as error:
            print_diagnostics(error.diagnostics)
            failed = True
            continue
        if formatted == text:
            continue
        changed += 1
        if diff:
            click.echo(_difference(text, formatted, path), nl=False)
        if not (check or diff):
            write_whole(path, formatted.encode())
        if not diff:
            click.echo(f"{'would format' if check else 'formatted'} {path}")
    if not diff:
        count = f"{len(files)} file{'' if len(files) == 1 else 's'}"
        outcome = "would change" if check else "changed"
        click.echo(f"{changed} of {count} {outcome}" if changed else f"{count} unchanged")
    sys.exit(ExitCode.FAILED if failed or (check and changed) else ExitCode.OK)


def _read(path: Path) -> str:
    """The text of a file with its own line ends."""
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise CompileError(
            [
                Diagnostic(
                    code=Code.UNREADABLE_FILE, message=f"{path} is not UTF-8 text: {error.reason}"
                )
            ]
        ) from error
    except OSError as error:
        raise CompileError(
            [
                Diagnostic(
                    code=Code.UNREADABLE_FILE, message=f"{path} cannot be read: {error.strerror}"
                )
            ]
        ) from error


def _formatted(text: str, path: Path, dialect: str) -> str:
    """The text of a program, formatted, with its line ends kept.

    Raises:
        CompileError: The program has an error.
    """
    if "\r\n" in text and text.count("\r\n") == text.count("\n"):
        return _formatted(text.replace("\r\n", "\n"), path, dialect).replace("\n", "\r\n")
    from sqlflow_dagster.lang.formatter import format_program
    from sqlflow_dagster.source import Source

    source = Source(text=text, path=str(path))
    statements = _statements(source, dialect)
    formatted = format_program(source, statements, dialect)
    if _statements(Source(text=formatted, path=str(path)), dialect) != statements:
        message = f"{path} is left as it is: formatted, it would mean something else"
        hint = "this is a defect of sqlflow fmt; please report it with the program"
        raise CompileError([Diagnostic(code=Code.INTERNAL_ERROR, message=message, hint=hint)])
    return formatted


def _statements(source: "Source", dialect: str) -> "list[Statement]":
    """The statements of a program.

    Raises:
        CompileError: The program has an error.
    """
    from sqlflow_dagster.graph.analysis import analyze
    from sqlflow_dagster.graph.objects import Names
    from sqlflow_dagster.lang.scanner import scan
    from sqlflow_dagster.lang.standard import quiet_parser

    pieces, problems = scan(source, dialect)
    with quiet_parser():
        found, more = analyze(source, pieces, Names(dialect=dialect))
    errors = [item for item in (*problems, *more) if item.severity == "error"]
    if errors:
        raise CompileError(errors)
    return [item.statement for item in found]


def _difference(text: str, formatted: str, path: Path) -> str:
    before, after = (item.splitlines(keepends=True) for item in (text, formatted))
    lines = unified_diff(before, after, str(path), f"{path} (formatted)")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
