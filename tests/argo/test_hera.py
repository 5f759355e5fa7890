"""Manifests are what Argo's own models allow, without a field that these do not know."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from sqlflow_dagster import compile_program
from sqlflow_dagster.argo.render import Kind, RenderOptions, render
from tests.argo.test_render import ALL_OPTIONS, PROGRAM


def findings(documents: list[dict[str, Any]]) -> str:
    """What Hera's models have to say of manifests; an error of theirs is one of the test."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(Path(__file__).with_name("hera_models.py"))],
        input=json.dumps(documents),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_every_kind() -> None:
    program = compile_program(PROGRAM.read_text(encoding="utf-8"), path=PROGRAM)
    options = [RenderOptions(), RenderOptions(kind=Kind.WORKFLOW_TEMPLATE), ALL_OPTIONS]
    assert findings([render(program, item) for item in options]) == ""


def test_the_models_find_what_is_wrong() -> None:
    document = render(compile_program("SELECT 1"))
    document["spec"]["templates"][1]["retryStrategy"]["times"] = "2"
    assert (
        findings([document]) == "Workflow.spec.templates[1].retryStrategy.times: '2' became None\n"
    )
    document["spec"]["templates"][1]["container"]["args"] = "--run"
    assert "validation error" in findings([document])
