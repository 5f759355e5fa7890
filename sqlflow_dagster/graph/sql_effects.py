"""What a standard SQL statement reads and writes, from its syntax tree.

One function for each kind of statement. A kind that is not listed is a barrier: it keeps its place between
all other statements of the program.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from sqlglot import exp

from sqlflow_dagster.graph.ddl_effects import DDL_RULES, exchanged
from sqlflow_dagster.graph.effects import Effects, Mode, Write
from sqlflow_dagster.graph.loose import loose_effects
from sqlflow_dagster.graph.objects import Names, ObjectKind, ObjectRef
from sqlflow_dagster.graph.tables import (
    identifier_parts,
    read_refs,
    table_ref,
    target_table,
    written,
)
from sqlflow_dagster.lang.standard import Rejection, parse_sql

_SESSION_COMMANDS = frozenset({"LOAD", "ADD", "RESET", "SET"})
_DISPLAYS = frozenset({"EXPLAIN", "SHOW", "DESC", "VACUUM"})
_DML = (exp.Insert, exp.Update, exp.Delete, exp.Merge)


def sql_effects(tree: exp.Expression, names: Names) -> Effects:
    """What a statement reads and writes.

    Args:
        tree: Its syntax tree.
        names: How its names are resolved.
    """
    rule = _RULES.get(type(tree))
    if rule is not None:
        return rule(tree, names)
    if isinstance(tree, exp.Query):
        return _query(tree, names)
    return Effects(barrier=True)


def _effects(
    tree: exp.Expression,
    targets: Iterable[exp.Expression | None],
    writes: tuple[Write, ...],
    names: Names,
) -> Effects:
    nodes = [target for target in targets if target is not None]
    writes += _nested_writes(tree, names, nodes)
    return Effects(reads=read_refs(tree, names, targets=nodes), writes=writes)


def _nested_writes(
    tree: exp.Expression, names: Names, targets: list[exp.Expression]
) -> tuple[Write, ...]:
    """What the data-modifying common table expressions of a statement write (PostgreSQL)."""
    clause = tree.args.get("with_")
    if not isinstance(clause, exp.With):
        return ()
    writes: tuple[Write, ...] = ()
    for item in clause.expressions:
        if isinstance(item.this, _DML):
            inner = target_table(item.this.this)
            if inner is not None:
                targets.append(inner)
            writes += sql_effects(item.this, names).writes
    return writes


def _query(tree: exp.Expression, names: Names) -> Effects:
    first = tree
    while isinstance(first, exp.SetOperation):
        first = first.this
    into = first.args.get("into")
    target = target_table(into.this) if into is not None else None
    return _effects(tree, [target], written([target], Mode.CREATE, names), names)


def _insert(tree: exp.Expression, names: Names) -> Effects:
    return _changed(tree, [target_table(tree.this)], _inserted(tree, names), names)


def _multi_insert(tree: exp.Expression, names: Names) -> Effects:
    targets: list[exp.Expression | None] = []
    writes: tuple[Write, ...] = ()
    for item in tree.expressions:
        # Under Snowflake's and Oracle's INSERT ALL WHEN … THEN INTO … lies the insert.
        insert = item.this if isinstance(item, exp.ConditionalInsert) else item
        targets.append(target_table(insert.this))
        writes += _inserted(insert, names)
    return _effects(tree, targets, writes, names)


def _inserted(tree: exp.Expression, names: Names) -> tuple[Write, ...]:
    """The table or the folder that an INSERT names; nothing for a name that is computed."""
    mode = Mode.OVERWRITE if tree.args.get("overwrite") else Mode.APPEND
    if isinstance(tree.this, exp.Directory):
        return (Write(ref=ObjectRef(ObjectKind.FILE, tree.this.this.name), mode=mode),)
    return written([target_table(tree.this)], mode, names)


def _aliases(root: exp.Expression) -> dict[str, exp.Expression]:
    """The tables of an UPDATE or DELETE by the name that the statement calls them."""
    return {table.alias_or_name.lower(): table for table in root.find_all(exp.Table)}


def _update(tree: exp.Expression, names: Names) -> Effects:
    first = target_table(tree.this)
    if first is None:
        return Effects(barrier=True)
    if names.dialect == "mysql" and first.name.upper() in _UPDATE_MODIFIERS and first.alias:
        first.set("this", first.args["alias"].this)
    aliases = _aliases(tree.this)
    assigned = [
        aliases[item.this.table.lower()]
        for item in tree.expressions
        if isinstance(item, exp.EQ)
        and isinstance(item.this, exp.Column)
        and item.this.table.lower() in aliases
    ]
    targets = {id(node): node for node in assigned or [first]}.values()
    # A joined table that is written is also read: its columns decide what the first one gets.
    return _changed(tree, [first], written(targets, Mode.MODIFY, names), names)


# UPDATE LOW_PRIORITY t parses as if t were another name of a table LOW_PRIORITY.
_UPDATE_MODIFIERS = frozenset({"LOW_PRIORITY", "IGNORE"})


def _delete(tree: exp.Expression, names: Names) -> Effects:
    first = target_table(tree.this)
    aliases = _aliases(tree.this) if first is not None else {}
    listed = tree.args.get("tables") or []
    # MySQL's DELETE LOW_PRIORITY FROM t parses as if it listed a table of that name.
    named = [aliases[node.name.lower()] for node in listed if node.name.lower() in aliases]
    # Oracle's DELETE t parses as a list alone.
    targets: list[exp.Expression | None] = [*named] or [first, *(listed if first is None else ())]
    others = [*targets, *listed]
    if names.dialect == "mysql" and first is not None:
        # There DELETE FROM a USING a JOIN b names its target twice.
        used = tree.args.get("using") or []
        tables = (table for item in used for table in item.find_all(exp.Table))
        others += [table for table in tables if table.alias_or_name == first.name]
    return _changed(tree, others, written(targets, Mode.MODIFY, names), names)


def _merge(tree: exp.Expression, names: Names) -> Effects:
    target = target_table(tree.this)
    return _changed(tree, [target], written([target], Mode.MODIFY, names), names)


def _changed(
    tree: exp.Expression,
    targets: Iterable[exp.Expression | None],
    writes: tuple[Write, ...],
    names: Names,
) -> Effects:
    """The effects of a statement that changes a table: any, where that is not named."""
    return _effects(tree, targets, writes, names) if writes else Effects(barrier=True)


def _copy(tree: exp.Expression, names: Names) -> Effects:
    files = [_location(item, names) for item in tree.args.get("files") or []]
    found = tuple(ref for ref in files if ref is not None)
    if not tree.args.get("kind"):
        writes = tuple(Write(ref=ref, mode=Mode.REPLACE) for ref in found)
        return Effects(reads=read_refs(tree.this, names), writes=writes)
    target = _location(tree.this, names)
    if target is None:
        return Effects(barrier=True)
    inner = (read_refs(item, names) for item in tree.args.get("files") or [])
    mode = Mode.APPEND if target.kind is ObjectKind.TABLE else Mode.REPLACE
    reads = frozenset(found).union(*inner)
    return Effects(reads=reads, writes=(Write(ref=target, mode=mode),))


def _location(node: exp.Expression, names: Names) -> ObjectRef | None:
    """A table, a file or a stage of COPY; None for a query."""
    table = target_table(node)
    place = node if table is None else table.this
    if isinstance(place, exp.Literal | exp.Var):
        return ObjectRef(ObjectKind.FILE, place.name)
    return None if table is None else table_ref(table, names)


def _load_data(tree: exp.Expression, names: Names) -> Effects:
    mode = Mode.OVERWRITE if tree.args.get("overwrite") else Mode.APPEND
    path, files = tree.args.get("inpath"), tree.args.get("files")
    reads = {ObjectRef(ObjectKind.FILE, path.name)} if path else _option_files(files, "uris")
    return Effects(reads=frozenset(reads), writes=written([target_table(tree.this)], mode, names))


def _export(tree: exp.Expression, names: Names) -> Effects:
    files = _option_files(tree.args.get("options"), "uri")
    writes = tuple(Write(ref=ref, mode=Mode.REPLACE) for ref in sorted(files))
    return Effects(reads=read_refs(tree.this, names), writes=writes)


def _option_files(options: exp.Expression | None, name: str) -> set[ObjectRef]:
    """The files that an option of BigQuery's LOAD DATA or EXPORT DATA names."""
    given = options.find_all(exp.Property) if isinstance(options, exp.Properties) else ()
    return {
        ObjectRef(ObjectKind.FILE, literal.name)
        for item in given
        if item.name.lower() == name
        for literal in item.args["value"].find_all(exp.Literal)
    }


