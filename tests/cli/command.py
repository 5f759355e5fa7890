"""The ``sqlflow`` command as a user runs it: another process, with or without a terminal."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

COMMAND = (sys.executable, "-m", "sqlflow_dagster.cli")
EXAMPLES = Path(__file__).parents[2] / "examples"
_OURS = ("SQLFLOW_", "NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS", "LINES", "TTY_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a command left behind; a terminal shows everything as ``stdout``."""

    code: int
    stdout: str
    stderr: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sqlflow:
    """The command in a directory, on a data source.

    Attributes:
        folder: Where it runs; file names are relative to it.
        url: The data source; None to give none.
    """

    folder: Path
    url: str | None = "duckdb:///data.duckdb"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the command: nothing of the developer's own settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        return kept | ({"SQLFLOW_DATASOURCE": self.url} if self.url else {})

    def write(self, name: str, text: str) -> str:
        """A program file; its name."""
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def __call__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Finished:
        """Run the command to its end."""
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment | dict(environment or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        return Finished(code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def start(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[str]":
        """Start the command in a process group of its own."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment | dict(environment or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def on_terminal(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        height: int = 40,
    ) -> Finished:
        """Run the command to its end on a pseudo-terminal."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, 100, 0, 0))
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment | {"TERM": "xterm-256color"} | dict(environment or {}),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        shown = _all_of(ours)
        os.close(ours)
        return Finished(code=process.wait(), stdout=shown)


def _all_of(terminal: int) -> str:
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(terminal, 65_536)
        except OSError:  # Linux's way to say that the other end is closed.
            part = b""
        if not part:
            return b"".join(parts).decode()
        parts.append(part)
