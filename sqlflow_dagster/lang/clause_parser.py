"""Recursive descent over a machine-learning clause, one method for each production.

Clauses may come in any order, each once (COLUMN once for each target)::

    train    := TO TRAIN estimator { WITH attributes | COLUMN columns [FOR target] | LABEL label
                                   | USING model | INTO model }
    predict  := TO PREDICT table[.column] { WITH attributes | USING model }
    evaluate := TO EVALUATE model { WITH attributes | LABEL label | INTO table }
    explain  := TO EXPLAIN model { WITH attributes | USING explainer | INTO table }
    run      := TO RUN image { CMD string, … | WITH attributes | INTO table, … }
    optimize := TO (MAXIMIZE | MINIMIZE) expression
                { CONSTRAINT expression [GROUP BY column], … | WITH attributes | USING solver
                | INTO table }
    show     := SHOW TRAIN model
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlflow_dagster.codes import Code
from sqlflow_dagster.errors import Diagnostic
from sqlflow_dagster.lang.clause_lexer import Token, TokenKind, tokenize_clause
from sqlflow_dagster.lang.expression_parser import ClauseError, ExpressionParser
from sqlflow_dagster.lang.expressions import Expression, ListExpression, Name
from sqlflow_dagster.lang.scanner import VERBS
from sqlflow_dagster.lang.statements import (
    Attribute,
    ColumnClause,
    Constraint,
    EvaluateStatement,
    ExplainStatement,
    ModelReference,
    OptimizeStatement,
    PredictStatement,
    QualifiedName,
    Query,
    QueryStatement,
    RunStatement,
    Sense,
    ShowTrainStatement,
    TrainStatement,
)
from sqlflow_dagster.source import Source, Span

__all__ = ["ClauseError", "clause_starts", "parse_clause", "parse_show_train"]

_CLAUSES = {
    "TRAIN": ("WITH", "COLUMN", "LABEL", "USING", "INTO"),
    "PREDICT": ("WITH", "USING"),
    "EVALUATE": ("WITH", "LABEL", "INTO"),
    "EXPLAIN": ("WITH", "USING", "INTO"),
    "RUN": ("CMD", "WITH", "INTO"),
    "MAXIMIZE": ("CONSTRAINT", "WITH", "USING", "INTO"),
    "MINIMIZE": ("CONSTRAINT", "WITH", "USING", "INTO"),
}
_USING_A_MODEL = frozenset({"TRAIN", "PREDICT"})
_SYNONYMS = {"OUTPUT": "LABEL"}


@dataclass(slots=True)
class _Clauses:
    """The clauses of one statement, filled in as they come.

    Attributes:
        model: What USING names where that is a model.
        tool: What it names elsewhere: an explainer, a solver.
    """

    attributes: tuple[Attribute, ...] = ()
    columns: tuple[ColumnClause, ...] = ()
    label: Expression | None = None
    model: ModelReference | None = None
    tool: Token | None = None
    into: tuple[QualifiedName, ...] = ()
    command: tuple[str, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    starts: list[tuple[str, int]] = field(default_factory=list)

    @property
    def target(self) -> QualifiedName | None:
        """What INTO names."""
        return self.into[0] if self.into else None


_LISTS = frozenset({"WITH", "COLUMN", "LABEL", "CMD", "CONSTRAINT"})


class _Parser(ExpressionParser):
    def __init__(self, tokens: list[Token]) -> None:
        super().__init__(tokens)
        self.found = _Clauses()

    def statement(self, query: Query, span: Span) -> QueryStatement:
        self.found.starts.append(("TO", self.current.span.start))
        self.accept("TO")
        verb = self.current
        productions: dict[str, Callable[[Query, Span], QueryStatement]] = {
            "TRAIN": self._train,
            "PREDICT": self._predict,
            "EVALUATE": self._evaluate,
            "EXPLAIN": self._explain,
            "RUN": self._run,
            "MAXIMIZE": self._optimize,
            "MINIMIZE": self._optimize,
        }
        if verb.keyword not in productions:
            *others, last = productions
            raise self.failure(f"{', '.join(others)} or {last} after TO", near=VERBS)
        return productions[verb.keyword](query, span)

    def show_train(self, span: Span) -> ShowTrainStatement:
        self.expect("SHOW")
        self.expect("TRAIN")
        model = self._model()
        self._end(())
        return ShowTrainStatement(model=model, span=span)

    def _train(self, query: Query, span: Span) -> TrainStatement:
        self.advance()
        estimator = self.word("the name of an estimator after TRAIN")
        clauses = self._clauses("TRAIN")
        if clauses.target is None:
            raise self.failure("INTO and the name of the model", near=_CLAUSES["TRAIN"])
        return TrainStatement(
            query=query,
            estimator=estimator.value,
            estimator_span=estimator.span,
            attributes=clauses.attributes,
            columns=clauses.columns,
            label=clauses.label,
            base_model=clauses.model,
            into=clauses.target,
            span=span,
        )

    def _predict(self, query: Query, span: Span) -> PredictStatement:
        self.advance()
        target = self.qualified_name("a table and a column, as in table.column, after PREDICT")
        clauses = self._clauses("PREDICT")
        if clauses.model is None:
            raise self.failure("USING and the name of the model", near=_CLAUSES["PREDICT"])
        *table, column = target.parts
        return PredictStatement(
            query=query,
            into=QualifiedName(
                parts=tuple(table) or (column,),
                quoted=target.quoted[: len(table) or 1],
                span=target.span,
            ),
            column=column if table else None,
            model=clauses.model,
            attributes=clauses.attributes,
            span=span,
        )

    def _evaluate(self, query: Query, span: Span) -> EvaluateStatement:
        self.advance()
        model = self._model()
        clauses = self._clauses("EVALUATE")
        return EvaluateStatement(
            query=query,
            model=model,
            attributes=clauses.attributes,
            label=clauses.label,
            into=clauses.target,
            span=span,
        )

    def _explain(self, query: Query, span: Span) -> ExplainStatement:
        self.advance()
        model = self._model()
        clauses = self._clauses("EXPLAIN")
        return ExplainStatement(
            query=query,
            model=model,
            attributes=clauses.attributes,
            explainer=clauses.tool.value if clauses.tool else None,
            explainer_span=clauses.tool.span if clauses.tool else None,
            into=clauses.target,
            span=span,
        )

    def _run(self, query: Query, span: Span) -> RunStatement:
        self.advance()
        image = self.word("the name of an image after RUN")
        clauses = self._clauses("RUN")
        return RunStatement(
            query=query,
            image=image.value,
            command=clauses.command,
            attributes=clauses.attributes,
            into=clauses.into,
            span=span,
        )

    def _optimize(self, query: Query, span: Span) -> OptimizeStatement:
        verb = self.advance().keyword
        objective = self.expression()
        clauses = self._clauses(verb)
        if not clauses.attributes:
            raise self.failure("WITH and the variables", near=_CLAUSES[verb])
        if clauses.target is None:
            raise self.failure("INTO and the name of a table", near=_CLAUSES[verb])
        return OptimizeStatement(
            query=query,
            sense=Sense(verb),
            objective=objective,
            constraints=clauses.constraints,
            attributes=clauses.attributes,
            solver=clauses.tool.value if clauses.tool else None,
            solver_span=clauses.tool.span if clauses.tool else None,
            into=clauses.target,
            span=span,
        )

    def _clauses(self, verb: str) -> _Clauses:
        allowed, found = _CLAUSES[verb], self.found
        seen: set[str] = set()
        while (word := _SYNONYMS.get(self.current.keyword, self.current.keyword)) in allowed:
            keyword = self.advance()
            found.starts.append((word, keyword.span.start))
            if word in seen and word != "COLUMN":
                message = f"{word} is given twice"
                raise ClauseError(
                    Diagnostic(code=Code.GIVEN_TWICE, message=message, span=keyword.span)
                )
            seen.add(word)
            self._clause(word, keyword, verb)
        last = found.starts[-1][0] if seen else None
        self._end(tuple(name for name in allowed if name not in seen or name == "COLUMN"), last)
        return found

    def _clause(self, word: str, keyword: Token, verb: str) -> None:
        """What follows the keyword of a clause."""
        found = self.found
        match word:
            case "WITH":
                found.attributes = self._attributes()
            case "COLUMN":
                found.columns += (self._column_clause(keyword, found.columns),)
            case "LABEL":
                labels = self.separated(self.expression)
                found.label = labels[0] if len(labels) == 1 else ListExpression(items=labels)
            case "CMD":
                found.command = self.separated(self._argument)
            case "CONSTRAINT":
                found.constraints = self.separated(self._constraint)
            case "USING" if verb in _USING_A_MODEL:
                found.model = self._model()
            case "USING":
                what = "an explainer" if verb == "EXPLAIN" else "a solver"
                found.tool = self.word(f"the name of {what} after USING")
            case _ if verb == "RUN":
                found.into = self.separated(lambda: self.qualified_name("the name of a table"))
            case _:
                found.into = (self.qualified_name("a name after INTO"),)

    def _end(self, allowed: tuple[str, ...], last: str | None = None) -> None:
        if self.current.kind is not TokenKind.END:
            wanted = f"{', '.join(allowed)} or " if allowed else ""
            hint = f"a comma separates what {last} lists" if last in _LISTS else None
            raise self.failure(f"{wanted}the end of the statement", near=allowed, hint=hint)

    def _attributes(self) -> tuple[Attribute, ...]:
        attributes = self.separated(self._attribute)
        seen: set[str] = set()
        for item in attributes:
            if item.name.lower() in seen:
                message = f"attribute {item.name!r} is given twice"
                raise ClauseError(
                    Diagnostic(code=Code.GIVEN_TWICE, message=message, span=item.span)
                )
            seen.add(item.name.lower())
        return attributes

    def _attribute(self) -> Attribute:
        name = self.word("the name of an attribute")
        self.expect("=", f"'=' after {name}")
        return Attribute(name=name.value, expression=self.expression(), span=name.span)

    def _column_clause(self, keyword: Token, earlier: tuple[ColumnClause, ...]) -> ColumnClause:
        columns = self.separated(self._column)
        target = self.word("a name after FOR").value if self.accept("FOR") else None
        if any(clause.target == target for clause in earlier):
            message = f"COLUMN … FOR {target} is given twice" if target else "COLUMN is given twice"
            hint = "name the input that each COLUMN feeds: COLUMN … FOR name"
            raise ClauseError(
                Diagnostic(code=Code.GIVEN_TWICE, message=message, span=keyword.span, hint=hint)
            )
        return ColumnClause(columns=columns, target=target, span=keyword.span)

    def _column(self) -> Expression:
        token = self.current
        if self.accept("*"):
            return Name(name="*", span=token.span)
        return self.expression()

    def _argument(self) -> str:
        if self.current.kind is not TokenKind.STRING:
            raise self.failure("a string in quotes after CMD")
        return self.advance().value

    def _constraint(self) -> Constraint:
        expression = self.expression()
        if not self.accept("GROUP"):
            return Constraint(expression=expression)
        self.expect("BY")
        column = self.qualified_name("the name of a column after GROUP BY")
        return Constraint(expression=expression, group_by=column)

    def _model(self) -> ModelReference:
        name = self.qualified_name("the name of a model")
        version = self._version() if self.accept("@") else None
        return ModelReference(name=name, version=version, span=name.span)

    def _version(self) -> int:
        wanted = "a version number after '@'"
        if not self.current.text.strip("0"):
            raise self.failure(wanted)  # the first version is 1
        return self.integer(wanted)


def parse_clause(source: Source, start: int, end: int, query: Query, span: Span) -> QueryStatement:
    """Parse ``TO TRAIN …`` and its like.

    Args:
        source: The program.
        start: Offset of TO, or of the verb in the old spelling without TO.
        end: One past the clause's last character.
        query: The SELECT before it.
        span: The whole statement.

    Raises:
        ClauseError: The text is not such a clause.
    """
    return _Parser(tokenize_clause(source, start, end)).statement(query, span)


def parse_show_train(source: Source, span: Span) -> ShowTrainStatement:
    """Parse ``SHOW TRAIN model``.

    Raises:
        ClauseError: The text is not such a statement.
    """
    return _Parser(tokenize_clause(source, span.start, span.end)).show_train(span)


def clause_starts(source: Source, start: int, end: int) -> tuple[tuple[str, int], ...]:
    """The keywords that start the clauses of ``TO TRAIN …`` and its like, with their offsets.

    The first keyword is TO, even where the old spelling leaves it out; LABEL stands for OUTPUT too.

    Raises:
        ClauseError: The text is not such a clause.
    """
    parser = _Parser(tokenize_clause(source, start, end))
    parser.statement(Query(sql=""), source.span(start, end))
    return tuple(parser.found.starts)
