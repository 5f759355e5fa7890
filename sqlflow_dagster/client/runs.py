"""Runs on a server: where they stand, what they told, how they are ended."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlflow_dagster.client.errors import ServerError, UnknownRunError
from sqlflow_dagster.client.server import Server, refusal

POLL_SECONDS = 1.0
_CANCEL_SECONDS = 60.0

_STATUS = """
query ($run: ID!) {
  runOrError(runId: $run) {
    __typename
    ... on Error { message }
    ... on Run {
      status jobName creationTime startTime endTime stepKeysToExecute
      executionPlan { steps { key } }
      stepStats { stepKey status startTime endTime }
    }
  }
}
"""
_TERMINATE = """
mutation ($run: String!) {
  terminateRun(runId: $run, terminatePolicy: SAFE_TERMINATE) {
    __typename
    ... on Error { message }
    ... on TerminateRunFailure { message }
  }
}
"""
_QUEUE = """
query {
  instance {
    runQueuingSupported
    daemonHealth { daemonStatus(daemonType: "QUEUED_RUN_COORDINATOR") { healthy } }
  }
}
"""


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    CANCELING = "canceling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self in {RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELED}


class StepState(StrEnum):
    """Where a step stands."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELED = "canceled"


_RUN_STATES = {
    "QUEUED": RunState.QUEUED,
    "NOT_STARTED": RunState.STARTING,
    "MANAGED": RunState.STARTING,
    "STARTING": RunState.STARTING,
    "STARTED": RunState.RUNNING,
    "SUSPENDED": RunState.RUNNING,
    "CANCELING": RunState.CANCELING,
    "SUCCESS": RunState.SUCCEEDED,
    "FAILURE": RunState.FAILED,
    "CANCELED": RunState.CANCELED,
}
_STEP_STATES = {
    "IN_PROGRESS": StepState.RUNNING,
    "SUCCESS": StepState.SUCCEEDED,
    "FAILURE": StepState.FAILED,
    "SKIPPED": StepState.SKIPPED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStatus:
    """Where a step of a run stands.

    Attributes:
        name: Such as ``train_iris_xgb``.
        state: Where it stands.
        started: When it started, in seconds since 1970; None before.
        seconds: How long it ran, up to now while it runs; None before it starts.
    """

    name: str
    state: StepState
    started: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """Where a run stands.

    Attributes:
        run_id: Of the run.
        url: Its page.
        job: The job that it is a run of; for a program of ours, the program's name.
        state: Where it stands.
        steps: In an order in which they can run.
        started: When it started, in seconds since 1970; None before.
        seconds: How long it ran, up to now while it runs; None before it starts.
    """

    run_id: str
    url: str
    job: str
    state: RunState
    steps: tuple[StepStatus, ...]
    started: float | None = None
    seconds: float | None = None


def run_status(server: Server, run_id: str) -> RunStatus:
    """Where a run stands.

    Raises:
        UnknownRunError: There is no such run.
        ServerError: The server cannot be asked.
    """
    run = server.ask_one(_STATUS, run=run_id)
    if run["__typename"] != "Run":
        raise no_such_run(server, run_id, run)
    state = _RUN_STATES[run["status"]]
    stats = {item["stepKey"]: item for item in run["stepStats"]}
    plan = run["executionPlan"] or {"steps": []}
    keys = run["stepKeysToExecute"] or [step["key"] for step in plan["steps"]]
    keys += [key for key in stats if key not in keys]
    return RunStatus(
        run_id=run_id,
        url=server.run_url(run_id),
        job=run["jobName"],
        state=state,
        steps=tuple(_step(key, stats.get(key), run, state) for key in keys),
        started=run["startTime"],
        seconds=_seconds(run["startTime"], run["endTime"], state),
    )


def _step(
    key: str, stats: Mapping[str, Any] | None, run: Mapping[str, Any], state: RunState
) -> StepStatus:
    name = step_name(key, run["jobName"])
    if stats is None or stats["status"] is None:
        return StepStatus(name=name, state=StepState.SKIPPED if state.over else StepState.WAITING)
    found = _STEP_STATES[stats["status"]]
    if found is StepState.RUNNING and state.over:
        # Its process ended without a word: with the run that was canceled, or before it failed.
        found = StepState.CANCELED if state is RunState.CANCELED else StepState.FAILED
    ended = stats["endTime"] or run["endTime"]
    return StepStatus(
        name=name,
        state=found,
        started=stats["startTime"],
        seconds=_seconds(stats["startTime"], ended, state),
    )


def step_name(key: str, job: str) -> str:
    """The name of a step without that of its job, which stands before it in Dagster."""
    return key.removeprefix(f"{job}__")


def _seconds(started: float | None, ended: float | None, state: RunState) -> float | None:
    if started is None or (ended is None and state.over):
        return None
    return max((time.time() if ended is None else ended) - started, 0.0)


def watched(server: Server, run_id: str) -> Iterator[RunStatus]:
    """Where a run stands, again and again until it is over; the last one is its end.

    Raises:
        UnknownRunError: There is no such run.
        ServerError: The server cannot be asked.
    """
    while True:
        status = run_status(server, run_id)
        yield status
        if status.state.over:
            return
        time.sleep(POLL_SECONDS)


def cancel_run(server: Server, run_id: str) -> RunStatus:
    """End a run and wait until it has ended.

    Returns:
        How it ended: it may have come to its own end before.

    Raises:
        UnknownRunError: There is no such run.
        ServerError: The run was over before, or does not end within a minute.
    """
    status = run_status(server, run_id)
    if status.state is RunState.CANCELED:
        return status
    if status.state.over:
        raise ServerError(f"the run {run_id} is over, it has {status.state}: nothing is canceled")
    if status.state is not RunState.CANCELING:
        answer = server.ask_one(_TERMINATE, run=run_id)
        if answer["__typename"] != "TerminateRunSuccess" and not _is_over(server, run_id):
            raise ServerError(f"the server does not cancel the run {run_id}: {refusal(answer)}")
    end = time.monotonic() + _CANCEL_SECONDS
    for status in watched(server, run_id):
        if time.monotonic() > end and not status.state.over:
            raise ServerError(
                f"the run {run_id} was told to end and is still {status.state} after "
                f"{_CANCEL_SECONDS:.0f} s",
                hint=f"its statement may not let itself be interrupted; see {status.url}",
            )
    return status


def _is_over(server: Server, run_id: str) -> bool:
    """Whether a run has come to its own end meanwhile."""
    return run_status(server, run_id).state.over


def waits_without_daemon(server: Server) -> bool:
    """Whether runs wait in a queue from which no daemon takes them."""
    instance = server.ask_one(_QUEUE)
    return (
        bool(instance["runQueuingSupported"])
        and not (instance["daemonHealth"]["daemonStatus"]["healthy"])
    )


def no_such_run(server: Server, run_id: str, answer: Mapping[str, Any]) -> Exception:
    """The error for an answer that is no run."""
    if answer["__typename"] == "RunNotFoundError":
        return UnknownRunError(
            f"the Dagster at {server.display_url} knows no run {run_id!r}",
            hint="give the ID that `sqlflow submit` printed, and the --url that it was given",
        )
    return ServerError(f"the server cannot tell of the run {run_id}: {refusal(answer)}")
