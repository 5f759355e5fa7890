"""Program files: read, compiled, and put in an order in which they can run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from sqlflow_dagster.cli.options import CompileSettings
from sqlflow_dagster.codes import Code
from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.errors import CompileError, Diagnostic, Severity
from sqlflow_dagster.graph.conflicts import conflicting_writers
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.graph.program import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledFiles:
    """What became of the files of a command.

    Attributes:
        programs: Those that compiled.
        diagnostics: Every error and warning of all files.
    """

    programs: tuple[Program, ...]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def errors(self) -> list[Diagnostic]:
        """The diagnostics that keep the programs from being run."""
        return [item for item in self.diagnostics if item.severity is Severity.ERROR]


def compile_files(paths: Iterable[Path], settings: CompileSettings, dialect: str) -> CompiledFiles:
    """Compile files; two that write one table are an error of the later one."""
    programs: list[Program] = []
    diagnostics: list[Diagnostic] = []
    for path in dict.fromkeys(paths):
        try:
            program = compile_file(path, settings, dialect)
        except CompileError as error:
            diagnostics += error.diagnostics
        else:
            programs.append(program)
            diagnostics += program.diagnostics
    diagnostics += [problem for _, problem in conflicting_writers(programs)]
    return CompiledFiles(programs=tuple(programs), diagnostics=tuple(diagnostics))


def compile_file(path: Path, settings: CompileSettings, dialect: str) -> Program:
    """Compile one file.

    Raises:
        CompileError: With every problem of the program, or because the file cannot be read.
    """
    return compile_program(
        read_text(path),
        path=path,
        dialect=dialect,
        variables=settings.variables,
        default_schema=settings.default_schema,
        temp_tables=settings.temp_tables,
        parser=settings.parser,
        temp_tables_life=settings.temp_tables_life,
        datasources=settings.dialects(),
        schemas=settings.schemas(),
    )


def read_text(path: Path) -> str:
    """The text of a program file.

    Raises:
        CompileError: The file cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        problem = Diagnostic(
            code=Code.UNREADABLE_FILE, message=f"{path} cannot be read: {error.strerror}"
        )
    except UnicodeDecodeError as error:
        problem = Diagnostic(
            code=Code.UNREADABLE_FILE,
            message=f"{path} is not UTF-8 text: byte {error.start} is {error.object[error.start]:#x}",
            hint="save the file as UTF-8",
        )
    raise CompileError([problem])


def in_running_order(programs: Sequence[Program]) -> tuple[Program, ...]:
    """Programs so that each stands after those whose tables and models it reads.

    Programs that wait for each other in a circle stay as they were given.
    """
    writes = [written(program) for program in programs]
    before = {
        index: [other for other, made in enumerate(writes) if made & program.inputs]
        for index, program in enumerate(programs)
    }
    try:
        order = list(TopologicalSorter(before).static_order())
    except CycleError:
        return tuple(programs)
    return tuple(programs[index] for index in order)


def written(program: Program) -> frozenset[ObjectRef]:
    """The tables and models that a program writes."""
    kinds = (ObjectKind.TABLE, ObjectKind.MODEL)
    return frozenset(ref for step in program.steps for ref in step.writes if ref.kind in kinds)
