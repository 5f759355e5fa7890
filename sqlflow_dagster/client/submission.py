"""Submit a program to a running Dagster: it becomes a job there, and the job is started.

The program is put into the folder that the server reads its programs from, the server's code location is
reloaded, and the job of the program is launched; then the submission is over, and the run goes on. What goes
wrong before leaves the folder and the server as they were.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlflow_dagster.client.errors import ClientError, SubmissionError
from sqlflow_dagster.client.location import Location, find_location
from sqlflow_dagster.client.program_folder import Placement, locked, placed, planned
from sqlflow_dagster.client.run_log import LogLine, run_log
from sqlflow_dagster.client.runs import (
    RunState,
    RunStatus,
    StepState,
    StepStatus,
    cancel_run,
    run_status,
    waits_without_daemon,
    watched,
)
from sqlflow_dagster.client.server import Server
from sqlflow_dagster.graph.program import Program

__all__ = [
    "LogLine",
    "RunState",
    "RunStatus",
    "Server",
    "StepState",
    "StepStatus",
    "Submission",
    "cancel_run",
    "run_log",
    "run_status",
    "submit",
    "watched",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A program that a server has taken and started.

    Attributes:
        run_id: Of its run.
        url: The page of the run.
        job: The job, which has the program's name.
        path: The program in the program folder.
        placement: Whether the program is new there, was there already, or replaced an earlier one.
    """

    run_id: str
    url: str
    job: str
    path: Path
    placement: Placement


def submit(
    program: Program,
    *,
    server: Server,
    folder: Path,
    location: str | None = None,
    replace: bool = False,
    parser: str | None = None,
    notify: Callable[[str], None] = lambda message: None,
) -> Submission:
    """Submit a program; the call returns as soon as its run is launched.

    Submissions to one folder are made one after the other.

    Args:
        program: As compiled, with the values of its templates: the server has none for them.
        server: Where.
        folder: The folder that the server reads its programs from.
        location: The server's code location; None for the one with SQL programs.
        replace: Whether to replace another program of the same name.
        parser: What decides what is SQL, as for :func:`~sqlflow_dagster.compile_program`: that of the server.
        notify: Told what a user may want to know meanwhile.

    Raises:
        SubmissionError: The program does not fit in with those of the folder, or the server does not read
            that folder.
        StepError: The parser cannot be asked; ``TransientError`` where a later attempt may succeed.
        ServerError: The server cannot be reached, cannot load the programs, or does not start the run.
    """
    # Only this brings Dagster in: status, logs and cancel do without.
    from sqlflow_dagster.client.fitting import check_fits, job_name

    if not program.segments:
        raise SubmissionError(f"{program.source.name} has no statement: there is nothing to run")
    job = job_name(program)
    with locked(folder, notify):
        before = find_location(server, location)
        plan = planned(program, folder, replace=replace)
        check_fits(program, plan.target, parser)
        try:
            with placed(plan):
                if plan.placement is not Placement.SAME or not _is_loaded(program, job, before):
                    _check_loaded(program, job, before, before.reloaded(), folder)
                run_id = before.launch(job)
        except BaseException:
            _reload_quietly(before)
            raise
    if plan.placement is Placement.REPLACED:
        notify(f"replaced the former program {plan.target}")
    if waits_without_daemon(server):
        notify("no daemon takes runs from the queue: the run waits until `dagster-daemon run` does")
    return Submission(
        run_id=run_id,
        url=server.run_url(run_id),
        job=job,
        path=plan.target,
        placement=plan.placement,
    )


def _check_loaded(
    program: Program, job: str, before: Location, after: Location, folder: Path
) -> None:
    """The server has loaded this very program, and all that it had loaded before.

    Raises:
        SubmissionError: It has not.
    """
    # A program whose file somebody has taken away is lost too, and has no error.
    for lost in sorted(before.jobs - after.jobs - {job}):
        reason = after.compile_error(lost)
        if reason is not None:
            raise SubmissionError(
                f"with this program the server could not load {lost!r} any more\n{reason}"
            )
    reason = None if job in after.jobs else after.compile_error(job)
    if reason is not None:
        raise SubmissionError(f"the server cannot load this program\n{reason}")
    if not _is_loaded(program, job, after):
        raise SubmissionError(
            f"the code location {after.name!r} does not read the programs of {folder.absolute()}",
            hint="name the folder that the server reads with --programs",
        )


def _is_loaded(program: Program, job: str, location: Location) -> bool:
    """Whether a job is the one of this very program."""
    from sqlflow_dagster.client.fitting import code_versions

    return location.code_versions(job) == code_versions(program)


def _reload_quietly(location: Location) -> None:
    """Let the server see the folder as it is again."""
    try:
        location.reloaded()
    except ClientError:
        # What hinders it is what the caller is being told already, or was there before.
        return
