import pytest

from sqlflow_dagster.engines.messages import brief, quoted, redact
from sqlflow_dagster.source import Excerpt


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "cannot open postgresql://user:geheim@host/db",
            "cannot open postgresql://user:***@host/db",
        ),
        ("password=geheim host=x", "password=*** host=x"),
        ("PASSWORD = 'ge heim', x", "PASSWORD=***, x"),
        ("CREATE SECRET (TYPE s3, TOKEN 'geheim')", "CREATE SECRET (TYPE s3, TOKEN=***)"),
        ("login with Pa55 refused", "login with *** refused"),
        ("password authentication failed for user", "password authentication failed for user"),
        ("see https://duckdb.org/docs: a@b", "see https://duckdb.org/docs: a@b"),
    ],
)
def test_secrets_are_taken_out(text: str, expected: str) -> None:
    assert redact(text, "Pa55") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no such table: t", "no such table: t"),
        (
            'Binder Error: column "x" not found!\nCandidates: "a"\n\nLINE 1: select x\n        ^',
            'Binder Error: column "x" not found! Candidates: "a"',
        ),
        ('relation "t" does not exist\nLINE 1: select\n   ^\n', 'relation "t" does not exist'),
        ("locked\n[SQL: select 1]\n(Background on this error at: https://x)", "locked"),
        ("Out of Memory Error: full\n\nPossible solutions:\n* less", "Out of Memory Error: full"),
    ],
)
def test_messages_are_brief(text: str, expected: str) -> None:
    assert brief(text) == expected


@pytest.mark.parametrize(
    ("line", "caret", "column"),
    [
        ("SELECT 1 FROM t x y", 18, 18),
        ("SELECT 'é 🙂 y' FROM t x y", 21, 24),
        ("SELECT y FROM t yy y", 19, 19),
        ("SELECT 1", 7, 7),
    ],
)
def test_the_caret_is_at_the_word_that_is_named(line: str, caret: int, column: int) -> None:
    text = f'syntax error at or near "y"\n\nLINE 1: {line}\n        {" " * caret}^'
    assert quoted(text) == Excerpt(text=line, column=column)
