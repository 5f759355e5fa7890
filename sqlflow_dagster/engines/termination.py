"""The end of this process by SIGTERM, which is to take along what was started elsewhere."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """A block that SIGTERM leaves by a ``SystemExit``.

    A process that just dies would leave its statement running on the server, or the programs that it has started.
    """

    def end(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield  # Somebody else says what SIGTERM does, as Dagster does.
        return
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
