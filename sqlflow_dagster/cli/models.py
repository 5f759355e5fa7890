"""``sqlflow models``: the trained models of a store."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sqlflow_dagster.cli.options import datasource_option, models_option
from sqlflow_dagster.errors import ExitCode
from sqlflow_dagster.model_store.settings import ModelSettings

if TYPE_CHECKING:
    from sqlflow_dagster.model_store.base import ModelStore, ModelVersion

_MODEL = click.argument("model", metavar="NAME[@VERSION]")


def _store_options(command: Callable[..., Any]) -> Callable[..., Any]:
    return datasource_option(models_option(command))


_FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How it is written.",
)


@click.group(short_help="Show, move and remove trained models.")
def models() -> None:
    """Show, move and remove the trained models of a data source or a model store."""


@models.command("list", short_help="Show the models.")
@_FORMAT
@_store_options
def show_all(*, form: str, datasource: str | None, models: ModelSettings) -> None:
    """Show every model: its accepted version, its latest one, how many there are, how good it is.

    The exit code is 1 where a version is damaged; the others are shown all the same.
    """
    from sqlflow_dagster.cli.model_texts import models_table, version_json
    from sqlflow_dagster.cli.output import print_table

    store = _store(datasource, models)
    found = [versions for name in store.names() if (versions := store.versions(name))]
    if form == "json":
        click.echo(json.dumps([version_json(item) for model in found for item in model], indent=2))
    elif found:
        print_table(models_table(found))
    else:
        click.echo(f"there are no models in {store.location}", err=True)
    damage = store.damage()
    for sentence in damage:
        click.echo(f"error: {sentence}", err=True)
    if damage:
        sys.exit(ExitCode.FAILED)


@models.command(short_help="Show one model.")
@_MODEL
@_FORMAT
@_store_options
def show(*, model: str, form: str, datasource: str | None, models: ModelSettings) -> None:
    """Show a model: its statement, features, metrics, libraries and versions.

    Without a version, the accepted one.
    """
    from sqlflow_dagster.cli import model_texts
    from sqlflow_dagster.cli.output import print_table

    store = _store(datasource, models)
    found = _find(store, model)
    versions = store.versions(found.name)
    if form == "json":
        facts = {
            **model_texts.version_json(found),
            "metadata": found.metadata,
            "versions": [model_texts.version_json(item) for item in versions],
        }
        click.echo(json.dumps(facts, indent=2))
        return
    print_table(model_texts.facts_table(found))
    tables = [
        *model_texts.metrics_tables(found.metadata),
        *model_texts.parameter_tables(found.metadata),
        *model_texts.trials_tables(found.metadata),
        model_texts.features_table(found.metadata),
        model_texts.versions_table(versions),
    ]
    for table in tables:
        click.echo()
        print_table(table)
    if found.metadata.get("statement"):
        click.echo(f"\n{found.metadata['statement']}")


@models.command(short_help="Write a model to a file.")
@_MODEL
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file; it is replaced whole.  [default: NAME-VERSION.zip or .onnx]",
)
@click.option("--onnx", "as_onnx", is_flag=True, help="Write it as an ONNX graph.")
@_store_options
def export(
    *,
    model: str,
    output: Path | None,
    as_onnx: bool,
    datasource: str | None,
    models: ModelSettings,
) -> None:
    """Write a model as one file, which `sqlflow models import` reads.

    With --onnx, as a graph for programs that know nothing of sqlflow: from encoded rows to probabilities or amounts.
    It is written only if it answers as the model does.
    """
    store = _store(datasource, models)
    name, number = _parsed(model)
    found, data = store.load(name, number)
    if as_onnx:
        from sqlflow_dagster.ml.models.model import Model
        from sqlflow_dagster.ml.models.onnx_export import export_onnx

        data = export_onnx(Model.from_bundle(data))
    suffix = "onnx" if as_onnx else "zip"
    _write(output or Path(f"{_file_name(found.name)}-{found.version}.{suffix}"), data)


@models.command("import", short_help="Store a model that was exported.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("name", metavar="NAME")
@click.option("--no-accept", is_flag=True, help="Leave the accepted version of NAME as it is.")
@_store_options
def import_(
    *, file: Path, name: str, no_accept: bool, datasource: str | None, models: ModelSettings
) -> None:
    """Store the model of FILE as the next version of NAME.

    It is checked first: nothing in it was changed, and it answers here as it did where it was trained.
    """
    from sqlflow_dagster.ml.models.verification import verify

    store = _store(datasource, models)
    data = file.read_bytes()
    manifest = verify(data)
    saved = store.save(name, data, manifest.to_json(), accept=not no_accept)
    click.echo(f"{saved.name}@{saved.version}")


@models.command(short_help="Remove a model or a version of one.")
@_MODEL
@click.option("--yes", is_flag=True, help="Do not ask.")
@_store_options
def delete(*, model: str, yes: bool, datasource: str | None, models: ModelSettings) -> None:
    """Remove a model with all its versions, or one version that is not the accepted one."""
    store = _store(datasource, models)
    name, number = _parsed(model)
    _find(store, model)  # Nobody is asked about what is not there.
    if number is None:
        count = len(store.versions(name))
        what = f"model {name} with its {count} version{'' if count == 1 else 's'}"
    else:
        what = f"version {number} of model {name}"
    if not yes:
        click.confirm(f"Remove {what} from {store.location}?", abort=True, err=True)
    store.delete(name, number)
    click.echo(f"removed {what}", err=True)


@models.command(short_help="Choose the version that statements read.")
@_MODEL
@_store_options
def promote(*, model: str, datasource: str | None, models: ModelSettings) -> None:
    """Let USING NAME read this VERSION from now on, until the next training."""
    name, number = _parsed(model)
    if number is None:
        raise click.UsageError(f"say which version: {model}@3")
    _store(datasource, models).accept(name, number)
    click.echo(f"{name}@{number} is accepted", err=True)


@models.command(short_help="Remove old versions.")
@click.argument("names", nargs=-1, metavar="[NAME…]")
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="N",
    required=True,
    help="How many of each model's newest versions stay.",
)
@click.option("--dry-run", is_flag=True, help="Only tell what would be removed.")
@_store_options
def prune(
    *,
    names: tuple[str, ...],
    keep: int,
    dry_run: bool,
    datasource: str | None,
    models: ModelSettings,
) -> None:
    """Remove all but the newest versions of models, by default of all models.

    The accepted version stays, however old it is.
    """
    from sqlflow_dagster.model_store import checks, pruning

    store = _store(datasource, models)
    known = store.names()
    for name in names:
        if name not in known:
            raise checks.unknown_model(name, known)
    removed = 0
    for name in dict.fromkeys(names or known):
        old = pruning.superfluous(store.versions(name), keep)
        for item in old if dry_run else pruning.prune(store, name, keep):
            click.echo(f"{item.name}@{item.version}")
            removed += 1
    click.echo(f"{removed} {'would be removed' if dry_run else 'removed'}", err=True)


def _store(datasource: str | None, settings: ModelSettings) -> "ModelStore":
    from sqlflow_dagster.engines.base import open_engine
    from sqlflow_dagster.model_store.opening import open_model_store

    return open_model_store(settings.store, open_engine(datasource) if datasource else None)


def _parsed(model: str) -> tuple[str, int | None]:
    """Name and version of ``name@version``."""
    name, at, number = model.rpartition("@")
    return (name, int(number)) if at and number.isdecimal() else (model, None)


def _find(store: "ModelStore", model: str) -> "ModelVersion":
    """A version without its bundle.

    Raises:
        TerminalError: There is no such model or version.
    """
    from sqlflow_dagster.model_store import checks

    name, number = _parsed(model)
    found = store.find(name, number)
    if found is not None:
        return found
    versions = store.versions(name)
    if not versions:
        raise checks.unknown_model(name, store.names())
    raise checks.unknown_version(name, number, [item.version for item in versions])


def _file_name(name: str) -> str:
    """A model's name where it may lead nowhere else."""
    return "".join(char if char.isalnum() or char in "._-" else "_" for char in name).lstrip(".")


def _write(path: Path, data: bytes) -> None:
    from sqlflow_dagster.cli.whole_files import write_whole

    try:
        write_whole(path, data)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}") from None
    click.echo(path)
