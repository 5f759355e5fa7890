"""SQL programs with machine-learning clauses as Dagster assets.

Names are resolved when they are first used: ``from sqlflow_dagster import compile_program`` imports neither
Dagster nor any library of data or machine learning.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlflow_dagster.assets_from_sql import assets_from_sql, specs_from_sql
    from sqlflow_dagster.client.notebook import load_ipython_extension
    from sqlflow_dagster.codes import Code
    from sqlflow_dagster.compiler import analyze_sql_graph, compile_program, split_sql_statements
    from sqlflow_dagster.engines.base import open_engine
    from sqlflow_dagster.errors import (
        CompileError,
        Diagnostic,
        PluginError,
        SqlflowError,
        StepError,
        TerminalError,
        TransientError,
    )
    from sqlflow_dagster.graph.objects import ObjectKind, ObjectRef
    from sqlflow_dagster.graph.program import Program, Segment, Step
    from sqlflow_dagster.graph.sql_graph import SQLGraph, SQLNode
    from sqlflow_dagster.project import definitions_from_sql
    from sqlflow_dagster.resources import DatasourceResource, ModelStoreResource
    from sqlflow_dagster.runtime.context import RunContext, open_context
    from sqlflow_dagster.runtime.execute import execute
    from sqlflow_dagster.runtime.results import StepResult
    from sqlflow_dagster.translator import ExternalNode, SegmentNode, SqlflowTranslator

_MODULES = {
    "Code": "codes",
    "CompileError": "errors",
    "DatasourceResource": "resources",
    "Diagnostic": "errors",
    "ExternalNode": "translator",
    "ModelStoreResource": "resources",
    "ObjectKind": "graph.objects",
    "ObjectRef": "graph.objects",
    "PluginError": "errors",
    "Program": "graph.program",
    "RunContext": "runtime.context",
    "SQLGraph": "graph.sql_graph",
    "SQLNode": "graph.sql_graph",
    "Segment": "graph.program",
    "SegmentNode": "translator",
    "SqlflowError": "errors",
    "SqlflowTranslator": "translator",
    "Step": "graph.program",
    "StepError": "errors",
    "StepResult": "runtime.results",
    "TerminalError": "errors",
    "TransientError": "errors",
    "analyze_sql_graph": "compiler",
    "compile_program": "compiler",
    "definitions_from_sql": "project",
    "execute": "runtime.execute",
    "load_ipython_extension": "client.notebook",
    "open_context": "runtime.context",
    "open_engine": "engines.base",
    "specs_from_sql": "assets_from_sql",
    "split_sql_statements": "compiler",
}

__all__ = [
    "Code",
    "CompileError",
    "DatasourceResource",
    "Diagnostic",
    "ExternalNode",
    "ModelStoreResource",
    "ObjectKind",
    "ObjectRef",
    "PluginError",
    "Program",
    "RunContext",
    "SQLGraph",
    "SQLNode",
    "Segment",
    "SegmentNode",
    "SqlflowError",
    "SqlflowTranslator",
    "Step",
    "StepError",
    "StepResult",
    "TerminalError",
    "TransientError",
    "analyze_sql_graph",
    "assets_from_sql",
    "compile_program",
    "definitions_from_sql",
    "execute",
    "load_ipython_extension",
    "open_context",
    "open_engine",
    "specs_from_sql",
    "split_sql_statements",
]


class _Package(ModuleType):
    """This package: the name ``assets_from_sql`` is always the function.

    The function lives in a module of its own name, which Python would put in the function's place as soon
    as anything imports that module.
    """

    @property
    def assets_from_sql(self) -> Any:
        return import_module(f"{__name__}.assets_from_sql").assets_from_sql

    @assets_from_sql.setter
    def assets_from_sql(self, module: ModuleType) -> None:
        """Leave the name to the function; the module stays in ``sys.modules``."""


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