def _display(tree: exp.Expression, names: Names) -> Effects:
    if str(tree.args.get("kind") or "").upper() == "FUNCTION":
        return Effects()
    return Effects(reads=read_refs(tree, names))


def _nothing(tree: exp.Expression, names: Names) -> Effects:
    return Effects()


def _use(tree: exp.Expression, names: Names) -> Effects:
    parts = identifier_parts(tree.this) if tree.this is not None else []
    kind = tree.args.get("kind")
    what = kind.name.upper() if kind is not None else ""
    # Snowflake's plain USE names a database.
    database = what == "DATABASE" or not what
    if not parts or what in {"WAREHOUSE", "ROLE", "CATALOG"}:
        return Effects(session=True)
    if names.dialect == "snowflake" and database and len(parts) == 1:
        return Effects(session=True)
    return Effects(session=True, schema=names.folded(parts[-1].name, quoted=bool(parts[-1].quoted)))


def _set(tree: exp.Expression, names: Names) -> Effects:
    return Effects(session=True, reads=read_refs(tree, names))


def _session(tree: exp.Expression, names: Names) -> Effects:
    return Effects(session=True)


def _begin(tree: exp.Expression, names: Names) -> Effects:
    return Effects(transaction="begin")


def _commit(tree: exp.Expression, names: Names) -> Effects:
    return Effects(transaction="commit")


