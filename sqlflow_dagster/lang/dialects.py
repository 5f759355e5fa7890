"""How each SQL dialect writes comments, strings and quoted names.

This is all that the scanner has to know of a dialect; the parser (sqlglot) knows the rest.
"""

from dataclasses import dataclass

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import CompileError, Diagnostic, did_you_mean


# Compared by identity: the cached patterns of a dialect are looked up several times a statement.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lexis:
    r"""The lexical rules of one dialect.

    Attributes:
        sqlglot: The sqlglot dialect that parses it.
        line_comments: Regular expressions of what starts a comment up to the line's end.
        nested_comments: Whether ``/* /* */ */`` is one comment.
        backslash_strings: Whether a backslash escapes the next character of a string.
        escape_strings: Whether ``E'…'`` is a string with backslash escapes.
        raw_strings: Whether a backslash escapes nothing in ``r'…'`` and ``r"…"``.
        chosen_quotes: Whether ``q'[…]'`` is a string that ends where its own bracket does.
        double_quoted_strings: Whether ``"…"`` is a string (else a quoted name).
        triple_quoted_strings: Whether three quotes in a row open a string.
        backticks: Whether a backtick quotes a name.
        brackets: Whether ``[…]`` quotes a name.
        dollar_quotes: Whether ``$tag$ … $tag$`` is a string.
        executable_comments: Whether the engine runs what stands in ``/*! … */``.
        delimiter_command: Whether the client's ``DELIMITER`` changes what ends a statement.
        slash_lines: Whether a line that is only ``/`` ends a statement, and nothing else ends a body.
        scripts: Regular expressions of the words that open a block of statements outside procedures.
        copied_rows: Whether rows up to a line ``\.`` may follow COPY … FROM STDIN.
    """

    sqlglot: str
    line_comments: tuple[str, ...] = ("--",)
    nested_comments: bool = False
    backslash_strings: bool = False
    escape_strings: bool = False
    raw_strings: bool = False
    chosen_quotes: bool = False
    double_quoted_strings: bool = False
    triple_quoted_strings: bool = False
    backticks: bool = False
    brackets: bool = False
    dollar_quotes: bool = False
    executable_comments: bool = False
    delimiter_command: bool = False
    slash_lines: bool = False
    scripts: tuple[str, ...] = ()
    copied_rows: bool = False


_LOOPS = ("IF", "LOOP", "WHILE", "FOR", "REPEAT", "CASE")

LEXIS: dict[str, Lexis] = {
    "duckdb": Lexis(
        sqlglot="duckdb", nested_comments=True, escape_strings=True, dollar_quotes=True
    ),
    "sqlite": Lexis(sqlglot="sqlite", backticks=True, brackets=True),
    "postgres": Lexis(
        sqlglot="postgres",
        nested_comments=True,
        escape_strings=True,
        dollar_quotes=True,
        copied_rows=True,
    ),
    "mysql": Lexis(
        sqlglot="mysql",
        line_comments=(r"--(?=\s|\Z)", "#"),
        backslash_strings=True,
        double_quoted_strings=True,
        backticks=True,
        executable_comments=True,
        delimiter_command=True,
        scripts=(r"BEGIN\s+NOT\s+ATOMIC", *_LOOPS),
    ),
    "hive": Lexis(
        sqlglot="hive", backslash_strings=True, double_quoted_strings=True, backticks=True
    ),
    "spark": Lexis(
        sqlglot="spark",
        nested_comments=True,
        backslash_strings=True,
        raw_strings=True,
        double_quoted_strings=True,
        backticks=True,
        scripts=("BEGIN",),
    ),
    "trino": Lexis(sqlglot="trino"),
    "snowflake": Lexis(
        sqlglot="snowflake",
        # Not the one in a URL: PUT file:///tmp/rows.csv @stage.
        line_comments=("--", "/(?<![:/]/)/"),
        backslash_strings=True,
        dollar_quotes=True,
        scripts=("BEGIN", "DECLARE", r"WITH\s+\w+\s+AS\s+PROCEDURE", *_LOOPS),
    ),
    "bigquery": Lexis(
        sqlglot="bigquery",
        line_comments=("--", "#"),
        backslash_strings=True,
        double_quoted_strings=True,
        triple_quoted_strings=True,
        backticks=True,
        scripts=("BEGIN", *_LOOPS),
    ),
    "oracle": Lexis(
        sqlglot="oracle", chosen_quotes=True, slash_lines=True, scripts=("BEGIN", "DECLARE")
    ),
    # sqlglot knows none of these three. Each is parsed by the dialect that reads most of its SQL.
    "calcite": Lexis(sqlglot="trino"),
    "flink": Lexis(
        sqlglot="drill",
        backticks=True,
        scripts=(
            r"(?:EXECUTE|EXPLAIN(?:\s+[\w,]+)*?)\s+STATEMENT\s+SET",
            r"COMPILE\s+(?:AND\s+EXECUTE\s+)?PLAN",
            r"BEGIN\s+STATEMENT\s+SET",
        ),
    ),
    "maxcompute": Lexis(
        sqlglot="hive",
        backslash_strings=True,
        double_quoted_strings=True,
        backticks=True,
        scripts=("FUNCTION",),
    ),
}


def lexis(dialect: str) -> Lexis:
    """The lexical rules of a dialect.

    Raises:
        CompileError: The dialect is unknown.
    """
    try:
        return LEXIS[dialect]
    except KeyError:
        problem = Diagnostic(
            code=Code.UNKNOWN_DIALECT,
            message=f"unknown SQL dialect {dialect!r}",
            hint=did_you_mean(dialect, LEXIS) or f"known: {', '.join(LEXIS)}",
        )
        raise CompileError([problem]) from None
