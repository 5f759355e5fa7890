"""``%%sqlflow``: statements of a SQL program in a cell of a notebook.

Each statement runs in a process of its own, as under ``sqlflow run``: interrupting the kernel ends the
statement and nothing else, and the memory of a training is given back. IPython is imported only where a
notebook uses this module.
"""

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import CompileError, Diagnostic, Severity, SqlflowError, StepError
from sqlflow_dagster.graph.external_programs import DATASOURCE_VARIABLE
from sqlflow_dagster.lang.parsers import PARSER_VARIABLE, parser_for
from sqlflow_dagster.model_store.settings import ModelSettings

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from sqlflow_dagster.graph.program import Program

CELL = "<cell>"
"""What messages call the text of a cell."""


class CellError(Exception):
    """A cell that failed, shown by its message alone.

    The kernel and its notebook take it as any error: "Run all" stops at the cell.
    """

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback."""
        return str(self).splitlines()


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOptions:
    """What stands behind ``%%sqlflow``.

    Attributes:
        datasources: ``URL`` of the default data source, ``NAME=URL`` of another; those of the cells before count
            as well, unless ``target`` is given.
        target: The data sources of a target of the project; None for the target of the cell before.
        parser: What decides what is SQL; None for that of the cell before.
        variables: The values of ``${NAME}`` templates.
    """

    datasources: tuple[str, ...]
    target: str | None
    parser: str | None
    variables: dict[str, str]


def load_ipython_extension(shell: "InteractiveShell") -> None:
    """Add ``%%sqlflow`` to a notebook: what ``%load_ext sqlflow_dagster`` calls."""
    shell.magics_manager.register_function(
        Cells().run, magic_kind="line_cell", magic_name="sqlflow"
    )


class Cells:
    """The ``%%sqlflow`` cells of a notebook; they share data sources and a parser."""

    def __init__(self) -> None:
        self._datasources: tuple[str, ...] = ()
        self._target: str | None = None
        self._parser: str | None = None

    def run(self, line: str, cell: str | None = None) -> object:
        """Run the statements of a cell, or with one % only set the data sources.

        Args:
            line: ``--datasource [NAME=]URL``, ``--target NAME`` and ``--parser NAME|URL``, remembered for the cells
                that follow, and ``--variable NAME=VALUE``.
            cell: One or more statements; None for a line magic.

        Returns:
            The rows of the last statement as a DataFrame, where it is a SELECT.

        Raises:
            CellError: Something is wrong with the cell, a statement failed, or the kernel was interrupted.
        """
        with _shown_quietly():
            options = _options(line)
            if options is None:
                return None
            datasource, others = self._chosen(options)
            self._parser = options.parser or self._parser
            if cell is None:
                return None
            named = self._parser or os.environ.get(PARSER_VARIABLE)
            parser = parser_for(named, datasource, others.values())
            program = _compiled(cell, datasource, others, parser, options.variables)
            return _run(program, datasource, others)

    def _chosen(self, options: CellOptions) -> tuple[str, Mapping[str, str]]:
        """The URLs of the default data source of a cell and of the others; they are known to name engines."""
        from sqlflow_dagster.datasources import datasources_of, dialects
        from sqlflow_dagster.engines.base import open_engine

        named, target = (*self._datasources, *options.datasources), self._target
        if options.target is not None:
            # What an earlier cell named would be in force in place of what the target says.
            named, target = options.datasources, options.target
        chosen = datasources_of(named, target=target)
        if chosen.default is None:
            raise CellError(
                "error: no data source is given\n"
                f"hint: write %%sqlflow --datasource duckdb:///data.duckdb, or set {DATASOURCE_VARIABLE}"
            )
        open_engine(chosen.default)
        dialects(chosen.others)
        self._datasources, self._target = named, target
        return chosen.default, chosen.others


_COMMAND = click.Command(
    "%%sqlflow",
    params=[
        click.Option(
            ["--datasource", "datasources"],
            metavar="[NAME=]URL",
            multiple=True,
            help="The data source; with a NAME, one that statements name. May be given several times. "
            "Remembered for the cells that follow.",
        ),
        click.Option(
            ["--target"],
            metavar="NAME",
            help="The data sources of this target in pyproject.toml, in place of those that earlier cells "
            "named. Remembered for the cells that follow.",
        ),
        click.Option(
            ["--parser"],
            metavar="NAME|URL",
            help="What decides what is SQL: sqlglot, engine (the data source) or grpc://host:port. "
            "Remembered for the cells that follow.",
        ),
        click.Option(
            ["--variable", "variables"],
            metavar="NAME=VALUE",
            multiple=True,
            help="The value of ${NAME}; may be given several times.",
        ),
    ],
    help="Run the statements of a cell; %sqlflow with one % only sets the data sources and the parser.",
)


def _options(line: str) -> CellOptions | None:
    """The options of a cell; None where only their help was asked for."""
    try:
        found = _COMMAND.make_context("%%sqlflow", shlex.split(line)).params
    except click.exceptions.Exit:
        return None
    except click.UsageError as error:
        raise CellError(f"error: %%sqlflow: {error.format_message()}") from None
    except ValueError as error:
        raise CellError(f"error: %%sqlflow {line}: {error}") from None
    return CellOptions(
        datasources=found["datasources"],
        target=found["target"],
        parser=found["parser"],
        variables=_variables(found["variables"]),
    )


def _variables(values: Sequence[str]) -> dict[str, str]:
    parts = [value.partition("=") for value in values]
    wrong = [name for name, equals, _ in parts if not equals or not name.isidentifier()]
    if wrong:
        raise CellError(f"error: --variable takes NAME=VALUE, and one starts with {wrong[0]!r}")
    return {name: value for name, _, value in parts}


@contextmanager
def _shown_quietly() -> Iterator[None]:
    """A block whose foreseen errors are shown by their message."""
    try:
        yield
    except (CompileError, StepError) as error:
        raise CellError(str(error)) from None
    except SqlflowError as error:
        raise CellError(Diagnostic(code=Code.CANNOT_RUN, message=str(error)).render()) from None
    except KeyboardInterrupt:
        raise CellError("interrupted; what finished before is kept") from None


def _compiled(
    cell: str,
    datasource: str,
    others: Mapping[str, str],
    parser: str | None,
    variables: dict[str, str],
) -> "Program":
    """The program of a cell, whose tables and columns are there.

    Raises:
        CompileError: With every problem; nothing has run.
        PluginError: No parser has the name.
        StepError: The parser or the data source cannot be asked.
    """
    from sqlflow_dagster.client.cell_output import say
    from sqlflow_dagster.compiler import compile_program
    from sqlflow_dagster.datasources import dialects, schemas
    from sqlflow_dagster.engines.base import dialect_of
    from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE
    from sqlflow_dagster.runtime.context import open_context
    from sqlflow_dagster.runtime.preflight import problems_before

    # A notebook counts the line of %%sqlflow as the first.
    program = compile_program(
        f"\n{cell}",
        path=CELL,
        dialect=dialect_of(datasource),
        variables=variables,
        parser=parser,
        datasources=dialects(others),
        schemas=schemas({**others, DEFAULT_DATASOURCE: datasource}),
    )
    for warning in program.diagnostics:
        say(warning.render())
    models = ModelSettings.from_environment()
    context = open_context(datasource, models=models, datasources=others, program=program.name)
    problems = problems_before(program, context)
    if any(item.severity is Severity.ERROR for item in problems):
        raise CompileError(problems)
    for warning in problems:
        say(warning.render())
    return program


def _run(program: "Program", datasource: str, others: Mapping[str, str]) -> object:
    """Run the statements of a cell, one after the other; the rows of the last one."""
    from sqlflow_dagster.client.cell_output import CellOutput
    from sqlflow_dagster.runtime.local import run_program

    output = CellOutput(program)
    for step in program.steps:
        summary = run_program(
            program,
            datasource=datasource,
            models=ModelSettings.from_environment(),
            datasources=others,
            observer=output,
            steps=frozenset({step.index}),
            concurrent=1,
        )
        if step.index in summary.errors:
            raise summary.errors[step.index]
    return output.value
