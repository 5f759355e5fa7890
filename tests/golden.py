"""Compare a text with a file of the repository that a person has read."""

import os
from pathlib import Path

UPDATE = "SQLFLOW_UPDATE_GOLDEN"


def assert_golden(path: Path, actual: str) -> None:
    """Assert that a text is what the file holds.

    With the environment variable ``SQLFLOW_UPDATE_GOLDEN=1`` the file is written instead, for a person
    to read the difference; that is never set where tests judge a change.

    Args:
        path: The file; it is written when it differs and an update was asked for.
        actual: The text; a line end at its end is added where it is missing.
    """
    text = actual if actual.endswith("\n") else actual + "\n"
    if os.environ.get(UPDATE) == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.exists(), f"{path} does not exist; run `make golden` and read what it writes"
    assert text == path.read_text(encoding="utf-8"), f"{path} differs; see `make golden`"
