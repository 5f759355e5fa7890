"""docs/diagnostics.md: every code is explained, and every example gives its diagnostic."""

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from sqlflow_dagster.cli.root import main
from sqlflow_dagster.codes import Code
from sqlflow_dagster.project import definitions_from_sql

PAGE = (Path(__file__).parents[1] / "docs" / "diagnostics.md").read_text(encoding="utf-8")
WITHOUT_EXAMPLE = {Code.MISSING_LIBRARY, Code.INTERNAL_ERROR}
"""Those that no program gives where everything is installed and nothing is wrong with the package."""
OF_DAGSTER = {Code.NAME_TAKEN, Code.CIRCLE}


@dataclass(frozen=True)
class Section:
    """What the page says of a code."""

    code: str
    text: str
    programs: tuple[str, ...]
    commands: tuple[str, ...]

    @property
    def files(self) -> dict[str, str]:
        names = ["p.sql"] if len(self.programs) < 2 else ["a.sql", "b.sql"]
        return dict(zip(names, self.programs or ("SELECT 1",), strict=True))


def sections() -> list[Section]:
    parts = re.split(r"^### `([a-z-]+)`$", PAGE, flags=re.M)[1:]
    return [
        Section(
            code=code,
            text=text.strip(),
            programs=tuple(re.findall(r"^```sql\n(.*?)^```$", text, re.M | re.S)),
            commands=tuple(
                line
                for block in re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)
                for line in block.splitlines()
            ),
        )
        for code, text in zip(parts[::2], parts[1::2], strict=True)
    ]


SECTIONS = sections()


def test_every_code_is_explained() -> None:
    assert [item.code for item in SECTIONS] == [str(code) for code in Code]
    for item in SECTIONS:
        assert item.text.startswith(("Error", "Warning"))
        assert bool(item.programs or item.commands) == (item.code not in WITHOUT_EXAMPLE)


@pytest.mark.parametrize(
    "section",
    [item for item in SECTIONS if item.code not in WITHOUT_EXAMPLE | OF_DAGSTER],
    ids=lambda item: item.code,
)
def test_an_example_gives_its_diagnostic(
    section: Section, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in filter(re.compile("SQLFLOW_").match, list(os.environ)):
        monkeypatch.delenv(name)
    for name, text in section.files.items():
        (tmp_path / name).write_text(text)
    for command in section.commands or (f"sqlflow check {' '.join(section.files)}",):
        words = shlex.split(command)
        if words[0] == "sqlflow":
            said = CliRunner().invoke(main, words[1:]).output
        else:
            said = subprocess.run(
                command, shell=True, check=True, capture_output=True, text=True
            ).stdout
    place = f'"code": "{section.code}"' if section.code == Code.CANNOT_RUN else f"[{section.code}]"
    assert place in said
    severity = "warning" if section.text.startswith("Warning") else "error"
    assert severity in said


@pytest.mark.parametrize(
    "section", [item for item in SECTIONS if item.code in OF_DAGSTER], ids=lambda item: item.code
)
def test_an_example_is_shown_by_dagster(section: Section, tmp_path: Path) -> None:
    for name, text in section.files.items():
        (tmp_path / name).write_text(text)
    defs = definitions_from_sql(tmp_path, datasource="duckdb:///none.duckdb")
    shown = "\n".join(spec.description or "" for spec in defs.resolve_all_asset_specs())
    assert f"[{section.code}]" in shown
