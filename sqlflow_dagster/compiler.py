"""SQL text to a :class:`~sqlflow_dagster.graph.program.Program`.

The compile is a walk through :data:`~sqlflow_dagster.passes.PASSES`. It touches no database and imports no library of machine
learning or orchestration: Dagster loads definitions often, and ``sqlflow check`` must start fast.
"""

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from sqlflow_dagster.errors import CompileError, Severity
from sqlflow_dagster.graph.datasources import ProgramDatasources
from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE, Names
from sqlflow_dagster.graph.program import Program
from sqlflow_dagster.graph.sql_graph import SQLGraph, SQLNode
from sqlflow_dagster.lang.parsers import ExternalParser, open_parser
from sqlflow_dagster.lang.scanner import piece_end, scan
from sqlflow_dagster.lang.standard import quiet_parser
from sqlflow_dagster.lang.statements import (
    Statement,
)
from sqlflow_dagster.passes import PASSES, Draft, fill_templates, find_effects, program_of, split
from sqlflow_dagster.source import Source
from sqlflow_dagster.temp_tables import (
    TableLife,
    TemporaryTables,
)


def compile_program(
    text: str,
    *,
    dialect: str = "duckdb",
    path: str | Path | None = None,
    variables: Mapping[str, str] | None = None,
    default_schema: str | None = None,
    temp_tables: TemporaryTables | str = TemporaryTables.AUTO,
    parser: ExternalParser | str | None = None,
    temp_tables_life: str = "keep",
    datasources: Mapping[str, str] | None = None,
    schemas: Mapping[str, str] | None = None,
) -> Program:
    """Compile a SQL program with machine-learning clauses.

    Args:
        text: The program.
        dialect: The SQL dialect, a name of :data:`sqlflow_dagster.lang.dialects.LEXIS`, of the statements
            that name no data source.
        path: Where the text was read from, for messages and the program's name.
        variables: The values of ``${NAME}`` templates.
        default_schema: The schema of unqualified tables; None for the engine's own.
        temp_tables: Which SELECTs get a table of their own: ``auto``, ``always`` or ``never``.
        parser: Decides what is SQL, so that what it rejects is an error: ``sqlglot``, ``grpc://host:port``,
            ``engine:URL``, or a parser of yours. None leaves that to the engine, when it runs a statement.
        temp_tables_life: When those tables are dropped: ``keep``, ``drop_after_run`` or ``ttl=7d``.
        datasources: The dialects of the data sources that statements may name, by their names.
        schemas: Where the connections of a data source find and make unqualified tables, by its name, which is
            ``default`` for the default one; left out where it is what its engine always has.

    Returns:
        The program; its ``diagnostics`` are warnings.

    Raises:
        CompileError: With every problem of the program.
        PluginError: No parser has the name.
        StepError: The parser cannot be asked; ``TransientError`` where a later attempt may succeed.
        ValueError: There is no such mode, or no such life.
    """
    names = Names(dialect=dialect)
    names = names.using(default_schema) if default_schema else names
    draft = _draft(text, path, names, variables or {}, datasources or {})
    draft.datasources = draft.datasources.at_home(schemas or {})
    draft.names = draft.datasources.names[DEFAULT_DATASOURCE]
    draft.mode = TemporaryTables(temp_tables)
    draft.life = TableLife.parse(temp_tables_life)
    with quiet_parser(), _rarely_collected(), _opened(parser) as draft.parser:
        for run in PASSES:
            run(draft)
    found = sorted(draft.diagnostics, key=lambda item: item.span.start if item.span else -1)
    if any(item.severity is Severity.ERROR for item in found):
        raise CompileError(found)
    draft.diagnostics = found
    return program_of(draft)


def _draft(
    text: str,
    path: str | Path | None,
    names: Names,
    variables: Mapping[str, str],
    datasources: Mapping[str, str],
) -> Draft:
    others = {name: Names(dialect=spoken, datasource=name) for name, spoken in datasources.items()}
    return Draft(
        source=Source(text=text, path=None if path is None else str(path)),
        dialect=names.dialect,
        name=Path(path).stem if path is not None else "program",
        names=names,
        datasources=ProgramDatasources(names={**others, DEFAULT_DATASOURCE: names}),
        variables=variables,
    )


@contextmanager
def _opened(parser: ExternalParser | str | None) -> Iterator[ExternalParser | None]:
    """A parser by its name or URL, closed at the end; any other as it is."""
    if not isinstance(parser, str):
        yield parser
        return
    with closing(open_parser(parser)) as opened:
        yield opened


@contextmanager
def _rarely_collected() -> Iterator[None]:
    """With a garbage collector that looks at what is new and leaves what has lasted.

    Syntax trees hold cycles. Never collected they would pile up, collected as by default everything
    that the program consists of so far would be walked again and again. Collected soon, they leave their memory
    to the next ones while the processor still has it in its cache.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(10_000, 10, 1_000)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def parse_statements(
    text: str,
    *,
    dialect: str = "duckdb",
    path: str | Path | None = None,
    variables: Mapping[str, str] | None = None,
    datasources: Mapping[str, str] | None = None,
) -> tuple[Statement, ...]:
    """The statements of a program that can be parsed; the others are left out, whatever is wrong with them.

    Args:
        text: The program.
        dialect: The SQL dialect.
        path: Where the text was read from, for messages.
        variables: The values of ``${NAME}`` templates.
        datasources: The dialects of the data sources that statements may name, by their names.
    """
    draft = _draft(text, path, Names(dialect=dialect), variables or {}, datasources or {})
    with quiet_parser(), _rarely_collected():
        for run in (fill_templates, split, find_effects):
            run(draft)
    return tuple(item.statement for item in draft.statements)


def split_sql_statements(text: str, dialect: str = "duckdb") -> list[str]:
    """The statements of a program as texts, without semicolons, blanks and comments around them.

    Raises:
        CompileError: A quote or a comment is never closed.
    """
    pieces, problems = scan(Source(text=text), dialect)
    if problems:
        raise CompileError(problems)
    return [
        text[piece.content : piece_end(text, piece, dialect)]
        for piece in pieces
        if piece.content < piece.end
    ]


def analyze_sql_graph(statements: Sequence[str], dialect: str = "duckdb") -> SQLGraph:
    """What the statements of a program read and write, and what must wait for what.

    Args:
        statements: As :func:`split_sql_statements` gives them.
        dialect: Their SQL dialect.

    Raises:
        CompileError: With every problem of the statements.
    """
    text = "\n;\n".join(statements)
    program = compile_program(text, dialect=dialect, temp_tables=TemporaryTables.NEVER)
    nodes = tuple(
        SQLNode(
            index=step.index,
            sql=step.statement.span.text if step.statement.span else "",
            reads=step.reads,
            writes=step.writes,
        )
        for step in program.steps
    )
    edges = sorted((before, step.index) for step in program.steps for before in step.waits_for)
    return SQLGraph(nodes=nodes, edges=tuple(edges))
