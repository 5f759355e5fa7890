"""Make steps of the statements of a program: their names and code versions."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace

from sqlflow_dagster.graph.analyzed import AnalyzedStatement
from sqlflow_dagster.graph.dependencies import Waits
from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE
from sqlflow_dagster.graph.program import Step
from sqlflow_dagster.lang.scanner import content_start
from sqlflow_dagster.lang.sql_text import normalized_sql
from sqlflow_dagster.lang.statements import (
    EvaluateStatement,
    ExplainStatement,
    OptimizeStatement,
    PredictStatement,
    QualifiedName,
    Query,
    RunStatement,
    ShowTrainStatement,
    SqlStatement,
    Statement,
    TemporaryTableStatement,
    TrainStatement,
    TransactionStatement,
)

_LETTER = re.compile(r"[^\W\x00-\x7f]")
"""A letter or digit that a name cannot have."""
_UNSAFE = re.compile(r"[^a-z0-9]+")
_VERB = re.compile(r"[A-Za-z]+")
_WHERE_AND_WHEN = ("resources.", "retrain.")


def make_steps(statements: Sequence[AnalyzedStatement], waits: Sequence[Waits]) -> list[Step]:
    """The steps of a program.

    Args:
        statements: Its statements, generated ones included.
        waits: What each of them waits for, index by index.
    """
    given = [item.annotations.name for item in statements]
    names = _unique(_names([_words(item) for item in statements]), given)
    steps: list[Step] = []
    makers: dict[QualifiedName, Step] = {}
    for index, item in enumerate(statements):
        step = Step(
            index=index,
            name=names[index],
            statement=item.statement,
            effects=item.effects,
            waits_for=waits[index].all,
            prefix=item.prefix,
            views=item.views,
            temporary_tables=tuple(makers[table.table] for table in item.temporary_tables),
            names=item.names,
            code_version=_code_version(item),
            stable=item.annotations.stable,
        )
        steps.append(step)
        if isinstance(item.statement, TemporaryTableStatement):
            makers[item.statement.table] = step
    return steps


def _unique(names: Sequence[str], given: Sequence[str | None]) -> list[str]:
    """The names, later ones numbered where they repeat; no number makes another statement's name.

    Args:
        names: By what the statements do.
        given: Those that were given to them, no two of which are equal.
    """
    taken = {name for name in given if name is not None}
    real = set(names)
    numbers: dict[str, int] = {}
    found = []
    for name, own in zip(names, given, strict=True):
        if own is not None:
            found.append(own)
            continue
        unique = name
        while unique in taken or (unique != name and unique in real):
            numbers[name] = numbers.get(name, 1) + 1
            unique = f"{name}_{numbers[name]}"
        taken.add(unique)
        found.append(unique)
    return found


def _names(words: Sequence[tuple[str, ...]]) -> list[str]:
    """What statements do, as names of letters, digits and underscores.

    A short hash keeps apart what would have one name: no number would, as it would be another one's after an edit.
    """
    folded = [tuple(word.lower() for word in item) for item in words]
    found = [
        f"{_safe(item)}_{_digest(item)}" if any(map(_LETTER.search, item)) else _safe(item)
        for item in folded
    ]
    meanings: dict[str, set[tuple[str, ...]]] = {}
    for name, item in zip(found, folded, strict=True):
        meanings.setdefault(name, set()).add(item)
    return [
        f"{name}_{_digest(item)}" if len(meanings[name]) > 1 else name
        for name, item in zip(found, folded, strict=True)
    ]


def _safe(words: tuple[str, ...]) -> str:
    safe = _UNSAFE.sub("_", "_".join(words)).strip("_")
    return safe if safe[:1].isalpha() else f"step_{safe}".rstrip("_")


def _digest(words: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:6]


def _words(item: AnalyzedStatement) -> tuple[str, ...]:
    """What a statement does, and to what; the data source stands before a name that is not of the default one."""
    verb, *about = _verb_and_object(item)
    datasource = item.names.datasource
    if datasource == DEFAULT_DATASOURCE or isinstance(item.statement, TrainStatement):
        return (verb, *about)
    if isinstance(item.statement, TemporaryTableStatement):
        return (datasource, verb, *about)
    return (verb, datasource, *about)


def _verb_and_object(item: AnalyzedStatement) -> tuple[str, ...]:
    match item.statement:
        case TrainStatement(into=into):
            return ("train", *into.parts)
        case PredictStatement(into=into):
            return ("predict", *into.parts)
        case EvaluateStatement(model=model, into=into):
            return ("evaluate", *(into or model.name).parts)
        case ExplainStatement(model=model, into=into):
            return ("explain", *(into or model.name).parts)
        case RunStatement(image=image, into=tables):
            return ("run", *(tables[0].parts if tables else (image,)))
        case OptimizeStatement(sense=sense, into=into):
            return (sense, *into.parts)
        case ShowTrainStatement(model=model):
            return ("show_train", *model.name.parts)
        case TemporaryTableStatement(table=table):
            return table.parts
        case TransactionStatement():
            return ("transaction", *_objects(item))
        case SqlStatement(sql=sql):
            first = content_start(sql, 0, len(sql), item.names.dialect)
            verb = _VERB.match(sql, first)
            word = verb.group().lower() if verb else ""
            return ("select" if word in {"", "with", "from"} else word, *_objects(item))


def _objects(item: AnalyzedStatement) -> tuple[str, ...]:
    """The parts of the object that a plain statement is about."""
    if item.effects.writes:
        return item.effects.writes[0].ref.parts
    return min(item.effects.reads).parts if item.effects.reads else ()


def _code_version(item: AnalyzedStatement) -> str:
    dialect, datasource = item.names.dialect, item.names.datasource
    tables = tuple(_normal(table, dialect) for table in item.temporary_tables)
    text = repr((item.prefix, _normal(item.statement, dialect), tables))
    if datasource != DEFAULT_DATASOURCE:
        text += datasource
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _normal(statement: Statement, dialect: str) -> Statement:
    """The statement without what does not change what it computes.

    That is comments and blanks, and the attributes that say where and when it runs.
    """
    match statement:
        case SqlStatement(sql=sql):
            return SqlStatement(sql=normalized_sql(sql, dialect))
        case TransactionStatement(statements=inside):
            parts = tuple(SqlStatement(sql=normalized_sql(item.sql, dialect)) for item in inside)
            return TransactionStatement(statements=parts)
        case ShowTrainStatement():
            return statement
        case TemporaryTableStatement(query=query, setup=setup):
            normal = tuple(SqlStatement(sql=normalized_sql(item.sql, dialect)) for item in setup)
            return replace(statement, query=_normal_query(query, dialect), setup=normal)
        case _:
            computed = (
                item
                for item in statement.attributes
                if not item.name.lower().startswith(_WHERE_AND_WHEN)
            )
            query = _normal_query(statement.query, dialect)
            return replace(statement, query=query, attributes=tuple(computed))


def _normal_query(query: Query, dialect: str) -> Query:
    return Query(sql=normalized_sql(query.sql, dialect))
