"""Which folder programs are put into, and what an account of it keeps from being replaced."""

from pathlib import Path

import pytest

from sqlflow_dagster import compile_program
from sqlflow_dagster.client.errors import SubmissionError
from sqlflow_dagster.client.program_folder import (
    FOLDER_VARIABLE,
    LEDGER_NAME,
    PROGRAMS_VARIABLE,
    Placement,
    Plan,
    default_folder,
    locked,
    placed,
    planned,
)

CHECKOUT = Path(__file__).resolve().parents[2]


def plan(folder: Path, text: str, *, origin: str = "mine/t.sql", replace: bool = False) -> Plan:
    return planned(compile_program(text, path=origin), folder, replace=replace)


def put(folder: Path, text: str, *, origin: str = "mine/t.sql") -> Placement:
    """Submit a text, as far as the folder knows of it."""
    found = plan(folder, text, origin=origin)
    with placed(found):
        return found.placement


@pytest.mark.parametrize(
    ("folder", "programs", "expected"),
    [
        ("/jobs", "/programs/*.sql", Path("/jobs")),
        (None, "/programs/*.sql:/more/b.sql", Path("/programs")),
        (None, "/programs/**/*.sql", Path("/programs")),
        (None, "/programs/one.sql", Path("/programs")),
        (None, "", CHECKOUT / "examples"),
    ],
    ids=["named", "of a pattern", "of a deep pattern", "of a file", "of the checkout"],
)
def test_default_folder(
    folder: str | None, programs: str, expected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    if folder is not None:
        monkeypatch.setenv(FOLDER_VARIABLE, folder)
    monkeypatch.setenv(PROGRAMS_VARIABLE, programs)

    assert default_folder() == expected


def test_folder_in_the_variable_is_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv(PROGRAMS_VARIABLE, str(tmp_path))

    assert default_folder() == tmp_path


def test_failure_leaves_a_new_folder_empty(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), placed(plan(tmp_path, "SELECT 1")):
        raise KeyboardInterrupt

    assert list(tmp_path.iterdir()) == []


def test_failure_brings_the_former_program_back(tmp_path: Path) -> None:
    put(tmp_path, "SELECT 1")
    account = (tmp_path / LEDGER_NAME).read_bytes()

    with pytest.raises(KeyboardInterrupt), placed(plan(tmp_path, "SELECT 2")):
        raise KeyboardInterrupt

    assert (tmp_path / "t.sql").read_text() == "SELECT 1"
    assert (tmp_path / LEDGER_NAME).read_bytes() == account


@pytest.mark.parametrize(
    ("edited", "origin", "reason"),
    [
        (False, "yours/t.sql", "it was submitted from .*mine/t.sql"),
        (True, "mine/t.sql", "it has been changed there since it was submitted"),
    ],
    ids=["of another file", "edited on the server"],
)
def test_other_programs_are_not_replaced(
    tmp_path: Path, edited: bool, origin: str, reason: str
) -> None:
    put(tmp_path, "SELECT 1")
    if edited:
        (tmp_path / "t.sql").write_text("SELECT 10")

    with pytest.raises(SubmissionError, match=reason):
        plan(tmp_path, "SELECT 2", origin=origin)

    assert plan(tmp_path, "SELECT 2", origin=origin, replace=True).placement is Placement.REPLACED


def test_account_forgets_what_was_taken_away(tmp_path: Path) -> None:
    put(tmp_path, "SELECT 1", origin="mine/gone.sql")
    (tmp_path / "gone.sql").unlink()
    put(tmp_path, "SELECT 2")

    assert "gone.sql" not in (tmp_path / LEDGER_NAME).read_text()
    assert put(tmp_path, "SELECT 3", origin="yours/gone.sql") is Placement.NEW


def test_missing_folder(tmp_path: Path) -> None:
    missing = tmp_path / "missing"

    with (
        pytest.raises(SubmissionError, match=f"there is no program folder {missing}"),
        locked(missing, notify=print),
    ):
        raise AssertionError
