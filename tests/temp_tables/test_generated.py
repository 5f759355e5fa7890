"""Which SELECTs get a table of their own, what it is called, and who shares it."""

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.graph.program import Program, Step
from sqlflow_dagster.lang.statements import (
    QueryStatement,
    TemporaryTableStatement,
    TrainStatement,
    attribute,
)

JOIN = "SELECT a, y FROM t JOIN u USING (k)"
TRAIN = "TO TRAIN xgboost.gbtree LABEL y INTO"


def tables(program: Program) -> list[str]:
    """The generated tables, in order."""
    found = [step.statement for step in program.steps]
    return [str(item.table) for item in found if isinstance(item, TemporaryTableStatement)]


def queries(program: Program) -> list[str]:
    """The SELECTs of the machine-learning statements, as they are run."""
    found = [step.statement for step in program.steps]
    return [item.query.sql for item in found if isinstance(item, QueryStatement)]


def last(program: Program) -> Step:
    return program.steps[-1]


@pytest.mark.parametrize(
    "select",
    [
        "SELECT a, y FROM t",
        "SELECT * FROM s.t",
        "SELECT t.a AS b, t.y FROM t WHERE a > 0 AND y IN (1, 2)",
        "FROM t",
        "/* c */ SELECT a, y FROM t -- d",
    ],
)
def test_columns_of_one_table_need_no_table(select: str) -> None:
    program = compile_program(f"{select}\n{TRAIN} m")
    assert tables(program) == []
    assert len(program.steps) == 1


@pytest.mark.parametrize(
    "select",
    [
        JOIN,
        "SELECT a, y FROM t, u",
        "SELECT a + 1 AS a, y FROM t",
        "SELECT max(a) AS a, y FROM t GROUP BY y",
        "SELECT DISTINCT a, y FROM t",
        "SELECT a, y FROM t ORDER BY a",
        "SELECT a, y FROM t LIMIT 10",
        "SELECT a, y FROM t WHERE a IN (SELECT a FROM u)",
        "SELECT a, y FROM (SELECT a, y FROM t) AS q",
        "SELECT a, y FROM t UNION ALL SELECT a, y FROM u",
        "WITH q AS (SELECT a, y FROM t) SELECT a, y FROM q",
        "(SELECT a, y FROM t)",
        "VALUES (1, 2)",
        "SELECT 1 AS a, 2 AS y",
        "SELECT a, y FROM read_csv('t.csv')",
        pytest.param("SELECT a, y FROM t ! !", id="what the parser refuses"),
    ],
)
def test_anything_more_gets_one(select: str) -> None:
    program = compile_program(f"{select} {TRAIN} m")
    assert tables(program) == ["sqlflow_temporary_train_m"]
    assert queries(program) == ["SELECT * FROM sqlflow_temporary_train_m"]
    made = program.steps[0].statement
    assert isinstance(made, TemporaryTableStatement)
    assert made.query.sql == select
    assert last(program).waits_for == {0}
    assert last(program).temporary_tables == (program.steps[0],)


def test_the_statement_reads_the_table_instead_of_what_the_select_reads() -> None:
    program = compile_program(f"{JOIN} {TRAIN} m")
    assert {ref.name for ref in program.steps[0].reads} == {"t", "u"}
    assert {ref.name for ref in last(program).reads} == {"sqlflow_temporary_train_m"}
    assert {ref.name for ref in program.inputs} == {"t", "u"}


@pytest.mark.parametrize(
    ("mode", "simple", "complex_"),
    [("auto", 0, 1), ("always", 1, 1), ("never", 0, 0)],
)
def test_modes(mode: str, simple: int, complex_: int) -> None:
    assert len(tables(compile_program(f"SELECT a, y FROM t {TRAIN} m", temp_tables=mode))) == simple
    assert len(tables(compile_program(f"{JOIN} {TRAIN} m", temp_tables=mode))) == complex_


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="sometimes"):
        compile_program("SELECT 1", temp_tables="sometimes")


def test_statements_with_the_same_select_share_one_table() -> None:
    program = compile_program(
        f"{JOIN} {TRAIN} m;\n"
        "SELECT a, y FROM t JOIN u USING(k) TO PREDICT p.x USING m;\n"
        "SELECT  a, y -- the same\nFROM t JOIN u USING (k) TO EVALUATE m LABEL y INTO r"
    )
    assert tables(program) == ["sqlflow_temporary_train_m", "sqlflow_temporary_predict_p"]
    assert queries(program)[2] == queries(program)[0]


