"""The resources of the assets, and the context that a step is run with under Dagster."""

import hashlib
import os

import dagster as dg
from pydantic import Field

from sqlflow_dagster.engines.base import Engine, open_engine
from sqlflow_dagster.model_store.base import ModelStore, model_stores
from sqlflow_dagster.runtime.context import RunContext
from sqlflow_dagster.runtime.history import History
from sqlflow_dagster.runtime.local import max_concurrent, threads_per_step

DATASOURCE_KEY = "sqlflow_datasource"
MODEL_STORE_KEY = "sqlflow_model_store"


class DatasourceResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The database that statements run in.

    Give a URL with a password as ``dg.EnvVar("…")``, or use :meth:`from_url`: Dagster stores the values of
    resources and shows them on its page.
    """

    url: str = Field(description="SQLAlchemy URL, such as duckdb:///data.duckdb")

    @classmethod
    def from_url(cls, url: str) -> "DatasourceResource":
        """A resource whose URL stays in the environment of this process, out of Dagster's sight."""
        name = f"SQLFLOW_DATASOURCE_{hashlib.sha256(url.encode()).hexdigest()[:12].upper()}"
        os.environ[name] = url
        return cls(url=dg.EnvVar(name))

    def declared_engine(self) -> Engine:
        """The engine of a resource that no run has resolved yet: its URL may be an environment variable.

        Raises:
            TerminalError: The variable is not set, or the URL names no engine.
        """
        url = self.url
        return open_engine(url.get_value() or "" if isinstance(url, dg.EnvVar) else url)

    def engine(self) -> Engine:
        """The engine of the URL; no connection is opened.

        Raises:
            TerminalError: The URL names no engine.
        """
        return open_engine(self.url)


class ModelStoreResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where models are kept; by default in the data source itself."""

    store: str = Field(default="database", description="the name of a model store plugin")

    def open(self, engine: Engine) -> ModelStore:
        """The store; ``engine`` is the data source of the statement.

        Raises:
            PluginError: No plugin has the name.
        """
        factory = model_stores.get(self.store)
        return factory(engine)  # type: ignore[call-arg]  # a Protocol has no constructor to declare


def op_resources(
    datasource: DatasourceResource, model_store: ModelStoreResource | None
) -> dict[str, dg.ConfigurableResource]:  # type: ignore[type-arg]
    """The resources of an op by their keys."""
    return {
        DATASOURCE_KEY: datasource,
        MODEL_STORE_KEY: model_store or ModelStoreResource(),
    }


def as_resource(datasource: str | DatasourceResource) -> DatasourceResource:
    """A data source given by its URL or as a resource, as a resource."""
    return DatasourceResource.from_url(datasource) if isinstance(datasource, str) else datasource


class _LoggedProgress:
    """Progress into Dagster's log: every note, and a training's progress at each tenth."""

    def __init__(self, log: dg.DagsterLogManager) -> None:
        self._log = log
        self._last_tenth = -1

    def note(self, message: str) -> None:
        self._log.info(message)

    def advance(self, done: int, total: int, note: str) -> None:
        tenth = done * 10 // max(total, 1)
        if tenth != self._last_tenth:
            self._last_tenth = tenth
            self._log.info(f"{done} of {total}: {note}")


def run_context_of(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, program: str
) -> RunContext:
    """The context of a step of ``program``, from the resources of its op."""
    datasource: DatasourceResource = getattr(context.resources, DATASOURCE_KEY)
    model_store: ModelStoreResource = getattr(context.resources, MODEL_STORE_KEY)
    engine = datasource.engine()
    return RunContext(
        engine=engine,
        models=model_store.open(engine),
        history=History(engine),
        program=program,
        run_id=context.run.run_id,
        threads=threads_per_step(max_concurrent()),
        progress=_LoggedProgress(context.log),
    )
