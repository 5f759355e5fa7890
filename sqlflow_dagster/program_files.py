"""The program files of a code location: found, pinned for a run, compiled, the bad ones set apart."""

import base64
import hashlib
import json
import re
import traceback
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache, partial
from glob import glob, has_magic
from pathlib import Path

from dagster._core.definitions.definitions_load_context import (
    DefinitionsLoadContext,
    DefinitionsLoadType,
)

from sqlflow_dagster.codes import Code
from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.errors import CompileError, Diagnostic, Severity, StepError, TransientError
from sqlflow_dagster.graph.conflicts import conflicting_writers
from sqlflow_dagster.graph.program import Program
from sqlflow_dagster.lang.parsers import open_parser
from sqlflow_dagster.lang.remembered_parser import RememberedParser
from sqlflow_dagster.own_classes import allowed
from sqlflow_dagster.source import Source
from sqlflow_dagster.temp_tables import TableLife

_PINNED = "sqlflow_dagster/programs/"
_PINNED_ANSWERS = "sqlflow_dagster/parser/"
Patterns = str | Path | Sequence[str | Path]
_UNDECODED = re.compile("[\udc80-\udcff]")
"""What a byte that is not UTF-8 is read as: Python's surrogate escapes."""


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


def find_files(patterns: Patterns) -> list[Path]:
    """The files that paths and glob patterns name: absolute, sorted, each once.

    A directory stands for the ``*.sql`` files in it.

    Raises:
        FileNotFoundError: A path without wildcards names nothing.
    """
    listed = [patterns] if isinstance(patterns, str | Path) else patterns
    found: set[Path] = set()
    for pattern in map(Path, listed):
        if pattern.is_dir():
            found.update(pattern.absolute().glob("*.sql"))
        elif pattern.exists():
            found.add(pattern.absolute())
        elif has_magic(str(pattern)):
            # Not Path.glob: that takes no absolute patterns.
            matches = glob(str(pattern), recursive=True)  # noqa: PTH207
            found.update(Path(match).absolute() for match in matches)
        else:
            raise FileNotFoundError(f"there is no program file {pattern.absolute()}")
    return sorted(path for path in found if path.is_file())


def read_texts(patterns: Patterns) -> dict[str, str]:
    """The texts of program files by absolute path, the same in every process of a run.

    Every step of a run loads the definitions again. The texts are those that the code location was loaded
    with, whatever has been edited since: Dagster hands them from the first load to all later ones. Bytes that
    are not UTF-8 become surrogates, for :func:`compile_files` to report.

    Dagster takes no texts from a module that builds its definitions while it is imported, only from a function
    that it calls (``@dagster.definitions``): see :func:`run_is_pinned`.
    """
    key = _PINNED + _digest(repr(patterns))
    load = DefinitionsLoadContext.get()
    if load.load_type is DefinitionsLoadType.RECONSTRUCTION and key in load.reconstruction_metadata:
        texts: dict[str, str] = json.loads(_unpacked(load.reconstruction_metadata[key]))
        return texts
    texts = {
        str(path): path.read_text(encoding="utf-8-sig", errors="surrogateescape")
        for path in find_files(patterns)
    }
    load.add_to_pending_reconstruction_metadata(key, _packed(json.dumps(texts)))
    return texts


def run_is_pinned() -> bool:
    """Whether this process of a run has the texts that the run was launched with."""
    load = DefinitionsLoadContext.get()
    return load.load_type is DefinitionsLoadType.RECONSTRUCTION and any(
        key.startswith(_PINNED) for key in load.reconstruction_metadata
    )


@contextmanager
def _parser_of_run(spec: str) -> Iterator[RememberedParser]:
    """A block with the parser of a code location, whose answers are the same in every process of a run.

    Raises:
        PluginError: No parser has the name.
        TerminalError: What follows the name is not what that parser wants.
    """
    open_parser(spec).close()  # No connection: a wrong name is an error whatever the programs are.
    key = _PINNED_ANSWERS + _digest(spec)
    load = DefinitionsLoadContext.get()
    parser = _remembered(spec)
    if load.load_type is DefinitionsLoadType.RECONSTRUCTION and key in load.reconstruction_metadata:
        parser.learn(_unpacked(load.reconstruction_metadata[key]))
    with closing(parser):
        yield parser
    load.add_to_pending_reconstruction_metadata(key, _packed(parser.dump()))


@cache
def _remembered(spec: str) -> RememberedParser:
    """One for a process: what it said is wanted for programs that are not compiled again, too."""
    return RememberedParser(spec)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _packed(text: str) -> str:
    return base64.b85encode(zlib.compress(text.encode())).decode()


def _unpacked(packed: str) -> str:
    return zlib.decompress(base64.b85decode(packed)).decode()


