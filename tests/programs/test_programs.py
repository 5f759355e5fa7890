"""Whole programs: their steps, what waits for what, and their assets, as a person has read them."""

import re
from pathlib import Path

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.graph.program import Program, Segment, Step
from sqlflow_dagster.lang.statements import SqlStatement, TransactionStatement
from tests.golden import assert_golden

PROGRAMS = sorted(Path(__file__).parent.glob("*.sql"))
_DIALECT = re.compile(r"-- dialect: (\w+)")


def listed(indexes: frozenset[int]) -> str:
    return " ".join(map(str, sorted(indexes))) or "-"


def step_lines(step: Step) -> list[str]:
    match step.statement:
        case SqlStatement(sql=sql):
            text = sql
        case TransactionStatement(statements=statements):
            text = "; ".join(statement.sql for statement in statements)
        case statement:
            query = getattr(statement, "query", None)
            text = type(statement).__name__ + (f" over {query.sql}" if query else "")
    lines = [f"{step.index} {step.name}: {' '.join(text.split())}"]
    reads = ", ".join(sorted(map(str, step.reads)))
    writes = ", ".join(f"{write.ref} ({write.mode})" for write in step.effects.writes)
    details = [("reads", reads), ("writes", writes), ("waits for", listed(step.waits_for))]
    details += [("prefix", "; ".join(step.prefix)), ("barrier", "yes" * step.effects.barrier)]
    return lines + [f"    {key}: {value}" for key, value in details if value not in {"", "-"}]


def segment_lines(segment: Segment) -> list[str]:
    made = ", ".join(f"{output.ref.kind} {'.'.join(output.parts)}" for output in segment.outputs)
    details = [
        ("steps", listed(frozenset(segment.steps))),
        ("reads segments", listed(segment.upstream)),
        ("also waits for", listed(segment.waits_for - segment.upstream)),
        ("inputs", ", ".join(sorted(map(str, segment.inputs)))),
        ("needs the run of", listed(segment.requires)),
        ("rerunnable", "" if segment.rerunnable else "no"),
    ]
    lines = [f"{segment.index} {segment.name}: {made or 'nothing'}"]
    return lines + [f"    {key}: {value}" for key, value in details if value not in {"", "-"}]


def described(program: Program) -> str:
    steps = [line for step in program.steps for line in step_lines(step)]
    segments = [line for segment in program.segments for line in segment_lines(segment)]
    warnings = [line for item in program.diagnostics for line in ("", item.render())]
    return "\n".join(["steps", *steps, "", "segments", *segments, *warnings])


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_program(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    dialect = _DIALECT.search(text)
    program = compile_program(text, path=path.name, dialect=dialect[1] if dialect else "duckdb")
    assert_golden(path.with_suffix(".txt"), described(program))


def test_there_are_programs() -> None:
    assert len(PROGRAMS) >= 6
