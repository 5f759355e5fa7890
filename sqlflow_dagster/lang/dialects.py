"""How each SQL dialect writes comments, strings and quoted names.

This is all that the scanner has to know of a dialect; the parser (sqlglot) knows the rest.
"""

from dataclasses import dataclass

from sqlflow_dagster.errors import CompileError, Diagnostic, did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexis:
    """The lexical rules of one dialect.

    Attributes:
        sqlglot: The sqlglot dialect that parses it.
        line_comments: Regular expressions of what starts a comment up to the line's end.
        nested_comments: Whether ``/* /* */ */`` is one comment.
        backslash_strings: Whether a backslash escapes the next character of a string.
        escape_strings: Whether ``E'…'`` is a string with backslash escapes.
        double_quoted_strings: Whether ``"…"`` is a string (else a quoted name).
        triple_quoted_strings: Whether three quotes in a row open a string.
        backticks: Whether a backtick quotes a name.
        brackets: Whether ``[…]`` quotes a name.
        dollar_quotes: Whether ``$tag$ … $tag$`` is a string.
        delimiter_command: Whether the client's ``DELIMITER`` changes what ends a statement.
    """

    sqlglot: str
    line_comments: tuple[str, ...] = ("--",)
    nested_comments: bool = False
    backslash_strings: bool = False
    escape_strings: bool = False
    double_quoted_strings: bool = False
    triple_quoted_strings: bool = False
    backticks: bool = False
    brackets: bool = False
    dollar_quotes: bool = False
    delimiter_command: bool = False


LEXIS: dict[str, Lexis] = {
    "duckdb": Lexis(
        sqlglot="duckdb", nested_comments=True, escape_strings=True, dollar_quotes=True
    ),
    "sqlite": Lexis(sqlglot="sqlite", backticks=True, brackets=True),
    "postgres": Lexis(
        sqlglot="postgres", nested_comments=True, escape_strings=True, dollar_quotes=True
    ),
    "mysql": Lexis(
        sqlglot="mysql",
        line_comments=(r"--(?=\s|\Z)", "#"),
        backslash_strings=True,
        double_quoted_strings=True,
        backticks=True,
        delimiter_command=True,
    ),
    "hive": Lexis(
        sqlglot="hive", backslash_strings=True, double_quoted_strings=True, backticks=True
    ),
    "spark": Lexis(
        sqlglot="spark",
        nested_comments=True,
        backslash_strings=True,
        double_quoted_strings=True,
        backticks=True,
    ),
    "trino": Lexis(sqlglot="trino"),
    "snowflake": Lexis(
        sqlglot="snowflake",
        line_comments=("--", "//"),
        backslash_strings=True,
        dollar_quotes=True,
    ),
    "bigquery": Lexis(
        sqlglot="bigquery",
        line_comments=("--", "#"),
        backslash_strings=True,
        double_quoted_strings=True,
        triple_quoted_strings=True,
        backticks=True,
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
            message=f"unknown SQL dialect {dialect!r}",
            hint=did_you_mean(dialect, LEXIS) or f"known: {', '.join(LEXIS)}",
        )
        raise CompileError([problem]) from None
