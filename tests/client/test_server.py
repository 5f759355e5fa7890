"""What a user reads when the server is not what it should be."""

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from sqlflow_dagster import compile_program
from sqlflow_dagster.client.errors import ServerError, UnknownRunError
from sqlflow_dagster.client.submission import Server, cancel_run, run_log, run_status, submit
from tests.client.conftest import webserver
from tests.dagster.home import Home


class _Website(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(404)
        self.end_headers()
        self.wfile.write(b"<html>nothing here</html>")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def website() -> Iterator[str]:
    """A server that is no Dagster."""
    with HTTPServer(("127.0.0.1", 0), _Website) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def bare_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Dagster page without any code location."""
    home = Home.create(tmp_path_factory.mktemp("bare") / "home", {})
    with webserver(home, "--empty-workspace") as url:
        yield url


def test_no_server() -> None:
    with pytest.raises(ServerError) as caught:
        run_status(Server(url="http://somebody:secret@127.0.0.1:9/dagster/"), "some-run")

    assert str(caught.value) == (
        "no server answers at http://127.0.0.1:9/dagster\n"
        "hint: start one with: dagster dev -w workspace.yaml"
    )


def test_server_that_is_no_dagster(website: str) -> None:
    with pytest.raises(
        ServerError, match=f"what answers at {website} is no Dagster page .HTTP 404"
    ):
        run_status(Server(url=website), "some-run")


@pytest.mark.parametrize("url", ["127.0.0.1:3000", "localhost", "ftp://localhost", ""])
def test_no_address(url: str) -> None:
    with pytest.raises(ServerError, match="the address of the Dagster page is no HTTP URL"):
        Server(url=url)


def test_password_is_not_shown() -> None:
    server = Server(url="https://somebody:secret@example.org:8443/dagster/")

    assert "secret" not in repr(server)
    assert server.run_url("some-run") == "https://example.org:8443/dagster/runs/some-run"


def test_unknown_run(bare_page: str) -> None:
    server = Server(url=bare_page)

    with pytest.raises(UnknownRunError, match="knows no run 'some-run'"):
        run_status(server, "some-run")
    with pytest.raises(UnknownRunError, match="knows no run 'some-run'"):
        list(run_log(server, "some-run"))
    with pytest.raises(UnknownRunError, match="knows no run 'some-run'"):
        cancel_run(server, "some-run")


@pytest.mark.parametrize(
    ("location", "missing"),
    [(None, "no code location with SQL programs"), ("reports", "no code location 'reports'")],
)
def test_server_without_the_programs(
    bare_page: str, tmp_path: Path, location: str | None, missing: str
) -> None:
    program = compile_program("CREATE TABLE t AS SELECT 1 AS x", path="t.sql")

    with pytest.raises(ServerError, match=f"has {missing}; it has: none at all"):
        submit(program, server=Server(url=bare_page), folder=tmp_path, location=location)

    assert list(tmp_path.glob("*.sql")) == []


def test_what_asks_a_server_imports_no_dagster() -> None:
    code = (
        "import sys, sqlflow_dagster, sqlflow_dagster.client.submission\n"
        "sqlflow_dagster.load_ipython_extension\n"
        "print(sorted({'IPython', 'dagster', 'duckdb', 'pandas'} & sys.modules.keys()))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
