"""From pieces of text to statements with their effects.

The session statements (USE, SET) of a program become the prefix of the statements after them; what stands
between BEGIN and COMMIT becomes one statement.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic
from sqlflow_dagster.graph.analyzed import AnalyzedQuery, AnalyzedStatement
from sqlflow_dagster.graph.annotations import (
    NO_ANNOTATIONS,
    annotations,
    declared_effects,
    refuse_declarations,
)
from sqlflow_dagster.graph.clause_effects import clause_effects
from sqlflow_dagster.graph.datasources import ProgramDatasources
from sqlflow_dagster.graph.effects import Effects, merged_effects, names_after
from sqlflow_dagster.graph.functions import Functions
from sqlflow_dagster.graph.judge import judged
from sqlflow_dagster.graph.keyword_effects import keyword_effects, set_effects
from sqlflow_dagster.graph.known_columns import KnownColumns
from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE, Names, ObjectRef, model_ref
from sqlflow_dagster.graph.procedures import Procedures, block_effects
from sqlflow_dagster.graph.queries import UNKNOWN_SHAPE, query_shape
from sqlflow_dagster.graph.resources import ANNOTATION
from sqlflow_dagster.graph.sequences import Sequences, takes_numbers
from sqlflow_dagster.graph.sql_effects import sql_effects
from sqlflow_dagster.lang.clause_parser import ClauseError, parse_clause, parse_show_train
from sqlflow_dagster.lang.clause_search import clause_after, is_sql, late_clause, needs_a_name
from sqlflow_dagster.lang.parsers import ExternalParser
from sqlflow_dagster.lang.scanner import (
    CLAUSE_START,
    QUERY_START,
    VERBS,
    Piece,
    clause_candidates,
    piece_end,
    show_train_starts,
)
from sqlflow_dagster.lang.sql_text import content_end
from sqlflow_dagster.lang.standard import Rejection, parse_sql
from sqlflow_dagster.lang.statements import (
    VALIDATION_SELECT,
    Query,
    SqlStatement,
    Statement,
    TransactionStatement,
    attribute,
)
from sqlflow_dagster.source import Source, Span


@dataclass(slots=True, kw_only=True)
class _Transaction:
    """The statements since a BEGIN, and how names are resolved there."""

    start: Span
    prefix: tuple[str, ...]
    names: Names
    statements: list[SqlStatement] = field(default_factory=list)
    effects: list[Effects] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Analysis:
    """The state of one walk over the pieces of a program that are for one data source.

    What is found of them all goes into the same lists, in the order of the text.
    Whether there are annotations and words of clauses at all is found once: most programs have neither, and then
    no statement need be searched for them.
    """

    source: Source
    names: Names
    parser: ExternalParser | None = None
    prefix: tuple[str, ...] = ()
    prefix_reads: frozenset[ObjectRef] = frozenset()
    annotated: bool
    clauses: bool
    given_names: set[str] = field(default_factory=set)
    transaction: _Transaction | None = None
    procedures: Procedures = field(default_factory=Procedures)
    functions: Functions = field(default_factory=Functions)
    columns: KnownColumns = field(default_factory=KnownColumns)
    sequences: Sequences
    found: list[AnalyzedStatement] = field(default_factory=list)
    problems: list[Diagnostic] = field(default_factory=list)

    def add(
        self,
        statement: Statement,
        effects: Effects,
        *,
        transaction: _Transaction | None = None,
        query: AnalyzedQuery | None = None,
        validation: AnalyzedQuery | None = None,
    ) -> None:
        if self.prefix_reads:
            effects = replace(effects, reads=effects.reads | self.prefix_reads)
        said = NO_ANNOTATIONS
        if self.annotated and statement.span is not None:
            said = annotations(statement.span, effects, self.given_names)
            self.given_names |= {said.name} if said.name is not None else set()
        self.found.append(
            AnalyzedStatement(
                statement=statement,
                effects=effects,
                names=(transaction or self).names,
                prefix=(transaction or self).prefix,
                query=query,
                validation=validation,
                annotations=said,
                parts=() if transaction is None else tuple(transaction.effects),
            )
        )


def analyze(
    source: Source,
    pieces: Sequence[Piece],
    names: Names,
    *,
    whole: bool = True,
    parser: ExternalParser | None = None,
    datasources: ProgramDatasources | None = None,
) -> tuple[list[AnalyzedStatement], list[Diagnostic]]:
    """The statements of a program with what they read and write.

    Every piece is looked at, so that one compile reports every bad statement.

    Args:
        source: The program.
        pieces: Its text cut at semicolons.
        names: How names are resolved at the start of the program.
        whole: Whether the pieces reach to the program's end.
        parser: Decides what is SQL; None for the engine itself, later.
        datasources: Those that statements may name; None to take every statement as one of the program's.
    """
    state = _Analysis(
        source=source,
        names=names,
        parser=parser,
        annotated=ANNOTATION.search(source.text) is not None,
        clauses=_CLAUSE_WORDS.search(source.text) is not None,
        sequences=Sequences(used=takes_numbers(source.text)),
    )
    states = {names.datasource: state}
    for piece in pieces:
        if piece.content < piece.end:
            try:
                here = _state_at(source.span(piece.content, piece.end), state, states, datasources)
                end = piece_end(source.text, piece, here.names.dialect)
                _statement(source.span(piece.content, end), piece, here)
            except ClauseError as error:
                state.problems.append(error.diagnostic)
    if whole:
        state.problems += (_never_closed(item) for item in states.values() if item.transaction)
    return state.found, state.problems


def _state_at(
    statement: Span,
    first: _Analysis,
    states: dict[str, _Analysis],
    datasources: ProgramDatasources | None,
) -> _Analysis:
    """The state of the data source that a statement is for.

    Raises:
        ClauseError: There is no such data source.
    """
    if datasources is None:
        return first
    name = datasources.at(statement)
    if name not in states:
        declared = datasources.declared(statement)
        if declared is not None and (problem := datasources.unknown(declared)):
            raise ClauseError(problem)
        states[name] = replace(
            first,
            names=datasources.names[name],
            prefix=(),
            prefix_reads=frozenset(),
            transaction=None,
            procedures=Procedures(),
            functions=Functions(),
        )
    return states[name]


def _never_closed(state: _Analysis) -> Diagnostic:
    assert state.transaction is not None
    hint = "end it with COMMIT"
    if state.names.datasource != DEFAULT_DATASOURCE:
        hint += f"; above it, too, write -- sqlflow: datasource={state.names.datasource}"
    return Diagnostic(
        code=Code.TRANSACTION,
        message="this transaction is never closed",
        span=state.transaction.start,
        hint=hint,
    )


def _statement(span: Span, piece: Piece, state: _Analysis) -> None:
    if piece.clause is not None:
        refuse_declarations(span, state.names)
        return _query_statement(span, piece.clause, state)
    if show_train_starts(state.source.text, span.start):
        refuse_declarations(span, state.names)
        show = parse_show_train(state.source, span)
        _refuse_in_transaction(show.span, state)
        reads = frozenset({model_ref(show.model.name.parts)})
        return state.add(show, Effects(reads=reads))
    if state.clauses:
        _refuse_misplaced_clause(span, state)
    return _plain_statement(span, state)


def _plain_statement(span: Span, state: _Analysis) -> None:
    sql = span.text
    tree: exp.Expression | Rejection | None = None
    found: Effects | Rejection | None = (
        (declared_effects(span, state.names) if state.annotated else None)
        or keyword_effects(sql)
        or block_effects(sql, state.names)
    )
    if found is None:
        tree = parse_sql(sql, state.names.dialect)
        found = _parsed_effects(sql, tree, state.names)
    if isinstance(found, Rejection):
        late = late_clause(span, state.names.dialect)
        if late is not None:
            return _query_statement(span, late, state)
    effects = _judged(found, sql, span, "", state)
    if isinstance(tree, exp.Expression):
        state.problems += state.columns.follow(tree, effects, state.names, span)
    else:
        state.columns.forget(effects, span)
    if effects.barrier:
        effects = state.procedures.called(sql, state.names) or effects
        state.functions.learn(sql, state.names)
    effects = state.sequences.taken(sql, state.functions.called(sql, effects), state.names)
    return _sql_statement(SqlStatement(sql=sql, span=span), effects, state)


def _parsed_effects(
    sql: str, tree: exp.Expression | Rejection, names: Names
) -> Effects | Rejection:
    if isinstance(tree, Rejection):
        return set_effects(sql, None, names) or tree
    parsed = sql_effects(tree, names)
    return set_effects(sql, parsed, names) or parsed


def _judged(
    found: Effects | Rejection, sql: str, place: Span, what: str, state: _Analysis
) -> Effects:
    effects, problem = judged(found, sql, place, what, parser=state.parser, names=state.names)
    if problem is not None:
        state.problems.append(problem)
    return effects


_CLAUSE_WORDS = re.compile(rf"\bTO\s+(?:{'|'.join(VERBS)})\b", re.IGNORECASE)


def _refuse_misplaced_clause(span: Span, state: _Analysis) -> None:
    """A machine-learning clause follows a SELECT and nothing else.

    Raises:
        ClauseError: It ends another kind of statement, such as CREATE TABLE … AS SELECT … TO TRAIN ….
    """
    source, dialect = state.source, state.names.dialect
    if QUERY_START.match(source.text, span.start) or not _CLAUSE_WORDS.search(span.text):
        return
    for start, word, spelt_with_to in clause_candidates(source.text, span.start, span.end, dialect):
        if spelt_with_to and CLAUSE_START.match(source.text, start + len("TO")):
            first = span.text.split(maxsplit=1)[0].upper()
            raise ClauseError(
                Diagnostic(
                    code=Code.MISPLACED_CLAUSE,
                    message=f"TO {word.upper()} must follow a SELECT, "
                    f"this statement starts with {first}",
                    span=source.span(start, start + len("TO")),
                    hint="make two statements of it",
                )
            )


def _sql_statement(statement: SqlStatement, effects: Effects, state: _Analysis) -> None:
    if effects.transaction is not None:
        return _transaction_edge(statement, effects.transaction, state)
    if effects.session:
        # It runs again before every statement after it, and reads again what it reads.
        state.prefix += (statement.sql,)
        state.prefix_reads |= effects.reads
    if state.transaction is not None:
        state.transaction.statements.append(statement)
        state.transaction.effects.append(effects)
    elif not effects.session:
        state.add(statement, effects)
    state.names = names_after(state.names, effects)
    return None


def _transaction_edge(statement: SqlStatement, edge: str, state: _Analysis) -> None:
    span = statement.span
    assert span is not None
    transaction, state.transaction = state.transaction, None
    if edge == "begin":
        if transaction is not None:
            message = "this transaction is opened inside another one"
            state.problems.append(
                Diagnostic(
                    code=Code.TRANSACTION, message=message, span=span, hint="COMMIT comes first"
                )
            )
        state.transaction = _Transaction(start=span, prefix=state.prefix, names=state.names)
    elif transaction is not None and edge == "rollback":
        message = "ROLLBACK undoes every statement since BEGIN, so none of them has an effect"
        hint = "end the transaction with COMMIT, or leave its statements out"
        state.problems.append(
            Diagnostic(code=Code.TRANSACTION, message=message, span=span, hint=hint)
        )
    elif transaction is not None and transaction.statements:
        merged = TransactionStatement(
            statements=tuple(transaction.statements),
            span=state.source.span(transaction.start.start, span.end),
        )
        state.add(merged, merged_effects(transaction.effects), transaction=transaction)


def _refuse_in_transaction(span: Span | None, state: _Analysis) -> None:
    if state.transaction is not None:
        message = "a machine-learning statement cannot stand between BEGIN and COMMIT"
        hint = f"COMMIT the transaction of line {state.transaction.start.line} before it"
        raise ClauseError(Diagnostic(code=Code.TRANSACTION, message=message, span=span, hint=hint))


def _query_statement(span: Span, clause: int, state: _Analysis) -> None:
    source, dialect = state.source, state.names.dialect
    query_end = content_end(source.text, span.start, clause, dialect)
    query_span = source.span(span.start, query_end)
    query = Query(sql=query_span.text, span=query_span)
    try:
        statement = parse_clause(source, clause, span.end, query, span)
    except ClauseError:
        if not is_sql(span, dialect):
            raise
        # A name that looks like the start of a clause: SELECT to maximize FROM t.
        return _plain_statement(span, state)
    _refuse_in_transaction(source.span(clause, span.end), state)
    tree = parse_sql(query.sql, dialect)
    if isinstance(tree, Rejection) or needs_a_name(query.sql):
        later = clause_after(span, clause, dialect)
        if later is not None:
            return _query_statement(span, later, state)
    analyzed = _query(query, tree, query_span, "the SELECT is ", state)
    validation = None
    select = attribute(statement, VALIDATION_SELECT)
    if select is not None and select.span is not None:
        if not isinstance(select.value, str):
            message = f"{VALIDATION_SELECT} must be a SELECT in quotes"
            raise ClauseError(Diagnostic(code=Code.SYNTAX_ERROR, message=message, span=select.span))
        text = _without_end(select.value, dialect)
        tree = parse_sql(text, dialect)
        validation = _query(Query(sql=text), tree, select.span, f"{VALIDATION_SELECT} is ", state)
    effects = clause_effects(statement, state.names)
    state.columns.forget(effects, span)
    reads = effects.reads | analyzed.reads | (validation.reads if validation else frozenset())
    effects = state.sequences.taken(query.sql, replace(effects, reads=reads), state.names)
    return state.add(statement, effects, query=analyzed, validation=validation)


def _without_end(sql: str, dialect: str) -> str:
    """A SELECT given as a string, without the semicolon and comments at its end."""
    return sql[: content_end(sql, 0, len(sql), dialect)].rstrip("; \n").strip()


def _query(
    query: Query, tree: exp.Expression | Rejection, place: Span, what: str, state: _Analysis
) -> AnalyzedQuery:
    found: Effects | Rejection
    if isinstance(tree, Rejection):
        found, shape = tree, UNKNOWN_SHAPE
    else:
        found, shape = sql_effects(tree, state.names), query_shape(tree)
    effects = _judged(found, query.sql, place, what, state)
    if shape.complex and not isinstance(tree, Rejection) and place.text == query.sql:
        state.problems += state.columns.follow(tree, effects, state.names, place)
    reads = state.functions.called(query.sql, effects).reads
    return AnalyzedQuery(query=query, reads=reads, shape=shape)
