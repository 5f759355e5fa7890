"""The tables, files and schemas of statements in every dialect, written down before they were compiled."""

import re
from pathlib import Path

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.lang.dialects import LEXIS

FOLDER = Path(__file__).parent
SHOWN = {ObjectKind.FILE: "<{}>", ObjectKind.SCHEMA: "{}/", ObjectKind.TABLE: "{}"}


def cases(path: Path) -> list[tuple[str, str]]:
    """The statements of a file, each with the comment above it."""
    _, *paragraphs = path.read_text(encoding="utf-8").strip().split("\n\n")
    pairs = [paragraph.split("\n", 1) for paragraph in paragraphs]
    return [(expected.removeprefix("--").strip(), sql) for expected, sql in pairs]


def effects(sql: str, dialect: str) -> str:
    """What a text reads and writes, in the words of the files."""
    program = compile_program(sql, dialect=dialect, temp_tables="never")
    if any(step.effects.barrier for step in program.steps):
        return "*"
    reads = {shown(ref) for step in program.steps for ref in step.reads}
    writes = {shown(ref) for step in program.steps for ref in step.writes}
    return f"{' '.join(sorted(reads))} -> {' '.join(sorted(writes))}".strip()


def shown(ref: ObjectRef) -> str:
    return SHOWN[ref.kind].format(ref.name)


CASES = [
    pytest.param(path.stem, sql, expected, id=f"{path.stem}: {sql[:50]}")
    for path in sorted(FOLDER.glob("*.sql"))
    for expected, sql in cases(path)
]


@pytest.mark.parametrize(("dialect", "sql", "expected"), CASES)
def test_reads_and_writes(dialect: str, sql: str, expected: str) -> None:
    assert effects(sql, dialect) == expected


REPORTS = [
    pytest.param(sql, expected, id=f"{path.stem} {number}")
    for path in sorted((FOLDER / "benchmarks").glob("*.sql"))
    for number, (expected, sql) in enumerate(cases(path), start=1)
]


@pytest.mark.parametrize("dialect", sorted(LEXIS))
@pytest.mark.parametrize(("sql", "expected"), REPORTS)
def test_reads_of_large_queries(sql: str, expected: str, dialect: str) -> None:
    if dialect == "bigquery":  # which wants it said
        sql = re.sub(r"\b(INTERSECT|EXCEPT)\b", r"\1 DISTINCT", sql)
    program = compile_program(sql, dialect=dialect, temp_tables="never")
    assert not program.diagnostics
    assert effects(sql, dialect).lower() == expected


@pytest.mark.parametrize("dialect", sorted(LEXIS))
def test_every_dialect_has_its_statements(dialect: str) -> None:
    assert len(cases(FOLDER / f"{dialect}.sql")) >= 30
