"""Whatever the text, a compile gives a program or a CompileError."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.errors import CompileError, Diagnostic
from sqlflow_dagster.graph.formats import to_json, to_text
from sqlflow_dagster.graph.program import Program
from sqlflow_dagster.lang.dialects import LEXIS
from tests.corpus.test_corpus import FOLDER, cases
from tests.properties.sizes import INPUTS

FRAGMENTS = [
    "SELECT", "FROM", "WHERE", "JOIN", "USING", "(", ")", "*", ",", ".", ";", ";\n", "t", "s.t", "a", '"A b"',
    "`x`", "[y]", "'it''s'", "'", '"', "`", "$$", "$x$", "E'\\'", "q'[", "{{ x }}", "--", "-- sqlflow: ",
    "reads a", "writes b", "resources.memory=8Gi", "name=x", "\n", "/*", "*/", "#", "//", "1", "-1.5e3", "=",
    "+", "||", "::", ":=", "@v", "?", "%", "WITH", "AS", "RECURSIVE", "INSERT INTO", "INSERT OVERWRITE TABLE",
    "VALUES", "UPDATE", "SET", "DELETE", "MERGE INTO", "WHEN MATCHED THEN", "CREATE", "OR REPLACE", "TABLE",
    "TEMP", "VIEW", "IF NOT EXISTS", "LIKE", "DROP", "TRUNCATE", "ALTER TABLE", "RENAME TO", "EXCHANGE PARTITION",
    "SWAP", "COPY", "LOAD DATA INPATH", "UNION ALL", "EXCEPT", "ORDER BY", "GROUP BY", "LIMIT", "CASE", "END",
    "BEGIN", "COMMIT", "ROLLBACK", "CALL p()", "CREATE PROCEDURE p() BEGIN", "CREATE FUNCTION f() RETURNS INT",
    "DELIMITER //", "//", "USE s", "USE", "EXPLAIN", "SHOW TRAIN", "SHOW", "DESCRIBE", "PRAGMA", "ATTACH",
    "REPLACE INTO", "RENAME TABLE", "GRANT", "TO", "TRAIN", "TO TRAIN", "xgboost.gbtree", "DNNClassifier",
    "LABEL", "INTO", "m", "m@2", "TO PREDICT", "p.y", "TO EVALUATE", "TO EXPLAIN", "TO RUN", "CMD", '"x"',
    "TO MAXIMIZE", "TO MINIMIZE", "CONSTRAINT", "COLUMN", "FOR", "NUMERIC(a, 2)", "model.x=[1, 2]", "OUTPUT",
    'validation.select="SELECT * FROM v"', "retrain.schedule='@daily'", "${X}", "${yyyyMMdd - 1d}", "${", "NULL",
    "TRUE", "\\", "\0", "\r\n", "\ufeff", "é", "ß", "漢", "\u2028",
]  # fmt: skip
WORDS = st.lists(st.sampled_from(FRAGMENTS), max_size=25)
STATEMENTS = [sql for path in sorted(FOLDER.glob("*.sql")) for _, sql in cases(path)]


@st.composite
def edited(draw: st.DrawFn) -> str:
    """A statement of the corpus in which words are replaced, added and left out."""
    words = draw(st.sampled_from(STATEMENTS)).split(" ")
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(words)))
        stop = start + draw(st.integers(0, 2))
        words[start:stop] = draw(st.lists(st.sampled_from(FRAGMENTS), max_size=2))
    return " ".join(words[: draw(st.integers(1, 40))])


TEXTS = st.one_of(
    edited(),
    edited(),
    WORDS.map(" ".join),
    WORDS.map("".join),
    st.text(max_size=60),
    # A clause over what may be a query.
    st.tuples(WORDS, WORDS).map(
        lambda parts: " ".join(["SELECT * FROM t", *parts[0], "TO TRAIN x.y LABEL", *parts[1]])
    ),
)


@settings(max_examples=INPUTS, deadline=None)
@given(text=TEXTS, dialect=st.sampled_from(sorted(LEXIS)))
def test_no_text_makes_the_compiler_fail(text: str, dialect: str) -> None:
    problems: Sequence[Diagnostic] = ()
    try:
        program = compile_program(text, dialect=dialect)
    except CompileError as error:
        problems = error.diagnostics
        described = str(error)
    else:
        described = to_text(program) + to_json(program)
    assert described
    assert all(problem.message for problem in problems)


def deep(statement: str, depth: int, opening: str, inner: str, closing: str) -> str:
    return statement.format(opening * depth + inner + closing * depth)


TRAIN = "SELECT a, y FROM t WHERE {} TO TRAIN xgboost.gbtree WITH objective='reg:squarederror' LABEL y INTO m"


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        pytest.param(
            "SELECT * FROM t WHERE " + " AND ".join(f"a{i} = {i}" for i in range(2_000)),
            {"t"},
            id="2,000 terms of AND",
        ),
        pytest.param(
            TRAIN.format(" OR ".join(f"a = {i}" for i in range(2_000))),
            {"t"},
            id="2,000 terms of OR in a training",
        ),
        pytest.param(
            "SELECT " + " || ".join(f"a{i}" for i in range(2_000)) + " FROM t WHERE x IN (SELECT x FROM u)",
            {"t", "u"},
            id="2,000 terms of a concatenation",
        ),
        pytest.param(
            " UNION ALL ".join(f"SELECT a FROM t{i % 100}" for i in range(3_000)),
            {f"t{i}" for i in range(100)},
            id="3,000 branches of UNION ALL",
        ),
        pytest.param(
            deep("SELECT {} FROM t", 400, "(", "1", ")"), {"t"}, id="400 nested parentheses"
        ),
        pytest.param(
            deep("SELECT * FROM {}", 400, "(SELECT * FROM ", "t", ") AS s"),
            {"t"},
            id="400 nested subqueries",
        ),
        pytest.param(
            deep("SELECT {} FROM t JOIN u USING (k)", 400, "abs(", "x", ")"),
            {"t", "u"},
            id="400 nested calls",
        ),
        pytest.param(
            deep("SELECT {} FROM t", 400, "CASE WHEN a THEN 1 ELSE ", "0", " END"),
            {"t"},
            id="400 nested CASEs",
        ),
        pytest.param(deep(TRAIN, 400, "(", "a > 1", ")"), {"t"}, id="400 parentheses in a training"),
    ],
)  # fmt: skip
def test_no_depth_and_no_length_is_too_much(sql: str, reads: set[str]) -> None:
    program: Program = compile_program(sql, temp_tables="never")
    assert {ref.name for ref in program.steps[0].reads} == reads


@pytest.mark.parametrize("opening", ["(", "[", "NOT ", "- "])
def test_attributes_are_refused_where_they_are_nested_too_deeply(opening: str) -> None:
    value = opening * 5_000 + "1"
    with pytest.raises(CompileError):
        compile_program(f"SELECT a, y FROM t TO TRAIN xgboost.gbtree WITH x={value} LABEL y INTO m")
