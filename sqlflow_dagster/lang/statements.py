"""The statements of a program, one frozen dataclass per kind.

Equality ignores positions: two statements are equal when they mean the same.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

from sqlflow_dagster.lang.expressions import Expression, Value, expression_value
from sqlflow_dagster.source import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A SELECT of the engine, word for word.

    Attributes:
        sql: The text, without a trailing semicolon or comment; it goes to the engine verbatim.
        span: Where it stands in the program; for a generated one, the SELECT whose place it takes. None
            for one that stands in a string.
    """

    sql: str
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class QualifiedName:
    """A table or model name as written in a machine-learning clause.

    Attributes:
        parts: ``("iris", "predict")`` for ``iris.predict``; quotes removed, case kept.
        quoted: Which parts stood in quotes, where their case counts; empty where none did.
    """

    parts: tuple[str, ...]
    quoted: tuple[bool, ...] = field(default=(), compare=False, repr=False)
    span: Span | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """``name = value`` of a WITH clause."""

    name: str
    expression: Expression
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def value(self) -> Value:
        """The value as a Python object; a list is a tuple, a name its own text."""
        return expression_value(self.expression)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnClause:
    """``COLUMN a, NUMERIC(b), … [FOR target]``.

    Attributes:
        columns: What was listed.
        target: The input of the model that the columns feed; None where FOR was left out.
    """

    columns: tuple[Expression, ...]
    target: str | None = None
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReference:
    """A model in USING or EVALUATE: ``name`` or ``name@version``."""

    name: QualifiedName
    version: int | None = None
    span: Span | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return str(self.name) if self.version is None else f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlStatement:
    """A statement of the engine's own SQL, sent to it verbatim."""

    sql: str
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionStatement:
    """The statements between BEGIN and COMMIT: they run on one connection or not at all.

    Attributes:
        statements: Those of the text, and generated ones, which have no span.
        kept: The generated tables that they make of TEMP tables of the user.
    """

    statements: tuple[SqlStatement, ...]
    kept: tuple[QualifiedName, ...] = field(default=(), compare=False, repr=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainStatement:
    """``SELECT … TO TRAIN estimator [WITH …] [COLUMN …] [LABEL …] [USING model] INTO model``.

    Attributes:
        label: The label expression; None for unsupervised estimators.
        base_model: The model that training starts from.
        into: The model's name.
    """

    query: Query
    estimator: str
    into: QualifiedName
    attributes: tuple[Attribute, ...] = ()
    columns: tuple[ColumnClause, ...] = ()
    label: Expression | None = None
    base_model: ModelReference | None = None
    estimator_span: Span | None = field(default=None, compare=False, repr=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictStatement:
    """``SELECT … TO PREDICT table.column [WITH …] USING model``.

    Attributes:
        into: The table that is written.
        column: The column of it that holds the prediction; None to name it after the label.
    """

    query: Query
    into: QualifiedName
    column: str | None
    model: ModelReference
    attributes: tuple[Attribute, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateStatement:
    """``SELECT … TO EVALUATE model [WITH …] [LABEL …] [INTO table]``."""

    query: Query
    model: ModelReference
    attributes: tuple[Attribute, ...] = ()
    label: Expression | None = None
    into: QualifiedName | None = None
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainStatement:
    """``SELECT … TO EXPLAIN model [WITH …] [USING explainer] [INTO table]``."""

    query: Query
    model: ModelReference
    attributes: tuple[Attribute, ...] = ()
    explainer: str | None = None
    into: QualifiedName | None = None
    explainer_span: Span | None = field(default=None, compare=False, repr=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatement:
    """``SELECT … TO RUN image [CMD "a", "b"] [WITH …] [INTO table, …]``.

    Attributes:
        image: The container image; nobody can tell what its program does.
        command: What the image is to run.
        into: The tables that it says it writes.
    """

    query: Query
    image: str
    command: tuple[str, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    into: tuple[QualifiedName, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)


class Sense(StrEnum):
    """What an optimisation wants of its objective."""

    MAXIMIZE = "MAXIMIZE"
    MINIMIZE = "MINIMIZE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """``expression [GROUP BY column]``: it holds for the rows together, or for those of each group."""

    expression: Expression
    group_by: QualifiedName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizeStatement:
    """``SELECT … TO MAXIMIZE objective [CONSTRAINT …] WITH … [USING solver] INTO table``.

    Attributes:
        constraints: What a solution must obey.
        attributes: The variables and their type.
        solver: The name of a solver; None for the default one.
        into: The table of the solution.
    """

    query: Query
    sense: Sense
    objective: Expression
    constraints: tuple[Constraint, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    solver: str | None = None
    into: QualifiedName
    solver_span: Span | None = field(default=None, compare=False, repr=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowTrainStatement:
    """``SHOW TRAIN model``: the statement that trained it."""

    model: ModelReference
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporaryTableStatement:
    """A generated statement: compute a SELECT once into a ``sqlflow_temporary_*`` table.

    Attributes:
        setup: What runs before it on the same connection: the statements that write the TEMP table of a
            user that the SELECT reads.
        time_to_live: How long the table is there after it was made; None where that has no end.
    """

    table: QualifiedName
    query: Query
    setup: tuple[SqlStatement, ...] = ()
    # When a table is dropped is no part of what it holds.
    time_to_live: timedelta | None = field(default=None, compare=False, repr=False)
    span: Span | None = field(default=None, compare=False, repr=False)


QueryStatement: TypeAlias = (
    TrainStatement
    | PredictStatement
    | EvaluateStatement
    | ExplainStatement
    | RunStatement
    | OptimizeStatement
)
Statement: TypeAlias = (
    SqlStatement
    | TransactionStatement
    | QueryStatement
    | ShowTrainStatement
    | TemporaryTableStatement
)


def attribute(statement: QueryStatement, name: str) -> Attribute | None:
    """The attribute of a statement with this name; names are compared without case."""
    folded = name.lower()
    return next((item for item in statement.attributes if item.name.lower() == folded), None)


VALIDATION_SELECT = "validation.select"
"""The attribute that holds a SELECT: of the rows to validate on."""
