"""Parsers in other processes, asked over a real socket."""

import re
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files

import pytest

from sqlflow_dagster.errors import ExitCode, StepError, TerminalError, TransientError
from sqlflow_dagster.graph.sqlglot_parser import SqlglotParser
from sqlflow_dagster.lang.parsers import ExternalParser, ParsedText, StatementTables, open_parser
from sqlflow_dagster.lang.remote_parser_messages import MESSAGES
from sqlflow_dagster.lang.remote_parser_server import start_parser_server
from sqlflow_dagster.lang.standard import Rejection
from tests.parsers.servers import answering, dead, reply, response, slow, speechless

SERVICE = "calcite.CalciteParser"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The built-in parser behind a socket; its host and port."""
    running, port = start_parser_server(SqlglotParser(), "127.0.0.1:0", query_dialect="mysql")
    yield f"127.0.0.1:{port}"
    running.stop(None).wait()


def parse(url: str, text: str, dialect: str = "mysql") -> ParsedText:
    with closing(open_parser(url)) as parser:
        return parser.parse(dialect, text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "SELECT a FROM t; INSERT INTO u SELECT * FROM t, v;",
        "SELECT 1; SELECT a FROM t TO TRAIN m LABEL c INTO n; SELECT 2",
        "SELECT '🙂 é'; SELECT a FROM t TO TRAIN m LABEL c INTO n",
        "SELECT '🙂 é'; SELECT a FROM t WHERE )",
        "SHOW TRAIN m",
        "SELECT 1; SELECT 'a",
        "",
        "SELECT 1 -- only;\n",
    ],
)
def test_a_round_trip_loses_nothing(server: str, text: str) -> None:
    expected = SqlglotParser().parse("mysql", text)
    assert parse(f"grpc://{server}", text) == expected


def test_a_program_of_ten_megabytes(server: str) -> None:
    text = f"SELECT '{'x' * 10_000_000}'"
    assert parse(f"grpc://{server}", text).accepted == len(text)


@pytest.mark.parametrize("service", [SERVICE, "Parser"])
def test_the_smaller_form(server: str, service: str) -> None:
    url = f"grpc://{server}/{service}?form=query"
    whole = parse(url, "SELECT 'é' FROM t")
    assert (whole.statements, whole.accepted) == (("SELECT 'é' FROM t",), 17)
    unfinished = parse(url, "SELECT 'é' FROM t TO TRAIN m LABEL c INTO n")
    assert (unfinished.statements, unfinished.accepted) == (("SELECT 'é' FROM t ",), 18)
    assert unfinished.unfinished_select
    rejected = parse(url, "SELECT a FROM t WHERE )")
    assert rejected.rejection == Rejection(
        message="something is missing in WHERE near ')'", start=0, end=23
    )


def test_the_dialect_is_the_servers_to_know(server: str) -> None:
    message = "failed: unknown SQL dialect 'hiv'; did you mean 'hive'"
    with pytest.raises(TerminalError, match=message):
        parse(f"grpc://{server}", "SELECT 1", dialect="hiv")


@pytest.mark.parametrize(
    ("error", "index", "offending"),
    [
        ("no such word", 14, "FROM"),
        ('Encountered "FROM" at line 2, column 4.\nWas expecting one of: …', -1, "FROM"),
        ("line 2:3 cannot recognize input near 'FROM'", -1, "FROM"),
        ("no such word", -1, "SELECT a,\r\n   FROM t"),
        ("At line 99, column 1", -1, "SELECT a,\r\n   FROM t"),
    ],
)
def test_the_place_of_an_error(error: str, index: int, offending: str) -> None:
    text = "SELECT a,\r\n   FROM t"
    with answering(response(error=error, index=index)) as place:
        rejection = parse(f"grpc://{place}", text).rejection
    assert rejection is not None
    assert rejection.message == error.split("\n", maxsplit=1)[0]
    assert text[rejection.start : rejection.end] == offending


def test_tables_of_another_parser() -> None:
    tables = [{"input_tables": ["a", "b"], "output_tables": ["c"]}]
    answer = response(sql_statements=["x"], index=-1, input_output_tables=tables)
    with answering(answer) as place:
        parsed = parse(f"grpc://{place}", "x")
    assert parsed.tables == (StatementTables(inputs=("a", "b"), outputs=("c",)),)


def failure(url: str) -> StepError:
    with pytest.raises(StepError) as caught:
        parse(url, "SELECT 1")
    return caught.value


def test_a_dead_server() -> None:
    place = dead()
    error = failure(f"grpc://{place}")
    assert isinstance(error, TransientError)
    assert error.exit_code is ExitCode.TRANSIENT
    assert error.message == f"the parser at {place} cannot be reached"
    assert error.hint is not None
    assert "sqlflow parser-server" in error.hint


def test_a_slow_server() -> None:
    with slow() as place:
        error = failure(f"grpc://{place}?timeout=0.2")
    assert isinstance(error, TransientError)
    assert error.message == f"the parser at {place} gave no answer within 0.2 s"


def test_a_server_of_another_protocol() -> None:
    with speechless() as place:
        error = failure(f"grpc://{place}?timeout=5")
    assert isinstance(error, TransientError)
    assert f"the parser at {place}" in error.message


def test_a_server_without_the_service(server: str) -> None:
    error = failure(f"grpc://{server}/other.Parser")
    assert isinstance(error, TerminalError)
    assert error.message == f"the parser at {server} has no service 'other.Parser'"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda _: b"\xff\xff nonsense", "it is no message of the protocol"),
        (response(index=99), "index 99 of a text of 8 characters"),
        (response(index=-7), "index -7 of a text of 8 characters"),
        (response(index=-1, sql_statements=["a"], input_output_tables=[{}, {}]),
         "tables of 2 statements, where it accepts 1"),
    ],
    ids=["no message", "index beyond the text", "index before the text", "too many tables"],
)  # fmt: skip
def test_a_server_that_talks_nonsense(answer: object, why: str) -> None:
    with answering(answer) as place:  # type: ignore[arg-type]
        error = failure(f"grpc://{place}")
    assert isinstance(error, TerminalError)
    assert error.message == f"the parser at {place} gave an answer that makes no sense: {why}"


def test_a_server_that_accepts_what_it_was_not_sent() -> None:
    with answering(reply(sql="SELECT 2"), SERVICE) as place:
        error = failure(f"grpc://{place}/{SERVICE}?form=query")
    assert "what it accepts is not the beginning of what it was sent" in error.message


def test_a_server_that_breaks() -> None:
    with answering(lambda _: b"x"[9:] + bytes([1 // len(b"")])) as place:
        error = failure(f"grpc://{place}")
    assert isinstance(error, TerminalError)
    assert re.match(f"the parser at {place} failed: ", error.message)


def test_two_servers_on_one_port(server: str) -> None:
    with pytest.raises(TerminalError, match=f"the parser server cannot listen at {server}"):
        start_parser_server(SqlglotParser(), server)


@pytest.mark.parametrize(
    "url", ["grpc:", "grpc://host", "grpc://host:x", "grpc://h:1?form=other", "grpc://h:1?timeout=0",
            "grpc://h:1?timeout=x", "grpc://h:1?tls=1", "grpc://h:1?timeout"]
)  # fmt: skip
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(TerminalError, match="is not the address of a parser"):
        open_parser(url)


def test_the_proto_files_say_what_is_spoken() -> None:
    found: dict[str, dict[str, dict[str, tuple[int, str]]]] = {}
    for name in ("parser.proto", "calcite_parser.proto"):
        text = re.sub("//.*", "", (files("sqlflow_dagster.lang") / name).read_text())
        package = re.search(r"^package (\w+);", text, re.MULTILINE)
        found[package[1] if package else ""] = {
            message: {
                field: (int(number), kind)
                for kind, field, number in re.findall(r"((?:repeated )?\w+) (\w+) = (\d+);", body)
            }
            for message, body in re.findall(r"message (\w+) \{(.*?)\n\}", text, re.DOTALL)
        }
    assert found == MESSAGES


def test_a_parser_is_found_by_name() -> None:
    parser: ExternalParser = open_parser("sqlglot")
    assert parser.parse("duckdb", "SELECT 1").accepted == 8
