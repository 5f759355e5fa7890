"""What is printed parses back to an equal statement, for every kind of statement."""

from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlflow_dagster.graph.analysis import analyze
from sqlflow_dagster.graph.objects import Names
from sqlflow_dagster.lang.expression_parser import CONSTANTS
from sqlflow_dagster.lang.expressions import (
    Call,
    Expression,
    ListExpression,
    Literal,
    Name,
    Unary,
    chain,
    expression_text,
    expression_value,
)
from sqlflow_dagster.lang.printer import print_statement
from sqlflow_dagster.lang.scanner import scan
from sqlflow_dagster.lang.statements import (
    Attribute,
    ColumnClause,
    Constraint,
    EvaluateStatement,
    ExplainStatement,
    ModelReference,
    OptimizeStatement,
    PredictStatement,
    QualifiedName,
    Query,
    RunStatement,
    Sense,
    ShowTrainStatement,
    SqlStatement,
    Statement,
    TemporaryTableStatement,
    TrainStatement,
    TransactionStatement,
)
from sqlflow_dagster.source import Source
from tests.lang.test_clause_parser import value

T = TypeVar("T")

# Parts of names: plain ones, keywords, and what needs quotes.
PARTS = st.one_of(
    st.from_regex(r"[a-z_]\w{0,5}", fullmatch=True),
    st.sampled_from(
        [
            "label",
            "INTO",
            "with",
            "to",
            "train",
            "my table",
            "a.b",
            "x-y",
            "1st",
            "for",
            "A·",
            "${x}",
        ]
    ),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5),
)
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)
BACKSLASHES = st.text(alphabet="\\'\"a-;*/", max_size=6)
WORDS = st.one_of(
    st.from_regex(r"[a-zA-Z_]\w{0,5}(?:[.:/-]\w{1,3}){0,2}", fullmatch=True),
    st.sampled_from(["label", "into", "WITH", "column", "For", "group"]),
).filter(lambda word: word.upper() not in {*CONSTANTS, "AND", "OR", "NOT"})


def tuples(items: st.SearchStrategy[T], **sizes: Any) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(items, **sizes).map(tuple)


def bigger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.one_of(
        st.builds(ListExpression, items=tuples(inner, max_size=3)),
        st.builds(
            Call,
            function=WORDS.filter(lambda word: word.upper() not in {"LABEL", "INTO", "WITH", "COLUMN",
                                                                    "FOR", "GROUP"}),
            arguments=tuples(inner, max_size=3),
        ),
        st.builds(Unary, operator=st.sampled_from(["-", "NOT"]), operand=inner),
        st.sampled_from(
            [["OR"], ["AND"], ["=", "<", ">=", "!="], ["+", "-"], ["*", "/", "%"], ["**"]]
        ).flatmap(
            lambda signs: st.builds(
                chain,
                inner,
                st.lists(st.tuples(st.sampled_from(signs), inner), min_size=1, max_size=3),
            )
        ),
    )  # fmt: skip


EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    st.one_of(
        st.builds(
            Literal,
            value=st.one_of(
                st.integers(0, 10**30),
                st.floats(0, allow_infinity=False, allow_nan=False),
                TEXTS,
                BACKSLASHES,
                st.booleans(),
                st.none(),
            ),
        ),
        st.builds(Name, name=WORDS),
    ),
    bigger,
    max_leaves=6,
)
NAMES = st.builds(QualifiedName, parts=tuples(PARTS, min_size=1, max_size=3))
MODELS = st.builds(ModelReference, name=NAMES, version=st.none() | st.integers(1, 99))
ATTRIBUTES = st.lists(
    st.builds(Attribute, name=WORDS | PARTS, expression=EXPRESSIONS),
    max_size=3,
    unique_by=lambda item: item.name.lower(),
).map(tuple)
COLUMNS = st.lists(
    st.builds(
        ColumnClause,
        columns=tuples(EXPRESSIONS | st.just(Name(name="*")), min_size=1, max_size=3),
        target=st.none() | WORDS | PARTS,
    ),
    max_size=3,
    unique_by=lambda item: item.target,
).map(tuple)
QUERIES = st.builds(
    Query,
    sql=st.sampled_from(
        [
            "SELECT * FROM t",
            "SELECT a -- it's the first\n  , b FROM t WHERE c = 'TO TRAIN x INTO y;'",
            "WITH q AS (SELECT 1 AS train) SELECT train FROM q AS predict",
            'SELECT "to" FROM "train" /* ; */ WHERE x IN (1, 2)',
        ]
    ),
)
SQL = st.sampled_from(["DROP TABLE t", "INSERT INTO t SELECT 1 /* one */, 'a;b'", "SELECT 1"]).map(
    lambda sql: SqlStatement(sql=sql)
)
STATEMENTS: dict[str, st.SearchStrategy[Statement]] = {
    "train": st.builds(
        TrainStatement,
        query=QUERIES,
        estimator=WORDS | PARTS,
        attributes=ATTRIBUTES,
        columns=COLUMNS,
        label=st.none() | EXPRESSIONS,
        base_model=st.none() | MODELS,
        into=NAMES,
    ),
    "predict": st.builds(
        PredictStatement,
        query=QUERIES,
        into=NAMES,
        column=PARTS,
        model=MODELS,
        attributes=ATTRIBUTES,
    ),
    "predict into a table": st.builds(
        PredictStatement,
        query=QUERIES,
        into=st.builds(QualifiedName, parts=st.tuples(PARTS)),
        column=st.none(),
        model=MODELS,
        attributes=ATTRIBUTES,
    ),
    "evaluate": st.builds(
        EvaluateStatement,
        query=QUERIES,
        model=MODELS,
        attributes=ATTRIBUTES,
        label=st.none() | EXPRESSIONS,
        into=st.none() | NAMES,
    ),
    "explain": st.builds(
        ExplainStatement,
        query=QUERIES,
        model=MODELS,
        attributes=ATTRIBUTES,
        explainer=st.none() | WORDS | PARTS,
        into=st.none() | NAMES,
    ),
    "run": st.builds(
        RunStatement,
        query=QUERIES,
        image=WORDS | PARTS,
        command=tuples(TEXTS | BACKSLASHES, max_size=2),
        attributes=ATTRIBUTES,
        into=tuples(NAMES, max_size=3),
    ),
    "optimize": st.builds(
        OptimizeStatement,
        query=QUERIES,
        sense=st.sampled_from(Sense),
        objective=EXPRESSIONS,
        constraints=tuples(
            st.builds(Constraint, expression=EXPRESSIONS, group_by=st.none() | NAMES), max_size=3
        ),
        attributes=ATTRIBUTES.filter(bool),
        solver=st.none() | WORDS | PARTS,
        into=NAMES,
    ),
    "show train": st.builds(ShowTrainStatement, model=MODELS),
    "sql": SQL,
    "transaction": st.builds(TransactionStatement, statements=tuples(SQL, min_size=1, max_size=3)),
}