@pytest.mark.parametrize(
    ("between", "number"),
    [
        pytest.param("SELECT * FROM t", 1, id="a reader"),
        pytest.param("INSERT INTO other VALUES (1)", 1, id="a writer of another table"),
        pytest.param("INSERT INTO u VALUES (1)", 2, id="a writer"),
        pytest.param("INSERT INTO base VALUES (1)", 2, id="a writer of the table under a view"),
        pytest.param("CALL refresh()", 2, id="what may write anything"),
        pytest.param("SET threads = 1", 2, id="another session"),
    ],
)
def test_sharing_ends_where_something_is_written_in_between(between: str, number: int) -> None:
    program = compile_program(
        f"CREATE VIEW t AS SELECT * FROM base; {JOIN} {TRAIN} m; {between}; {JOIN} {TRAIN} n"
    )
    expected = ["sqlflow_temporary_train_m", "sqlflow_temporary_train_n"][:number]
    assert tables(program) == expected


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("TO TRAIN xgboost.gbtree LABEL y INTO Shop.Model", "sqlflow_temporary_train_shop_model"),
        ("TO PREDICT s.p.x USING m", "s.sqlflow_temporary_predict_p"),
        ("TO EVALUATE m LABEL y INTO s.r", "s.sqlflow_temporary_evaluate_r"),
        ("TO EXPLAIN m INTO r", "sqlflow_temporary_explain_r"),
        ("TO EVALUATE m LABEL y", "sqlflow_temporary_evaluate_daily_iris_1"),
        ("TO EXPLAIN m", "sqlflow_temporary_explain_daily_iris_1"),
    ],
)
def test_a_table_is_named_after_its_first_user(clause: str, expected: str) -> None:
    program = compile_program(f"{JOIN} {clause}", path="jobs/daily-iris.sql")
    assert tables(program) == [expected]


def test_a_name_does_not_depend_on_the_select() -> None:
    other = JOIN.replace("USING (k)", "ON t.k = u.k WHERE a > 0")
    assert tables(compile_program(f"{JOIN} {TRAIN} m")) == tables(
        compile_program(f"{other} {TRAIN} m")
    )


def test_a_name_that_the_program_uses_is_not_taken() -> None:
    program = compile_program(
        f"CREATE TABLE sqlflow_temporary_train_m AS SELECT 1 AS a; {JOIN} {TRAIN} m"
    )
    assert tables(program) == ["sqlflow_temporary_train_m_2"]


@pytest.mark.parametrize(("dialect", "limit"), [("postgres", 63), ("mysql", 64), ("duckdb", 128)])
def test_a_long_name_is_cut_to_what_the_engine_allows(dialect: str, limit: int) -> None:
    long = "a_model_with_a_name_" * 8
    program = compile_program(
        f"{JOIN} {TRAIN} {long}x; SELECT DISTINCT a, y FROM t {TRAIN} {long}y", dialect=dialect
    )
    first, second = tables(program)
    assert first != second
    assert first.startswith("sqlflow_temporary_train_a_model")
    assert len(f"{first}__aside") <= limit


def test_a_name_with_other_letters_is_quoted_in_the_select() -> None:
    for dialect, quote in (("postgres", '"'), ("mysql", "`")):
        sql = 'SELECT a, y FROM t LIMIT 1 TO PREDICT "my shop"."präd".x USING m'
        assert queries(compile_program(sql, dialect=dialect)) == [
            f"SELECT * FROM {quote}my shop{quote}.{quote}sqlflow_temporary_predict_präd{quote}"
        ]


def validation(program: Program) -> object:
    statement = last(program).statement
    assert isinstance(statement, TrainStatement)
    found = attribute(statement, "validation.select")
    return found and found.value


def test_a_complex_validation_select_gets_a_table_too() -> None:
    program = compile_program(
        "SELECT a, y FROM t TO TRAIN xgboost.gbtree "
        "WITH max_depth=3, validation.select='SELECT a, y FROM v JOIN w USING (k); -- held out' "
        "LABEL y INTO m"
    )
    assert tables(program) == ["sqlflow_temporary_train_m_validation"]
    assert validation(program) == "SELECT * FROM sqlflow_temporary_train_m_validation"
    assert {ref.name for ref in last(program).reads} == {
        "t",
        "sqlflow_temporary_train_m_validation",
    }
    made = program.steps[0].statement
    assert isinstance(made, TemporaryTableStatement)
    assert made.query.sql == "SELECT a, y FROM v JOIN w USING (k)"
    assert made.span is not None


def test_training_and_validation_on_one_select_share_its_table() -> None:
    program = compile_program(
        f"{JOIN} TO TRAIN xgboost.gbtree WITH validation.select='{JOIN}' LABEL y INTO m"
    )
    assert tables(program) == ["sqlflow_temporary_train_m"]
    assert validation(program) == "SELECT * FROM sqlflow_temporary_train_m"
    assert [ref.name for ref in last(program).reads] == ["sqlflow_temporary_train_m"]


def test_what_both_selects_read_is_still_read_when_one_becomes_a_table() -> None:
    program = compile_program(
        f"{JOIN} TO TRAIN xgboost.gbtree WITH validation.select='SELECT a, y FROM u' LABEL y INTO m"
    )
    assert {ref.name for ref in last(program).reads} == {"u", "sqlflow_temporary_train_m"}


def test_a_validation_select_that_the_parser_refuses_is_a_warning_at_its_attribute() -> None:
    program = compile_program(
        "SELECT a, y FROM t TO TRAIN xgboost.gbtree WITH validation.select='SELECT FROM ! !' "
        "LABEL y INTO m"
    )
    assert [item.span.text for item in program.diagnostics if item.span] == ["validation.select"]


def test_the_table_belongs_to_the_code_version_of_its_reader() -> None:
    def version(select: str) -> str:
        return last(compile_program(f"{select} {TRAIN} m")).code_version

    assert version(JOIN) == version(f"/* c */ {JOIN}  -- d\n")
    assert version(JOIN) != version(f"{JOIN} WHERE a > 0")
