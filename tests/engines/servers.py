"""Database servers of the tests' own: as an unprivileged user, with a port and a directory of their own."""

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest


class Server:
    """A server, running until this process ends.

    Args:
        name: What it is called in messages.
        user: Whom it runs as where the tests run as root, which servers refuse; None for one that does not.
        directory: An empty directory of its own; None for a new one.
        commands: What creates its files in a directory, and what runs it there on a port.
        answers: Raises an OSError or what ``refused`` is while it does not answer on a port.
        refused: The driver's error for that.
    """

    def __init__(
        self,
        *,
        name: str,
        user: str | None,
        commands: Callable[[Path, int], tuple[Sequence[str], Sequence[str]]],
        answers: Callable[[int], object],
        refused: type[Exception],
        directory: Path | None = None,
    ) -> None:
        self._name = name
        self._answers, self._refused = answers, refused
        # Short: the path of a socket has at most 107 characters.
        self.directory = directory or Path(tempfile.mkdtemp(prefix="db", dir="/tmp"))
        self.port = _free_port()
        self._options: dict[str, Any] = {"cwd": self.directory, "stdout": subprocess.DEVNULL}
        if user is not None and os.getuid() == 0:
            known = {entry.pw_name for entry in pwd.getpwall()}
            found = pwd.getpwnam(user if user in known else "nobody")
            os.chown(self.directory, found.pw_uid, found.pw_gid)
            self._options |= {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
        create, self._command = commands(self.directory, self.port)
        with self._log() as log:
            created = subprocess.run(
                create, check=False, **self._options | {"stdout": log, "stderr": log}
            )
        if created.returncode:
            pytest.fail(f"{name} cannot be set up, {created.returncode}: {self._said()}")
        self.start()
        atexit.register(self._remove)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log() as log:
            self._process = subprocess.Popen(
                self._command,
                stderr=log,
                # Ctrl-C is for the tests; the server ends after them.
                start_new_session=True,
                **self._options,
            )
        end = time.monotonic() + 60
        while True:
            try:
                self._answers(self.port)
            except (self._refused, OSError):
                if self._process.poll() is not None or time.monotonic() > end:
                    pytest.fail(f"{self._name} does not start: {self._said()}")
                time.sleep(0.05)
            else:
                return

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Let it end in the midst of what it does; nothing happens where it has ended."""
        if not self.runs:
            return
        number = self._process.pid
        # PostgreSQL has a process for each connection, which would finish what it is about.
        children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
        for process in (number, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait(30)

    def _log(self) -> Any:
        return (self.directory / "log").open("ab")

    def _said(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    def _remove(self) -> None:
        if self._process.poll() is None:
            # PostgreSQL's word for: end the connections, too.
            self._process.send_signal(signal.SIGINT if self._name == "PostgreSQL" else 15)
            self._process.wait(30)
        shutil.rmtree(self.directory, ignore_errors=True)


def binary(name: str, server: str, places: Sequence[Path]) -> str:
    """The path of a server's program; the test is skipped where there is none."""
    found = shutil.which(name) or next((str(path) for path in places if path.exists()), None)
    if found is not None:
        return found
    missing = f"{server} is not installed: there is no {name}; `make servers` installs it"
    # tests/conftest.py makes a failure of it in continuous integration.
    pytest.skip(missing)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
