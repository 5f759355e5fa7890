"""Check every statement of a program, before anything of it runs.

The engine's parser reads each statement, and the trainers read their attributes. Then the engine goes through the
program in one transaction that is rolled back: tables are created without rows, every other statement is only
explained. So a misspelt column in the last statement is found before the first one has changed anything, even
where its table does not exist yet, and so is a feature that a model will want.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pyarrow as pa
from sqlglot import exp

from sqlflow_dagster.engines.base import Session
from sqlflow_dagster.errors import Diagnostic, StepError, TerminalError, TransientError
from sqlflow_dagster.graph.column_checks import derived_keys, key_warning
from sqlflow_dagster.graph.effects import Mode
from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
from sqlflow_dagster.graph.optimization import read_optimization
from sqlflow_dagster.graph.program import Program, Step
from sqlflow_dagster.graph.static_checks import unknown_columns
from sqlflow_dagster.lang.standard import parse_sql
from sqlflow_dagster.lang.statements import (
    OptimizeStatement,
    QueryStatement,
    RunStatement,
    SqlStatement,
    TemporaryTableStatement,
    TrainStatement,
)
from sqlflow_dagster.ml.features.columns import source_columns
from sqlflow_dagster.ml.models.model import check_inputs
from sqlflow_dagster.ml.optimize.coefficients import coefficient_query
from sqlflow_dagster.ml.training.preparation import check_statement
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.empty_tables import (
    created_from,
    define,
    filling_query,
    first_row,
    temporary_objects,
    without_rows,
)
from sqlflow_dagster.runtime.inputs import (
    allows_no_rows,
    column_types,
    no_rows,
    query_columns,
    validation_query,
)
from sqlflow_dagster.runtime.model_inputs import (
    FeaturesCallback,
    ModelInputs,
    PlannedFeatures,
    tell_nobody,
    used_model,
)
from sqlflow_dagster.runtime.refusals import refusal
from sqlflow_dagster.source import Excerpt, Span


class _Done(Exception):  # noqa: N818  # it ends a transaction, it is no error
    """Ends the transaction, so that nothing of it is kept."""


@dataclass(slots=True)
class _Rehearsal:
    """What is known so far.

    Attributes:
        prefix: The session statements in force.
        unknown: The tables whose columns nobody can tell yet: what a model writes, what an unforeseeable
            statement may have changed. Statements that read them are not checked.
        learnt_from: The tables that machine-learning statements read.
        made: What the program has written so far: here its tables have no rows. Tables that really get no
            rows do not count.
        models: What models want, as far as that is known.
        typed: Whether columns have types without rows.
        creates: Whether tables are created, since that can be undone.
        problems: By the statement they are about.
        learns: Told what each model will learn from.
    """

    session: Session
    prefix: tuple[str, ...]
    learnt_from: frozenset[ObjectRef]
    unknown: set[ObjectRef]
    typed: bool
    creates: bool
    models: ModelInputs
    problems: dict[int, list[Diagnostic]]
    learns: FeaturesCallback
    made: set[ObjectRef] = field(default_factory=set)


def rehearse(
    program: Program,
    context: RunContext,
    steps: frozenset[int] | None = None,
    *,
    made: frozenset[ObjectRef] = frozenset(),
    learns: FeaturesCallback = tell_nobody,
) -> list[Diagnostic]:
    """What stands against the statements of a program; warnings that its compile gave are left out.

    Nothing is said of the inputs of a statement that reads what a model writes, nor, where the engine cannot undo
    the creation of a table, what the program makes.

    Args:
        program: The program.
        context: The data source.
        steps: The indexes of the steps that will run; None for all.
        made: What is missing, and what programs that run before make; nothing is said of statements that
            read it.
        learns: Told what each model will learn from, where that can be told.

    Raises:
        TransientError: The data source cannot be reached or is locked.
    """
    chosen = [step for step in program.steps if steps is None or step.index in steps]
    if not chosen:
        return []
    models = ModelInputs.stored(chosen, context)
    problems: dict[int, list[Diagnostic]] = {}
    for datasource in dict.fromkeys(step.datasource for step in chosen):
        there = [step for step in chosen if step.datasource == datasource]
        known = ModelInputs(dict(models.sources))
        known.forget(_trained_elsewhere(chosen, datasource))
        _rehearse_on(there, context.on(datasource), known, problems, made=made, learns=learns)
    said = set(program.diagnostics)
    return [item for _, found in sorted(problems.items()) for item in found if item not in said]


def _rehearse_on(
    chosen: Sequence[Step],
    context: RunContext,
    models: ModelInputs,
    problems: dict[int, list[Diagnostic]],
    *,
    made: frozenset[ObjectRef],
    learns: FeaturesCallback,
) -> None:
    """Check the statements of one data source."""
    with _session_before(chosen[0], context) as session:
        for step in chosen:
            if refused := refusal(step, session, context):
                problems[step.index] = [refused]
        rehearsal = _Rehearsal(
            session=session,
            prefix=chosen[0].settings,
            learnt_from=frozenset(
                ref
                for step in chosen
                if isinstance(step.statement, QueryStatement)
                for ref in step.reads
            ),
            unknown=set(made),
            typed=context.engine.typed_columns,
            creates=context.engine.transactional_ddl,
            models=models,
            problems=problems,
            learns=learns,
        )
        _rehearse_all(chosen, rehearsal)


def _trained_elsewhere(steps: Sequence[Step], datasource: str) -> frozenset[ObjectRef]:
    """The models that statements of other data sources train: what they will want is told when they run."""
    return frozenset(
        ref
        for step in steps
        if step.datasource != datasource
        for ref in step.writes
        if ref.kind is ObjectKind.MODEL
    )


@contextmanager
def _session_before(step: Step, context: RunContext) -> Iterator[Session]:
    """A session as a step finds it; what its USE and SET are refused for has their place."""
    with ExitStack() as stack:
        try:
            session = stack.enter_context(context.engine.session(prefix=step.settings))
        except StepError as error:
            raise error.at(step.statement.span) from error
        yield session


def _rehearse_all(steps: Sequence[Step], rehearsal: _Rehearsal) -> None:
    try:
        with rehearsal.session.transaction():
            for step in steps:
                if step.effects.barrier or not _session_goes_on(step, rehearsal):
                    break
                if step.index in rehearsal.problems:
                    _forget_refused(step, rehearsal)
                else:
                    _check(step, rehearsal)
                if _gets_no_rows(step, rehearsal):
                    rehearsal.made -= step.writes
                else:
                    rehearsal.made |= step.writes
            raise _Done
    except _Done:
        return


_SETTING = re.compile(r"(?:USE|SET)\b", re.IGNORECASE)
_DATA_DECIDES = re.compile(r"\b(?:UN)?PIVOT\b", re.IGNORECASE)
_ANEW = frozenset({Mode.CREATE, Mode.REPLACE})


def _session_goes_on(step: Step, rehearsal: _Rehearsal) -> bool:
    """Run the USE and SET that stand before a statement; False where that cannot be done."""
    before = len(rehearsal.prefix)
    if step.settings[:before] != rehearsal.prefix:
        return False
    for sql in step.settings[before:]:
        if not _SETTING.match(sql):
            return False  # An ATTACH may make a file.
        try:
            rehearsal.session.execute(sql)
        except TerminalError as error:
            error.excerpt = Excerpt(text=sql, in_session=True)
            rehearsal.problems[step.index] = [error.at(step.statement.span).diagnostic]
            return False
    rehearsal.prefix = step.settings
    return True


def _forget(step: Step, rehearsal: _Rehearsal) -> None:
    """Nobody knows any more what a statement's tables and models look like."""
    rehearsal.unknown |= {ref for ref in step.writes if ref.kind is not ObjectKind.MODEL}
    rehearsal.models.forget(step.writes)


