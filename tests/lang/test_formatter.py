"""Formatting changes clauses and nothing else: not what they mean, not the SQL, not the comments."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlflow_dagster.graph.analysis import analyze
from sqlflow_dagster.graph.objects import Names
from sqlflow_dagster.lang.clause_lexer import comments, tokenize_clause
from sqlflow_dagster.lang.formatter import format_program
from sqlflow_dagster.lang.printer import print_clauses, print_statement
from sqlflow_dagster.lang.scanner import scan
from sqlflow_dagster.lang.statements import QueryStatement
from sqlflow_dagster.lang.templates import substitute
from sqlflow_dagster.source import Source
from tests.lang.test_printer import STATEMENTS, reparsed


def formatted(text: str, dialect: str = "duckdb") -> str:
    source = Source(text=text)
    pieces, problems = scan(source, dialect)
    found, more = analyze(source, pieces, Names(dialect=dialect))
    assert [item.message for item in (*problems, *more)] == []
    return format_program(source, [item.statement for item in found], dialect)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "select  a,y from t\n  to train xgboost.gbtree with eta=.1 label y into m;",
            "select  a,y from t\nTO TRAIN xgboost.gbtree\nWITH eta = 0.1\nLABEL y\nINTO m;",
            id="one clause a line, the SELECT as it was",
        ),
        pytest.param(
            "SELECT a FROM t TO TRAIN x INTO m OUTPUT y WITH b=[1,2], a='x'\n  ;",
            'SELECT a FROM t\nTO TRAIN x\nWITH\n    b = [1, 2],\n    a = "x"\nLABEL y\nINTO m;',
            id="one order of clauses, the order of attributes as it was",
        ),
        pytest.param(
            "SELECT a FROM t PREDICT p.c USING m",
            "SELECT a FROM t\nTO PREDICT p.c\nUSING m",
            id="the old spelling becomes the new one",
        ),
        pytest.param("show   train  m;\n", "SHOW TRAIN m;\n", id="show train"),
        pytest.param("SHOW /* me */ TRAIN m", "SHOW /* me */ TRAIN m", id="a comment in its midst"),
        pytest.param(
            "SELECT a -- one\nFROM t -- two\nTO TRAIN x -- three\n\n-- four\nINTO m LABEL y -- five\n; -- six",
            "SELECT a -- one\nFROM t -- two\nTO TRAIN x -- three\n\n-- four\nINTO m\nLABEL y -- five\n; -- six",
            id="comments between clauses, which keep their order",
        ),
        pytest.param(
            "SELECT a FROM t TO TRAIN x WITH a=1, -- one\n  b=2 LABEL  y /* two */ INTO m",
            "SELECT a FROM t\nTO TRAIN x\nWITH a=1, -- one\n  b=2\nLABEL y /* two */\nINTO m",
            id="a clause with a comment in its midst",
        ),
        pytest.param(
            "SELECT '${a}' FROM t_${b} TO TRAIN x WITH a=${c},b.${d}=\"${yyyyMMdd - 1d}\" INTO m_${e}",
            "SELECT '${a}' FROM t_${b}\nTO TRAIN x\nWITH\n    a = ${c},\n    "
            'b.${d} = "${yyyyMMdd - 1d}"\nINTO m_${e}',
            id="templates",
        ),
        pytest.param(
            "CREATE  TABLE a AS\n SELECT 'TO TRAIN x INTO m;'; BEGIN;insert into t select 1;COMMIT ;",
            "CREATE  TABLE a AS\n SELECT 'TO TRAIN x INTO m;'; BEGIN;insert into t select 1;COMMIT ;",
            id="SQL stays",
        ),
    ],
)  # fmt: skip
def test_formatted(text: str, expected: str) -> None:
    if "${" not in text:
        assert formatted(text) == expected
        return
    # sqlglot knows no templates in SQL; the statement is found all the same.
    source = Source(text=text)
    found, _ = analyze(source, scan(source, "duckdb")[0], Names(dialect="duckdb"))
    assert format_program(source, [item.statement for item in found], "duckdb") == expected


def test_the_comments_of_another_dialect() -> None:
    text = "SELECT a FROM t # it's\n  TO TRAIN x INTO m"
    assert formatted(text, "mysql") == "SELECT a FROM t # it's\nTO TRAIN x\nINTO m"


def test_a_name_that_is_a_template_is_known_again() -> None:
    text = """SELECT a FROM t\nTO PREDICT r.${x}\nWITH p = "'\\""\nUSING m"""
    assert formatted(text) == text


