"""Which data sources a user has, by name: from options, the environment and the settings of the project.

What is said first, counts: an option; a target that was chosen; ``SQLFLOW_DATASOURCE`` for the default one and
``SQLFLOW_DATASOURCE_PG`` for ``pg``; the target that the project calls its own.
"""

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlflow_dagster.errors import TerminalError, did_you_mean
from sqlflow_dagster.graph.external_programs import DATASOURCE_VARIABLE
from sqlflow_dagster.graph.objects import DEFAULT_DATASOURCE

TARGET_VARIABLE = "SQLFLOW_TARGET"
PROJECT_FILE = "pyproject.toml"
_TABLE = "sqlflow_dagster"
# A URL, too, may hold an equals sign, but not before what its engine ends with.
_NAMED = re.compile(r"(?P<name>[^=:/$]*)=(?P<url>.*)", re.DOTALL)
_NAME = re.compile(r"[a-z]\w*", re.ASCII)
_TARGET_KEYS = ("target", "targets", "datasources")


@dataclass(frozen=True, slots=True, kw_only=True)
class Datasources:
    """The data sources of a command or a code location.

    Attributes:
        default: The URL of the default one; None where there is none.
        others: The URLs of the others by name.
    """

    default: str | None = field(default=None, repr=False)
    others: Mapping[str, str] = field(default_factory=dict, repr=False)


def schemas(urls: Mapping[str, str]) -> dict[str, str]:
    """The schemas in which unqualified tables of data sources are, by name.

    Left out are those that have none, and those whose URL cannot be opened here: to compile a program
    one needs no password.
    """
    if not urls:
        return {}
    from sqlflow_dagster.engines.base import open_engine

    found = {}
    for name, url in urls.items():
        with suppress(TerminalError):
            schema = open_engine(url).default_schema
            if schema is not None:
                found[name] = schema
    return found


def dialects(urls: Mapping[str, str]) -> dict[str, str]:
    """The SQL dialects of data sources by name.

    Raises:
        TerminalError: A URL names no engine.
    """
    if not urls:
        return {}
    # Only now: it brings in the libraries of the engines.
    from sqlflow_dagster.engines.base import dialect_of

    found = {}
    for name, url in urls.items():
        try:
            found[name] = dialect_of(url)
        except TerminalError as error:
            raise TerminalError(f"data source {name!r}: {error.message}", hint=error.hint) from None
    return found


def datasources_of(
    options: Iterable[str] = (),
    *,
    target: str | None = None,
    environment: Mapping[str, str] = os.environ,
    folders: Iterable[Path] = (),
) -> Datasources:
    """The data sources that a user means.

    Args:
        options: ``URL`` of the default one, ``NAME=URL`` of another; later ones count.
        target: A target of the project; None for that of ``SQLFLOW_TARGET``, or the project's own.
        environment: The environment variables.
        folders: Where the project is looked for, and above; the first that has one counts. Without any,
            the working directory.

    Raises:
        TerminalError: There is no such target, an option has no name that a data source can have, or
            the settings of the project cannot be understood.
    """
    chosen = target or environment.get(TARGET_VARIABLE) or None
    project = next(filter(None, map(_project, folders or (Path.cwd(),))), None)
    of_target, of_environment = _of_target(project, chosen), from_environment(environment)
    named = of_target | of_environment if chosen is None else of_environment | of_target
    named |= dict(map(named_url, options))
    return Datasources(default=named.pop(DEFAULT_DATASOURCE, None), others=named)


