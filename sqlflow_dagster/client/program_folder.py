"""The folder from which a server reads its programs, and how a program is put into it.

A file appears whole or not at all. One submission at a time works in a folder: a lock file sees to it. A
hidden file keeps account of what was submitted, so that a program that somebody else keeps there is never
replaced.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from glob import has_magic
from pathlib import Path

from sqlflow_dagster.client.errors import SubmissionError
from sqlflow_dagster.graph.program import Program

FOLDER_VARIABLE = "SQLFLOW_PROGRAMS_DIR"
PROGRAMS_VARIABLE = "SQLFLOW_PROGRAMS"
LOCK_NAME = ".sqlflow-submit.lock"
LEDGER_NAME = ".sqlflow-submitted.json"
_CHECKOUT = Path(__file__).resolve().parents[2]


class Placement(StrEnum):
    """What putting a program into the folder comes to."""

    NEW = "new"
    SAME = "same"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the account of the folder says of a file.

    Attributes:
        sha256: Of the text as it was submitted.
        origin: The file that it was submitted from, absolute; None for a text from no file.
    """

    sha256: str
    origin: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a program will be put into the folder.

    Attributes:
        target: The file.
        content: What it will hold.
        placement: What that comes to.
        entry: What the account will say.
    """

    target: Path
    content: bytes
    placement: Placement
    entry: Entry


def default_folder() -> Path:
    """The folder of programs where none is named.

    That is what SQLFLOW_PROGRAMS_DIR says, else the folder of the first of SQLFLOW_PROGRAMS, else
    ``examples`` in the checkout or, without one, in the working directory.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    patterns = [item for item in os.environ.get(PROGRAMS_VARIABLE, "").split(os.pathsep) if item]
    if patterns:
        return _folder_of(Path(patterns[0]))
    has_checkout = (_CHECKOUT / "workspace.yaml").exists()
    return (_CHECKOUT if has_checkout else Path.cwd()) / "examples"


def _folder_of(pattern: Path) -> Path:
    """The folder that a path or a pattern of program files names."""
    if pattern.is_dir():
        return pattern
    folder = pattern.parent
    while has_magic(str(folder)):
        folder = folder.parent
    return folder


@contextmanager
def locked(folder: Path, notify: Callable[[str], None]) -> Iterator[None]:
    """A block in which no other submission changes the folder.

    Args:
        folder: Of the programs.
        notify: Told when another submission has to be waited for.

    Raises:
        SubmissionError: There is no such folder, or it cannot be written to.
    """
    from filelock import FileLock, Timeout

    if not folder.is_dir():
        raise SubmissionError(
            f"there is no program folder {folder}",
            hint=f"name the one that the server reads with --programs or {FOLDER_VARIABLE}",
        )
    lock = FileLock(folder / LOCK_NAME)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            notify(f"waiting for another submission to {folder}")
            lock.acquire()
    except OSError as error:
        raise SubmissionError(
            f"the program folder {folder} cannot be written to: {error.strerror}"
        ) from error
    try:
        yield
    finally:
        lock.release()


def planned(program: Program, folder: Path, *, replace: bool) -> Plan:
    """How a program is to be put into the folder.

    Args:
        program: With its templates filled in.
        folder: Of the programs.
        replace: Whether another program of the same name may be replaced.

    Raises:
        SubmissionError: Another program has the name.
    """
    path = program.source.path
    origin = None if path is None else str(Path(path).absolute())
    target = folder.absolute() / f"{program.name}.sql"
    content = program.source.text.encode()
    entry = Entry(sha256=hashlib.sha256(content).hexdigest(), origin=origin)
    placement = Placement.NEW
    if target.exists():
        former = target.read_bytes()
        placement = Placement.SAME if former == content else Placement.REPLACED
        if placement is Placement.REPLACED:
            if origin is not None and Path(origin).exists() and target.samefile(origin):
                raise SubmissionError(
                    f"{target} is in the program folder itself: its templates would be overwritten "
                    "by their values",
                    hint="keep a program with templates elsewhere and submit it from there",
                )
            reason = _not_ours(former, _ledger(folder).get(target.name), origin)
            if reason is not None and not replace:
                raise SubmissionError(
                    f"the program folder has another program {target.name!r}: {reason}",
                    hint="rename yours, or replace that one with --replace",
                )
    return Plan(target=target, content=content, placement=placement, entry=entry)


def _not_ours(former: bytes, entry: Entry | None, origin: str | None) -> str | None:
    """Why a file is not what an earlier submission of the same file left; None where it is."""
    if entry is None:
        return "it was not submitted"
    if entry.origin != origin:
        return f"it was submitted from {entry.origin or 'no file'}"
    if hashlib.sha256(former).hexdigest() != entry.sha256:
        return "it has been changed there since it was submitted"
    return None


@contextmanager
def placed(plan: Plan) -> Iterator[None]:
    """A block with the program in the folder; an error in it leaves the folder as it was.

    Raises:
        SubmissionError: The folder cannot be written to.
    """
    if plan.placement is Placement.SAME:
        yield
        return
    folder = plan.target.parent
    former = plan.target.read_bytes() if plan.placement is Placement.REPLACED else None
    ledger = _ledger(folder)
    try:
        _write_whole(plan.target, plan.content)
        _write_ledger(folder, ledger | {plan.target.name: plan.entry})
    except OSError as error:
        raise SubmissionError(f"{error.filename} cannot be written: {error.strerror}") from error
    try:
        yield
    except BaseException:
        if former is None:
            plan.target.unlink(missing_ok=True)
        else:
            _write_whole(plan.target, former)
        _write_ledger(folder, ledger)
        raise


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the former content or this one, never a part."""
    # The name ends in no .sql: a server that reads the folder now does not see it.
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _ledger(folder: Path) -> dict[str, Entry]:
    """The account of the folder, of those files that are still there."""
    path = folder / LEDGER_NAME
    if not path.exists():
        return {}
    entries: Mapping[str, dict[str, str]] = json.loads(path.read_bytes())
    return {name: Entry(**entry) for name, entry in entries.items() if (folder / name).exists()}


def _write_ledger(folder: Path, ledger: Mapping[str, Entry]) -> None:
    if not ledger:
        (folder / LEDGER_NAME).unlink(missing_ok=True)
        return
    entries = {name: asdict(entry) for name, entry in sorted(ledger.items())}
    _write_whole(folder / LEDGER_NAME, json.dumps(entries, indent=1).encode())
