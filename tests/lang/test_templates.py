"""Filling in ``${NAME}`` and dates, with positions in the text as written."""

import pytest

from sqlflow_dagster.compiler import compile_program
from sqlflow_dagster.errors import CompileError
from sqlflow_dagster.lang.templates import substitute
from sqlflow_dagster.source import Source


def filled(text: str, **variables: str) -> str:
    source, problems = substitute(Source(text=text), variables)
    assert not problems, problems[0].render()
    return source.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a ${X} b ${Y}", "a one b "),
        ("${ X }${X}", "oneone"),
        ("dt = '${yyyyMMdd}'", "dt = '20260301'"),
        ("${yyyyMMdd - 1d}", "20260228"),
        ("${yyyyMMdd+30d}", "20260331"),
        ("${ yyyyMMdd - 60 d }", "20251231"),
        ("$X {X} $${1}", "$X {X} $${1}"),
    ],
)
def test_values(text: str, expected: str) -> None:
    assert filled(text, X="one", Y="", BIZDATE="20260301") == expected


@pytest.mark.parametrize("date", ["20260301", "2026-03-01", "2026-03-01T12:00:00", "20260301-x"])
def test_a_run_date_in_any_usual_spelling(date: str) -> None:
    assert filled("${yyyyMMdd}", BIZDATE=date) == "20260301"


@pytest.mark.parametrize(
    ("text", "variables", "message", "hint"),
    [
        ("${TABEL}", {"TABLE": "t"}, "the variable 'TABEL' of ${TABEL} has no value",
         "did you mean 'TABLE'?"),
        ("${X}", {}, "the variable 'X' of ${X} has no value", "give it a value: --variable X=…"),
        ("${yyyyMMdd}", {}, "the variable 'BIZDATE' of ${yyyyMMdd} has no value",
         "give it a value: --variable BIZDATE=…"),
        ("${yyyyMMdd}", {"BIZDATE": "tomorrow"},
         "${yyyyMMdd} needs a date in BIZDATE, which is 'tomorrow'",
         "write the date as yyyyMMdd, such as 20260131"),
        ("${yyyyMMdd}", {"BIZDATE": "20260230"},
         "${yyyyMMdd} needs a date in BIZDATE, which is '20260230'",
         "write the date as yyyyMMdd, such as 20260131"),
        ("${yyyyMMdd - 9999999d}", {"BIZDATE": "20260228"},
         "${yyyyMMdd - 9999999d} needs a date in BIZDATE, which is '20260228'",
         "write the date as yyyyMMdd, such as 20260131"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("${") else "",
)  # fmt: skip
def test_problems(text: str, variables: dict[str, str], message: str, hint: str) -> None:
    _, problems = substitute(Source(text=f"SELECT {text}"), variables)
    assert [(item.message, item.hint) for item in problems] == [(message, hint)]
    assert problems[0].span is not None
    assert problems[0].span.text == text


def test_every_template_without_a_value_is_reported_and_nothing_else() -> None:
    with pytest.raises(CompileError) as caught:
        compile_program("SELECT * FROM ${A} WHERE '${B}", variables={"C": "x"})
    assert [str(item.span) for item in caught.value.diagnostics] == ["<sql>:1:15", "<sql>:1:27"]


def test_positions_are_those_of_the_text_as_written() -> None:
    text = "SELECT * FROM ${TABLE};\n\nSELECT ${N} AS x TO TRAIN ${WHAT} INTO m"
    with pytest.raises(CompileError) as caught:
        compile_program(text, variables={"TABLE": "a_very_long_name", "N": "1", "WHAT": "nothing"})
    assert str(caught.value).splitlines()[:3] == [
        "<sql>:3:27: error: unknown estimator 'nothing' [unknown-estimator]",
        "3 | SELECT ${N} AS x TO TRAIN ${WHAT} INTO m",
        "                              ^^^^^^^",
    ]


def test_a_value_may_hold_several_statements() -> None:
    program = compile_program("${BODY}; SELECT 3", variables={"BODY": "SELECT 1;\nSELECT 2"})
    assert len(program.steps) == 3
    assert [str(step.statement.span) for step in program.steps] == [
        "<sql>:1:1",
        "<sql>:1:1",
        "<sql>:1:10",
    ]
