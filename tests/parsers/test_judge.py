"""The parser that decides what is SQL, as a program's compile shows it."""

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.engines.base import open_engine
from sqlflow_dagster.errors import CompileError, PluginError, TerminalError
from sqlflow_dagster.graph.program import Program
from sqlflow_dagster.lang.parsers import ParsedText, StatementTables, open_parser
from tests.parsers.servers import answering, response

UNKNOWN = "SELECT * FROM a UNIQUEJOIN PRESERVE b"
"""SQL of some engine that sqlglot rejects."""


@dataclass(slots=True)
class Accepting:
    """Accepts every statement and tells the tables it is made with."""

    tables: StatementTables = field(default_factory=StatementTables)
    asked: list[str] = field(default_factory=list)

    def parse(self, dialect: str, text: str) -> ParsedText:
        self.asked.append(text)
        return ParsedText(statements=(text,), accepted=len(text), tables=(self.tables,))

    def close(self) -> None:
        raise AssertionError("only who opens a parser closes it")


def effects(program: Program) -> list[tuple[set[str], dict[str, str]]]:
    return [
        (
            {str(ref) for ref in step.reads},
            {str(write.ref): write.mode.value for write in step.effects.writes},
        )
        for step in program.steps
    ]


def errors(text: str, parser: str, dialect: str = "duckdb") -> list[tuple[str, str]]:
    """The message of each error and the text that it points to."""
    with pytest.raises(CompileError) as caught:
        compile_program(text, dialect=dialect, parser=parser)
    return [(item.message, item.span.text) for item in caught.value.diagnostics if item.span]


def test_without_a_parser_what_is_not_understood_is_a_warning() -> None:
    program = compile_program(UNKNOWN)
    assert [item.severity for item in program.diagnostics] == ["warning"]


def test_what_the_parser_rejects_is_an_error_at_its_place() -> None:
    text = (
        f"SELECT 1;\n{UNKNOWN};\nSELECT a, b FROM c d e\nTO TRAIN xgboost.gbtree "
        'WITH validation.select = "SELECT x FROM )" LABEL a INTO m;\nSELECT 2'
    )
    assert errors(text, "sqlglot") == [
        ("refused by the parser: unexpected 'PRESERVE'", "PRESERVE"),
        ("the SELECT is refused by the parser: unexpected 'e'", "e"),
        ("validation.select is refused by the parser: expected table name but got ')'",
         "validation.select"),
    ]  # fmt: skip


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_the_data_source_as_the_parser(engine: str, tmp_path: Path) -> None:
    parser = f"engine:{engine}:///{tmp_path / 'data'}"
    text = "CREATE TABLE t (a INT);\nINSERT INTO t VALUES (1);\nSELECT * FROM not_yet;"
    assert compile_program(text, dialect=engine, parser=parser).diagnostics == ()
    text += (
        "\nSELECT 1 FROM FRUM;\nSELECT a FROM t GRUP BY a TO TRAIN xgboost.gbtree LABEL a INTO m"
    )
    assert [place for _, place in errors(text, parser, engine)] in (["GRUP"], ["BY"])


def test_a_judge_of_duckdb_leaves_the_file_to_others(tmp_path: Path) -> None:
    url = f"duckdb:///{tmp_path / 'data'}"
    with closing(open_parser(f"engine:{url}")) as judge:
        assert judge.parse("duckdb", "SELECT 1 FROM t").rejection is None
        assert not (tmp_path / "data").exists()
        with open_engine(url).session() as session:
            session.execute("CREATE TABLE t (a INT)")
            # The same file: an open session of this thread would refuse another one.
            assert judge.parse("duckdb", "SELECT 1 FORM t x").rejection is not None


def test_what_only_the_built_in_parser_rejects_is_a_warning(tmp_path: Path) -> None:
    parser = f"engine:sqlite:///{tmp_path / 'data'}"
    sql = "UPDATE OR IGNORE t SET a = 1"
    assert errors(sql, "sqlglot", "sqlite")
    program = compile_program(sql, dialect="sqlite", parser=parser)
    assert [item.severity for item in program.diagnostics] == ["warning"]


def test_tables_of_the_parser_where_the_built_in_one_knows_none() -> None:
    parser = Accepting(StatementTables(inputs=("s.a", "b"), outputs=('"My c"',)))
    program = compile_program(f"INSERT INTO x {UNKNOWN}", dialect="postgres", parser=parser)
    assert effects(program) == [({"s.a", "b"}, {"My c": "modify"})]
    assert program.diagnostics == ()


def test_how_a_table_is_written_is_guessed_from_the_words() -> None:
    parser = Accepting(StatementTables(inputs=("a",), outputs=("x",)))
    program = compile_program(f"CREATE TABLE x AS {UNKNOWN}", parser=parser)
    assert effects(program) == [({"a"}, {"x": "create"})]


def test_tables_of_a_procedure_call_and_of_a_training() -> None:
    parser = Accepting(StatementTables(inputs=("a",)))
    text = f"CALL p(); {UNKNOWN} TO TRAIN xgboost.gbtree LABEL y INTO m"
    program = compile_program(text, parser=parser, temp_tables="never")
    assert effects(program) == [({"a"}, {}), ({"a"}, {"model m": "replace"})]
    assert not any(step.effects.barrier for step in program.steps)


def test_the_built_in_parser_knows_better_than_a_parser_that_tells_nothing() -> None:
    program = compile_program("CREATE TABLE t AS SELECT * FROM u", parser=Accepting())
    assert effects(program) == [({"u"}, {"t": "create"})]
    assert compile_program("CALL p()", parser=Accepting()).steps[0].effects.barrier


def test_every_statement_is_asked_without_its_clause() -> None:
    parser = Accepting()
    compile_program(
        "USE s; BEGIN; INSERT INTO t VALUES (${n}); COMMIT;\n"
        "-- why\nSELECT a, y FROM t -- all\nTO TRAIN xgboost.gbtree LABEL y INTO m;\n"
        "SELECT a FROM t PREDICT p.c USING m; SHOW TRAIN m",
        variables={"n": "1"},
        parser=parser,
    )
    assert parser.asked == [
        "USE s", "BEGIN", "INSERT INTO t VALUES (1)", "COMMIT", "SELECT a, y FROM t",
        "SELECT a FROM t",
    ]  # fmt: skip


def test_a_parser_that_accepts_only_a_part() -> None:
    with answering(response(sql_statements=["SELECT a FROM t "], index=16)) as place:
        found = errors("SELECT a FROM t FOR ME", f"grpc://{place}")
    assert found == [("refused by the parser: it is accepted only up to here", "FOR ME")]


def test_an_unknown_parser() -> None:
    with pytest.raises(PluginError, match="unknown parser 'sqlglut'; did you mean 'sqlglot'"):
        compile_program("SELECT 1", parser="sqlglut")


def test_a_data_source_that_speaks_another_dialect(tmp_path: Path) -> None:
    with pytest.raises(TerminalError, match="is written in mysql, and the data source"):
        compile_program("SELECT 1", dialect="mysql", parser=f"engine:sqlite:///{tmp_path / 'd'}")
    with pytest.raises(TerminalError, match="the parser 'engine' needs a data source"):
        compile_program("SELECT 1", parser="engine")
