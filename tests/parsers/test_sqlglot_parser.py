"""The built-in parser: what it accepts, how far, and which tables it finds."""

import pytest

from sqlflow_dagster.errors import CompileError
from sqlflow_dagster.graph.sqlglot_parser import SqlglotParser
from sqlflow_dagster.lang.parsers import ParsedText, StatementTables

# What every dialect must accept.
QUERIES = [
    "select a from b",
    "select * from my_table",
    "-- this is a comment\nselect\na from b",
    "SELECT n, amount FROM payments WHERE amount = (SELECT MAX(amount) FROM payments)",
    "SELECT n, SUM(p * q) total FROM d INNER JOIN orders USING (n) GROUP BY n HAVING SUM(p * q) > 60000",
    "SELECT n FROM c WHERE EXISTS( SELECT 1 FROM o WHERE o.n = c.n ) LIMIT 0",
    "select -- comment 1\n* -- comment 2\nfrom /* comment 3 */\ntable_a /* comment\n4*/ -- end\n",
]


def parse(text: str, dialect: str = "mysql") -> ParsedText:
    return SqlglotParser().parse(dialect, text)


@pytest.mark.parametrize("dialect", ["mysql", "hive", "calcite", "maxcompute", "duckdb"])
@pytest.mark.parametrize("query", QUERIES)
def test_a_clause_is_where_the_sql_ends(query: str, dialect: str) -> None:
    content = len(query) - len(query.removeprefix("-- this is a comment\n"))
    whole = parse(f"{query};", dialect)
    assert (whole.accepted, whole.unfinished_select) == (len(query) + 1, False)
    for text, statements, accepted in (
        (f"{query} to train;{query};", 1, len(query) + 1),
        (f"{query};{query} to train;", 2, 2 * len(query) + 2),
        (f"{query};{query} to train m with a = 1 into b;{query};", 2, 2 * len(query) + 2),
        (f"{query} to train; select select 1;", 1, len(query) + 1),
    ):
        parsed = parse(text, dialect)
        assert (len(parsed.statements), parsed.accepted) == (statements, accepted)
        assert parsed.statements[-1] == f"{query} "[content:]
        assert parsed.unfinished_select
        assert parsed.rejection is None


def test_a_whole_program() -> None:
    text = ";".join(QUERIES)
    parsed = parse(text)
    assert len(parsed.statements) == len(parsed.tables) == 7
    assert (parsed.accepted, parsed.rejection) == (len(text), None)


@pytest.mark.parametrize(
    ("text", "statements", "accepted"),
    [
        ("SHOW TRAIN my_model;", 0, 0),
        ("select 1; SHOW TRAIN my_model;", 1, 10),
        ("select 1; -- comment\nSHOW TRAIN my_model;\n--comment", 1, 21),
        ("select 1; select * from train TO train; SHOW TRAIN my_model;", 2, 30),
        ("SHOW TRAIN my_model; select 1; select * from train TO train;", 0, 0),
        ("SELECT * FROM t1 TO TRAIN DNNClassifier", 1, 17),
        ("SELECT * FROM t1 t2 TO TRAIN", 1, 20),
        ("SELECT * FROM t1 t2, t3 t4 TO EXPLAIN", 1, 27),
        ("SELECT * FROM (SELECT * FROM t1) t2 TO TRAIN DNNClassifier", 1, 36),
        ("", 0, 0),
        ("-- only a comment", 0, 17),
        (";;", 0, 2),
    ],
)  # fmt: skip
def test_what_follows_may_be_no_sql(text: str, statements: int, accepted: int) -> None:
    parsed = parse(text)
    assert (len(parsed.statements), parsed.accepted) == (statements, accepted)
    assert parsed.rejection is None


@pytest.mark.parametrize(
    ("text", "statements", "offending", "message"),
    [
        ("select 1; select select 1; select 2", 1, "select", "unexpected 'select'"),
        ("foo bar", 0, "foo", "this is no statement"),
        ("describe table to train;", 0, "train", "unexpected 'train'"),
        ("select 1; select 'a", 1, "'", "this quote is never closed"),
        ("SELECT a FROM t WHERE ) TO TRAIN m", 0, ")", "something is missing in WHERE near ')'"),
    ],
)
def test_what_is_no_sql_is_rejected_where_it_is(
    text: str, statements: int, offending: str, message: str
) -> None:
    parsed = parse(text)
    assert len(parsed.statements) == statements
    assert parsed.rejection is not None
    assert parsed.rejection.message == message
    assert text[parsed.rejection.start : parsed.rejection.end] == offending


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("SELECT a FROM t JOIN s.u ON t.x = u.x", StatementTables(inputs=("s.u", "t"))),
        ("CREATE TABLE p AS SELECT * FROM o", StatementTables(inputs=("o",), outputs=("p",))),
        ("DROP TABLE a, b", StatementTables(outputs=("a", "b"))),
        ("START TRANSACTION", StatementTables()),
        ("SELECT * FROM t TO PREDICT p.c USING m", StatementTables(inputs=("t",))),
    ],
)
def test_the_tables_of_a_statement(text: str, tables: StatementTables) -> None:
    assert parse(text).tables == (tables,)


def test_an_unknown_dialect() -> None:
    with pytest.raises(
        CompileError, match=r"unknown SQL dialect 'hiv' .*\nhint: did you mean 'hive'"
    ):
        parse("SELECT 1", "hiv")
