"""``sqlflow run``: run programs on this machine."""

import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sqlflow_dagster.cli.options import (
    PROGRAM_FILE,
    CompileSettings,
    compile_options,
    datasource_option,
    models_option,
    required,
)
from sqlflow_dagster.errors import CompileError, Diagnostic, ExitCode, Severity

if TYPE_CHECKING:
    from sqlflow_dagster.cli.display import RunDisplay
    from sqlflow_dagster.graph.objects import ObjectRef
    from sqlflow_dagster.graph.program import Program, Step
    from sqlflow_dagster.model_store.settings import ModelSettings
    from sqlflow_dagster.runtime.context import RunContext
    from sqlflow_dagster.runtime.local import RunSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenSteps:
    """A program and those of its steps that will run."""

    program: "Program"
    indexes: frozenset[int]

    @property
    def steps(self) -> "list[Step]":
        """The chosen steps in program order."""
        return [step for step in self.program.steps if step.index in self.indexes]


@click.command(short_help="Run programs on this machine.")
@click.argument("files", nargs=-1, required=True, type=PROGRAM_FILE, metavar="FILE…")
@datasource_option
@models_option
@click.option(
    "--select",
    "selectors",
    metavar="NAME",
    multiple=True,
    help="Run only what makes this table or model; +NAME also what it is made from, NAME+ also what "
    "is made from it. May be given several times.",
)
@click.option("--resume", is_flag=True, help="Run only what `sqlflow plan` calls out of date.")
@click.option(
    "--max-concurrent",
    type=click.IntRange(min=1),
    metavar="N",
    envvar="SQLFLOW_MAX_CONCURRENT",
    show_envvar=True,
    help="The most steps at once; by default two to four, as the machine has cores.",
)
@click.option(
    "--plots",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the plots of TO EXPLAIN to this folder, as PNG files.",
)
@compile_options
def run(
    *,
    files: tuple[Path, ...],
    datasource: str | None,
    models: "ModelSettings",
    selectors: tuple[str, ...],
    resume: bool,
    max_concurrent: int | None,
    plots: Path | None,
    settings: CompileSettings,
) -> None:
    """Run programs, one after the other, and their statements in parallel where nothing stands against it.

    Every statement has a process of its own. Nothing runs when a program has an error, or when a table or model that it reads is missing. A
    statement that fails takes what reads its output down with it; the rest finishes.
    """
    from sqlflow_dagster.engines.termination import ended_by_sigterm
    from sqlflow_dagster.runtime.context import open_context
    from sqlflow_dagster.runtime.local import run_program

    url = required(datasource)
    programs = _compiled(files, settings, url)
    open_for = partial(open_context, url, models=models, datasources=settings.datasources)
    chosen = _chosen(programs, open_for, selectors=selectors, resume=resume)
    if not any(item.indexes for item in chosen):
        message = "everything is up to date" if resume else "there is no statement to run"
        click.echo(message, err=True)
        return
    display = _display(chosen, plots)
    try:
        # Without it, the processes of the steps would live on.
        with ended_by_sigterm(), display:
            running = partial(
                run_program,
                datasource=url,
                models=models,
                datasources=settings.datasources,
                observer=display,
                concurrent=max_concurrent,
            )
            summaries = _run_all(chosen, running, display)
    except KeyboardInterrupt:
        click.echo("interrupted; finished steps are kept, continue with --resume", err=True)
        sys.exit(128 + signal.SIGINT)
    sys.exit(_report(summaries, display))


def _compiled(files: Sequence[Path], settings: CompileSettings, url: str) -> "tuple[Program, ...]":
    """The programs in the order in which they will run.

    Raises:
        CompileError: With every error of every file.
    """
    from sqlflow_dagster.cli.output import print_diagnostics
    from sqlflow_dagster.cli.programs import compile_files, in_running_order

    compiled = compile_files(files, settings, settings.dialect_for(url))
    if compiled.errors:
        raise CompileError(compiled.diagnostics)
    print_diagnostics(compiled.diagnostics)
    return in_running_order(compiled.programs)


