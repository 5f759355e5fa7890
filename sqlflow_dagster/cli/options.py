"""Options that several commands have."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sqlflow_dagster.errors import TerminalError
from sqlflow_dagster.graph.external_programs import DATASOURCE_VARIABLE
from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE
from sqlflow_dagster.lang.parsers import ENGINE_PARSER, PARSER_VARIABLE, parser_for
from sqlflow_dagster.model_store.settings import STORE_VARIABLE, ModelSettings

if TYPE_CHECKING:
    from sqlflow_dagster.datasources import Datasources

Command = TypeVar("Command", bound=Callable[..., Any])
TARGET_VARIABLE = "SQLFLOW_TARGET"
LIFE_VARIABLE = "SQLFLOW_TEMP_TABLES_LIFE"
_DATASOURCE_HELP = "The data source, such as duckdb:///data.duckdb."
_MODEL_STORE_HELP = "Where models are kept: a folder, or a URI such as s3://bucket/models; by default in the data source."
PROGRAM_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileSettings:
    """How the programs of a command are compiled.

    Attributes:
        variables: The values of ``${NAME}`` templates.
        dialect: The SQL dialect; None for that of the data source, or DuckDB's without one.
        default_schema: The schema of unqualified tables; None for the engine's own.
        temp_tables: Which SELECTs get a table of their own.
        parser: Decides what is SQL; None for the data source, when it runs a statement.
        temp_tables_life: When those tables are dropped.
        datasources: The URLs of the data sources that statements may name, by their names.
        datasource: The URL of the default data source; None where it is not known.
    """

    variables: dict[str, str]
    dialect: str | None
    default_schema: str | None
    temp_tables: str
    parser: str | None = None
    temp_tables_life: str = "keep"
    datasources: Mapping[str, str] = field(default_factory=dict, repr=False)
    datasource: str | None = field(default=None, repr=False)

    def schemas(self) -> dict[str, str]:
        """The schemas in which unqualified tables of the data sources are, by name."""
        from sqlflow_dagster.datasources import schemas

        default = {} if self.datasource is None else {DEFAULT_DATASOURCE: self.datasource}
        return schemas({**self.datasources, **default})

    def dialects(self) -> dict[str, str]:
        """The dialects of the data sources that statements may name.

        Raises:
            TerminalError: A URL names no engine.
        """
        from sqlflow_dagster.datasources import dialects

        return dialects(self.datasources)

    def dialect_for(self, datasource: str | None) -> str:
        """The dialect in which programs for a data source are written.

        Raises:
            TerminalError: The URL of the data source names no engine.
        """
        if self.dialect is not None:
            return self.dialect
        if datasource is None:
            return "duckdb"
        from sqlflow_dagster.engines.base import dialect_of

        return dialect_of(datasource)


def _of_parent(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """The value of an option of a subcommand; else what the whole command was given."""
    if value is None:
        return ctx.find_root().params.get(str(parameter.name))
    return value


_OPTIONS, _TARGET = f"{__name__}.datasources", f"{__name__}.target"


def _take_target(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    """Remember the target, which is read before the data sources are made of it."""
    if value is not None:
        ctx.meta[_TARGET] = value


def _datasource(ctx: click.Context, _: click.Parameter, values: tuple[str, ...]) -> str | None:
    """The URL of the default data source; :func:`named_datasources` has the others."""
    ctx.meta[_OPTIONS] = (*ctx.meta.get(_OPTIONS, ()), *values)
    try:
        return _datasources(ctx).default
    except TerminalError as error:
        hint = f"\nhint: {error.hint}" if error.hint else ""
        raise click.UsageError(f"{error.message}{hint}", ctx) from error


def _datasources(ctx: click.Context) -> "Datasources":
    from sqlflow_dagster.datasources import datasources_of

    return datasources_of(ctx.meta.get(_OPTIONS, ()), target=ctx.meta.get(_TARGET))


def named_datasources() -> Mapping[str, str]:
    """The URLs of the data sources that statements may name, by their names."""
    return _datasources(click.get_current_context()).others


def datasource_option(command: Command) -> Command:
    """``--datasource`` and ``--target``; those before the name of a subcommand count too.

    The command gets the URL of the default data source as ``datasource``.
    """
    with_target = click.option(
        "--target",
        metavar="NAME",
        expose_value=False,
        is_eager=True,
        callback=_take_target,
        help=f"The data sources of this target in pyproject.toml.  [env var: {TARGET_VARIABLE}]",
    )(command)
    return click.option(
        "--datasource",
        metavar="[NAME=]URL",
        multiple=True,
        callback=_datasource,
        help=f"{_DATASOURCE_HELP} With a NAME, one that statements name; may be given several times."
        f"  [env var: {DATASOURCE_VARIABLE}, {DATASOURCE_VARIABLE}_NAME]",
    )(with_target)


def _model_settings(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> ModelSettings:
    return ModelSettings.from_environment(store=_of_parent(ctx, parameter, value))


def models_option(command: Command) -> Command:
    """``--model-store URI`` of a subcommand, which gets :class:`ModelSettings` as ``models``."""
    return click.option(
        "--model-store",
        "models",
        metavar="URI",
        callback=_model_settings,
        help=f"{_MODEL_STORE_HELP}  [env var: {STORE_VARIABLE}]",
    )(command)


def root_models_option(command: Command) -> Command:
    """``--model-store URI`` before the name of a subcommand, also read from the environment."""
    return click.option(
        "--model-store",
        "models",
        metavar="URI",
        envvar=STORE_VARIABLE,
        show_envvar=True,
        help=_MODEL_STORE_HELP,
    )(command)


def required(datasource: str | None) -> str:
    """The data source.

    Raises:
        click.UsageError: There is none.
    """
    if datasource is None:
        raise click.UsageError(
            f"no data source is given: write --datasource URL or set {DATASOURCE_VARIABLE}, "
            "for example to duckdb:///data.duckdb"
        )
    return datasource


def _variables(_: click.Context, __: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    found = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name.isidentifier():
            raise click.BadParameter(f"{value!r} is not of the form NAME=VALUE")
        found[name] = text
    return found


def variable_option(command: Command) -> Command:
    """``--variable NAME=VALUE``, as often as wanted; the command gets a dict ``variables``."""
    return click.option(
        "--variable",
        "variables",
        metavar="NAME=VALUE",
        multiple=True,
        callback=_variables,
        help="The value of ${NAME} in the program; may be given several times.",
    )(command)


def parser_option(command: Command) -> Command:
    """``--parser NAME``, also read from the environment."""
    return click.option(
        "--parser",
        metavar="NAME|URL",
        envvar=PARSER_VARIABLE,
        show_envvar=True,
        callback=_of_parent,
        help="What decides what is SQL: sqlglot, engine (the data source) or grpc://host:port. "
        "By default the data source decides, when it runs a statement.",
    )(command)


def parser_spec(parser: str | None, datasource: str | None) -> str | None:
    """What :func:`~sqlflow_dagster.lang.parsers.open_parser` takes for a ``--parser``.

    Raises:
        click.UsageError: It is the data source's, and there is none.
    """
    if parser != ENGINE_PARSER:
        return parser_for(parser, None)
    return parser_for(parser, required(datasource), named_datasources().values())


def duration(_: click.Context, __: click.Parameter, value: str | None) -> timedelta | None:
    """A callback for the value of an option such as ``12h`` or ``7d``."""
    from sqlflow_dagster.temp_tables import parse_duration

    try:
        return None if value is None else parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _life(_: click.Context, __: click.Parameter, value: str) -> str:
    from sqlflow_dagster.temp_tables import TableLife

    try:
        TableLife.parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


def compile_options(command: Command) -> Callable[..., Any]:
    """The options of :class:`CompileSettings`, which the command gets as ``settings``."""

    @variable_option
    @click.option(
        "--dialect", metavar="NAME", help="The SQL dialect; by default the data source's."
    )
    @click.option("--default-schema", metavar="NAME", help="The schema of unqualified tables.")
    @click.option(
        "--temp-tables",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        help="Which SELECTs of machine-learning statements are computed into a table first; "
        "auto: those with more than columns and a WHERE over one table.",
    )
    @click.option(
        "--temp-tables-life",
        metavar="LIFE",
        envvar=LIFE_VARIABLE,
        show_envvar=True,
        default="keep",
        show_default=True,
        callback=_life,
        help="When these tables are dropped: keep, drop_after_run or ttl=7d.",
    )
    @parser_option
    @wraps(command)
    def with_settings(
        *,
        variables: dict[str, str],
        dialect: str | None,
        default_schema: str | None,
        temp_tables: str,
        parser: str | None,
        temp_tables_life: str,
        **others: Any,
    ) -> Any:
        settings = CompileSettings(
            variables=variables,
            dialect=dialect,
            default_schema=default_schema,
            temp_tables=temp_tables,
            parser=parser_spec(parser, others.get("datasource")),
            temp_tables_life=temp_tables_life,
            datasources=named_datasources(),
            datasource=others.get("datasource"),
        )
        return command(settings=settings, **others)

    return with_settings
