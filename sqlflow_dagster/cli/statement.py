"""``sqlflow --run``: one statement in this process, as a pod runs it."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sqlflow_dagster.engines.base import Engine
    from sqlflow_dagster.graph.program import Program, Step
    from sqlflow_dagster.model_store.settings import ModelSettings

_TENTHS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """What the data source is to remember of a generated table.

    Attributes:
        program: The program that makes it.
        time_to_live: How long it is there; None where that has no end.
    """

    program: str
    time_to_live: timedelta | None


def decoded(statement: str | None, in_base64: str | None) -> str:
    """The text of a statement given as text or in Base64, or as ``@FILE`` that holds either.

    Raises:
        click.UsageError: The file cannot be read, or the text is no Base64.
    """
    if in_base64 is not None:
        try:
            return base64.b64decode(_given("--run-base64", in_base64), validate=True).decode()
        except (binascii.Error, ValueError):
            raise click.UsageError("--run-base64 is not UTF-8 text in Base64") from None
    assert statement is not None
    return _given("--run", statement)


def _given(option: str, value: str) -> str:
    """The value of an option, read from a file where it starts with @."""
    if not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{option} {value}: the file cannot be read: {error}") from None


def run_statement(
    text: str,
    path: Path | None,
    datasource: str,
    *,
    models: "ModelSettings",
    datasources: Mapping[str, str],
    temp_tables: str,
    parser: str | None,
    generated: Generated | None,
) -> None:
    """Run one statement and print what it has to show; the history does not learn of it.

    Args:
        text: The statement; session statements (USE, SET) may stand before it.
        path: The file that it was read from.
        datasource: The URL of the data source.
        models: Where models are kept.
        datasources: The URLs of the data sources that it may name, by their names.
        temp_tables: Whether a complex SELECT gets a table of its own: ``auto``, ``always`` or ``never``.
        parser: Decides what is SQL; None for the data source.
        generated: Given where the statement makes a generated table of a program.

    Raises:
        click.UsageError: There is no statement, or more than one.
        CompileError: The statement cannot be run.
        StepError: It failed, or the parser cannot be asked.
    """
    from sqlflow_dagster.cli.output import print_diagnostics, print_table
    from sqlflow_dagster.cli.results import tables_of
    from sqlflow_dagster.compiler import compile_program
    from sqlflow_dagster.datasources import dialects, schemas
    from sqlflow_dagster.engines.base import open_engine
    from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE
    from sqlflow_dagster.runtime.context import open_context
    from sqlflow_dagster.runtime.execute import execute

    program = compile_program(
        text,
        path=path,
        dialect=open_engine(datasource).dialect,
        datasources=dialects(datasources),
        schemas=schemas({**datasources, DEFAULT_DATASOURCE: datasource}),
        temp_tables=temp_tables,
        parser=parser,
    )
    _check_single(program)
    print_diagnostics(program.diagnostics)
    context = open_context(
        datasource,
        models=models,
        datasources=datasources,
        program=program.name,
        progress=LoggedProgress(),
    )
    for step in program.steps:
        if generated is not None:
            _record(step, generated, context.on(step.datasource).engine)
        # What a pod finishes is the business of the orchestrator that started it.
        result = execute(step, replace(context, history=None))
        for table in tables_of(step, result):
            print_table(replace(table, title=None))


def _record(step: "Step", generated: Generated, engine: "Engine") -> None:
    """Remember the generated table of a step before it is there, as the runtime does."""
    from sqlflow_dagster.graph.generated_names import PREFIX
    from sqlflow_dagster.runtime.generated_tables import GeneratedTables

    for ref in step.writes:
        if ref.parts[-1].startswith(PREFIX):
            GeneratedTables(engine, ref.datasource).record(
                ref, program=generated.program, time_to_live=generated.time_to_live
            )


def _check_single(program: "Program") -> None:
    from sqlflow_dagster.lang.statements import TemporaryTableStatement

    written = [
        step for step in program.steps if not isinstance(step.statement, TemporaryTableStatement)
    ]
    if not written:
        raise click.UsageError("--run takes a statement, and the text has none")
    if len(written) > 1:
        raise click.UsageError(
            f"--run takes one statement, and the text has {len(written)}; "
            "run a program with: sqlflow run FILE"
        )


class LoggedProgress:
    """Writes what a step tells to standard error, of a training each tenth."""

    def __init__(self) -> None:
        self._tenth = 0

    def note(self, message: str) -> None:
        """A line for the log."""
        click.echo(message, err=True)

    def advance(self, done: int, total: int, note: str) -> None:
        """``done`` of ``total`` rounds."""
        tenth = done * _TENTHS // max(total, 1)
        if tenth > self._tenth:
            self._tenth = tenth
            click.echo(f"{done} of {total}: {note}", err=True)