def _forget_refused(step: Step, rehearsal: _Rehearsal) -> None:
    """The same for a statement that is refused; one that only writes rows would leave the columns that there are."""
    match step.statement:
        case SqlStatement(sql=sql) if isinstance(parse_sql(sql, step.names.dialect), exp.DML):
            return
        case _:
            _forget(step, rehearsal)


def _cannot_tell(step: Step, rehearsal: _Rehearsal) -> bool:
    """Whether the columns that a statement sees or makes depend on what nobody knows yet."""
    changed = {write.ref for write in step.effects.writes if write.mode not in _ANEW}
    if step.effects.loose or (step.reads | changed) & rehearsal.unknown:
        return True
    # Its table would have to be there while it is made anew.
    if step.reads & step.writes:
        return True
    # A pivot names its columns after values, and the tables of a rehearsal have no rows.
    statement = step.statement
    text = statement.span.text if statement.span is not None else ""
    return _DATA_DECIDES.search(text) is not None


def _check(step: Step, rehearsal: _Rehearsal) -> None:
    if _cannot_tell(step, rehearsal):
        _forget(step, rehearsal)
        return
    rehearsal.unknown -= step.writes
    try:
        session = rehearsal.session
        if not rehearsal.creates:
            _check_without_creating(step, rehearsal)
            return
        # The inner attempt, so that temporary objects can be dropped; the outer one for their making.
        with session.attempt(), temporary_objects(step, session), session.attempt():
            _check_statement(step, rehearsal)
    except TransientError:
        raise
    except StepError as error:
        rehearsal.problems[step.index] = [error.at(_place(step)).diagnostic]
        _forget_refused(step, rehearsal)