def compile_files(
    texts: Mapping[str, str],
    *,
    dialect: str = "duckdb",
    variables: Mapping[str, str] | None = None,
    default_schema: str | None = None,
    temp_tables_life: str = "keep",
    parser: str | None = None,
    datasources: Mapping[str, str] | None = None,
    schemas: Mapping[str, str] | None = None,
) -> tuple[ProgramFile, ...]:
    """Compile program files; a bad one does not keep the others from being compiled.

    Two programs that write one table are an error of the later one.

    Args:
        texts: By path, in the order in which they own what they write.
        dialect: Their SQL dialect.
        variables: The values of their ``${NAME}`` templates.
        default_schema: The schema of unqualified tables.
        temp_tables_life: When generated tables are dropped.
        parser: Decides what is SQL, as :func:`~sqlflow_dagster.lang.parsers.open_parser` takes it. A program
            about which it cannot be asked is a bad one.
        datasources: The dialects of the data sources that statements may name, by their names.
        schemas: Where their unqualified tables are, as :func:`~sqlflow_dagster.compiler.compile_program` takes it.

    Raises:
        PluginError: No parser has the name.
        TerminalError: What follows the parser's name is not what that parser wants.
        ValueError: There is no such life of generated tables.
    """
    TableLife.parse(temp_tables_life)
    compiled = partial(
        _compiled,
        dialect=dialect,
        variables=tuple(sorted((variables or {}).items())),
        default_schema=default_schema,
        temp_tables_life=temp_tables_life,
        parser=parser,
        datasources=tuple(sorted((datasources or {}).items())),
        schemas=tuple(sorted((schemas or {}).items())),
        own_classes=allowed(),
    )
    if parser is None:
        return _without_conflicts([compiled(path, text) for path, text in texts.items()])
    with _parser_of_run(parser):
        return _without_conflicts(_judged(texts, compiled))


def _judged(
    texts: Mapping[str, str], compiled: Callable[[str, str], ProgramFile]
) -> list[ProgramFile]:
    """Compiled programs, and in place of each that the parser could not be asked about, why."""
    files: list[ProgramFile] = []
    gone: TransientError | None = None
    for path, text in texts.items():
        error: StepError
        try:
            if gone is None:
                files.append(compiled(path, text))
                continue
            error = gone  # Each further program would wait as long again.
        except TransientError as failure:
            error = gone = failure
        except StepError as failure:
            error = failure
        files.append(ProgramFile(path=path, program=None, diagnostics=(error.diagnostic,)))
    return files


# Dagster loads the definitions several times in one process.
@lru_cache(maxsize=256)
def _compiled(
    path: str,
    text: str,
    *,
    dialect: str,
    variables: tuple[tuple[str, str], ...],
    default_schema: str | None,
    temp_tables_life: str,
    parser: str | None,
    datasources: tuple[tuple[str, str], ...],
    schemas: tuple[tuple[str, str], ...],
    own_classes: tuple[str, ...],  # in force already: they are a part of what is remembered
) -> ProgramFile:
    undecoded = _undecoded(path, text)
    if undecoded is not None:
        return ProgramFile(path=path, program=None, diagnostics=(undecoded,))
    try:
        program = compile_program(
            text,
            path=path,
            dialect=dialect,
            variables=dict(variables),
            default_schema=default_schema,
            temp_tables_life=temp_tables_life,
            parser=None if parser is None else _remembered(parser),
            datasources=dict(datasources),
            schemas=dict(schemas),
        )
    except CompileError as error:
        return ProgramFile(path=path, program=None, diagnostics=error.diagnostics)
    except StepError:
        raise  # Not of the program: the parser may be there again at the next load.
    except Exception:
        # A bug of the compiler must not take the other programs down; the placeholder shows it.
        problem = Diagnostic(
            code=Code.INTERNAL_ERROR,
            message=f"the compiler failed on {path}\n{traceback.format_exc().rstrip()}",
            hint="this is a bug of sqlflow_dagster: please report it with the program",
        )
        return ProgramFile(path=path, program=None, diagnostics=(problem,))
    return ProgramFile(path=path, program=program, diagnostics=program.diagnostics)


def _undecoded(path: str, text: str) -> Diagnostic | None:
    """The diagnostic for a text that is not UTF-8."""
    found = _UNDECODED.search(text)
    if found is None:
        return None
    shown = Source(text=_UNDECODED.sub("\N{REPLACEMENT CHARACTER}", text), path=path)
    return Diagnostic(
        code=Code.UNREADABLE_FILE,
        message=f"the byte 0x{ord(found.group()) - 0xDC00:02x} is not UTF-8",
        span=shown.span(found.start(), found.end()),
        hint="save the file as UTF-8",
    )


def _without_conflicts(files: list[ProgramFile]) -> tuple[ProgramFile, ...]:
    good = [index for index, item in enumerate(files) if item.program is not None]
    programs = [program for item in files if (program := item.program) is not None]
    conflicts: dict[int, list[Diagnostic]] = {}
    for index, problem in conflicting_writers(programs):
        conflicts.setdefault(good[index], []).append(problem)
    return tuple(
        set_apart(item, *conflicts[index]) if index in conflicts else item
        for index, item in enumerate(files)
    )


def set_apart(file: ProgramFile, *problems: Diagnostic) -> ProgramFile:
    """A file whose program is not to be loaded, and why."""
    return replace(file, program=None, diagnostics=(*file.diagnostics, *problems))


def errors_only(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics that stop a program."""
    return [item for item in diagnostics if item.severity is Severity.ERROR]
