"""The tables and files that a syntax tree names, common table expressions set apart."""

import re
from collections.abc import Collection, Iterable, Iterator

from sqlglot import exp

from sqlflow_dagster.graph.effects import Mode, Write
from sqlflow_dagster.graph.objects import Names, ObjectKind, ObjectRef

_FILE_SUFFIXES = (
    ".parquet",
    ".csv",
    ".xlsx",
    ".tsv",
    ".json",
    ".jsonl",
    ".ndjson",
    ".gz",
    ".zst",
    ".arrow",
)
_READING = frozenset({exp.Table, exp.TableFromRows, exp.With, exp.In})
_FILE_FORMATS = frozenset({"csv", "json", "parquet", "orc", "avro", "text", "delta"})
# BigQuery's: the first argument is a model of the engine.
_MODEL_FUNCTIONS = (exp.Predict, exp.MLForecast, exp.MLTranslate, exp.GenerateEmbedding)
# Not any `…_scan`: the first argument of postgres_scan is a connection string with its password.
_FILE_FUNCTION = re.compile(
    r"(?:read_\w+|(?:parquet|json|csv|delta|iceberg|arrow)_scan)$", re.IGNORECASE
)


def identifier_parts(table: exp.Expression) -> list[exp.Identifier]:
    """The identifiers of a dotted name, outermost first; empty for a table function."""
    name = table.args.get("this")
    parts = [table.args.get("catalog"), table.args.get("db"), name]
    if isinstance(name, exp.Dot):
        parts = [*parts[:-1], *name.flatten()]
    elif not isinstance(name, exp.Identifier):
        return []
    return [part for part in parts if isinstance(part, exp.Identifier)]


def table_ref(table: exp.Expression, names: Names) -> ObjectRef | None:
    """The object of a Table node; None for a variable or a function that reads no file."""
    parts = identifier_parts(table)
    if not parts:
        return _stage(table) or _named_by_text(table, names)
    text = parts[-1].name
    if parts[-1].quoted and _is_file(parts, names):
        return ObjectRef(ObjectKind.FILE, text)
    return names.table([part.name for part in parts], quoted=[bool(part.quoted) for part in parts])


def created_ref(tree: exp.Expr, names: Names) -> ObjectRef | None:
    """The object that a CREATE makes; a TEMP table or view is one of its own kind.

    None for a variable.
    """
    table = target_table(tree.this)
    if table is None:
        return None
    parts = identifier_parts(table)
    properties = tree.args.get("properties")
    marks = properties.expressions if properties is not None else ()
    temporary = any(isinstance(item, exp.TemporaryProperty) for item in marks)
    if parts and (temporary or names.in_temporary_schema([part.name for part in parts])):
        quoted = [bool(part.quoted) for part in parts]
        return names.temporary_table([part.name for part in parts], quoted=quoted)
    return table_ref(table, names.without_temporary())


def _stage(table: exp.Expression) -> ObjectRef | None:
    """Snowflake's ``@stage/path``."""
    place = table.this
    if isinstance(place, exp.Var) and place.name.startswith("@"):
        return ObjectRef(ObjectKind.FILE, place.name)
    return None


def _named_by_text(table: exp.Expression, names: Names) -> ObjectRef | None:
    """The table of ``IDENTIFIER('s.t')`` and of DuckDB's ``query_table('s.t')``."""
    match table.this:
        case exp.DynamicIdentifier(this=exp.Literal() as text):
            pass
        case exp.Anonymous(name=name, expressions=[exp.Literal() as text]) if name.upper() in {
            "IDENTIFIER",
            "QUERY_TABLE",
        }:
            pass
        case _:
            return None
    return names.table(text.name.split("."))


def _is_file(parts: list[exp.Identifier], names: Names) -> bool:
    """Whether a quoted name is DuckDB's ``'x.parquet'`` or Spark's ``parquet.`x```."""
    text = parts[-1].name
    if len(parts) == 1:
        return "/" in text or text.lower().endswith(_FILE_SUFFIXES)
    return names.dialect == "spark" and len(parts) == 2 and parts[0].name.lower() in _FILE_FORMATS


def _function_files(table: exp.Expression) -> Iterator[ObjectRef]:
    """The files of a table function such as ``read_csv(['a.csv', 'b.csv'])``."""
    function = table.this
    if isinstance(function, exp.ReadCSV):
        first = function.this
    elif isinstance(function, exp.ReadParquet) or (
        isinstance(function, exp.Anonymous) and _FILE_FUNCTION.match(function.name)
    ):
        first = next(iter(function.expressions), None)
    else:
        return
    if first is not None:
        for literal in first.find_all(exp.Literal):
            yield ObjectRef(ObjectKind.FILE, literal.name)


def _argument_tables(table: exp.Expression, names: Names) -> Iterator[ObjectRef]:
    """The tables that a table function takes: ``TABLE(f(input => TABLE(s.t)))``."""
    function = table.this
    for call in function.find_all(exp.Anonymous) if isinstance(function, exp.Anonymous) else ():
        column = next(iter(call.expressions), None)
        if call is not function and call.name.upper() == "TABLE" and isinstance(column, exp.Column):
            yield _table_of_column(column, names)


