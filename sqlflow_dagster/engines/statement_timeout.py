"""The bound that the environment sets to the time of a statement."""

import os

from sqlflow_dagster.errors import TerminalError

TIMEOUT_VARIABLE = "SQLFLOW_STATEMENT_TIMEOUT"


def statement_timeout() -> int | None:
    """The milliseconds that ``SQLFLOW_STATEMENT_TIMEOUT`` gives a statement; None for no bound.

    Raises:
        TerminalError: It is no number of seconds.
    """
    text = os.environ.get(TIMEOUT_VARIABLE, "")
    try:
        seconds = float(text) if text else 0.0
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 2_000_000:
        raise TerminalError(
            f"{TIMEOUT_VARIABLE} must be a number of seconds from 0, not {text!r}",
            hint="unset it to let statements take their time",
        )
    return round(seconds * 1000) or None
