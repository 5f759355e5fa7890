"""A real ``dagster-webserver`` over a folder of programs, and one without any."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from sqlflow_dagster.client.location import DEFAULT_LOCATION
from sqlflow_dagster.client.submission import Server
from tests.cli.command import COMMAND, Finished
from tests.dagster.home import BIN, SETTINGS, Home, wait_for

AT_ONCE = """\
run_coordinator:
  module: dagster.core.run_coordinator
  class: DefaultRunCoordinator
"""
WORKSPACE = """\
load_from:
  - python_module:
      module_name: sqlflow_dagster.definitions
      location_name: {location}
"""
ELSEWHERE = {"early": "a_folder", "late": "z_folder"}
"""Programs that the page reads too, with their folders: one before and one after its program folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running page with its folders.

    Attributes:
        home: Its DAGSTER_HOME, its database and its program folder.
        url: Of the page.
    """

    home: Home
    url: str

    @property
    def server(self) -> Server:
        """The page, for the API."""
        return Server(url=self.url)

    @property
    def folder(self) -> Path:
        """The program folder."""
        return self.home.programs

    def programs(self) -> dict[str, str]:
        """What is in the program folder."""
        return {path.name: path.read_text() for path in sorted(self.folder.glob("*.sql"))}

    def write(self, name: str, text: str) -> Path:
        """A program of a user, outside the program folder."""
        path = self.home.root / "mine" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the ``sqlflow`` command with the page's URL in its environment."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.home.root / "mine",
            env=self.home.environment(SQLFLOW_URL=self.url),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __call__(self, *arguments: str) -> Finished:
        """Run the ``sqlflow`` command to its end."""
        with self.start(*arguments) as process:
            stdout, stderr = process.communicate(timeout=120)
        return Finished(code=process.returncode, stdout=stdout, stderr=stderr)


@contextmanager
def webserver(home: Home, *arguments: str, **variables: str) -> Iterator[str]:
    """The URL of a ``dagster-webserver``; it ends with the block, and all that it started."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (home.root / "page.log").open("w") as log:
        process = subprocess.Popen(
            [BIN / "dagster-webserver", *arguments, "-h", "127.0.0.1", "-p", str(port)],
            cwd=home.root,
            env=home.environment(**variables),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

        def answers() -> bool:
            assert process.poll() is None, (home.root / "page.log").read_text()
            try:
                return requests.get(f"{url}/server_info", timeout=5).ok
            except requests.ConnectionError:
                return False

        try:
            wait_for(answers, what="the page")
            yield url
        finally:
            # Runs that are still going on are in the same group.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def site(root: Path, *, settings: str, location: str) -> Iterator[Site]:
    """A page that reads its program folder and two programs from elsewhere."""
    home = Home.create(root, {})
    (home.directory / "dagster.yaml").write_text(SETTINGS.read_text() + settings)
    (root / "workspace.yaml").write_text(WORKSPACE.format(location=location))
    (root / "mine").mkdir()
    patterns = [home.programs]
    for name, folder in ELSEWHERE.items():
        path = root / folder / f"{name}.sql"
        path.parent.mkdir()
        path.write_text(f"CREATE TABLE {name} AS SELECT 1 AS x;\n")
        patterns.append(path)
    programs = os.pathsep.join(map(str, patterns))
    with webserver(home, "-w", "workspace.yaml", SQLFLOW_PROGRAMS=programs) as url:
        yield Site(home=home, url=url)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A page that starts runs at once; its data source is empty."""
    root = tmp_path_factory.mktemp("page") / "home"
    with site(root, settings=AT_ONCE, location=DEFAULT_LOCATION) as found:
        yield found


@pytest.fixture(scope="module")
def queueing_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A page that queues runs, as Dagster does by default, and no daemon to take them.

    Its code location has a name of its own.
    """
    root = tmp_path_factory.mktemp("queue") / "home"
    with site(root, settings="", location="reports") as found:
        yield found
