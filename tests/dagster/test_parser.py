"""The parser of a code location: what it rejects is a bad program, and a run does not ask it again."""

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.definitions_load_context import (
    DefinitionsLoadContext,
    DefinitionsLoadType,
)
from dagster._core.definitions.repository_definition import RepositoryLoadData

from sqlflow_dagster import PluginError, TerminalError, definitions, definitions_from_sql
from sqlflow_dagster.lang.remote_parser_messages import message_class
from sqlflow_dagster.program_files import _compiled, _remembered
from tests.dagster.test_bad_programs import keys, shown, write
from tests.parsers.servers import answering, dead, slow

GOOD = "CREATE TABLE good AS SELECT 1 AS n"
BAD = "CREATE TABLE bad AS SELECT 1 AS n;\nSELECT n FROM bad x y"
UPDATE = "CREATE TABLE t AS SELECT 1 AS a;\nUPDATE OR IGNORE t SET a = 1"
"""SQL of SQLite that sqlglot rejects."""


def load(folder: Path, parser: str | None, url: str = "duckdb:///none.duckdb") -> dg.Definitions:
    return definitions_from_sql(folder, datasource=url, parser=parser)


def accepting(data: bytes) -> bytes:
    """The answer of a parser that accepts whatever it is asked."""
    request = message_class("ParserRequest").FromString(data)
    answer = message_class("ParserResponse")(sql_statements=[request.sql_program], index=-1)
    return bytes(answer.SerializeToString())


def refusing(data: bytes) -> bytes:
    """The answer of a parser that accepts nothing."""
    answer = message_class("ParserResponse")(error="not today", index=0)
    return bytes(answer.SerializeToString())


def test_what_it_rejects_is_a_bad_program(tmp_path: Path) -> None:
    write(tmp_path, {"bad.sql": BAD, "good.sql": GOOD})
    assert shown(load(tmp_path, None)) == {}
    defs = load(tmp_path, "sqlglot")
    assert keys(defs) == {"good"}
    text = shown(defs)["bad/compile_error"]
    assert "bad.sql:2:21: error: refused by the parser: unexpected 'y'" in text


def test_the_data_source_can_be_the_judge(tmp_path: Path) -> None:
    write(tmp_path, {"update.sql": UPDATE})
    url = f"sqlite:///{tmp_path / 'data.db'}"
    assert set(shown(load(tmp_path, "sqlglot", url))) == {"update/compile_error"}
    assert shown(load(tmp_path, "engine", url)) == {}


def test_the_environment_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"bad.sql": BAD})
    monkeypatch.setenv("SQLFLOW_PROGRAMS", str(tmp_path))
    monkeypatch.setenv("SQLFLOW_DATASOURCE", "duckdb:///none.duckdb")
    monkeypatch.setenv("SQLFLOW_PARSER", "sqlglot")
    monkeypatch.setenv("SQLFLOW_EXECUTOR", "in_process")
    assert set(shown(definitions.defs())) == {"bad/compile_error"}


def test_programs_load_once_a_dead_parser_is_back(tmp_path: Path) -> None:
    write(tmp_path, {"a.sql": GOOD, "b.sql": "SELECT 1"})
    parser = f"grpc://{dead()}"
    found = shown(load(tmp_path, parser))
    assert set(found) == {"a/compile_error", "b/compile_error"}
    for text in found.values():
        assert f"the parser at {parser.removeprefix('grpc://')} cannot be reached" in text
        assert "hint: start it, or correct the address" in text
        assert "Traceback" not in text
    with answering(accepting) as place:
        assert shown(load(tmp_path, f"grpc://{place}")) == {}


def test_a_parser_that_does_not_answer_is_waited_for_once(tmp_path: Path) -> None:
    write(tmp_path, {f"{name}.sql": GOOD.replace("good", name) for name in "abcdefgh"})
    with slow() as place:
        found = shown(load(tmp_path, f"grpc://{place}?timeout=0.3"))
    assert len(found) == 8
    assert all("gave no answer within 0.3 s" in text for text in found.values())


def test_nonsense_is_told_of_each_program(tmp_path: Path) -> None:
    write(tmp_path, {"a.sql": GOOD, "b.sql": "SELECT 1"})

    def answer(data: bytes) -> bytes:
        return b"\xff" if b"SELECT 1 AS n" in data else accepting(data)

    with answering(answer) as place:
        defs = load(tmp_path, f"grpc://{place}")
    assert set(shown(defs)) == {"a/compile_error"}
    assert "an answer that makes no sense" in shown(defs)["a/compile_error"]


def test_a_wrong_setting_is_an_error_of_the_location(tmp_path: Path) -> None:
    write(tmp_path, {"a.sql": GOOD})
    with pytest.raises(PluginError, match="unknown parser 'calcite'"):
        load(tmp_path, "calcite")
    with pytest.raises(TerminalError, match="'grpc://nowhere' is not the address of a parser"):
        load(tmp_path, "grpc://nowhere")


def test_a_process_of_a_run_does_not_ask(tmp_path: Path) -> None:
    """Each step loads the definitions; the answers are those that the run was launched with."""
    write(tmp_path, {"good.sql": GOOD, "bad.sql": "SELECT 2"})

    def answer(data: bytes) -> bytes:
        return accepting(data) if GOOD.encode() in data else refusing(data)

    with (
        answering(answer) as place,
        DefinitionsLoadContext.scoped(
            DefinitionsLoadContext(DefinitionsLoadType.INITIALIZATION)
        ) as first,
    ):
        parser = f"grpc://{place}"
        assert keys(load(tmp_path, parser)) == {"good"}
    _remembered.cache_clear()
    _compiled.cache_clear()
    handed_on = RepositoryLoadData(
        cacheable_asset_data={},
        reconstruction_metadata=dict(first.get_pending_reconstruction_metadata()),
    )
    with DefinitionsLoadContext.scoped(
        DefinitionsLoadContext(DefinitionsLoadType.RECONSTRUCTION, handed_on)
    ):
        defs = load(tmp_path, parser)
    assert keys(defs) == {"good"}
    assert "refused by the parser: not today" in shown(defs)["bad/compile_error"]