def from_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The URLs of ``SQLFLOW_DATASOURCE`` and ``SQLFLOW_DATASOURCE_<NAME>`` by name."""
    prefix = f"{DATASOURCE_VARIABLE}_"
    found = {
        name.removeprefix(prefix).lower(): url
        for name, url in environment.items()
        if name.startswith(prefix) and url and _NAME.fullmatch(name.removeprefix(prefix).lower())
    }
    if environment.get(DATASOURCE_VARIABLE):
        found[DEFAULT_DATASOURCE] = environment[DATASOURCE_VARIABLE]
    return found


def named_url(option: str) -> tuple[str, str]:
    """The name and the URL that ``URL`` or ``NAME=URL`` means.

    Raises:
        TerminalError: What stands before the URL cannot be a name.
    """
    found = _NAMED.fullmatch(option)
    if found is None:
        return DEFAULT_DATASOURCE, option
    return datasource_name(found["name"]), found["url"]


def datasource_name(text: str) -> str:
    """The name of a data source as statements say it, whose case does not count.

    Raises:
        TerminalError: It cannot be a name.
    """
    name = text.lower()
    if not _NAME.fullmatch(name):
        raise TerminalError(
            f"{text!r} cannot be the name of a data source",
            hint="a name has letters, digits and underscores, and begins with a letter",
        )
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Project:
    """The settings of a project, and the file that they stand in."""

    file: Path
    settings: Mapping[str, Any]

    def wrong(self, what: str, hint: str | None = None) -> TerminalError:
        return TerminalError(f"[tool.{_TABLE}] of {self.file}: {what}", hint=hint)


def _project(folder: Path) -> _Project | None:
    """The nearest project file with settings, in a folder or above it."""
    for place in (folder, *folder.parents):
        file = place / PROJECT_FILE
        if not file.is_file():
            continue
        try:
            content = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise TerminalError(f"{file} cannot be read: {error}") from error
        settings = content.get("tool", {}).get(_TABLE)
        if settings is not None:
            return _Project(file=file, settings=settings)
    return None


def _of_target(project: _Project | None, chosen: str | None) -> dict[str, str]:
    """The URLs of a target by name, after those that all targets have."""
    if project is None:
        if chosen is not None:
            raise TerminalError(
                f"there is no target {chosen!r}",
                hint=f"targets stand in [tool.{_TABLE}.targets] of {PROJECT_FILE}, here or above",
            )
        return {}
    unknown = next((key for key in project.settings if key not in _TARGET_KEYS), None)
    if unknown is not None:
        hint = did_you_mean(unknown, _TARGET_KEYS) or f"known: {', '.join(_TARGET_KEYS)}"
        raise project.wrong(f"unknown setting {unknown!r}", hint)
    targets = _table(project, "targets", project.settings.get("targets", {}))
    name = chosen or project.settings.get("target")
    found = _urls(project, "datasources", project.settings.get("datasources", {}))
    if name is None:
        return found
    if name not in targets:
        hint = did_you_mean(str(name), targets) or f"known: {', '.join(targets) or 'none'}"
        raise project.wrong(f"there is no target {name!r}", hint)
    return found | _urls(project, f"targets.{name}", targets[name])


def _table(project: _Project, key: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise project.wrong(f"{key} is no table")
    return value


def _urls(project: _Project, key: str, value: object) -> dict[str, str]:
    found = {}
    for name, given in _table(project, key, value).items():
        entry = {"url": given} if isinstance(given, str) else given
        try:
            called = datasource_name(name)
        except TerminalError as error:
            raise project.wrong(error.message, error.hint) from None
        if (
            not isinstance(entry, dict)
            or not isinstance(entry.get("url"), str)
            or entry.keys() - {"url", "schema"}
        ):
            raise project.wrong(
                f"the data source {name!r} of {key} is no URL",
                hint=f'write it as: {name} = "duckdb:///data.duckdb", '
                f'or {name} = {{ url = "…", schema = "dev" }}',
            )
        url = _beside(project.file.parent, entry["url"])
        if entry.get("schema"):
            url += f"{'&' if '?' in url else '?'}schema={entry['schema']}"
        found[called] = url
    return found


def _beside(folder: Path, url: str) -> str:
    """The URL of a database file whose path counts from the project's folder."""
    from sqlflow_dagster.engines.base import absolute_url

    return absolute_url(url, folder)
