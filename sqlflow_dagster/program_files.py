"""The program files of a code location: found, pinned for a run, compiled, the bad ones set apart."""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from glob import glob
from pathlib import Path

from dagster._core.definitions.definitions_load_context import (
    DefinitionsLoadContext,
    DefinitionsLoadType,
)

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.errors import CompileError, Diagnostic, Severity
from sqlflow_dagster.graph.conflicts import conflicting_writers
from sqlflow_dagster.graph.program import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramFile:
    """A program file with what became of it.

    Attributes:
        path: Absolute.
        program: The compiled program; None for a bad one.
        diagnostics: Its errors or its warnings.
    """

    path: str
    program: Program | None
    diagnostics: tuple[Diagnostic, ...] = field(default=(), repr=False)


def find_files(patterns: str | Path | Sequence[str | Path]) -> list[Path]:
    """The files that paths and glob patterns name: absolute, sorted, each once.

    Raises:
        FileNotFoundError: A path without wildcards names no file.
    """
    listed = [patterns] if isinstance(patterns, str | Path) else patterns
    found: set[Path] = set()
    for pattern in map(str, listed):
        # Not Path.glob: that takes no absolute patterns.
        matches = glob(pattern, recursive=True)  # noqa: PTH207
        if not matches and not any(character in pattern for character in "*?["):
            raise FileNotFoundError(f"there is no program file {Path(pattern).absolute()}")
        found.update(Path(match).absolute() for match in matches)
    return sorted(path for path in found if path.is_file())


def read_texts(patterns: str | Path | Sequence[str | Path]) -> dict[str, str]:
    """The texts of program files by absolute path, the same in every process of a run.

    Every step of a run loads the definitions again. The texts are those that the code location was loaded
    with, whatever has been edited since: Dagster hands them from the first load to all later ones.
    """
    key = "sqlflow_dagster/programs/" + hashlib.sha256(repr(patterns).encode()).hexdigest()[:16]
    load = DefinitionsLoadContext.get()
    if load.load_type is DefinitionsLoadType.RECONSTRUCTION and key in load.reconstruction_metadata:
        return _unpacked(load.reconstruction_metadata[key])
    texts = {str(path): path.read_text(encoding="utf-8-sig") for path in find_files(patterns)}
    load.add_to_pending_reconstruction_metadata(key, _packed(texts))
    return texts


def _packed(texts: Mapping[str, str]) -> str:
    return base64.b85encode(zlib.compress(json.dumps(texts).encode())).decode()


def _unpacked(packed: str) -> dict[str, str]:
    texts: dict[str, str] = json.loads(zlib.decompress(base64.b85decode(packed)))
    return texts


def compile_files(
    texts: Mapping[str, str],
    *,
    dialect: str = "duckdb",
    variables: Mapping[str, str] | None = None,
    default_schema: str | None = None,
) -> tuple[ProgramFile, ...]:
    """Compile program files; a bad one does not keep the others from being compiled.

    Two programs that write one table are an error of the later one.

    Args:
        texts: By path, in the order in which they own what they write.
        dialect: Their SQL dialect.
        variables: The values of their ``${NAME}`` templates.
        default_schema: The schema of unqualified tables.
    """
    files = []
    for path, text in texts.items():
        try:
            program = compile_program(
                text,
                path=path,
                dialect=dialect,
                variables=variables,
                default_schema=default_schema,
            )
        except CompileError as error:
            files.append(ProgramFile(path=path, program=None, diagnostics=error.diagnostics))
        else:
            files.append(ProgramFile(path=path, program=program, diagnostics=program.diagnostics))
    return _without_conflicts(files)


def _without_conflicts(files: list[ProgramFile]) -> tuple[ProgramFile, ...]:
    good = [index for index, item in enumerate(files) if item.program is not None]
    programs = [program for item in files if (program := item.program) is not None]
    conflicts: dict[int, list[Diagnostic]] = {}
    for index, problem in conflicting_writers(programs):
        conflicts.setdefault(good[index], []).append(problem)
    return tuple(
        replace(item, program=None, diagnostics=(*item.diagnostics, *conflicts[index]))
        if index in conflicts
        else item
        for index, item in enumerate(files)
    )


def errors_only(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics that stop a program."""
    return [item for item in diagnostics if item.severity is Severity.ERROR]