def _check_without_creating(step: Step, rehearsal: _Rehearsal) -> None:
    """Check a statement against the tables that are there, where nothing can be created for a while."""
    session, dialect = rehearsal.session, step.names.dialect
    match step.statement:
        case _ if step.views:
            _forget(step, rehearsal)
        case SqlStatement(sql=sql):
            tree = parse_sql(sql, dialect)
            if not isinstance(tree, exp.Create | exp.Drop | exp.Alter):
                _check_sql(step, sql, rehearsal)
                return
            _forget(step, rehearsal)
            query = created_from(sql, dialect) if isinstance(tree.expression, exp.Query) else None
            if query is not None:
                session.describe(query)
        case TemporaryTableStatement(query=query, setup=setup):
            _forget(step, rehearsal)
            if not setup:
                session.describe(query.sql)
        case _:
            _check_statement(step, rehearsal)


def _check_statement(step: Step, rehearsal: _Rehearsal) -> None:
    match step.statement:
        case SqlStatement(sql=sql):
            _check_sql(step, sql, rehearsal)
        case TemporaryTableStatement(table=table, query=query):
            rehearsal.session.create_table_as(table.parts, without_rows(query.sql))
        case statement if isinstance(statement, QueryStatement):
            _forget(step, rehearsal)
            _check_query(step, statement, rehearsal)
        case _:
            _forget(step, rehearsal)


def _check_query(step: Step, statement: QueryStatement, rehearsal: _Rehearsal) -> None:
    """Check a machine-learning statement against the columns of its SELECT."""
    columns = query_columns(rehearsal.session, statement.query)
    unknown = unknown_columns(statement, [column.name for column in columns])
    if unknown:
        rehearsal.problems[step.index] = unknown
        return
    knows_rows = _knows_rows(step, rehearsal)
    wants_rows = not allows_no_rows(statement) and not isinstance(statement, RunStatement)
    select = validation_query(statement)
    if select is not None:
        query_columns(rehearsal.session, select)
    for query in filter(None, (statement.query, select)):
        if wants_rows and knows_rows and rehearsal.session.count(first_row(query.sql)) == 0:
            raise no_rows(query, statement)
    typed = knows_rows or rehearsal.typed
    types = column_types(columns) if typed else [(column.name, pa.null()) for column in columns]
    model = used_model(step)
    wanted = rehearsal.models.of(model)
    if wanted is not None:
        check_inputs(wanted, types, span=statement.query.span)
    if isinstance(statement, OptimizeStatement) and typed:
        optimization = read_optimization(statement)
        coefficient_query(statement.query.sql, optimization, columns, step.names.dialect)
    if isinstance(statement, TrainStatement) and typed:
        treatments = check_statement(statement, types)
        learnt = source_columns(treatments)
        rehearsal.learns(PlannedFeatures.of(statement, treatments))
        # A model that goes on from another one keeps its features.
        sources = learnt if model is None else wanted
        if sources is not None:
            rehearsal.models.learn(statement.into, sources)
        # Which columns a * stands for is known only here.
        if keys := derived_keys(statement, [item.column for item in learnt]):
            rehearsal.problems[step.index] = [key_warning(statement, keys)]


def _knows_rows(step: Step, rehearsal: _Rehearsal) -> bool:
    """Whether the tables that a statement reads have the rows that they will have when it runs."""
    return not any(ref in rehearsal.made for ref in step.reads if ref.kind is ObjectKind.TABLE)


def _gets_no_rows(step: Step, rehearsal: _Rehearsal) -> bool:
    """Whether a quick look tells that a table, from which something is to be learnt, gets no rows."""
    modes = {write.mode for write in step.effects.writes}
    if not step.writes & rehearsal.learnt_from or not modes <= _ANEW:
        return False
    if step.writes & rehearsal.unknown or not _knows_rows(step, rehearsal):
        return False
    query = filling_query(step)
    return query is not None and rehearsal.session.count(first_row(query)) == 0


def _place(step: Step) -> Span | None:
    statement = step.statement
    if isinstance(statement, QueryStatement | TemporaryTableStatement):
        return statement.query.span or statement.span
    return statement.span


def _check_sql(step: Step, sql: str, rehearsal: _Rehearsal) -> None:
    session = rehearsal.session
    tree = parse_sql(sql, step.names.dialect)
    match tree:
        case exp.Create() if tree.args.get("kind") in {"TABLE", "VIEW", "SCHEMA"}:
            define(step, sql, tree, session)
        case exp.Drop() | exp.Alter():
            session.execute(sql)
        case exp.Query() | exp.Insert() | exp.Update() | exp.Delete() | exp.Merge():
            session.execute(f"EXPLAIN {sql}")
        case _:
            _forget(step, rehearsal)