def _chosen(
    programs: "tuple[Program, ...]",
    open_for: "Callable[..., RunContext]",
    *,
    selectors: tuple[str, ...],
    resume: bool,
) -> list[ChosenSteps]:
    """What will run.

    Raises:
        CompileError: A selector names nothing, or a table or model is missing: nothing may run.
    """
    from sqlflow_dagster.cli.output import print_diagnostics
    from sqlflow_dagster.graph.selection import select_from
    from sqlflow_dagster.runtime.plan import plan, taken_over
    from sqlflow_dagster.runtime.preflight import problems_before

    selected = (
        select_from(programs, selectors)
        if selectors
        else [frozenset(range(len(program.steps))) for program in programs]
    )
    chosen: list[ChosenSteps] = []
    problems: list[Diagnostic] = []
    warnings: list[Diagnostic] = []
    made: frozenset[ObjectRef] = frozenset()
    for program, indexes in zip(programs, selected, strict=True):
        context = open_for(program=program.name)
        if resume:
            planned = plan(program, context, changed=made)
            indexes &= {item.step.index for item in planned if item.stale}
        item = ChosenSteps(program=program, indexes=indexes)
        for found in problems_before(program, context, indexes, made=made):
            (problems if found.severity is Severity.ERROR else warnings).append(found)
        warnings += taken_over(program, context, indexes, made=made)
        made = made.union(*(step.writes for step in item.steps))
        chosen.append(item)
    if problems:
        raise CompileError(problems)
    print_diagnostics(warnings)
    return chosen


def _display(chosen: Sequence[ChosenSteps], plots: Path | None) -> "RunDisplay":
    from sqlflow_dagster.cli.display import RunDisplay
    from sqlflow_dagster.cli.output import log_console

    rows = [(item.program, item.steps) for item in chosen]
    if plots is not None:
        try:
            plots.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise click.UsageError(f"--plots {plots}: {error.strerror}") from error
    if log_console().is_terminal and not log_console().is_dumb_terminal:
        from sqlflow_dagster.cli.live import LiveDisplay

        return LiveDisplay(rows, plots=plots)
    return RunDisplay(rows, plots=plots)


def _run_all(
    chosen: Sequence[ChosenSteps],
    running: "Callable[..., RunSummary]",
    display: "RunDisplay",
) -> "list[RunSummary]":
    """Run the programs one after the other, without those that read what a failed one should have made."""
    from sqlflow_dagster.cli.programs import written

    summaries = []
    lost: dict[ObjectRef, Program] = {}
    for item in chosen:
        display.begin(item.program)
        broken = sorted(item.program.inputs & lost.keys())
        if broken:
            reason = f"{lost[broken[0]].source.name} did not finish {broken[0]}"
            for step in item.steps:
                display.left_out(step, reason)
            lost |= dict.fromkeys(written(item.program), item.program)
            continue
        summary = running(item.program, steps=item.indexes)
        summaries.append(summary)
        for index in summary.outcomes.keys() - summary.results.keys():
            lost |= dict.fromkeys(item.program.steps[index].writes, item.program)
    return summaries


def _report(summaries: "Sequence[RunSummary]", display: "RunDisplay") -> int:
    """Tell what failed and how the run ended; the exit code."""
    from sqlflow_dagster.cli.output import print_diagnostics

    errors = [error for summary in summaries for _, error in sorted(summary.errors.items())]
    if errors:
        click.echo(err=True)
        print_diagnostics(error.diagnostic for error in errors)
        click.echo(err=True)
    click.echo(display.summary(), err=True)
    if not errors:
        return ExitCode.OK
    codes = {error.exit_code for error in errors}
    return codes.pop() if len(codes) == 1 else ExitCode.FAILED
