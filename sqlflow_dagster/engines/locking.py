"""One user at a time for a database file that many processes want.

A lock file beside the database makes our own processes and threads take turns, however long a statement
of one of them takes: a model that trained for an hour must not be lost because a long statement has the
file when it is to be stored. A process that knows nothing of the lock file is met with retries up to a
deadline. With ``SQLFLOW_LOCK_TIMEOUT`` set, both waits end after that many seconds, naming the holder.
"""

import logging
import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident
from typing import TypeVar

from filelock import FileLock, Timeout

from sqlflow_dagster.errors import TerminalError, TransientError

T = TypeVar("T")

TIMEOUT_VARIABLE = "SQLFLOW_LOCK_TIMEOUT"
DEFAULT_TIMEOUT = 60.0
SHORTEST_PAUSE = 0.002
LONGEST_PAUSE = 0.25
POLL_INTERVAL = 0.01
NOTICE_INTERVAL = 30.0
FIRST_NOTICE = 3.0

_log = logging.getLogger(__name__)

_holding_threads: dict[Path, int] = {}
"""The thread of this process that holds a database: a lock is exclusive, so there is one at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """The end of a wait.

    Attributes:
        timeout: How long the wait lasts, in seconds.
        end: When it ends, on the monotonic clock.
        for_ours: Whether it also ends the wait for processes of our own, which take turns.
    """

    timeout: float
    end: float
    for_ours: bool = True

    @classmethod
    def after(cls, timeout: float) -> "Deadline":
        """A wait of so many seconds from now on."""
        return cls(timeout=timeout, end=time.monotonic() + timeout)

    @classmethod
    def from_environment(cls) -> "Deadline":
        """The wait that ``SQLFLOW_LOCK_TIMEOUT`` asks for, from now on.

        Raises:
            TerminalError: The variable holds no number of seconds.
        """
        text = os.environ.get(TIMEOUT_VARIABLE, "")
        try:
            timeout = float(text) if text else DEFAULT_TIMEOUT
        except ValueError:
            timeout = -1.0
        if not 0 <= timeout < float("inf"):
            raise TerminalError(
                f"{TIMEOUT_VARIABLE} must be a number of seconds from 0, not {text!r}",
                hint=f"unset it to wait for {DEFAULT_TIMEOUT:g} seconds",
            )
        return cls(timeout=timeout, end=time.monotonic() + timeout, for_ours=bool(text))

    def remaining(self) -> float:
        """The seconds left; 0 when the wait is over."""
        return max(0.0, self.end - time.monotonic())


def busy_error(database: Path, holder: str, deadline: Deadline) -> TransientError:
    """The error of a wait that ended in vain.

    Args:
        database: The file.
        holder: Who has it, such as ``process 123``.
        deadline: The wait.
    """
    return TransientError(
        f"{database} was still in use by {holder} after {deadline.timeout:g} seconds",
        hint=f"end what uses it, or wait longer: {TIMEOUT_VARIABLE}=600",
    )


@contextmanager
def exclusive(database: Path, deadline: Deadline) -> Iterator[None]:
    """Hold the lock file of a database: no other process or thread of ours is inside the block.

    The operating system frees the lock of a process that dies.

    Args:
        database: The database file, absolute; its lock is ``<database>.lock``.
        deadline: How long to wait for the present holder.

    Raises:
        TerminalError: This thread holds the lock already, or the lock file cannot be written.
        TransientError: Somebody else still held it at the deadline, if that counts for ours.
    """
    if _holding_threads.get(database) == get_ident():
        raise TerminalError(
            f"a session on {database} is open already in this thread",
            hint="use that session, or close it first: a database file has one user at a time",
        )
    if not database.parent.is_dir():
        # The lock would make the directory, and a mistyped path a new database.
        raise TerminalError(
            f"the directory of {database} does not exist", hint="create it, or correct the path"
        )
    lock_file = Path(f"{database}.lock")
    owner_file = Path(f"{database}.lock.owner")
    # thread_local=False lets a session that moved to another thread be closed there.
    lock = FileLock(lock_file, thread_local=False)
    _acquire(lock, database, owner_file, deadline)
    try:
        _holding_threads[database] = get_ident()
        # On a full disk those who wait are not told who has the file, which can still be read.
        with suppress(OSError):
            owner_file.write_text(f"{os.getpid()} {socket.gethostname()}", encoding="utf-8")
        yield
    finally:
        _holding_threads.pop(database, None)
        owner_file.unlink(missing_ok=True)
        lock.release()


def _acquire(lock: FileLock, database: Path, owner_file: Path, deadline: Deadline) -> None:
    """Take a lock, telling now and then who is waited for."""
    while True:
        wait = deadline.remaining() if deadline.for_ours else NOTICE_INTERVAL
        try:
            lock.acquire(timeout=wait, poll_interval=POLL_INTERVAL)
        except Timeout:
            if deadline.for_ours:
                raise busy_error(database, _owner(owner_file), deadline) from None
            _log.warning("waiting for %s, which %s uses", database, _owner(owner_file))
        except OSError as error:
            raise TerminalError(
                f"the lock file {lock.lock_file} cannot be written: {error.strerror}",
                hint="the directory of a database file must be writable",
            ) from error
        else:
            return


def _owner(owner_file: Path) -> str:
    """Who holds a lock, in words; a holder that was killed leaves its name behind."""
    try:
        number, host = owner_file.read_text(encoding="utf-8").split(" ", 1)
        process = int(number)
    except (OSError, ValueError):
        return "another process"
    if host != socket.gethostname():
        return f"process {process} on {host}"
    if process == os.getpid():
        return f"another thread of this process ({process})"
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return "another process"
    except PermissionError:
        pass  # alive, and somebody else's
    return f"process {process}"


def retrying(
    action: Callable[[], T],
    *,
    is_busy: Callable[[Exception], bool],
    deadline: Deadline,
    notice: Callable[[Exception], None] = lambda _: None,
) -> T:
    """The result of an action that is tried until its resource is free.

    The pauses are random up to a bound that doubles from 2 to 250 milliseconds: waiters that failed
    together do not come back together.

    Args:
        action: What to try.
        is_busy: Whether an error says that the resource is in use.
        deadline: When to let the error out.
        notice: Told the error once, when the wait has become long.
    """
    bound = SHORTEST_PAUSE
    long_after = time.monotonic() + FIRST_NOTICE
    while True:
        try:
            return action()
        except Exception as error:
            if not is_busy(error) or not deadline.remaining():
                raise
            if time.monotonic() >= long_after:
                notice(error)
                long_after = deadline.end
        time.sleep(min(random.uniform(0, bound), deadline.remaining()))  # noqa: S311
        bound = min(2 * bound, LONGEST_PAUSE)
