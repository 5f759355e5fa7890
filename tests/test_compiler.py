"""The compiler as its callers see it."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from sqlflow_dagster.compiler import (
    analyze_sql_graph,
    compile_program,
    split_sql_statements,
)
from sqlflow_dagster.errors import CompileError
from sqlflow_dagster.graph.program import Program, Segment
from sqlflow_dagster.lang.statements import SqlStatement, TransactionStatement

HEAVY = (
    "dagster",
    "pandas",
    "sklearn",
    "torch",
    "xgboost",
    "duckdb",
    "sqlalchemy",
    "numpy",
    "pyarrow",
)


def names(program: Program) -> list[str]:
    return [step.name for step in program.steps]


def segment(program: Program, name: str) -> Segment:
    return next(item for item in program.segments if item.name == name)


def upstream(program: Program, name: str) -> set[str]:
    return {program.segments[index].name for index in segment(program, name).upstream}


def waits_for(program: Program, name: str) -> set[str]:
    return {program.segments[index].name for index in segment(program, name).waits_for}


def problems(sql: str, dialect: str = "duckdb") -> list[str]:
    with pytest.raises(CompileError) as caught:
        compile_program(sql, dialect=dialect)
    return [item.message for item in caught.value.diagnostics]


def test_the_compiler_imports_no_database_library_or_orchestrator() -> None:
    code = (
        "import sys; from sqlflow_dagster.compiler import compile_program; "
        "compile_program('SELECT a, y FROM t JOIN u TO TRAIN xgboost.gbtree LABEL y INTO m'); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_an_empty_program() -> None:
    program = compile_program(" -- nothing\n;; /* at all */")
    assert (program.steps, program.segments, program.diagnostics) == ((), (), ())
    assert program.inputs == frozenset()


def test_a_program_is_named_after_its_file() -> None:
    assert compile_program("SELECT 1", path=Path("jobs/iris.v2.sql")).name == "iris.v2"
    assert compile_program("SELECT 1").name == "program"


def test_statements_stand_where_the_text_has_them() -> None:
    text = "-- first\nSELECT 1; -- and\n\n  INSERT INTO t VALUES (2) -- end\n;"
    program = compile_program(text, path="a.sql")
    spans = [step.statement.span for step in program.steps]
    assert [str(span) for span in spans] == ["a.sql:2:1", "a.sql:4:3"]
    assert [span.text for span in spans if span] == ["SELECT 1", "INSERT INTO t VALUES (2)"]


def test_the_engine_gets_its_statements_word_for_word() -> None:
    text = "SELECT  a , 'x;' -- why\n FROM t /* here */ WHERE b=1 -- end"
    statement = compile_program(f"{text}\n;").steps[0].statement
    assert statement == SqlStatement(sql=text.removesuffix(" -- end"))


def test_inputs_are_what_the_program_does_not_make_first() -> None:
    program = compile_program(
        "CREATE TABLE a AS SELECT * FROM raw JOIN 'x.csv' ON true;"
        "SELECT a, y FROM a TO PREDICT p.y USING m;"
        "INSERT INTO raw SELECT * FROM a"
    )
    assert {str(ref) for ref in program.inputs} == {"raw", "model m"}
    assert program.segment_of(1) is program.segments[1]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1; SELECT 2; SELECT 3", ["select", "select_2", "select_3"]),
        ("WITH q AS (SELECT 1) SELECT * FROM q", ["select"]),
        ("FROM s.t", ["select_s_t"]),
        ("(SELECT * FROM t)", ["select_t"]),
        ('CREATE TABLE "Größe x" AS SELECT 1', ["create_gr_e_x_98cc00"]),
        ("SELECT * FROM t; SELECT 1 FROM t; CREATE TABLE select_t_2 (a INT); SELECT * FROM t_2",
         ["select_t", "select_t_3", "create_select_t_2", "select_t_2"]),
        ("SHOW TRAIN s.m", ["show_train_s_m"]),
        ("BEGIN; INSERT INTO t VALUES (1); COMMIT", ["transaction_t"]),
    ],
)  # fmt: skip
def test_step_names(sql: str, expected: list[str]) -> None:
    assert names(compile_program(sql)) == expected


def test_a_name_without_letters_still_is_one() -> None:
    program = compile_program("SELECT a, y FROM t TO TRAIN xgboost.gbtree LABEL y INTO 模型")
    assert names(program) == ["train_7805af"]


@pytest.mark.parametrize(
    ("one", "other"),
    [("CREATE TABLE a.b AS SELECT 1", "CREATE TABLE a_b AS SELECT 1"), ("FROM 表", "FROM 桌")],
    ids=["points and underscores", "letters that a name cannot have"],
)
def test_names_that_would_look_the_same_do_not_depend_on_the_order(one: str, other: str) -> None:
    first, second = names(compile_program(f"{one}; {other}"))
    assert first != second
    assert names(compile_program(f"{other}; SELECT 1; {one}")) == [second, "select", first]


def version(sql: str) -> str:
    return compile_program(sql).steps[-1].code_version


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("SELECT 1", "/* c */ SELECT\n 1 -- d", True),
        ("SELECT 'a b'", "SELECT 'a  b'", False),
        ("SET threads = 1; SELECT 1", "SELECT 1", False),
        ("BEGIN; SELECT 1; COMMIT", "BEGIN;SELECT 1 ; -- c\nCOMMIT", True),
        ("SHOW TRAIN m", "SHOW  TRAIN m", True),
        ("SELECT a, y FROM t TO TRAIN xgboost.gbtree LABEL y INTO m",
         "SELECT a,  y FROM t TO TRAIN xgboost.gbtree INTO m OUTPUT y", True),
        ("SELECT a, y FROM t TO TRAIN xgboost.gbtree WITH max_depth=3 LABEL y INTO m",
         "SELECT a, y FROM t TO TRAIN xgboost.gbtree WITH max_depth=4 LABEL y INTO m", False),
        ("SELECT a, y FROM t TO TRAIN xgboost.gbtree LABEL y INTO m",
         "SELECT a, y FROM t TO TRAIN xgboost.gbtree WITH resources.memory='8Gi' LABEL y INTO m", True),
    ],
)  # fmt: skip
def test_a_code_version_changes_with_the_meaning(one: str, other: str, same: bool) -> None:
    assert (version(one) == version(other)) is same


def test_session_statements_go_before_every_later_statement() -> None:
    program = compile_program("SELECT 1; SET threads = 2; INSTALL json; SELECT 2; SELECT 3")
    assert [step.prefix for step in program.steps] == [
        (),
        ("SET threads = 2", "INSTALL json"),
        ("SET threads = 2", "INSTALL json"),
    ]


@pytest.mark.parametrize(
    ("dialect", "sql", "reads"),
    [
        ("duckdb", "USE s", "s.t"),
        ("duckdb", "USE s; USE main", "t"),
        ("duckdb", "USE db.s", "s.t"),
        ("duckdb", "SET schema = 's'", "s.t"),
        ("postgres", "SET search_path TO S, other", "s.t"),
        ("postgres", 'SET search_path = "S"', "S.t"),
        ("postgres", "SET SESSION search_path = 's, public'", "s.t"),
        ("postgres", "SET schema 's'", "s.t"),
        ("postgres", "SET statement_timeout = 100", "t"),
        ("hive", "SET mapreduce.x=/a/b", "t"),
        ("hive", "ADD JAR x.jar", "t"),
        ("mysql", "USE S", "S.t"),
        ("snowflake", "USE SCHEMA s", "S.T"),
        ("snowflake", "USE db.s", "S.T"),
        ("snowflake", "USE db", "T"),
        ("snowflake", "USE WAREHOUSE w", "T"),
        ("snowflake", "ALTER SESSION SET TIMEZONE = 'UTC'", "T"),
    ],
)
def test_the_schema_in_force(dialect: str, sql: str, reads: str) -> None:
    program = compile_program(f"{sql}; SELECT * FROM t", dialect=dialect)
    assert len(program.steps) == 1
    assert [ref.name for ref in program.steps[0].reads] == [reads]


def test_a_default_schema_is_in_force_from_the_start() -> None:
    program = compile_program("SELECT * FROM t JOIN s.u USING (k)", default_schema="sales")
    assert {ref.name for ref in program.inputs} == {"sales.t", "s.u"}


def test_what_a_session_variable_reads_every_later_statement_reads() -> None:
    program = compile_program(
        "CREATE TABLE t AS SELECT 1 AS a; SET VARIABLE n = (SELECT max(a) FROM t); "
        "CREATE TABLE u AS SELECT getvariable('n') AS n"
    )
    assert program.steps[1].waits_for == {0}


@pytest.mark.parametrize("begin", ["BEGIN", "BEGIN TRANSACTION", "START TRANSACTION"])
@pytest.mark.parametrize("end", ["COMMIT", "END"])
def test_a_transaction_is_one_step(begin: str, end: str) -> None:
    program = compile_program(
        f"{begin}; SAVEPOINT x; CREATE TABLE a AS SELECT * FROM raw; INSERT INTO b SELECT * FROM a; {end};"
        "SELECT * FROM a"
    )
    statement = program.steps[0].statement
    assert isinstance(statement, TransactionStatement)
    assert [item.sql.split()[0] for item in statement.statements] == [
        "SAVEPOINT",
        "CREATE",
        "INSERT",
    ]
    assert {ref.name for ref in program.steps[0].reads} == {"raw"}
    assert [".".join(output.parts) for output in program.segments[0].outputs] == ["a", "b"]
    assert program.steps[1].waits_for == {0}


def test_a_session_statement_in_a_transaction_stays_and_goes_on_after_it() -> None:
    program = compile_program("BEGIN; USE s; INSERT INTO t VALUES (1); COMMIT; SELECT * FROM t")
    first, second = program.steps
    assert isinstance(first.statement, TransactionStatement)
    assert [item.sql for item in first.statement.statements] == [
        "USE s",
        "INSERT INTO t VALUES (1)",
    ]
    assert (first.prefix, second.prefix) == ((), ("USE s",))
    assert second.waits_for == {0}


def test_a_temporary_table_within_a_transaction_is_nobody_elses_business() -> None:
    program = compile_program(
        "BEGIN; CREATE TEMP TABLE x AS SELECT * FROM t; CREATE TABLE u AS SELECT * FROM x; COMMIT"
    )
    assert {ref.name for ref in program.steps[0].writes} == {"u"}
    assert {ref.name for ref in program.inputs} == {"t"}


@pytest.mark.parametrize("sql", ["COMMIT", "BEGIN; COMMIT", "ROLLBACK", "SELECT 1; COMMIT"])
def test_an_empty_transaction_is_nothing(sql: str) -> None:
    assert len(compile_program(sql).steps) == sql.count("SELECT")


def test_everything_keeps_its_place_around_a_barrier() -> None:
    program = compile_program("SELECT 1; SELECT 2; CALL p(); SELECT 3; CALL q(); SELECT 4")
    waits = [sorted(step.waits_for) for step in program.steps]
    assert waits == [[], [], [0, 1], [2], [2, 3], [4]]


def test_a_comment_declares_what_an_opaque_statement_does() -> None:
    program = compile_program(
        "CREATE TABLE a AS SELECT 1 AS x;\nSELECT 2;\n"
        '-- The nightly job.\n-- sqlflow: reads a, s."B c" writes main.C, resources.memory=8Gi\n'
        "-- sqlflow: writes d\nCALL nightly();\n"
        "SELECT * FROM c"
    )
    call = program.steps[2]
    assert {ref.name for ref in call.reads} == {"a", "s.b c"}
    assert [ref.name for ref in sorted(call.writes)] == ["c", "d"]
    assert not call.effects.barrier
    assert [sorted(step.waits_for) for step in program.steps] == [[], [], [0], [2]]


def test_a_declaration_takes_the_place_of_a_guess() -> None:
    program = compile_program("-- sqlflow: writes t\nFROBNICATE TABLE t FROM u ! !")
    assert program.diagnostics == ()
    assert program.steps[0].reads == frozenset()


def test_a_cycle_between_tables_becomes_versions() -> None:
    program = compile_program(
        "CREATE TABLE a AS SELECT 1 AS x; CREATE TABLE b AS SELECT * FROM a; "
        "INSERT INTO a SELECT * FROM b; INSERT INTO b SELECT * FROM a"
    )
    assert [item.name for item in program.segments] == ["a__v1", "b__v1", "a", "b"]
    assert upstream(program, "a") == {"a__v1", "b__v1"}
    assert upstream(program, "b") == {"b__v1", "a"}


@pytest.mark.parametrize(
    ("sql", "rerunnable"),
    [
        ("CREATE TABLE t (a INT); INSERT INTO t VALUES (1)", True),
        ("DROP TABLE IF EXISTS t; CREATE TABLE t (a INT)", True),
        ("CREATE OR REPLACE TABLE t AS SELECT 1", True),
        ("TRUNCATE t; INSERT INTO t VALUES (1)", True),
        ("CREATE TABLE IF NOT EXISTS t (a INT)", True),
        ("CREATE TABLE IF NOT EXISTS t (a INT); INSERT INTO t VALUES (1)", False),
        ("INSERT INTO t VALUES (1)", False),
        ("UPDATE t SET a = 1", False),
        ("CREATE OR REPLACE TABLE t AS SELECT * FROM t", False),
        ("ALTER TABLE old RENAME TO t", False),
    ],
)
def test_which_segments_may_run_again(sql: str, rerunnable: bool) -> None:
    assert segment(compile_program(sql), "t").rerunnable is rerunnable


def test_a_table_rebuilt_from_a_view_of_itself_is_not_rerunnable() -> None:
    program = compile_program(
        "CREATE TABLE t AS SELECT 1 AS a; CREATE VIEW v AS SELECT a + 1 AS a FROM t; "
        "CREATE OR REPLACE TABLE t AS SELECT * FROM v"
    )
    last = segment(program, "t")
    assert not last.rerunnable
    assert {program.segments[index].name for index in last.requires} == {"t__v1"}


def test_what_adds_to_a_table_requires_what_it_adds_to() -> None:
    program = compile_program(
        "CREATE TABLE t AS SELECT 1 AS a; SELECT * FROM t; INSERT INTO t VALUES (2); "
        "SELECT * FROM t; INSERT INTO t VALUES (3)"
    )
    requires = {
        item.name: [program.segments[i].name for i in item.requires] for item in program.segments
    }
    assert sorted(requires["t"]) == ["t__v1", "t__v2"]
    assert sorted(requires["t__v2"]) == ["t", "t__v1"]
    assert sorted(requires["t__v1"]) == ["t", "t__v2"]


def test_an_order_that_other_edges_imply_holds_without_them() -> None:
    program = compile_program(
        "CREATE TABLE a AS SELECT 1 AS x; CREATE TABLE b AS SELECT * FROM a; "
        "CREATE TABLE c AS SELECT * FROM b; DROP TABLE a; SELECT * FROM c"
    )
    # A run of a and drop_a alone still drops the table after it was made.
    assert waits_for(program, "drop_a") == {"a", "b"}
    assert waits_for(program, "c") == {"b"}


def test_a_foreign_key_keeps_the_order_of_its_tables_without_being_an_input() -> None:
    program = compile_program(
        "CREATE TABLE people (id INT PRIMARY KEY); "
        "CREATE TABLE pets (id INT, owner INT REFERENCES people (id)); "
        "INSERT INTO people VALUES (1); INSERT INTO pets VALUES (1, 1); "
        "ALTER TABLE pets RENAME TO animals; DELETE FROM animals; DELETE FROM people"
    )
    waits = [sorted(step.waits_for) for step in program.steps]
    assert waits == [[], [0], [0, 1], [1, 2], [2, 3], [2, 4], [2, 3, 4, 5]]
    assert upstream(program, "animals") == {"animals__v1"}


def test_a_view_follows_its_table_to_a_new_name() -> None:
    # In SQLite and PostgreSQL it does; elsewhere the edge only costs time.
    program = compile_program(
        "CREATE VIEW v AS SELECT * FROM t; ALTER TABLE t RENAME TO u; INSERT INTO u VALUES (1); "
        "SELECT * FROM v",
        dialect="sqlite",
    )
    assert sorted(program.steps[-1].waits_for) == [0, 1, 2]


def test_no_view_is_broken_before_a_renaming() -> None:
    # SQLite renames nothing while what some view shows is gone.
    program = compile_program(
        "ALTER TABLE a RENAME TO c; CREATE VIEW v AS SELECT * FROM b; DROP TABLE b; "
        "CREATE TABLE b AS SELECT 1 AS x",
        dialect="sqlite",
    )
    assert sorted(program.steps[2].waits_for) == [0, 1]


def test_a_segment_that_grows_late_takes_what_follows_it_along() -> None:
    program = compile_program(
        """
        CREATE TABLE a AS SELECT 0 AS x;
        CREATE TABLE b AS SELECT x FROM a;
        INSERT INTO a VALUES (2);
        CREATE TABLE d AS SELECT 2 AS x;
        CREATE VIEW v AS SELECT x FROM d;
        INSERT INTO d VALUES (1);
        INSERT INTO b SELECT 2;
        CREATE OR REPLACE VIEW v AS SELECT x FROM a;
        INSERT INTO b SELECT x FROM d;
        """
    )
    order = [set(segment.waits_for) for segment in program.segments]
    assert all(max(before, default=-1) < index for index, before in enumerate(order))


def test_a_renamed_view_still_shows_its_tables() -> None:
    program = compile_program(
        "CREATE VIEW v AS SELECT * FROM t; ALTER VIEW v RENAME TO w; SELECT * FROM w; "
        "INSERT INTO t VALUES (1); SELECT * FROM w"
    )
    assert [sorted(step.waits_for) for step in program.steps] == [[], [0], [1], [0, 1, 2], [1, 3]]


def test_a_replaced_view_under_a_view_shows_its_new_table() -> None:
    program = compile_program(
        "CREATE VIEW a AS SELECT * FROM t; CREATE VIEW b AS SELECT * FROM a; "
        "CREATE OR REPLACE VIEW a AS SELECT * FROM u; INSERT INTO u VALUES (1); SELECT * FROM b"
    )
    assert 3 in program.steps[4].waits_for


def test_a_materialized_view_shows_what_it_read() -> None:
    program = compile_program(
        "CREATE MATERIALIZED VIEW mv AS SELECT * FROM t; INSERT INTO t VALUES (1); SELECT * FROM mv",
        dialect="postgres",
    )
    assert program.steps[2].waits_for == {0}


def test_a_schema_is_made_before_its_tables_and_dropped_after_them() -> None:
    program = compile_program(
        "CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS a; SELECT * FROM s.t; DROP SCHEMA s CASCADE"
    )
    assert [sorted(step.waits_for) for step in program.steps] == [[], [0], [0, 1], [0, 1, 2]]


def test_a_model_and_a_table_of_one_name_are_two_things() -> None:
    program = compile_program(
        "SELECT a, y FROM t TO TRAIN xgboost.gbtree LABEL y INTO x; CREATE TABLE x AS SELECT 1 AS a; "
        "SELECT * FROM x"
    )
    assert [item.name for item in program.segments] == ["x", "create_x", "select_x"]
    assert program.steps[2].waits_for == {1}


def test_names_of_segments_are_unique_whatever_tables_are_called() -> None:
    program = compile_program(
        "CREATE TABLE drop_a AS SELECT 1 AS x; DROP TABLE a; CREATE TABLE drop_a_2 AS SELECT 1 AS x"
    )
    assert [item.name for item in program.segments] == ["drop_a", "drop_a_3", "drop_a_2"]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT a FROM t TO TRAIN xgboost.gbtree LABEL y INTO m",
         "column 'y' is not among the columns of the SELECT: a"),
        ("SELECT a AS b FROM t UNION SELECT c FROM t TO TRAIN xgboost.gbtree LABEL c INTO m",
         "column 'c' is not among the columns of the SELECT: b"),
        ("SELECT a, y FROM t TO TRAIN xgboost.gbtree COLUMN CROSS([a, b], 8) LABEL y INTO m",
         "column 'b' is not among the columns of the SELECT: a, y"),
        ("SELECT a, y FROM t TO TRAIN xgboost.gbtree LABEL y, z INTO m",
         "column 'z' is not among the columns of the SELECT: a, y"),
    ],
)  # fmt: skip
def test_columns_that_the_select_has_not(sql: str, message: str) -> None:
    assert problems(sql) == [message]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM t TO TRAIN xgboost.gbtree LABEL y INTO m",
        "SELECT a, max(b) FROM t TO TRAIN xgboost.gbtree LABEL y INTO m",
        "SELECT A, T.Y FROM t TO TRAIN xgboost.gbtree COLUMN t.a LABEL y INTO m",
        "SELECT a, y FROM t TO TRAIN xgboost.gbtree COLUMN * LABEL y INTO m",
        "SELECT a, y FROM t TO TRAIN xgboost.gbtree COLUMN EMBEDDING(a, 8, mean) LABEL y INTO m",
        'SELECT a, "my y" FROM t TO TRAIN xgboost.gbtree LABEL "my y" INTO m',
        "VALUES (1, 2) TO TRAIN xgboost.gbtree LABEL y INTO m",
        "SELECT a FROM t ! ! TO TRAIN xgboost.gbtree LABEL y INTO m",
        "SELECT a FROM t TO PREDICT p.y USING m",
        "(SELECT a, y FROM t) UNION ALL (SELECT a, y FROM u) TO TRAIN xgboost.gbtree LABEL y INTO m",
    ],
)
def test_columns_that_the_select_has_or_may_have(sql: str) -> None:
    compile_program(sql)


def test_the_old_spelling_means_the_same() -> None:
    new = compile_program("SELECT a, y FROM t TO TRAIN xgboost.gbtree LABEL y INTO m")
    old = compile_program("SELECT a, y FROM t TRAIN xgboost.gbtree LABEL y INTO m")
    assert old.steps[0].statement == new.steps[0].statement
    assert old.steps[0].code_version == new.steps[0].code_version


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM t train",
        "SELECT train FROM predict explain",
        "SELECT a FROM t WHERE train > (SELECT max(predict) FROM explain)",
    ],
)
def test_the_words_of_the_clause_are_names_elsewhere(sql: str) -> None:
    assert isinstance(compile_program(sql).steps[0].statement, SqlStatement)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a b c FROM t TRAIN x y z",
        "SELECT FROM FROM TRAIN xgboost.gbtree LABEL y INTO m",
        "INSERT INTO t SELEC 1",
    ],
)
def test_what_only_the_engine_can_judge_is_a_warning(sql: str) -> None:
    program = compile_program(sql)
    assert [item.severity for item in program.diagnostics] == ["warning"]
    assert program.steps[0].statement == SqlStatement(sql=sql)


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("SELECT " + "(" * 400 + "1" + ")" * 400, id="parentheses"),
        pytest.param("SELECT * FROM (" * 200 + "SELECT * FROM t" + ")" * 200, id="subqueries"),
        pytest.param("SELECT * FROM t WHERE " + " AND ".join(["a"] * 2000), id="AND"),
        pytest.param(
            "WITH q AS (SELECT 1) " + " UNION ALL ".join(["SELECT * FROM t"] * 1000), id="UNION"
        ),
        pytest.param("SELECT " + "CASE WHEN a THEN " * 150 + "1" + " END" * 150, id="CASE"),
    ],
)
@pytest.mark.parametrize("clause", ["", " TO EXPLAIN m"])
def test_deep_statements_compile(sql: str, clause: str) -> None:
    assert compile_program(sql + clause).steps


def test_diagnostics_come_in_the_order_of_the_text() -> None:
    messages = problems(
        "SELECT a FROM t TO TRAIN Nothing LABEL y INTO m;\nSELECT a b c;\nBEGIN;\nSELECT 1;"
    )
    assert [message.split(" ")[0] for message in messages] == ["unknown", "column", "not", "this"]


def test_an_unknown_dialect() -> None:
    assert problems("SELECT 1", dialect="duckdbb") == ["unknown SQL dialect 'duckdbb'"]


@pytest.mark.parametrize(
    ("text", "dialect", "expected"),
    [
        ("SELECT 1; -- c\n\nSELECT ';' -- d\n;;", "duckdb", ["SELECT 1", "SELECT ';'"]),
        ("SELECT a FROM t TO TRAIN x WITH y=\"it's;\" INTO m; SELECT 2", "mysql",
         ["SELECT a FROM t TO TRAIN x WITH y=\"it's;\" INTO m", "SELECT 2"]),
        ("", "duckdb", []),
    ],
)  # fmt: skip
def test_split_sql_statements(text: str, dialect: str, expected: list[str]) -> None:
    assert split_sql_statements(text, dialect) == expected


def test_splitting_what_is_never_closed_is_an_error() -> None:
    with pytest.raises(CompileError, match="this quote is never closed"):
        split_sql_statements("SELECT 'a")


def graph_of(statements: Sequence[str]) -> tuple[list[str], tuple[tuple[int, int], ...]]:
    graph = analyze_sql_graph(statements)
    return [node.sql for node in graph.nodes], graph.edges


def test_analyze_sql_graph() -> None:
    statements = split_sql_statements(
        "CREATE TABLE table1 AS SELECT * FROM origin; CREATE TABLE table2 AS SELECT * FROM table1; "
        "SELECT * FROM table2 WHERE a=1; SELECT * FROM table2 WHERE a=2; "
        "DROP TABLE table2; DROP TABLE table1;"
    )
    assert graph_of(statements) == (
        statements,
        ((0, 1), (0, 5), (1, 2), (1, 3), (1, 4), (1, 5), (2, 4), (3, 4)),
    )
    node = analyze_sql_graph(statements).nodes[1]
    assert {ref.name for ref in node.reads} == {"table1"}
    assert {ref.name for ref in node.writes} == {"table2"}


def test_analyze_sql_graph_takes_machine_learning_statements_as_one_node() -> None:
    statements = [
        "SELECT a, y FROM t JOIN u USING (k) TO TRAIN xgboost.gbtree LABEL y INTO m -- end",
        "SELECT a FROM t TO PREDICT p.y USING m",
        "SELECT * FROM p",
    ]
    sql, edges = graph_of(statements)
    assert edges == ((0, 1), (1, 2))
    assert sql[1:] == statements[1:]


def test_analyze_sql_graph_reports_every_problem() -> None:
    with pytest.raises(CompileError) as caught:
        analyze_sql_graph(["SELECT a FROM t TO TRAIN", "SELECT 'a"])
    assert len(caught.value.diagnostics) == 2
