"""``--parser`` of the commands, and ``sqlflow parser-server``, as a user runs them."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from sqlflow_dagster.lang.parsers import open_parser
from tests.cli.command import COMMAND, Sqlflow
from tests.parsers.servers import dead, slow

GOOD = "CREATE TABLE t AS SELECT 1 AS a;\n"
BAD = f"{GOOD}SELECT a FROM t x y;\n"
UPDATE = "UPDATE OR IGNORE t SET a = 1;\n"
"""SQL of SQLite that sqlglot rejects."""


@pytest.fixture
def sqlflow(tmp_path: Path) -> Sqlflow:
    """The command in an empty directory, without a data source."""
    return Sqlflow(folder=tmp_path, url=None)


@contextmanager
def served(*options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A running ``sqlflow parser-server``: its address and its process."""
    command = [*COMMAND, "parser-server", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().removeprefix("listening on ").strip(), server
        finally:
            server.kill()


def test_the_server_and_a_compile_that_asks_it(sqlflow: Sqlflow) -> None:
    with served() as (place, server):
        found = sqlflow("check", sqlflow.write("bad.sql", BAD), "--parser", f"grpc://{place}")
        fine = sqlflow("check", sqlflow.write("good.sql", GOOD), "--parser", f"grpc://{place}")
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) == 0
    assert found.code == 1
    assert "bad.sql:2:19: error: refused by the parser: unexpected 'y'" in found.stdout
    assert (fine.code, fine.stdout) == (0, "1 file, 0 errors, 0 warnings\n")


def test_the_smaller_form_has_the_dialect_of_an_option() -> None:
    with served("--query-dialect", "mysql") as (place, _):
        url = f"grpc://{place}/calcite.CalciteParser?form=query"
        with closing(open_parser(url)) as parser:
            assert parser.parse("", "SELECT `a;b` FROM t TO TRAIN m").accepted == 20


def test_the_environment_names_a_parser(sqlflow: Sqlflow) -> None:
    name = sqlflow.write("bad.sql", BAD)
    assert sqlflow("check", name).code == 0
    done = sqlflow("check", name, environment={"SQLFLOW_PARSER": "sqlglot"})
    assert done.code == 1
    assert "refused by the parser" in done.stdout


def test_the_data_source_judges(sqlflow: Sqlflow) -> None:
    name = sqlflow.write("update.sql", GOOD + UPDATE)
    url = ("--datasource", "sqlite:///data.db")
    assert sqlflow("check", name, "--dialect", "sqlite", "--parser", "sqlglot").code == 1
    done = sqlflow("graph", name, "--parser", "engine", *url)
    assert done.code == 0
    assert "not understood, sent to the engine as it is" in done.stderr
    wrong = sqlflow.write("wrong.sql", "SELEC 1;")
    done = sqlflow("graph", wrong, "--parser", "engine", *url)
    assert done.code == 1
    assert 'wrong.sql:1:1: error: refused by the parser: near "SELEC": syntax error' in done.stderr


def test_the_data_source_must_be_given(sqlflow: Sqlflow) -> None:
    done = sqlflow("check", sqlflow.write("good.sql", GOOD), "--parser", "engine")
    assert done.code == 2
    assert "no data source is given" in done.stderr


def test_a_dead_server_is_worth_a_retry(sqlflow: Sqlflow) -> None:
    place = dead()
    done = sqlflow("check", sqlflow.write("good.sql", GOOD), "--parser", f"grpc://{place}")
    assert done.code == 75
    assert f"error: the parser at {place} cannot be reached" in done.stderr


def test_a_slow_server_is_worth_a_retry(sqlflow: Sqlflow) -> None:
    with slow() as place:
        url = f"grpc://{place}?timeout=0.2"
        done = sqlflow("check", sqlflow.write("good.sql", GOOD), "--parser", url)
    assert done.code == 75
    assert "gave no answer within 0.2 s" in done.stderr


def test_a_port_that_is_taken(sqlflow: Sqlflow) -> None:
    with served() as (place, _):
        done = sqlflow("parser-server", "--port", place.rpartition(":")[2])
    assert done.code == 1
    assert f"the parser server cannot listen at {place}" in done.stderr


def test_an_unknown_parser(sqlflow: Sqlflow) -> None:
    done = sqlflow("check", sqlflow.write("good.sql", GOOD), "--parser", "calcite")
    assert done.code == 1
    assert "unknown parser 'calcite'" in done.stderr
    assert "known: engine, grpc, sqlglot" in done.stderr


def test_one_statement_is_judged_too(sqlflow: Sqlflow) -> None:
    url = ("--datasource", "duckdb:///data.duckdb")
    refused = sqlflow(*url, "--parser", "sqlglot", "--run", "SELECT 1 x y")
    assert refused.code == 1
    assert "refused by the parser: unexpected 'y'" in refused.stderr
    # Given before the command, it is the command's.
    found = sqlflow("--parser", "sqlglot", "check", sqlflow.write("bad.sql", BAD))
    assert found.code == 1
