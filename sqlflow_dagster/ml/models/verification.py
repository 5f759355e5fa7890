"""Checking a bundle of unknown origin in a process of its own.

Some libraries end the whole process on a model file that somebody has tampered with: XGBoost's reader of UBJSON
believes the lengths and indexes that it reads. ``python -m sqlflow_dagster.ml.models.verification`` reads a bundle from
standard input and tells the caller what is wrong with it.
"""

import json
import os
import subprocess
import sys

from sqlflow_dagster.errors import ExitCode, TerminalError
from sqlflow_dagster.ml.manifest import Manifest
from sqlflow_dagster.ml.models.bundle import unpack
from sqlflow_dagster.own_classes import TRAINERS_VARIABLE, allowed


def verify(data: bytes) -> Manifest:
    """What is known of a model that is whole, and answers here as it did when it was trained.

    Args:
        data: A bundle of any origin; no code of it is run.

    Raises:
        TerminalError: It is damaged, of an unknown format, answers differently here, needs a library that is
            missing, or makes one crash.
    """
    manifest = unpack(data).manifest
    done = subprocess.run(  # noqa: S603  # this very Python, and a module of ours
        [sys.executable, "-P", "-m", __name__],
        input=data,
        capture_output=True,
        check=False,
        env={**os.environ, TRAINERS_VARIABLE: ",".join(allowed())},
    )
    if done.returncode == ExitCode.FAILED:
        told = json.loads(done.stdout)
        raise TerminalError(told["message"], hint=told["hint"])
    if done.returncode != ExitCode.OK:
        raise TerminalError(
            f"the library of {manifest.estimator} crashed on the model, exit code {done.returncode}",
            hint="the file is damaged or was tampered with: do not use it",
        )
    return manifest


def main() -> int:
    """Load the bundle of standard input; the exit code."""
    from sqlflow_dagster.ml.models.model import Model

    try:
        Model.from_bundle(sys.stdin.buffer.read())
    except TerminalError as error:
        sys.stdout.write(json.dumps({"message": error.message, "hint": error.hint}))
        return ExitCode.FAILED
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
