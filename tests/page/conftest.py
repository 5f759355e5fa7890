"""A real web server with its daemon over the iris program, and a real browser."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, sync_playwright

from tests.dagster.home import BIN, Home

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running page.

    Attributes:
        url: Such as ``http://127.0.0.1:40123``.
        home: Its folders.
    """

    url: str
    home: Home

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of a GraphQL query."""
        body = {"query": query, "variables": variables}
        answer = requests.post(f"{self.url}/graphql", json=body, timeout=60).json()
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data


def until(found: Callable[[], object], *, what: str) -> None:
    """Wait until a question is answered by something true."""
    end = time.monotonic() + 180
    while not found():
        assert time.monotonic() < end, f"{what} did not happen within three minutes"
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def _answers(url: str, process: subprocess.Popen[str]) -> bool:
    assert process.poll() is None, "the server has ended"
    try:
        return requests.get(f"{url}/server_info", timeout=5).ok
    except requests.ConnectionError:
        return False


@contextmanager
def _dagster_dev(home: Home) -> Iterator[str]:
    port = _free_port()
    (home.root / "workspace.yaml").write_text(
        "load_from:\n  - python_module: sqlflow_dagster.definitions\n"
    )
    log = (home.root / "dev.log").open("w")
    process = subprocess.Popen(
        [str(BIN / "dagster"), "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)],
        cwd=home.root,
        env=home.environment(),
        stdout=log,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _answers(url, process), what="the page")
        yield url
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(60)
        finally:
            log.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page over examples/iris.sql, with its data loaded and nothing materialized."""
    home = Home.create(
        tmp_path_factory.mktemp("page") / "home",
        {"iris.sql": (EXAMPLES / "iris.sql").read_text()},
    )
    loaded = home.run("sqlflow", "demo-data", "--datasource", home.url)
    assert loaded.returncode == 0, loaded.stdout
    with _dagster_dev(home) as url:
        yield Server(url=url, home=home)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=list(CHROMIUM_FLAGS)
        )
        yield found
        found.close()
