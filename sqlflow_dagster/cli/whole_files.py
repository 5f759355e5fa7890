"""Files that are written whole or not at all."""

import shutil
import uuid
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Make a file, or replace one and keep its mode; whatever ends this early leaves it as it was.

    Raises:
        OSError: It cannot be written.
    """
    target = path.resolve()
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        with aside.open("xb") as file:
            file.write(data)
        if target.exists():
            shutil.copymode(target, aside)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
