"""How much memory a benchmark takes."""

from pathlib import Path


def peak() -> float:
    """The most memory that this process has taken, in MB."""
    # getrusage's maximum would begin with that of the process which started this one.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
