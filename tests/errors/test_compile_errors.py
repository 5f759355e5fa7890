"""The text of every error that a compile reports, as its author would read it."""

import re
from pathlib import Path

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.errors import CompileError, Severity
from tests.golden import assert_golden

CASES = sorted((Path(__file__).parent / "compile").glob("*.sql"))
_DIALECT = re.compile(r"-- dialect: (\w+)")


def reported(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    dialect = _DIALECT.search(text)
    try:
        program = compile_program(text, path=path.name, dialect=dialect[1] if dialect else "duckdb")
    except CompileError as error:
        return str(error)
    assert all(item.severity is Severity.WARNING for item in program.diagnostics)
    return "\n\n".join(item.render() for item in program.diagnostics)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_error_text(path: Path) -> None:
    assert_golden(path.with_suffix(".txt"), reported(path))


def test_there_are_cases() -> None:
    assert len(CASES) >= 19
