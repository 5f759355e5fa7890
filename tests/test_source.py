"""Positions, and diagnostics that show them."""

from pathlib import Path

import pytest

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import (
    CompileError,
    Diagnostic,
    ExitCode,
    PluginError,
    Severity,
    SqlflowError,
    StepError,
    TerminalError,
    TransientError,
    did_you_mean,
)
from sqlflow_dagster.source import Replacement, Source, without_secrets

TEXT = "SELECT 1;\r\n\tSELECT  bad;\nlast"


@pytest.mark.parametrize(
    ("offset", "expected"),
    [(0, (1, 1)), (8, (1, 9)), (11, (2, 1)), (20, (2, 10)), (len(TEXT), (3, 5)), (999, (3, 5))],
)
def test_position(offset: int, expected: tuple[int, int]) -> None:
    assert Source(text=TEXT).position(offset) == expected


def test_lines_have_no_line_end() -> None:
    source = Source(text=TEXT)
    assert [source.line(number) for number in (1, 2, 3, 4)] == [
        "SELECT 1;",
        "\tSELECT  bad;",
        "last",
        "",
    ]


def test_a_span_is_named_after_its_source() -> None:
    span = Source(text=TEXT, path="jobs/iris.sql").span(20, 23)
    assert (str(span), span.text, span.line, span.column) == ("jobs/iris.sql:2:10", "bad", 2, 10)
    assert str(Source(text="x").span(0, 1)) == "<sql>:1:1"


def test_reading_a_file_drops_the_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.sql"
    path.write_bytes(b"\xef\xbb\xbfSELECT 1")
    source = Source.read(path)
    assert (source.text, source.path) == ("SELECT 1", str(path))
    assert Source(text=source.text) != source


def test_reading_what_is_not_utf8_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.sql"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UnicodeDecodeError):
        Source.read(path)


@pytest.mark.parametrize(
    ("offset", "expected"), [(0, 0), (2, 2), (4, 2), (5, 6), (6, 7), (7, 8), (8, 14), (9, 15)]
)
def test_written_offset(offset: int, expected: int) -> None:
    # "ab${X}c" + "d${Y}e" where X is "xyz" and Y is empty
    source = Source(
        text="abxyzcde",
        written="ab${X}cd${Y.}e",
        replacements=(
            Replacement(start=2, end=5, written_start=2, written_end=6),
            Replacement(start=8, end=8, written_start=8, written_end=14),
        ),
    )
    assert source.written_offset(offset) == expected


def rendered(start: int, end: int, text: str = TEXT, hint: str | None = None) -> list[str]:
    span = Source(text=text, path="a.sql").span(start, end)
    return (
        Diagnostic(code=Code.UNKNOWN_COLUMN, message="no", span=span, hint=hint)
        .render()
        .split("\n")
    )


def test_a_diagnostic_shows_the_line_with_a_caret_under_the_place() -> None:
    assert rendered(20, 23, hint="remove it") == [
        "a.sql:2:10: error: no [unknown-column]",
        "2 | \tSELECT  bad;",
        "    \t        ^^^",
        "hint: remove it",
    ]


def test_a_place_without_width_gets_one_caret_and_a_long_one_the_rest_of_its_line() -> None:
    assert rendered(9, 9)[1:] == ["1 | SELECT 1;", "             ^"]
    assert rendered(7, len(TEXT))[1:] == ["1 | SELECT 1;", "           ^^"]


def test_a_line_too_long_to_show_is_cut_around_the_place() -> None:
    text = "a" * 500 + "bad" + "c" * 500
    _, line, caret = rendered(500, 503, text)
    assert len(line) < 160
    assert line[caret.index("^") : caret.rindex("^") + 1] == "bad"
    assert line.startswith("1 | …")
    assert line.endswith("…")
    assert rendered(0, 1003, text)[2].count("^") < 160


def test_a_diagnostic_without_a_place() -> None:
    diagnostic = Diagnostic(code=Code.KEY_AS_FEATURE, message="no", severity=Severity.WARNING)
    assert str(diagnostic) == "warning: no [key-as-feature]"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dnnclasifier", "did you mean 'DNNClassifier'?"),
        ("DNNRegres", "did you mean 'DNNRegressor'?"),
        ("boosted", "did you mean 'booster' or 'boost'?"),
        ("XGB.tre", "did you mean 'xgb.tree'?"),
        ("quux", None),
        ("xgb.forest", None),
        ("xgb.tere", "did you mean 'xgb.tree'?"),
    ],
)
def test_did_you_mean(name: str, expected: str | None) -> None:
    assert (
        did_you_mean(name, ["DNNClassifier", "DNNRegressor", "xgb.tree", "boost", "booster"])
        == expected
    )


def test_a_compile_error_shows_all_its_diagnostics() -> None:
    error = CompileError(
        [
            Diagnostic(code=Code.CIRCLE, message="one"),
            Diagnostic(code=Code.CANNOT_RUN, message="two"),
        ]
    )
    assert str(error) == "error: one [circle]\n\nerror: two"
    assert [item.message for item in error.diagnostics] == ["one", "two"]


def test_a_step_error_learns_its_place_once() -> None:
    span, other = Source(text=TEXT).span(0, 6), Source(text=TEXT).span(20, 23)
    bare = TransientError("locked", hint="wait")
    placed = bare.at(span)
    assert placed.at(other) is placed
    assert bare.at(None) is bare
    assert type(placed) is TransientError
    assert placed.__cause__ is bare
    assert str(placed).splitlines()[0] == "<sql>:1:1: error: locked"


def test_exit_codes() -> None:
    assert StepError("x").exit_code is ExitCode.FAILED
    assert TerminalError("x").exit_code is ExitCode.FAILED
    assert TransientError("x").exit_code == 75


def test_a_plugin_error_ends_with_its_hint() -> None:
    assert str(PluginError("no such engine")) == "no such engine"
    assert str(PluginError("no such engine", hint="install it")) == "no such engine; install it"
    assert issubclass(PluginError, SqlflowError)


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("CREATE SECRET s (TYPE s3, SECRET 'geheim')", "CREATE SECRET s (TYPE s3, SECRET '******')"),
        ("FROM postgres_scan('host=h password=geheim3', 't')",
         "FROM postgres_scan('host=h password=*******', 't')"),
        ("ATTACH 'postgres://me:geheim@host/db' AS p", "ATTACH 'postgres://me:******@host/db' AS p"),
        ("SET s3_secret_access_key='geheim'", "SET s3_secret_access_key='******'"),
        ("SELECT password, token FROM users", "SELECT password, token FROM users"),
    ],
)  # fmt: skip
def test_secrets_are_not_shown(sql: str, shown: str) -> None:
    assert without_secrets(sql) == shown
    assert Source(text=sql).line(1) == shown
