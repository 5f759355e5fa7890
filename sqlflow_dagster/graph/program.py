"""The compiled program: steps, segments and the diagnostics of the compile."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlflow_dagster.errors import Diagnostic
from sqlflow_dagster.graph.effects import Effects
from sqlflow_dagster.graph.objects import Names, ObjectKind, ObjectRef, in_datasource
from sqlflow_dagster.lang.statements import Statement
from sqlflow_dagster.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One statement, ready to be run once the steps that it waits for have finished.

    Attributes:
        index: Its place in the program, from 0.
        name: Unique in the program and stable across edits, such as ``train_iris_xgb``; statements that do the same to
            the same object are numbered.
        statement: What is run.
        effects: What it reads and writes, and how.
        waits_for: The indexes of the steps that must finish first.
        prefix: The session statements (USE, SET) to run before it.
        views: Those of ``prefix`` that stand for TEMP tables and views of the program.
        temporary_tables: The steps that make the generated tables that it reads, to be run again where
            one is missing.
        names: How its names are resolved.
        code_version: Changes when what the statement computes changes, as far as its text tells.
        stable: Whether it is declared to give the same in every run, whatever functions it calls.
    """

    index: int
    name: str
    statement: Statement
    effects: Effects = field(repr=False)
    waits_for: frozenset[int] = frozenset()
    prefix: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    temporary_tables: tuple["Step", ...] = field(default=(), repr=False)
    names: Names = field(default=Names(dialect="duckdb"), repr=False)
    code_version: str = field(default="", repr=False)
    stable: bool = field(default=False, repr=False)

    @property
    def datasource(self) -> str:
        """The name of the data source that it runs on."""
        return self.names.datasource

    @property
    def settings(self) -> tuple[str, ...]:
        """The session statements without the views, which need what earlier steps make."""
        return tuple(sql for sql in self.prefix if sql not in self.views)

    @property
    def reads(self) -> frozenset[ObjectRef]:
        """The tables, models and files it reads."""
        return self.effects.reads

    @property
    def writes(self) -> frozenset[ObjectRef]:
        """The tables, models and files it writes."""
        return frozenset(write.ref for write in self.effects.writes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One object of a segment.

    Attributes:
        ref: The table or model.
        version: 0 for the last segment of the object, which has the plain name; else 1, 2, … in order.
    """

    ref: ObjectRef
    version: int = 0

    @property
    def parts(self) -> tuple[str, ...]:
        """The object's name in parts, ``t__v1`` for an earlier version."""
        *schema, last = self.ref.parts
        return (*schema, f"{last}__v{self.version}" if self.version else last)

    @property
    def called(self) -> str:
        """The name, ``pg:orders`` where it is in another data source than the default one."""
        return in_datasource(".".join(self.parts), self.ref.datasource)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A run of statements that write one table or model with no reader in between: one asset.

    A statement that writes nothing (a printing SELECT, a trailing DROP) is a segment without outputs.

    Attributes:
        index: Its place in the program, from 0.
        name: Unique in the program.
        steps: The indexes of its steps, in order.
        outputs: What it makes; empty for a leaf.
        upstream: The indexes of the segments whose content it reads.
        waits_for: The indexes of all segments that must come first; ``upstream`` and those that it
            only must not overtake.
        inputs: The objects it reads that no segment of the program makes before it.
        rerunnable: Whether running it again alone leaves the same data.
        requires: The segments that a run of it must include, for the data to be that of the whole program:
            those that make an earlier version of a table that it reads or adds to, and those that
            write later what it writes.
    """

    index: int
    name: str
    steps: tuple[int, ...]
    outputs: tuple[Output, ...]
    upstream: frozenset[int]
    waits_for: frozenset[int]
    inputs: frozenset[ObjectRef]
    rerunnable: bool
    requires: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A compiled program.

    Attributes:
        source: Its text.
        dialect: The SQL dialect of the default data source.
        name: What it is called: the file's name without its suffix.
        steps: Its statements, generated ones included, in an order that respects ``waits_for``.
        segments: Its assets.
        datasources: The dialects of the other data sources that it could name, by their names.
        diagnostics: The warnings of the compile.
    """

    source: Source = field(repr=False)
    dialect: str
    name: str
    steps: tuple[Step, ...]
    segments: tuple[Segment, ...]
    datasources: Mapping[str, str] = field(default_factory=dict, repr=False)
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def inputs(self) -> frozenset[ObjectRef]:
        """The tables and models it reads but does not make first."""
        return frozenset(
            ref
            for segment in self.segments
            for ref in segment.inputs
            if ref.kind in {ObjectKind.TABLE, ObjectKind.MODEL}
        )

    def segment_of(self, step: int) -> Segment:
        """The segment that a step belongs to."""
        return next(segment for segment in self.segments if step in segment.steps)
