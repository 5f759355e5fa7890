"""Parsers of an engine's own SQL, from wherever they come, behind one protocol.

The parser that is configured is the judge of a program's SQL: what it rejects is an error. Without one,
sqlglot only finds out what statements read and write, and the engine is the judge when they run.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from sqlflow_dagster.lang.standard import Rejection
from sqlflow_dagster.registry import Group, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementTables:
    """What one statement reads and writes, by name as the parser spells it.

    Attributes:
        inputs: The tables it reads.
        outputs: The tables it writes.
    """

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedText:
    """What a parser says of a text of SQL statements.

    Attributes:
        statements: Those it accepts, up to the first that it does not.
        accepted: One past the accepted prefix: the text's length where all of it is accepted.
        rejection: Why nothing after the prefix is accepted; None where all is, or what follows is no SQL
            and may be a machine-learning clause.
        tables: What each accepted statement reads and writes; empty where the parser does not tell.
        unfinished_select: Whether the last accepted statement is a SELECT that goes on after the prefix.
    """

    statements: tuple[str, ...]
    accepted: int
    rejection: Rejection | None = None
    tables: tuple[StatementTables, ...] = ()
    unfinished_select: bool = False


class ExternalParser(Protocol):
    """A parser of SQL without machine-learning clauses."""

    def parse(self, dialect: str, text: str) -> ParsedText:
        """Parse SQL statements, separated by semicolons.

        Args:
            dialect: A name of :data:`sqlflow_dagster.lang.dialects.LEXIS`, or one of the parser's own.
            text: The statements.

        Raises:
            TransientError: The parser cannot be asked now; a later attempt may succeed.
            TerminalError: It cannot be asked at all, or gave an answer that makes no sense.
        """

    def close(self) -> None:
        """Give back what the parser holds, such as a connection."""


PARSER_VARIABLE = "SQLFLOW_PARSER"
"""The environment variable that names the parser, for the commands, the notebook and the code location."""
ENGINE_PARSER = "engine"
parsers: Registry[Callable[[str], ExternalParser]] = Registry(Group.PARSERS, "parser")


def parser_for(name: str | None, datasource: str | None, others: Iterable[str] = ()) -> str | None:
    """What :func:`open_parser` takes for the parser that a user names; None for none.

    Args:
        name: ``engine`` alone stands for the data sources of the programs.
        datasource: The URL of the default one; None where it is not known.
        others: The URLs of those that statements may name.
    """
    if name == ENGINE_PARSER and datasource is not None:
        return "\n".join((f"{ENGINE_PARSER}:{datasource}", *others))
    return name or None


def open_parser(spec: str) -> ExternalParser:
    """The parser of a name or a URL.

    Args:
        spec: ``sqlglot``, ``grpc://host:port``, ``engine:URL`` with the URL of a data source (more of them on
            lines of their own), or what another package registers; the part before a colon is the registered name.

    Raises:
        PluginError: No parser has the name.
        TerminalError: What follows the name is not what that parser wants.
    """
    return parsers.get(spec.partition(":")[0])(spec)