def _rows_table(node: exp.TableFromRows, names: Names) -> Iterator[ObjectRef]:
    """The table of Snowflake's ``TABLE('s.t')``, and of ``TABLE(s.t)`` as the argument of a function."""
    match node.this:
        case exp.Literal(is_string=True) as text:
            yield names.table(text.name.split("."))
        case exp.Column() as column:
            yield _table_of_column(column, names)
        case _:
            return


def _table_of_column(column: exp.Column, names: Names) -> ObjectRef:
    """The table of a name that parses as a column."""
    parts = [part for part in column.parts if isinstance(part, exp.Identifier)]
    return names.table([part.name for part in parts], quoted=[bool(part.quoted) for part in parts])


# Arguments of these types hold nothing to look for. FOR UPDATE OF t names a table that the query reads anyway,
# or a column.
_LEAVES: frozenset[type] = frozenset(
    {bool, str, type(None), exp.DataType, exp.Identifier, exp.Literal, exp.Lock, exp.Null, exp.Var}
)


def nodes_of(tree: exp.Expr, kinds: Collection[type[exp.Expr]]) -> list[exp.Expr]:
    """The nodes of these very kinds in a tree, itself included, in no particular order.

    ``find_all`` gives the same in several times the time, which shows in a compile of a large program.
    """
    found: list[exp.Expr] = []
    pending = [tree]
    for node in pending:
        kind = type(node)
        if kind in kinds:
            found.append(node)
        elif kind in _LEAVES:
            continue
        elif kind is exp.Column and type(node.args.get("this")) is exp.Identifier:
            continue  # Most nodes are columns, and all that these hold is names.
        for value in node.args.values():
            kind = type(value)
            if kind is list:
                pending += [item for item in value if isinstance(item, exp.Expr)]
            elif kind not in _LEAVES and isinstance(value, exp.Expr):
                pending.append(value)
    return found


def target_table(node: exp.Expression | None) -> exp.Expression | None:
    """The Table node under a target such as ``t (a, b)``; None where there is none."""
    while isinstance(node, exp.Schema):
        node = node.this
    return node if isinstance(node, exp.Table) else None


def written(
    nodes: Iterable[exp.Expression | None], mode: Mode, names: Names, *, view: bool = False
) -> tuple[Write, ...]:
    """The writes of Table nodes; a variable is none."""
    refs = [table_ref(node, names) for node in nodes if node is not None]
    return tuple(Write(ref=ref, mode=mode, view=view) for ref in refs if ref is not None)


def read_refs(
    tree: exp.Expr, names: Names, *, targets: Collection[exp.Expression] = ()
) -> frozenset[ObjectRef]:
    """The objects that a tree reads.

    Args:
        tree: A statement or a part of one.
        names: How names are resolved.
        targets: The Table nodes that are written, compared by identity.
    """
    written = {id(target) for target in targets}
    found: set[ObjectRef] = set()
    nodes = nodes_of(tree, _READING)
    common = {
        item.args["alias"].name.lower()
        for node in nodes
        if isinstance(node, exp.With)
        for item in node.expressions
    }
    for node in nodes:
        if isinstance(node, exp.In):
            found.update(_membership_table(node, names))
        elif isinstance(node, exp.TableFromRows):
            found.update(_rows_table(node, names))
        elif isinstance(node, exp.Table) and id(node) not in written and node.arg_key != "indexed":
            ref = table_ref(node, names)
            if ref is None:
                found.update(_function_files(node))
                found.update(_argument_tables(node, names))
            elif isinstance(node.parent, _MODEL_FUNCTIONS) and node.arg_key == "this":
                continue
            elif node.name.lower() not in common or not is_cte(node, names):
                found.add(ref)
    return frozenset(found)


def _membership_table(node: exp.In, names: Names) -> Iterator[ObjectRef]:
    """SQLite's ``x IN table``, which parses as ``x IN column``."""
    field = node.args.get("field")
    if names.dialect == "sqlite" and isinstance(field, exp.Column) and not field.table:
        yield names.table([field.name], quoted=[bool(field.this.quoted)])


def is_cte(table: exp.Table, names: Names) -> bool:
    """Whether an unqualified name stands for a common table expression that is visible there."""
    parts = identifier_parts(table)
    if len(parts) != 1:
        return False
    name = names.folded(parts[0].name, quoted=bool(parts[0].quoted))
    child: exp.Expr = table
    cte: exp.Expr | None = None
    while child.parent is not None:
        parent = child.parent
        if isinstance(child, exp.CTE):
            cte = child
        clause = parent.args.get("with_")
        if isinstance(clause, exp.With):
            inside = child is clause
            for item in clause.expressions:
                # A definition sees only those before it, unless the clause is recursive.
                if inside and item is cte and not clause.args.get("recursive"):
                    break
                alias = item.args["alias"].this
                if names.folded(alias.name, quoted=bool(alias.args.get("quoted"))) == name:
                    return True
        child = parent
    return False
