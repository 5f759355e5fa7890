"""The tables and files that a syntax tree names, common table expressions set apart."""

from collections.abc import Collection, Iterator

from sqlglot import exp

from sqlflow_dagster.graph.objects import Names, ObjectKind, ObjectRef

_FILE_SUFFIXES = (".parquet", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".gz", ".zst", ".arrow")


def identifier_parts(table: exp.Expression) -> list[exp.Identifier]:
    """The identifiers of a dotted name, outermost first; empty for a table function."""
    parts = [table.args.get(key) for key in ("catalog", "db", "this")]
    if isinstance(parts[-1], exp.Dot):
        parts = [*parts[:-1], *parts[-1].flatten()]
    return (
        [part for part in parts if isinstance(part, exp.Identifier)]
        if isinstance(parts[-1], exp.Identifier)
        else []
    )


def table_ref(table: exp.Expression, names: Names) -> ObjectRef | None:
    """The object of a Table node; None for a table function or a variable."""
    parts = identifier_parts(table)
    if not parts:
        return _function_file(table)
    text = parts[-1].name
    if len(parts) == 1 and parts[0].quoted and ("/" in text or text.endswith(_FILE_SUFFIXES)):
        return ObjectRef(ObjectKind.FILE, text)
    return names.table([part.name for part in parts], quoted=[bool(part.quoted) for part in parts])


def _function_file(table: exp.Expression) -> ObjectRef | None:
    function = table.this
    if not isinstance(function, exp.ReadCSV | exp.ReadParquet | exp.Anonymous):
        return None
    if isinstance(function, exp.Anonymous) and not function.name.lower().startswith("read_"):
        return None
    literal = function.find(exp.Literal)
    return ObjectRef(ObjectKind.FILE, literal.name) if literal and literal.is_string else None


def read_refs(
    tree: exp.Expression, names: Names, *, targets: Collection[exp.Expression] = ()
) -> frozenset[ObjectRef]:
    """The objects that a tree reads.

    Args:
        tree: A statement or a part of one.
        names: How names are resolved.
        targets: The Table nodes that are written, compared by identity.
    """
    written = {id(target) for target in targets}
    found: set[ObjectRef] = set()
    nodes = list(tree.find_all(exp.Table, exp.With, exp.In))
    scoped = any(isinstance(node, exp.With) for node in nodes)
    for node in nodes:
        if isinstance(node, exp.In):
            found.update(_membership_table(node, names))
        elif isinstance(node, exp.Table) and id(node) not in written:
            ref = None if scoped and _is_cte(node, names) else table_ref(node, names)
            if ref is not None:
                found.add(ref)
    return frozenset(found)


def _membership_table(node: exp.In, names: Names) -> Iterator[ObjectRef]:
    """SQLite's ``x IN table``, which parses as ``x IN column``."""
    field = node.args.get("field")
    if names.dialect == "sqlite" and isinstance(field, exp.Column) and not field.table:
        yield names.table([field.name], quoted=[bool(field.this.quoted)])


def _is_cte(table: exp.Table, names: Names) -> bool:
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
                if names.folded(alias.name, quoted=bool(alias.quoted)) == name:
                    return True
        child = parent
    return False
