"""A zip of a few files: written the same each time, read without trust.

Nothing is ever unpacked to a disk. What an archive says of itself (sizes, names, numbers of members) is a
claim; the limits are those of the bytes that were read.
"""

import re
import stat
import zipfile
from collections.abc import Mapping
from io import BytesIO

from sqlflow_dagster.errors import TerminalError

MAX_MEMBERS = 64
MAX_BYTES = 4 * 1024**3
"""The most that all members may take, unpacked."""
SMALL_BYTES = 256 * 1024**2
MAX_RATIO = 100
"""How many times its packed size an archive of more than :data:`SMALL_BYTES` may take, unpacked."""

# No part begins with a dot, so there is no way up; no part is empty, so there is no way to the root.
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_archive(members: Mapping[str, bytes]) -> bytes:
    """Members by name as the bytes of one zip; the same members give the same bytes."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, date_time=_EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return packed.getvalue()


def read_archive(data: bytes, *, max_bytes: int = MAX_BYTES) -> dict[str, bytes]:
    """The members of a zip by name, in its order.

    Args:
        data: The zip.
        max_bytes: The most that the members may take, unpacked.

    Raises:
        TerminalError: A member has a name that leads elsewhere, or one that another has; is no plain file; or
            there are too many members or bytes.
        Exception: What a damaged archive makes ``zipfile`` and ``zlib`` raise: there is no end to the list.
    """
    with zipfile.ZipFile(BytesIO(data)) as archive:
        infos = archive.infolist()
        _check_members(infos)
        limit = min(max_bytes, max(SMALL_BYTES, MAX_RATIO * len(data)))
        members: dict[str, bytes] = {}
        left = limit
        for info in infos:
            with archive.open(info) as member:
                content = member.read(left + 1)
            left -= len(content)
            if left < 0:
                raise TerminalError(f"the model bundle takes more than {limit} bytes, unpacked")
            members[info.filename] = content
        return members


def _check_members(infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_MEMBERS:
        raise TerminalError(f"a model bundle has at most {MAX_MEMBERS} members, not {len(infos)}")
    names = [item.filename for item in infos]
    for info in infos:
        if not _NAME.fullmatch(info.filename) or names.count(info.filename) > 1:
            raise TerminalError(f"a model bundle has no member named {info.filename!r}")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise TerminalError(f"member {info.filename!r} of a model bundle is no plain file")
