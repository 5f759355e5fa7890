"""A place to run Dagster's own commands in: its DAGSTER_HOME, a database and a folder of programs."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import dagster as dg

from sqlflow_dagster.engines.base import Engine, open_engine

T = TypeVar("T")

BIN = Path(sys.executable).parent
SETTINGS = Path(__file__).resolve().parents[2] / "deploy" / "local" / "dagster.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The folders of one test module.

    Attributes:
        root: Holds everything; the working directory of commands.
    """

    root: Path

    @classmethod
    def create(cls, root: Path, programs: Mapping[str, str]) -> "Home":
        """New folders under ``root`` with these programs."""
        home = cls(root=root)
        home.directory.mkdir(parents=True)
        shutil.copy(SETTINGS, home.directory)
        with home.instance() as instance:
            # Two processes that both make the storage would get into each other's way.
            instance.get_runs()
        home.programs.mkdir()
        for name, text in programs.items():
            (home.programs / name).write_text(text)
        return home

    @property
    def directory(self) -> Path:
        """The DAGSTER_HOME."""
        return self.root / "dagster_home"

    @property
    def programs(self) -> Path:
        """The folder of the programs."""
        return self.root / "programs"

    @property
    def database(self) -> Path:
        """The DuckDB file."""
        return self.root / "data.duckdb"

    @property
    def url(self) -> str:
        """The data source."""
        return f"duckdb:///{self.database}"

    @property
    def engine(self) -> Engine:
        """The data source, opened."""
        return open_engine(self.url)

    def environment(self, **variables: str) -> dict[str, str]:
        """The environment of a command: nothing of the tester's own settings."""
        mine = ("SQLFLOW_", "DAGSTER_")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(mine)}
        return {
            **inherited,
            "DAGSTER_HOME": str(self.directory),
            "SQLFLOW_DATASOURCE": self.url,
            "SQLFLOW_PROGRAMS": str(self.programs),
            **variables,
        }

    @contextmanager
    def start(self, *command: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """A block beside a command of this environment, whose output is one stream."""
        with subprocess.Popen(
            [str(BIN / command[0]), *command[1:]],
            cwd=self.root,
            env=self.environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                stop(process)

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        with self.start(*command, **variables) as process:
            output, _ = process.communicate(timeout=300)
        return subprocess.CompletedProcess(command, process.returncode, stdout=output)

    def execute(self, job: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a job of the code location by ``dagster job execute``."""
        return self.run(*execute_command(job), **variables)

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """The Dagster instance, as another process sees it."""
        with dg.DagsterInstance.from_config(str(self.directory)) as instance:
            yield instance

    def events(self) -> list[dg.EventLogEntry]:
        """The events of the last run; none where there is no run yet."""
        with self.instance() as instance:
            runs = instance.get_runs(limit=1)
            return list(instance.all_logs(runs[0].run_id)) if runs else []


def execute_command(job: str) -> tuple[str, ...]:
    """The command that runs a job of our code location."""
    return ("dagster", "job", "execute", "-m", "sqlflow_dagster.definitions", "-j", job)


def steps(events: list[dg.EventLogEntry], kind: dg.DagsterEventType) -> dict[str, float]:
    """When an event last came for each step, by the step's name without its job."""
    return {
        event.step_key.split("__", 1)[1]: event.timestamp
        for event in events
        if event.step_key and event.dagster_event and event.dagster_event.event_type is kind
    }


def wait_for(
    found: Callable[[], T | None], *, what: str, process: subprocess.Popen[str] | None = None
) -> T:
    """The first true answer to a question that is asked again and again, while a process runs."""
    end = time.monotonic() + 120
    while time.monotonic() < end and (process is None or process.poll() is None):
        answer = found()
        if answer:
            return answer
        time.sleep(0.1)
    said = ""
    if process is not None:
        stop(process)
        said = f"; the process said:\n{process.communicate()[0]}"
    raise AssertionError(f"{what} did not happen{said}")


def stop(process: subprocess.Popen[str]) -> None:
    """End a process that :meth:`Home.start` started, with all that it started itself."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
