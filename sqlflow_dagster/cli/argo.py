"""``sqlflow argo``: programs as Argo Workflows."""

import sys
from pathlib import Path

import click

from sqlflow_dagster.cli.options import (
    PROGRAM_FILE,
    CompileSettings,
    compile_options,
    datasource_option,
)
from sqlflow_dagster.errors import ExitCode


@click.group(short_help="Programs as Argo Workflows, for Kubernetes.")
def argo() -> None:
    """Make Argo Workflows of programs; nothing here talks to a cluster."""


@argo.command(short_help="Write a program as a Workflow.")
@click.argument("file", type=PROGRAM_FILE)
@click.option(
    "--kind",
    type=click.Choice(["workflow", "workflow-template", "cron"]),
    default="workflow",
    show_default=True,
    help="What it becomes: a run, something to submit, or runs at given times.",
)
@click.option("--name", metavar="NAME", help="Its name; by default one made of the file's name.")
@click.option("--namespace", metavar="NAME", help="Where it is created.")
@click.option("--image", metavar="IMAGE", help="The image of the steps.  [sqlflow-dagster:VERSION]")
@click.option(
    "--secret",
    metavar="NAME",
    default="sqlflow-datasource",
    show_default=True,
    help="The Secret whose entry datasource is the URL of the data source, and datasource-pg that of pg.",
)
@click.option(
    "--settings",
    "settings_name",
    metavar="NAME",
    default="sqlflow-settings",
    show_default=True,
    help="The ConfigMap and the Secret, where they are there, whose entries are the steps' other environment "
    "variables, such as SQLFLOW_TRAINERS.",
)
@click.option(
    "--service-account",
    metavar="NAME",
    default="sqlflow",
    show_default=True,
    help="Whose rights the pods have.",
)
@click.option(
    "--parallelism", metavar="N", type=click.IntRange(min=1), help="The most pods at once."
)
@click.option(
    "--deadline", metavar="SECONDS", type=click.IntRange(min=1), help="How long a run may take."
)
@click.option("--schedule", metavar="CRON", help="When it runs, such as '0 3 * * *'; for cron.")
@click.option("--timezone", metavar="ZONE", help="Of the schedule, such as Europe/Berlin.")
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where it is written; by default to standard output.",
)
@datasource_option
@compile_options
def render(
    *,
    file: Path,
    kind: str,
    name: str | None,
    namespace: str | None,
    image: str | None,
    secret: str,
    settings_name: str,
    service_account: str,
    parallelism: int | None,
    deadline: int | None,
    schedule: str | None,
    timezone: str | None,
    output: Path | None,
    datasource: str | None,
    settings: CompileSettings,
) -> None:
    """Write a program as a Workflow: a container for each statement, and what waits for what.

    The data source is only asked which SQL it speaks. It is never written: the pods get theirs from the
    Secret.
    """
    if (schedule is not None) != (kind == "cron"):
        raise click.UsageError("--schedule goes with --kind cron, and --kind cron with --schedule")
    if timezone is not None and schedule is None:
        raise click.UsageError("--timezone goes with --schedule")
    from sqlflow_dagster.argo.render import Kind, RenderOptions, render_yaml
    from sqlflow_dagster.cli.output import print_diagnostics
    from sqlflow_dagster.cli.programs import compile_file

    program = compile_file(file, settings, settings.dialect_for(datasource))
    print_diagnostics(program.diagnostics)
    options = RenderOptions(
        kind=Kind(kind),
        name=name,
        namespace=namespace,
        image=image,
        secret=secret,
        settings=settings_name,
        service_account=service_account,
        parallelism=parallelism,
        deadline=deadline,
        schedule=schedule,
        timezone=timezone,
    )
    text = render_yaml(program, options)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise click.UsageError(f"--output {output} cannot be written: {error.strerror}") from None


@argo.command(short_help="Check manifests without a cluster.")
@click.argument("files", nargs=-1, required=True, type=PROGRAM_FILE, metavar="FILE…")
def lint(files: tuple[Path, ...]) -> None:
    """Tell what Argo or Kubernetes would refuse in manifests, or would understand differently.

    One line for each finding; the exit code is 1 where there is one.
    """
    import yaml

    from sqlflow_dagster.argo.lint import lint as findings_of

    count = 0
    for file in files:
        try:
            documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8-sig")))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            click.echo(f"{file}: cannot be read: {' '.join(str(error).split())}")
            count += 1
            continue
        if not documents:
            click.echo(f"{file}: holds no manifest")
            count += 1
        for document in documents:
            findings = findings_of(document)
            count += len(findings)
            for finding in findings:
                click.echo(f"{file}: {finding}")
    sys.exit(ExitCode.FAILED if count else ExitCode.OK)
