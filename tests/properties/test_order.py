"""Any order that respects the edges of a program leaves the data that program order leaves.

Programs are drawn at random, valid in program order, and executed for real.
"""

import random

import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.graph.effects import Mode
from sqlflow_dagster.graph.program import Program, Segment, Step
from tests.properties.random_programs import (
    any_order,
    connections,
    database,
    executed,
    lasting_data,
    random_program,
    run_alone,
)
from tests.properties.sizes import PROGRAMS

ENGINES = pytest.mark.parametrize("dialect", ["duckdb", "sqlite"])
RANDOM = st.randoms(use_true_random=True)


def compiled(draw: random.Random, dialect: str) -> Program:
    text = random_program(draw, dialect)
    note(text)
    return compile_program(text, dialect=dialect)


def steps_of(program: Program, segments: list[int]) -> list[Step]:
    return [program.steps[step] for index in segments for step in program.segments[index].steps]


@ENGINES
@settings(max_examples=PROGRAMS, deadline=None)
@given(draw=RANDOM)
def test_any_order_of_steps_or_segments_leaves_the_same_data(
    draw: random.Random, dialect: str
) -> None:
    program = compiled(draw, dialect)
    expected = executed(dialect, program.steps)
    steps = any_order({step.index: step.waits_for for step in program.steps}, draw)
    assert executed(dialect, [program.steps[index] for index in steps]) == expected
    segments = any_order({item.index: item.waits_for for item in program.segments}, draw)
    assert executed(dialect, steps_of(program, list(segments))) == expected


@ENGINES
@settings(max_examples=PROGRAMS, deadline=None)
@given(draw=RANDOM)
def test_temporary_tables_are_seen_by_steps_on_connections_of_their_own(
    draw: random.Random, dialect: str
) -> None:
    text = random_program(draw, dialect, temporary=True)
    note(text)
    check_on_connections_of_their_own(text, dialect, draw)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "CREATE TABLE a AS SELECT 1 AS x;\nCREATE TABLE b AS SELECT 2 AS x;\n"
            "CREATE TEMP VIEW s AS SELECT x + 2 AS x FROM a;\nDROP TABLE a;\n"
            "BEGIN;\nCREATE OR REPLACE TABLE a AS SELECT 3 AS x FROM b;\n"
            "UPDATE b SET x = x + (SELECT sum(x) FROM s);\nCOMMIT",
            id="a transaction makes again what a TEMP view shows",
        ),
    ],
)
def test_temporary_tables_of_a_program_that_once_went_wrong(text: str) -> None:
    check_on_connections_of_their_own(text, "duckdb", random.Random(0))


def check_on_connections_of_their_own(text: str, dialect: str, draw: random.Random) -> None:
    program = compile_program(text, dialect=dialect)
    with connections(dialect) as connect:
        run = connect()
        for sql in text.split(";\n"):
            run(sql)
        expected = lasting_data(run, dialect)
    with connections(dialect) as connect:
        connect()  # A database lives as long as someone is connected to it.
        for index in any_order({step.index: step.waits_for for step in program.steps}, draw):
            run_alone(program.steps[index], connect())
        assert lasting_data(connect(), dialect) == expected


@ENGINES
@settings(max_examples=PROGRAMS, deadline=None)
@given(draw=RANDOM)
def test_any_selection_of_segments_that_runs_again_leaves_the_same_data(
    draw: random.Random, dialect: str
) -> None:
    program = compiled(draw, dialect)
    # A view that is left at the end may show what a renaming first drops: then SQLite refuses to rename.
    assume(dialect != "sqlite" or not {"RENAME", "VIEW"} <= set(program.source.text.split()))
    again = [item for item in program.segments if can_run_again(item, program)]
    chosen = draw.sample(again, draw.randint(0, len(again)))
    selected = {item.index for item in chosen}.union(*(item.requires for item in chosen))
    waits_for = {index: program.segments[index].waits_for for index in selected}
    with database(dialect) as db:
        shown = db.run(program.steps)
        data = db.data()
        seen = db.run(steps_of(program, list(any_order(waits_for, draw))))
        assert db.data() == data
        assert seen == {index: rows for index, rows in shown.items() if index in seen}


def can_run_again(segment: Segment, program: Program) -> bool:
    """Whether the segment, and what must run with it, leaves the same data when it runs again.

    What adds to a table that may have been there before the program does not, whatever is selected with it.
    """
    together = [segment, *(program.segments[index] for index in segment.requires)]
    return all(starts_fresh(item, program) or adds_to_its_own(item, program) for item in together)


def starts_fresh(segment: Segment, program: Program) -> bool:
    writes = [write for index in segment.steps for write in program.steps[index].effects.writes]
    only_if_absent = any(write.mode is Mode.ENSURE for write in writes)
    return segment.rerunnable and not (only_if_absent and segment.requires)


def adds_to_its_own(segment: Segment, program: Program) -> bool:
    def written(item: Segment) -> set[object]:
        return {ref for index in item.steps for ref in program.steps[index].writes}

    return any(written(segment) & written(program.segments[index]) for index in segment.upstream)


@ENGINES
@settings(max_examples=PROGRAMS, deadline=None)
@given(draw=RANDOM)
def test_segments_partition_the_steps_and_stand_in_a_valid_order(
    draw: random.Random, dialect: str
) -> None:
    program = compiled(draw, dialect)
    steps = sorted(index for segment in program.segments for index in segment.steps)
    assert steps == list(range(len(program.steps)))
    for segment in program.segments:
        assert segment.upstream <= segment.waits_for
        assert all(before < segment.index for before in segment.waits_for)
    names = [segment.name for segment in program.segments]
    assert len(set(names)) == len(names)
