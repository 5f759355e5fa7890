"""A LABEL with the name of a table before it, as the column that the SELECT gives."""

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.errors import CompileError
from sqlflow_dagster.lang.expressions import expression_text
from sqlflow_dagster.lang.statements import TrainStatement

JOINED = "FROM t JOIN u ON t.id = u.id"


def label(select: str, label: str) -> str:
    """The label of a training, as the statement has it in the end."""
    text = f"{select} TO TRAIN xgboost.gbtree LABEL {label} INTO m"
    statement = compile_program(text).steps[-1].statement
    assert isinstance(statement, TrainStatement)
    assert statement.label is not None
    return expression_text(statement.label)


@pytest.mark.parametrize(
    ("select", "written", "meant"),
    [
        ("SELECT t.a, t.y AS target FROM t", "t.y", "target"),
        ("SELECT a, y AS target FROM t", "t.y", "target"),
        ("SELECT a, T.Y AS target FROM T", "t.y", "target"),
        ("SELECT a, y AS target FROM s.t AS x", "s.t.y", "target"),
        ("SELECT a, x.y AS target FROM s.t AS x", "t.y", "target"),
        ("SELECT a, s.t.y AS target FROM s.t", "t.y", "target"),
        (f"SELECT t.a, t.y AS target, u.y {JOINED}", "t.y", "target"),
        (f"SELECT t.a, t.y AS target, u.y {JOINED}", "u.y", "y"),
        (f"SELECT a, y AS target {JOINED}", "t.y", "target"),
        ("SELECT a, t.y, t.y AS again FROM t", "t.y", "y"),
        ("SELECT a, y AS target FROM t UNION ALL SELECT b, c FROM u", "t.y", "target"),
        ("SELECT a.y AS one, b.y AS two FROM t AS a JOIN t AS b USING (i)", "b.y", "two"),
        ("SELECT a, t.y AS target FROM t", "'t.y'", '"target"'),
        ("SELECT t.y AS one, t.z AS two FROM t", "[t.y, t.z]", "[one, two]"),
        ("SELECT a, info.kind AS target FROM t", "info.kind", "target"),
        # What the SELECT does not tell is left to those who see its columns.
        ("SELECT * FROM t", "t.y", "y"),
        ("SELECT t.*, u.y AS other FROM t JOIN u USING (id)", "t.y", "y"),
        ("SELECT a, t.y + 1 AS y FROM t", "t.y", "y"),
        ('SELECT a, y AS "t.y" FROM t', "t.y", "t.y"),
        ("SELECT a, t.y AS target FROM t", "target", "target"),
    ],
)
def test_the_output_column(select: str, written: str, meant: str) -> None:
    assert label(select, written) == meant


@pytest.mark.parametrize(
    ("select", "written", "message"),
    [
        (
            "SELECT t.y AS one, t.y AS two FROM t",
            "t.y",
            "LABEL t.y is 2 columns of the SELECT: one, two",
        ),
        (
            "SELECT a.y AS one, b.y AS two FROM t AS a JOIN t AS b USING (i)",
            "t.y",
            "LABEL t.y is 2 columns of the SELECT: one, two",
        ),
        (
            f"SELECT t.a, u.y {JOINED}",
            "t.y",
            "LABEL t.y is not among the columns of the SELECT: t.a, u.y",
        ),
        ("SELECT t.a FROM t", "t.y", "LABEL t.y is not among the columns of the SELECT: t.a"),
    ],
    ids=["given twice", "a table joined with itself", "another table's column", "not selected"],
)
def test_a_label_that_means_no_column_or_several(select: str, written: str, message: str) -> None:
    with pytest.raises(CompileError) as caught:
        label(select, written)
    (problem,) = caught.value.diagnostics
    assert (problem.message, problem.code) == (message, "unknown-column")
    assert problem.span is not None
    assert problem.span.text == written
