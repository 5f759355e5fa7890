"""The resources of the assets, and the context that a step is run with under Dagster."""

import hashlib
import os
import re
import traceback
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import dagster as dg
from pydantic import Field

from sqlflow_dagster.engines.base import Engine, open_engine, parse_url
from sqlflow_dagster.engines.messages import redact
from sqlflow_dagster.errors import PluginError, StepError, TerminalError, TransientError
from sqlflow_dagster.model_store.base import ModelStore
from sqlflow_dagster.model_store.opening import DEFAULT_STORE, open_model_store
from sqlflow_dagster.runtime.context import RunContext, allowed_programs
from sqlflow_dagster.runtime.history import History
from sqlflow_dagster.runtime.local import max_concurrent, threads_per_step

DATASOURCE_KEY = "sqlflow_datasource"
MODEL_STORE_KEY = "sqlflow_model_store"
# Not SQLFLOW_DATASOURCE_…, where data sources have their names.
_OWN_VARIABLES = "SQLFLOW_RESOURCE_URL_"


class DatasourceResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The database that statements run in.

    Give a URL with a password as ``dg.EnvVar("…")``, or use :meth:`from_url`: Dagster stores the values of
    resources and shows them on its page.
    """

    url: str = Field(description="SQLAlchemy URL, such as duckdb:///data.duckdb")

    @classmethod
    def from_url(cls, url: str) -> "DatasourceResource":
        """A resource whose URL stays in the environment of this process, out of Dagster's sight."""
        # Nothing is derived from the password: Dagster shows the variable's name.
        name = stem = f"{_OWN_VARIABLES}{_digest(_without_password(url))}"
        number = 1
        while os.environ.setdefault(name, url) != url:
            number += 1
            name = f"{stem}_{number}"
        return cls(url=dg.EnvVar(name))

    def declared_url(self) -> str:
        """The URL of a resource that no run has resolved yet: it may be an environment variable.

        Raises:
            TerminalError: The variable is not set.
        """
        url = self.url
        if not isinstance(url, dg.EnvVar):
            return url
        value = url.get_value()
        if not value:
            raise TerminalError(
                f"the environment variable {url.env_var_name} of the data source is not set",
                hint="set it to a URL such as duckdb:///data.duckdb",
            )
        return value

    def declared_engine(self) -> Engine:
        """The engine of a resource that no run has resolved yet.

        Raises:
            TerminalError: The URL is not set, or it names no engine.
        """
        return open_engine(self.declared_url())

    def engine(self) -> Engine:
        """The engine of the URL; no connection is opened.

        Raises:
            TerminalError: The URL names no engine.
        """
        return open_engine(self.url)


class ModelStoreResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where models are kept; by default in the data source itself.

    Give a place whose URI holds a password as ``dg.EnvVar("…")``: Dagster shows the values of resources.
    """

    store: str = Field(
        default=DEFAULT_STORE,
        description="a folder, a URI such as s3://bucket/models, or the name of a model store plugin",
    )
    keep_versions: int | None = Field(
        default=None,
        ge=1,
        description="how many of a model's newest versions are kept when a new one is made; all without it",
    )
    mlflow: str | None = Field(
        default=None,
        description="the tracking URI of an MLflow server that is told about each training",
    )

    def open(self, engine: Engine) -> ModelStore:
        """The store; ``engine`` is the data source of the statement.

        Raises:
            TerminalError: There is no such store.
        """
        return open_model_store(self.store, engine)


Resource: TypeAlias = DatasourceResource | ModelStoreResource
_shared: dict[str, Resource] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpResources:
    """The resources of the ops of some programs, and how their steps share the machine.

    A code location can have several data sources: each has a key of its own.

    Attributes:
        datasource_key: Of the data source.
        model_store_key: Of the model store.
        definitions: The resources by key.
        concurrent: The most steps at once; None where an executor decides that is not known here.
        own_classes: The classes of the user's own that programs may name; None for those of the environment.
        external_programs: What TO RUN may start; None for what SQLFLOW_TO_RUN_ALLOWED says.
        other_keys: Of the data sources that statements may name, by their names.
    """

    datasource_key: str
    model_store_key: str
    definitions: Mapping[str, Resource]
    concurrent: int | None = None
    own_classes: tuple[str, ...] | None = None
    external_programs: tuple[str, ...] | None = None
    other_keys: Mapping[str, str] = field(default_factory=dict)

    def needed_on(self, datasources: Collection[str]) -> dict[str, Resource]:
        """The resources of statements on these data sources, by key."""
        left_out = {key for name, key in self.other_keys.items() if name not in datasources}
        return {key: item for key, item in self.definitions.items() if key not in left_out}

    @contextmanager
    def running(
        self, context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, program: str
    ) -> Iterator[RunContext]:
        """A block that runs a step of ``program``; an error in it fails the step as Dagster wants it.

        Dagster's retry policy applies to what a later attempt may not meet, and to nothing else of ours.
        """
        datasource: DatasourceResource = getattr(context.resources, self.datasource_key)
        model_store: ModelStoreResource = getattr(context.resources, self.model_store_key)
        others: dict[str, DatasourceResource] = {
            name: getattr(context.resources, key)
            for name, key in self.other_keys.items()
            if hasattr(context.resources, key)
        }
        urls = {name: resource.url for name, resource in others.items()}
        with _failures(datasource.url, model_store.store, *urls.values()):
            engine = datasource.engine()
            yield RunContext(
                engine=engine,
                models=model_store.open(engine),
                keep_versions=model_store.keep_versions,
                mlflow=model_store.mlflow,
                history=History(engine),
                program=program,
                run_id=context.run.run_id,
                threads=threads_per_step(self.concurrent or max_concurrent()),
                progress=_LoggedProgress(context.log),
                own_classes=self.own_classes,
                external_programs=(
                    allowed_programs() if self.external_programs is None else self.external_programs
                ),
                datasource=datasource.url,
                datasources=urls,
            )


@contextmanager
def _failures(*urls: str) -> Iterator[None]:
    try:
        yield
    except TransientError as error:
        raise dg.Failure(description=str(error), allow_retries=True) from None
    except (StepError, PluginError) as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        clean = text
        for url in urls:
            clean = redact(clean, _password(url))
        if clean == text:
            raise
        # A driver told the password; Dagster would keep it with the run.
        raise dg.Failure(description=clean, allow_retries=False) from None


def op_resources(
    datasource: DatasourceResource,
    model_store: ModelStoreResource | None = None,
    *,
    concurrent: int | None = None,
    own_classes: Sequence[str] | None = None,
    external_programs: Sequence[str] | None = None,
    others: Mapping[str, DatasourceResource] | None = None,
) -> OpResources:
    """The resources of the ops that work with data sources.

    Args:
        datasource: The data source.
        model_store: Where models are kept; by default in the data source.
        concurrent: The most steps at once; None for what SQLFLOW_MAX_CONCURRENT says.
        own_classes: The classes of the user's own that programs may name; None for those of the environment.
        external_programs: What TO RUN may start; None for what SQLFLOW_TO_RUN_ALLOWED says.
        others: The data sources that statements may name, by their names.
    """
    store = model_store or ModelStoreResource()
    datasource_key = _key(DATASOURCE_KEY, _datasource_name(datasource))
    store_key = _key(MODEL_STORE_KEY, _store_name(store))
    other_keys = {
        name: _key(DATASOURCE_KEY, _datasource_name(other))
        for name, other in (others or {}).items()
    }
    return OpResources(
        datasource_key=datasource_key,
        model_store_key=store_key,
        definitions={
            datasource_key: _one_object(datasource_key, datasource),
            store_key: _one_object(store_key, store),
            **{
                other_keys[name]: _one_object(other_keys[name], other)
                for name, other in (others or {}).items()
            },
        },
        other_keys=other_keys,
        concurrent=concurrent,
        own_classes=None if own_classes is None else tuple(own_classes),
        external_programs=None if external_programs is None else tuple(external_programs),
    )


def as_resource(datasource: str | DatasourceResource) -> DatasourceResource:
    """A data source given by its URL or as a resource, as a resource that shows no password."""
    if isinstance(datasource, str):
        return DatasourceResource.from_url(datasource)
    url = datasource.url
    literal = type(datasource) is DatasourceResource and not isinstance(url, dg.EnvVar)
    if literal and _without_password(url) != url:
        return DatasourceResource.from_url(url)
    return datasource


def _datasource_name(datasource: DatasourceResource) -> str:
    """What tells a data source from others: the name of its variable, else its URL without password."""
    url = datasource.url
    if isinstance(url, dg.EnvVar):
        own = url.env_var_name.removeprefix(_OWN_VARIABLES)
        return own.lower().removeprefix(DATASOURCE_KEY).strip("_")
    return _digest(_without_password(url))


def _store_name(store: ModelStoreResource) -> str:
    if store == ModelStoreResource():
        return ""
    if isinstance(store.store, dg.EnvVar):
        return store.store.env_var_name.lower().removeprefix(MODEL_STORE_KEY).strip("_")
    return store.store if store.store.isidentifier() else _digest(store.store)


def _key(stem: str, name: str) -> str:
    return re.sub(r"\W", "_", f"{stem}_{name}" if name else stem)


def _one_object(key: str, resource: Resource) -> Resource:
    """The same object for equal resources: Dagster takes two objects under one key for a conflict."""
    known = _shared.setdefault(key, resource)
    return known if known == resource else resource


def _password(url: str) -> str | None:
    try:
        return parse_url(url).password
    except TerminalError:
        return None


def _without_password(url: str) -> str:
    try:
        return parse_url(url).render_as_string(hide_password=True)
    except TerminalError:
        return ""  # Opening it gives the error; nothing of the text may be shown.


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8].upper()


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
