"""Certificates of the tests' own servers."""

import os
import subprocess
from pathlib import Path

from tests.engines.servers import binary

NAME = "server.crt"
"""The certificate in a server's directory, which is its own authority."""


def new_certificate(directory: Path, name: str = NAME) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key, which belong to the owner of the directory."""
    certificate, key = directory / name, directory / f"{name}.key"
    openssl = binary("openssl", "OpenSSL", [])
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    place = ["-subj", "/CN=sqlflow tests", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [openssl, "req", "-x509", *curve, *place, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    owner = directory.stat()
    for path in (certificate, key):
        os.chown(path, owner.st_uid, owner.st_gid)
    key.chmod(0o600)
    return certificate, key
