"""From pieces of text to statements with their effects.

The session statements (USE, SET) of a program become the prefix of the statements after them; what stands
between BEGIN and COMMIT becomes one statement.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic, Severity
from sqlflow_dagster.graph.annotations import (
    NO_ANNOTATIONS,
    Annotations,
    annotations,
    declared_effects,
    refuse_declarations,
)
from sqlflow_dagster.graph.effects import Effects, Mode, Write, merged_effects, names_after
from sqlflow_dagster.graph.judge import judge, refused
from sqlflow_dagster.graph.keyword_effects import keyword_effects, set_effects
from sqlflow_dagster.graph.loose import loose_effects
from sqlflow_dagster.graph.objects import Names, ObjectRef, model_ref
from sqlflow_dagster.graph.procedures import Procedures
from sqlflow_dagster.graph.queries import UNKNOWN_SHAPE, QueryShape, query_shape
from sqlflow_dagster.graph.resources import ANNOTATION
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
    EvaluateStatement,
    ExplainStatement,
    OptimizeStatement,
    PredictStatement,
    QualifiedName,
    Query,
    QueryStatement,
    RunStatement,
    SqlStatement,
    Statement,
    TemporaryTableStatement,
    TrainStatement,
    TransactionStatement,
    attribute,
)
from sqlflow_dagster.source import Source, Span

VALIDATION_SELECT = "validation.select"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzedQuery:
    """A SELECT of a machine-learning statement with what is known of it.

    Attributes:
        query: The SELECT.
        reads: What it reads.
        shape: How complex it is and what it gives.
    """

    query: Query
    reads: frozenset[ObjectRef]
    shape: QueryShape = UNKNOWN_SHAPE


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzedStatement:
    """A statement with its effects, before it becomes a step.

    Attributes:
        statement: The statement.
        effects: What it reads and writes.
        names: How its names are resolved.
        prefix: The session statements in force.
        views: Those of ``prefix`` that stand for TEMP tables and views.
        query: Its SELECT; None for a statement without one.
        validation: Its ``validation.select``; None without one.
        temporary_tables: The generated tables that it reads.
        annotations: What the comments above it say of it.
        parts: What each statement of a transaction reads and writes; empty for any other statement.
    """

    statement: Statement
    effects: Effects
    names: Names
    prefix: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    query: AnalyzedQuery | None = None
    validation: AnalyzedQuery | None = None
    temporary_tables: tuple[TemporaryTableStatement, ...] = ()
    annotations: Annotations = NO_ANNOTATIONS
    parts: tuple[Effects, ...] = ()


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
    """The state of one walk over the pieces of a program."""

    source: Source
    names: Names
    parser: ExternalParser | None = None
    prefix: tuple[str, ...] = ()
    prefix_reads: frozenset[ObjectRef] = frozenset()
    annotated: bool = False
    given_names: set[str] = field(default_factory=set)
    transaction: _Transaction | None = None
    procedures: Procedures = field(default_factory=Procedures)
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
) -> tuple[list[AnalyzedStatement], list[Diagnostic]]:
    """The statements of a program with what they read and write.

    Every piece is looked at, so that one compile reports every bad statement.

    Args:
        source: The program.
        pieces: Its text cut at semicolons.
        names: How names are resolved at the start of the program.
        whole: Whether the pieces reach to the program's end.
        parser: Decides what is SQL; None for the engine itself, later.
    """
    state = _Analysis(
        source=source,
        names=names,
        parser=parser,
        annotated=ANNOTATION.search(source.text) is not None,
    )
    for piece in pieces:
        if piece.content < piece.end:
            end = piece_end(source.text, piece, names.dialect)
            try:
                _statement(source.span(piece.content, end), piece, state)
            except ClauseError as error:
                state.problems.append(error.diagnostic)
    if whole and state.transaction is not None:
        message = "this transaction is never closed"
        span = state.transaction.start
        state.problems.append(
            Diagnostic(code=Code.TRANSACTION, message=message, span=span, hint="end it with COMMIT")
        )
    return state.found, state.problems


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
    _refuse_misplaced_clause(span, state)
    return _plain_statement(span, state)


def _plain_statement(span: Span, state: _Analysis) -> None:
    sql = span.text
    effects = (
        declared_effects(span, state.names)
        or keyword_effects(sql)
        or _parsed_effects(sql, state.names)
    )
    if isinstance(effects, Rejection):
        late = late_clause(span, state.names.dialect)
        if late is not None:
            return _query_statement(span, late, state)
    effects = _judged(effects, sql, span, "", state)
    if effects.barrier:
        effects = state.procedures.called(sql, state.names) or effects
    return _sql_statement(SqlStatement(sql=sql, span=span), effects, state)


def _parsed_effects(sql: str, names: Names) -> Effects | Rejection:
    tree = parse_sql(sql, names.dialect)
    if isinstance(tree, Rejection):
        return set_effects(sql, None, names) or tree
    parsed = sql_effects(tree, names)
    return set_effects(sql, parsed, names) or parsed


def _judged(
    found: Effects | Rejection, sql: str, place: Span, what: str, state: _Analysis
) -> Effects:
    """What a statement does: by the parser configured, the built-in one, or else its keywords.

    Args:
        found: What the built-in parser says.
        sql: The statement.
        place: Where it stands, or what its text was taken out of.
        what: What messages call it, with a verb.
        state: Gets the problems.
    """
    if state.parser is not None:
        verdict = judge(state.parser, sql, state.names)
        if verdict.rejection is not None:
            at = _within(place, sql, verdict.rejection)
            state.problems.append(refused(verdict.rejection, at, what))
            return Effects(barrier=True)
        if verdict.effects and (isinstance(found, Rejection) or found.barrier):
            return verdict.effects
    if not isinstance(found, Rejection):
        return found
    message = f"{what}not understood, sent to the engine as it is: {found.message}"
    hint = "its tables were guessed from its keywords"
    warning = Diagnostic(
        code=Code.NOT_UNDERSTOOD,
        message=message,
        span=_within(place, sql, found),
        hint=hint,
        severity=Severity.WARNING,
    )
    state.problems.append(warning)
    return loose_effects(sql, state.names)


def _within(place: Span, sql: str, rejection: Rejection) -> Span:
    """Where a statement is rejected; all of its place where that holds it as a quoted text."""
    if place.text != sql:
        return place
    return place.source.span(place.start + rejection.start, place.start + rejection.end)


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
    effects = _model_effects(statement, state.names)
    reads = effects.reads | analyzed.reads | (validation.reads if validation else frozenset())
    return state.add(
        statement, replace(effects, reads=reads), query=analyzed, validation=validation
    )


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
    reads = _judged(found, query.sql, place, what, state).reads
    return AnalyzedQuery(query=query, reads=reads, shape=shape)


def _model_effects(statement: QueryStatement, names: Names) -> Effects:
    """What the clause of a statement reads and writes, its SELECT left out."""
    match statement:
        case TrainStatement(into=into, base_model=base):
            reads = frozenset({model_ref(base.name.parts)} if base else ())
            return Effects(reads=reads, writes=_replaces(model_ref(into.parts)))
        case PredictStatement(into=into, model=model):
            reads = frozenset({model_ref(model.name.parts)})
            return Effects(reads=reads, writes=_replaces(names.table(into.parts)))
        case EvaluateStatement(into=into, model=model) | ExplainStatement(into=into, model=model):
            reads = frozenset({model_ref(model.name.parts)})
            return Effects(reads=reads, writes=_table_written(into, names))
        case RunStatement(into=tables):
            writes = tuple(Write(ref=names.table(item.parts), mode=Mode.REPLACE) for item in tables)
            # Without INTO nobody can tell what the image does.
            return Effects(writes=writes, barrier=not writes)
        case OptimizeStatement(into=into):
            return Effects(writes=_replaces(names.table(into.parts)))


def _replaces(ref: ObjectRef) -> tuple[Write, ...]:
    return (Write(ref=ref, mode=Mode.REPLACE),)


def _table_written(into: QualifiedName | None, names: Names) -> tuple[Write, ...]:
    return () if into is None else _replaces(names.table(into.parts))
