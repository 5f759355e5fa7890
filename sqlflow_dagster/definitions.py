"""The code location that ``workspace.yaml`` names, set up by environment variables.

``SQLFLOW_PROGRAMS``: program files, directories or patterns, separated by the path separator (``:``); default
``examples/*.sql``. ``SQLFLOW_DATASOURCE``: the database's URL; default a DuckDB file in the checkout.
``SQLFLOW_DATASOURCE_PG``: that of the data source that statements call ``pg``; any other name likewise.
``SQLFLOW_TARGET``: the target in ``pyproject.toml``, of the working directory or the checkout, whose data sources
these are.
``SQLFLOW_EXECUTOR``: ``multiprocess`` (default), ``in_process`` or ``k8s``. ``SQLFLOW_TEMP_TABLES_LIFE``: when
generated tables are dropped, ``keep`` (default), ``drop_after_run`` or ``ttl=7d``. ``SQLFLOW_PARSER``: what
decides what is SQL, ``engine``, ``sqlglot`` or ``grpc://host:port``; default the data source, when it runs a
statement. ``SQLFLOW_MODEL_STORE``: where models are kept, a folder or a URI; default the data source.
``SQLFLOW_KEEP_VERSIONS``: how many versions of each model are kept; default all. ``SQLFLOW_MLFLOW``: the tracking
URI of an MLflow server that is told about each training; default none. ``SQLFLOW_TRAINERS``: the models of your
own that programs may name, ``package.Class`` or ``package.*``; default none.
"""

import os
from pathlib import Path

import dagster as dg

from sqlflow_dagster.datasources import TARGET_VARIABLE, datasources_of, from_environment
from sqlflow_dagster.engines.base import absolute_url
from sqlflow_dagster.executor import ExecutorKind
from sqlflow_dagster.graph.datasources import variable_of
from sqlflow_dagster.graph.external_programs import DATASOURCE_VARIABLE
from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE
from sqlflow_dagster.lang.parsers import PARSER_VARIABLE
from sqlflow_dagster.model_store.opening import absolute
from sqlflow_dagster.model_store.settings import MLFLOW_VARIABLE, STORE_VARIABLE, ModelSettings
from sqlflow_dagster.project import definitions_from_sql
from sqlflow_dagster.resources import DatasourceResource, ModelStoreResource

PROGRAMS_VARIABLE = "SQLFLOW_PROGRAMS"
EXECUTOR_VARIABLE = "SQLFLOW_EXECUTOR"
LIFE_VARIABLE = "SQLFLOW_TEMP_TABLES_LIFE"
_CHECKOUT = Path(__file__).resolve().parents[1]


def _root() -> Path:
    """The checkout; the working directory where the package is installed without one."""
    return _CHECKOUT if (_CHECKOUT / "workspace.yaml").exists() else Path.cwd()


def _resolve_environment() -> None:
    """Make the settings absolute in this process's environment, which all step processes inherit."""
    default = str(_root() / "examples" / "*.sql")
    patterns = (os.environ.get(PROGRAMS_VARIABLE) or default).split(os.pathsep)
    os.environ[PROGRAMS_VARIABLE] = os.pathsep.join(
        str(Path(item).absolute()) for item in patterns if item
    )
    found = datasources_of(folders=(Path.cwd(), _root()))
    url = found.default or f"duckdb:///{_root() / 'sqlflow.duckdb'}"
    for name, given in {**found.others, DEFAULT_DATASOURCE: url}.items():
        os.environ[variable_of(name)] = absolute_url(given)
    # Its data sources are variables now: a step's process need not find the project again.
    os.environ.pop(TARGET_VARIABLE, None)
    if os.environ.get(STORE_VARIABLE):
        os.environ[STORE_VARIABLE] = absolute(os.environ[STORE_VARIABLE])
    os.environ[EXECUTOR_VARIABLE] = os.environ.get(EXECUTOR_VARIABLE) or ExecutorKind.MULTIPROCESS


def _model_store() -> ModelStoreResource:
    """What the environment says about models; URIs stay there, since they may hold a password."""
    by_name = {
        field: dg.EnvVar(variable)
        for field, variable in (("store", STORE_VARIABLE), ("mlflow", MLFLOW_VARIABLE))
        if os.environ.get(variable)
    }
    keep = ModelSettings.from_environment().keep_versions
    return ModelStoreResource(keep_versions=keep, **by_name)


@dg.definitions
def defs() -> dg.Definitions:
    """The programs of SQLFLOW_PROGRAMS over SQLFLOW_DATASOURCE."""
    _resolve_environment()
    return definitions_from_sql(
        os.environ[PROGRAMS_VARIABLE].split(os.pathsep),
        datasource=DatasourceResource(url=dg.EnvVar(DATASOURCE_VARIABLE)),
        datasources={
            name: DatasourceResource(url=dg.EnvVar(variable_of(name)))
            for name in sorted(from_environment().keys() - {DEFAULT_DATASOURCE})
        },
        model_store=_model_store(),
        executor_kind=os.environ[EXECUTOR_VARIABLE],
        temp_tables_life=os.environ.get(LIFE_VARIABLE) or "keep",
        parser=os.environ.get(PARSER_VARIABLE),
        prune_temp_tables=True,
    )