def _rollback(tree: exp.Expression, names: Names) -> Effects:
    return Effects(transaction="rollback")


def _command(tree: exp.Expression, names: Names) -> Effects:
    """Statements that sqlglot keeps as a first word and a text."""
    word, rest = str(tree.this).upper().split()[0], tree.expression
    text = (rest.name if isinstance(rest, exp.Expression) else str(rest or "")).strip()
    match word:
        case "BEGIN" if not text:
            return Effects(transaction="begin")
        case "REPLACE":
            return _parsed(f"INSERT {text}", names)
        case "RENAME":
            return _rename_tables(text, names)
        case "ALTER" if text.upper().startswith("SESSION"):
            return Effects(session=True)
        case "ALTER" if exchange := _EXCHANGE.fullmatch(text):
            tables = [_parsed(f"DROP TABLE {name}", names).writes for name in exchange.groups()]
            both = tuple(Write(ref=w.ref, mode=Mode.MODIFY) for pair in tables for w in pair)
            return exchanged(both)
        case "LOAD" if _LOADED.match(text):
            return _defined(f"{tree.this} {text}", names)
        case _ if word in _SESSION_COMMANDS:
            return Effects(session=True)
        case _ if word in _DISPLAYS:
            return _explained(text, names)
        case _ if word in _DEFINITIONS:
            return _defined(f"{tree.this} {text}", names)
        case _:
            return Effects(barrier=True)


# The first words of statements whose tables their text gives away where the parser gives up.
_DEFINITIONS = frozenset(
    {"ALTER", "CREATE", "DROP", "LOAD", "MSCK", "OPTIMIZE", "REPAIR", "UNCACHE", "UNDROP", "UNLOAD"}
)
_RECURSIVE = re.compile(r"CREATE\s+(?:\w+\s+)*?RECURSIVE\s+VIEW\b", re.IGNORECASE)
_MAKING = frozenset({Mode.CREATE, Mode.ENSURE, Mode.REPLACE})
_AS_QUERY = re.compile(r"\bAS\s+(?=\(*\s*(?:SELECT|WITH|FROM|VALUES|TABLE)\b)", re.IGNORECASE)
_AFTER_QUERY = re.compile(
    r"\s+WITH\s+(?:(?:NO\s+)?DATA|READ\s+ONLY|(?:\w+\s+)?CHECK\s+OPTION)\s*\Z", re.IGNORECASE
)


