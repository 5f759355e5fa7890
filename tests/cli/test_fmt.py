"""sqlflow fmt: what it writes, what it leaves alone, and what it exits with."""

from pathlib import Path

import pytest

from tests.cli.command import EXAMPLES, Sqlflow

MESSY = "select a,y from t to train x with b=1 label y into m; -- end\n"
TIDY = "select a,y from t\nTO TRAIN x\nWITH b = 1\nLABEL y\nINTO m; -- end\n"


def test_formats_files_in_place(sqlflow: Sqlflow) -> None:
    messy, tidy = sqlflow.write("messy.sql", MESSY), sqlflow.write("tidy.sql", TIDY)
    (sqlflow.folder / messy).chmod(0o640)
    done = sqlflow("fmt", messy, tidy)
    assert (done.code, done.stdout) == (0, "formatted messy.sql\n1 of 2 files changed\n")
    assert (sqlflow.folder / messy).read_text() == TIDY
    assert (sqlflow.folder / messy).stat().st_mode & 0o777 == 0o640
    again = sqlflow("fmt", messy, tidy)
    assert (again.code, again.stdout) == (0, "2 files unchanged\n")
    assert [path for path in sqlflow.folder.iterdir() if path.name.startswith(".")] == []


def test_check_changes_nothing(sqlflow: Sqlflow) -> None:
    messy = sqlflow.write("messy.sql", MESSY)
    done = sqlflow("fmt", "--check", messy)
    assert (done.code, done.stdout) == (1, "would format messy.sql\n1 of 1 file would change\n")
    assert (sqlflow.folder / messy).read_text() == MESSY


def test_diff_shows_what_would_change(sqlflow: Sqlflow) -> None:
    messy = sqlflow.write("messy.sql", MESSY)
    done = sqlflow("fmt", "--diff", messy)
    assert done.code == 0
    assert done.stdout == (
        "--- messy.sql\n+++ messy.sql (formatted)\n@@ -1 +1,5 @@\n"
        f"-{MESSY}" + "".join(f"+{line}\n" for line in TIDY.splitlines())
    )
    assert (sqlflow.folder / messy).read_text() == MESSY
    assert sqlflow("fmt", "--diff", "--check", messy).code == 1


def test_a_file_with_an_error_is_left_alone(sqlflow: Sqlflow) -> None:
    wrong = sqlflow.write("wrong.sql", "SELECT 1;\nselect a from t to train x with;")
    messy = sqlflow.write("messy.sql", MESSY)
    done = sqlflow("fmt", wrong, messy)
    assert done.code == 1
    assert done.stdout == "formatted messy.sql\n1 of 2 files changed\n"
    assert "wrong.sql:2:32: error: expected the name of an attribute" in done.stderr
    assert (sqlflow.folder / wrong).read_text().endswith("to train x with;")


def test_line_ends_and_what_else_is_in_the_file_stay(sqlflow: Sqlflow) -> None:
    path = sqlflow.folder / "windows.sql"
    path.write_bytes(b"\xef\xbb\xbf" + MESSY.replace("\n", "\r\n").encode())
    assert sqlflow("fmt", "windows.sql").code == 0
    assert path.read_bytes() == b"\xef\xbb\xbf" + TIDY.replace("\n", "\r\n").encode()


def test_a_link_stays_one(sqlflow: Sqlflow) -> None:
    real = sqlflow.folder / sqlflow.write("real.sql", MESSY)
    link = sqlflow.folder / "link.sql"
    link.symlink_to(real)
    sqlflow("fmt", "link.sql")
    assert link.is_symlink()
    assert real.read_text() == TIDY


def test_a_file_that_is_no_text(sqlflow: Sqlflow) -> None:
    (sqlflow.folder / "latin.sql").write_bytes("SELECT 'é'".encode("latin-1"))
    done = sqlflow("fmt", "latin.sql")
    assert done.code == 1
    assert "latin.sql is not UTF-8 text" in done.stderr


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.sql")), ids=lambda path: path.stem)
def test_the_examples_are_formatted(path: Path, sqlflow: Sqlflow) -> None:
    assert sqlflow("fmt", "--check", str(path)).code == 0