def reparsed(text: str) -> list[Statement]:
    """The statements of a program, without what they read and write."""
    source = Source(text=text)
    pieces, problems = scan(source, "duckdb")
    found, more = analyze(source, pieces, Names(dialect="duckdb"))
    assert [item.message for item in (*problems, *more)] == []
    return [item.statement for item in found]


@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("kind", STATEMENTS)
@given(data=st.data())
def test_what_is_printed_parses_back_to_an_equal_statement(kind: str, data: st.DataObject) -> None:
    statement = data.draw(STATEMENTS[kind])
    text = print_statement(statement)
    assert reparsed(f"{text};") == [statement]
    assert reparsed(text) == [statement]


@settings(max_examples=150, deadline=None)
@given(expression=EXPRESSIONS)
def test_the_text_of_an_expression_parses_back_to_it(expression: Expression) -> None:
    assert value(expression_text(expression)) == expression
    expression_value(expression)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("((a + b)) * (c)", "(a + b) * c"),
        ("a - (b - c) - d", "a - (b - c) - d"),
        ("-(-a)", "-(-a)"),
        ("(-a) ** 2", "(-a) ** 2"),
        ("not (a and (b or c))", "NOT (a AND (b OR c))"),
        ("(not a) = b", "(NOT a) = b"),
        ("a <> .5", "a != 0.5"),
        ("[1,[2 , 'x']]", '[1, [2, "x"]]'),
        ("'say \"it''s\"'", '"say \\"it\'s\\""'),
        ("'say \"no\"'", "'say \"no\"'"),
        (r"'C:\new\\'", r'"C:\new\\"'),
        ("True", "true"),
        ("none", "NULL"),
    ],
)
def test_an_expression_is_printed_with_no_parenthesis_too_many(expression: str, text: str) -> None:
    assert expression_text(value(expression)) == text


@pytest.mark.parametrize(
    ("written", "printed"),
    [('"Lab"."T".y', '"Lab"."T".y'), ('Lab."t".y', "Lab.t.y"), ("Lab.T.y", "Lab.T.y")],
)
def test_quotes_stay_where_case_counts(written: str, printed: str) -> None:
    [statement] = reparsed(f"SELECT 1 TO PREDICT {written} USING m")
    assert f"TO PREDICT {printed}\n" in print_statement(statement)


def test_the_canonical_form() -> None:
    columns = ", ".join(f"a_column_with_a_long_name_{number}" for number in range(4))
    [statement] = reparsed(
        "SELECT *  FROM t -- rows\n train dnn column a,B for wide into m output y column "
        f"{columns} for deep with x=1,y=[1,.5] using base@2"
    )
    assert print_statement(statement) == (
        "SELECT *  FROM t\n"
        "TO TRAIN dnn\n"
        "WITH\n"
        "    x = 1,\n"
        "    y = [1, 0.5]\n"
        "COLUMN a, B FOR wide\n"
        "COLUMN\n"
        "    a_column_with_a_long_name_0,\n"
        "    a_column_with_a_long_name_1,\n"
        "    a_column_with_a_long_name_2,\n"
        "    a_column_with_a_long_name_3\n"
        "FOR deep\n"
        "LABEL y\n"
        "USING base@2\n"
        "INTO m"
    )


def test_a_generated_table_is_printed_as_what_it_amounts_to() -> None:
    table = TemporaryTableStatement(
        table=QualifiedName(parts=("s", "sqlflow_temporary_x")), query=Query(sql="SELECT 1 AS a")
    )
    expected = "CREATE TABLE s.sqlflow_temporary_x AS\nSELECT 1 AS a"
    assert print_statement(table) == expected