@pytest.mark.parametrize(
    ("clause", "values"),
    [
        pytest.param('TO PREDICT "${x}"."${x}" USING \'${x}\'', ["t", "my table", "a.b"], id="names"),
        pytest.param("TO PREDICT `${x}`.y_${z} USING `m`", ["t", "my table", 'say "x"'], id="backticks"),
        pytest.param("TO PREDICT ${x}.y USING a.${x}", ["t", "s.t"], id="without quotes"),
        pytest.param("TO TRAIN '${x}' LABEL \"a ${x}\" INTO m", ["t", "it\\'s"], id="estimator and label"),
        pytest.param("TO TRAIN e COLUMN `${x}`, t.`${x}` FOR \"${x}\" INTO m", ["a", "a b"], id="columns"),
        pytest.param("TO TRAIN e WITH a='${x}', \"b.${z}\"=\"it's ${x}\" INTO m", ["a b", "it", "[1]"], id="values"),
        pytest.param("TO TRAIN e WITH a=[${x}, '${x}'], b=-${x} INTO m", ["1", "c"], id="bare values"),
        pytest.param("TO RUN img CMD '${x} -a', \"${x}\" INTO r", ["echo", "a;b"], id="commands"),
        pytest.param("TO EXPLAIN m USING \"${x}\" INTO r", ["Tree", "a b"], id="an explainer"),
    ],
)  # fmt: skip
def test_templates_keep_their_quotes(clause: str, values: list[str]) -> None:
    text = f"SELECT a FROM t {clause};"
    once = formatted(text)
    assert formatted(once) == once
    for filled_in in values:
        variables = {"x": filled_in, "z": "w"}
        before, after = (
            substitute(Source(text=program), variables)[0].text for program in (text, once)
        )
        assert reparsed(after) == reparsed(before)


SPACES = st.sampled_from([" ", "\n", "\t ", "\n\n", " -- it's\n", "/* ; TO */", " -- a\n  -- b\n"])


@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("kind", sorted(set(STATEMENTS) - {"sql", "transaction"}))
@given(data=st.data())
def test_formatting_keeps_the_meaning_and_every_comment(kind: str, data: st.DataObject) -> None:
    statement = data.draw(STATEMENTS[kind])
    if isinstance(statement, QueryStatement):
        first, *others = (text for _, text in print_clauses(statement))
        head, tail = (
            statement.query.sql + "\n",
            " ".join([first, *data.draw(st.permutations(others))]),
        )
    else:
        head, tail = "", print_statement(statement)
    source = Source(text=tail)
    tokens = tokenize_clause(source, 0, len(tail))[:-1]
    words = [tokens[0].text]
    for before, token in pairwise(tokens):
        apart = before.span.end < token.span.start
        words += (data.draw(SPACES) if apart else "", token.text)
    text = head + "".join(words) + data.draw(SPACES) + ";"
    before_formatting = reparsed(text)
    once = formatted(text)
    assert reparsed(once) == before_formatting
    assert once.startswith(head.rstrip())
    assert formatted(once) == once
    assert _comments(once, head) == _comments(text, head)


def _comments(text: str, head: str) -> list[str]:
    source = Source(text=text)
    return [span.text for span in comments(source, len(head.rstrip()), len(text))]
