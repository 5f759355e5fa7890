"""A program as the server will see it: its job, and whether it fits in with those that are there."""

from pathlib import Path

from sqlflow_dagster.asset_graph import asset_graph
from sqlflow_dagster.client.errors import SubmissionError
from sqlflow_dagster.graph.program import Program
from sqlflow_dagster.program_files import compile_files, find_files
from sqlflow_dagster.translator import code_version, program_group


def job_name(program: Program) -> str:
    """The job that a program becomes."""
    return program_group(program.name)


def code_versions(program: Program) -> frozenset[str]:
    """The code versions of the assets that a program becomes."""
    return frozenset(
        code_version([program.steps[index] for index in segment.steps])
        for segment in program.segments
    )


def check_fits(program: Program, target: Path, parser: str | None = None) -> None:
    """Compile the programs of a folder together with a new one.

    Args:
        program: The new one.
        target: The file in the folder that it will be; what is there now does not count.
        parser: What decides what is SQL.

    Raises:
        SubmissionError: It writes what another one writes, or has the name or an asset key of another one.
    """
    others = [path for path in find_files(target.parent) if path != target]
    texts = {
        str(path): path.read_text(encoding="utf-8-sig", errors="surrogateescape") for path in others
    }
    known = _errors(texts, program, parser)
    # In the last place, so that a clash is told as an error of this program.
    with_it = {**texts, program.source.path or target.name: program.source.text}
    new = [error for error in _errors(with_it, program, parser) if error not in known]
    if new:
        raise SubmissionError(f"beside the programs of {target.parent}, {new[0]}")


def _errors(texts: dict[str, str], program: Program, parser: str | None) -> tuple[str, ...]:
    others = program.datasources
    files = compile_files(texts, dialect=program.dialect, parser=parser, datasources=others)
    # What the engines are called only shows on the page.
    return asset_graph(files, engine=program.dialect, others=others).errors