def _defined(sql: str, names: Names) -> Effects:
    """A definition that sqlglot only knows by its first word: its name by its words, its query parsed."""
    effects = loose_effects(sql, names)
    makes = any(write.mode in _MAKING for write in effects.writes)
    if not effects.writes or (sql.startswith("CREATE") and not makes):
        return Effects(barrier=True)  # Such as CREATE TASK … AS INSERT ….
    for start in _AS_QUERY.finditer(sql):
        query = parse_sql(_AFTER_QUERY.sub("", sql[start.end() :]), names.dialect)
        if isinstance(query, exp.Query):
            itself = {write.ref for write in effects.writes if _RECURSIVE.match(sql)}
            return replace(effects, reads=read_refs(query, names) - itself)
    return effects


# LOAD of another engine loads an extension.
_LOADED = re.compile(r"(?:OVERWRITE|.*\bINTO)\s+TABLE\b", re.IGNORECASE | re.DOTALL)
_EXCHANGE = re.compile(
    r"TABLE\s+(\S+)\s+EXCHANGE\s+(?:SUB)?PARTITION\s*(?:\([^)]*\)\s*|\s\w+\s+|FOR\s*\([^)]*\)\s*)"
    r"WITH\s+TABLE\s+(\S+)(?:\s+(?:WITH|WITHOUT|INCLUDING|EXCLUDING|UPDATE)\b.*)?",
    re.IGNORECASE | re.DOTALL,
)
_EXPLAIN_OPTIONS = re.compile(
    r"(?:(?:\([^)]*\)|ANALYZE|VERBOSE|EXTENDED|FORMATTED|CODEGEN|COST|QUERY\s+PLAN|PLAN\s+FOR"
    r"|FORMAT\s*=?\s*\w+)\s*)*",
    re.IGNORECASE,
)


def _explained(text: str, names: Names) -> Effects:
    """EXPLAIN only looks, unless it is EXPLAIN ANALYZE, which runs the statement."""
    options = _EXPLAIN_OPTIONS.match(text)
    assert options is not None
    inner = _parsed(text[options.end() :], names) if options.end() < len(text) else Effects()
    if "ANALYZE" in options.group().upper():
        return inner
    return Effects(reads=inner.reads)


def _parsed(sql: str, names: Names) -> Effects:
    tree = parse_sql(sql, names.dialect)
    return Effects(barrier=True) if isinstance(tree, Rejection) else sql_effects(tree, names)


_RENAMED = re.compile(r"(?:TABLES?\s+)?(\S+)\s+TO\s+(\S+)", re.IGNORECASE)


def _rename_tables(text: str, names: Names) -> Effects:
    """MySQL's ``RENAME TABLE a TO b, c TO d``."""
    reads: set[ObjectRef] = set()
    writes: tuple[Write, ...] = ()
    for item in text.split(","):
        pair = _RENAMED.fullmatch(item.strip())
        if pair is None:
            return Effects(barrier=True)
        effects = _parsed(f"ALTER TABLE {pair[1]} RENAME TO {pair[2]}", names)
        reads |= effects.reads
        writes += effects.writes
    return Effects(reads=frozenset(reads), writes=writes)


_RULES: dict[type[exp.Expression], Callable[[Any, Names], Effects]] = {
    **DDL_RULES,
    exp.Insert: _insert,
    exp.MultitableInserts: _multi_insert,
    exp.Update: _update,
    exp.Delete: _delete,
    exp.Merge: _merge,
    exp.Copy: _copy,
    exp.LoadData: _load_data,
    exp.Export: _export,
    exp.Describe: _display,
    exp.Summarize: _display,
    exp.Analyze: _display,
    exp.Pivot: _display,
    exp.Refresh: _nothing,
    exp.Show: _nothing,
    exp.Values: _query,
    exp.Pragma: _session,
    exp.Attach: _session,
    exp.Detach: _session,
    exp.Install: _session,
    exp.Use: _use,
    exp.Set: _set,
    exp.Transaction: _begin,
    exp.Commit: _commit,
    exp.Rollback: _rollback,
    exp.Command: _command,
}
