"""Hold manifests against Argo's own models, as Hera carries them, in a process of its own.

Importing Hera changes how PyYAML writes for the whole process. Its models drop a field that they do not
know, so what they give back must be what they were given.
"""

import json
import sys
from typing import Any

from hera.workflows import models


def unknown_fields(given: Any, kept: Any, where: str = "") -> list[str]:
    """The paths of what a model dropped or changed."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [
            path
            for key, value in given.items()
            for path in unknown_fields(value, kept.get(key), f"{where}.{key}")
        ]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [
            path
            for index, (one, other) in enumerate(zip(given, kept, strict=True))
            for path in unknown_fields(one, other, f"{where}[{index}]")
        ]
    return [] if str(given) == str(kept) else [f"{where}: {given!r} became {kept!r}"]


def main() -> None:
    """Read manifests as JSON from standard input; write what is wrong, a line each."""
    for document in json.load(sys.stdin):
        model = getattr(models, document["kind"]).model_validate(document)
        kept = json.loads(model.model_dump_json(by_alias=True, exclude_none=True))
        for path in unknown_fields(document, kept):
            sys.stdout.write(document["kind"] + path + "\n")


if __name__ == "__main__":
    main()
