"""Who reads a view waits for what is behind it, and a chain of views costs no more than its length."""

from sqlflow_dagster.compiler import compile_program


def test_a_chain_of_views_has_edges_in_proportion_to_its_length() -> None:
    chain = "".join(f"CREATE VIEW v{i + 1} AS SELECT x FROM v{i};" for i in range(400))
    program = compile_program(f"CREATE TABLE v0 AS SELECT 1 AS x; {chain} SELECT x FROM v400")
    assert max(len(step.waits_for) for step in program.steps) == 2
    assert program.steps[-1].waits_for == {0, 400}


def test_a_view_that_is_made_anew_under_another_one() -> None:
    program = compile_program(
        "CREATE TABLE t AS SELECT 1 AS x; CREATE TABLE u AS SELECT 2 AS x;"
        "CREATE VIEW low AS SELECT x FROM t; CREATE VIEW high AS SELECT x FROM low;"
        "CREATE TABLE before AS SELECT x FROM high;"
        "CREATE OR REPLACE VIEW low AS SELECT x FROM u;"
        "CREATE TABLE after AS SELECT x FROM high;"
        "INSERT INTO u VALUES (3)"
    )
    before, anew, after, insert = program.steps[4:]
    assert before.index in anew.waits_for
    assert anew.index in after.waits_for
    assert after.index in insert.waits_for
    made = {segment.name: segment for segment in program.segments}
    # The table was made of what the view showed first.
    assert made["low__v1"].index in made["before"].requires


def test_a_view_that_is_dropped_and_its_readers() -> None:
    program = compile_program(
        "CREATE TABLE t AS SELECT 1 AS x; CREATE VIEW low AS SELECT x FROM t;"
        "CREATE VIEW high AS SELECT x FROM low; CREATE TABLE copy AS SELECT x FROM high;"
        "DROP VIEW high; DROP VIEW low; DROP TABLE t"
    )
    copy, high, low, table = program.steps[3:]
    assert copy.index in high.waits_for
    assert high.index in low.waits_for
    assert {low.index, copy.index} <= table.waits_for
