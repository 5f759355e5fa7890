"""What a run has told: the lines of its log, errors as we render them."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlflow_dagster.client.runs import POLL_SECONDS, no_such_run, run_status, step_name
from sqlflow_dagster.client.server import Server, cause

_PAGE = 500
_LOG = """
query ($run: ID!, $cursor: String, $limit: Int!) {
  logsForRun(runId: $run, afterCursor: $cursor, limit: $limit) {
    __typename
    ... on Error { message }
    ... on EventConnection {
      cursor hasMore
      events {
        __typename
        ... on MessageEvent { message timestamp level stepKey }
        ... on ErrorEvent { error { className message causes { className message } } }
        ... on ExecutionStepFailureEvent { failureMetadata { description } }
      }
    }
  }
}
"""
_WORDS = {
    "RunEnqueuedEvent": "the run waits in the queue",
    "RunStartEvent": "the run has started",
    "RunSuccessEvent": "the run has succeeded",
    "RunFailureEvent": "the run has failed",
    "RunCancelingEvent": "the run is to be canceled",
    "RunCanceledEvent": "the run was canceled",
    "ExecutionStepStartEvent": "started",
    "ExecutionStepSuccessEvent": "succeeded",
    "ExecutionStepFailureEvent": "failed",
    "ExecutionStepSkippedEvent": "skipped",
    "ExecutionStepUpForRetryEvent": "failed, and will be tried again",
    "ExecutionStepRestartEvent": "tried again",
}
"""What we say of an event; Dagster's own words name the job and the step once more, or say nothing."""
_INTERRUPTED = "DagsterExecutionInterruptedError"
"""What Dagster raises in the statement of a run that is canceled."""
_LOUD = frozenset({"WARNING", "ERROR", "CRITICAL"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """Something that a run has told.

    Attributes:
        time: When, in seconds since 1970.
        level: Such as ``INFO``.
        step: The name of the step that told it; None for the run.
        message: What; the first line says it in short.
        error: The error of a step or of a run that failed, with its place in the program.
    """

    time: float
    level: str
    step: str | None
    message: str
    error: str | None = None


def run_log(server: Server, run_id: str, *, follow: bool = False) -> Iterator[LogLine]:
    """What a run has told, from its beginning.

    Args:
        server: Where it runs.
        run_id: Of the run.
        follow: Whether to go on until the run is over.

    Raises:
        UnknownRunError: There is no such run.
        ServerError: The server cannot be asked.
    """
    cursor: str | None = None
    told = False
    while True:
        # Asked before the log is read: what comes after its end is in the log by then.
        status = run_status(server, run_id)
        more = True
        while more:
            page = server.ask_one(_LOG, run=run_id, cursor=cursor, limit=_PAGE)
            if page["__typename"] != "EventConnection":
                raise no_such_run(server, run_id, page)
            for event in page["events"]:
                line = _line(event, status.job, with_error=not told)
                if line is not None:
                    told = told or line.error is not None
                    yield line
            cursor, more = page["cursor"], page["hasMore"]
        if status.state.over or not follow:
            return
        time.sleep(POLL_SECONDS)


def failures(server: Server, run_id: str) -> list[LogLine]:
    """The errors of a run."""
    return [line for line in run_log(server, run_id) if line.error is not None]


def _line(event: Mapping[str, Any], job: str, *, with_error: bool) -> LogLine | None:
    """The line of an event; None for what only Dagster itself wants to know."""
    kind = event["__typename"]
    words = _WORDS.get(kind)
    error = _error(event)
    if kind == "RunFailureEvent" and not with_error:
        error = None  # The one of the step that failed, once more.
    if _is_interrupt(event):
        words, error = words if event["stepKey"] is None else "interrupted", None
    wanted = words is not None or kind == "LogMessageEvent" or event["level"] in _LOUD or error
    if not wanted:
        return None
    key = event["stepKey"]
    return LogLine(
        time=int(event["timestamp"]) / 1000,
        level=event["level"],
        step=None if key is None else step_name(key, job),
        message=(words or event["message"]).strip(),
        error=error,
    )


def _is_interrupt(event: Mapping[str, Any]) -> bool:
    error = event.get("error")
    if error is None:
        return False
    return any(item["className"] == _INTERRUPTED for item in (error, *error["causes"]))


def _error(event: Mapping[str, Any]) -> str | None:
    """The error of an event as we rendered it, where it is ours."""
    failure = event.get("failureMetadata") or {}
    if failure.get("description"):
        return str(failure["description"]).strip()
    error = event.get("error")
    return None if error is None else cause(error)
