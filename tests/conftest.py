"""What holds for every test."""

import os
import signal
from collections.abc import Generator
from importlib.util import find_spec

import pytest
from hypothesis import settings

SERVER_MISSING = "`make servers` installs it"
NO_SMALL_DISK = "only root can mount a small disk"

# A busy machine is slow, not wrong.
settings.register_profile("sqlflow", deadline=None)
settings.load_profile("sqlflow")

# A shell starts what it runs in the background deaf to Ctrl-C, and so would be every command of a test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if find_spec("torch") is None:
        for item in items:
            if item.get_closest_marker("torch"):
                item.add_marker(pytest.mark.skip(reason="PyTorch is not installed"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test is skipped where PyTorch or a server is not installed or the user is not root, no more."""
    report = yield
    expected = (
        item.get_closest_marker("torch") is not None
        or NO_SMALL_DISK in str(report.longrepr)
        # Continuous integration has every server.
        or (SERVER_MISSING in str(report.longrepr) and not os.environ.get("CI"))
    )
    if report.skipped and not hasattr(report, "wasxfail") and not expected:
        report.outcome = "failed"
        report.longrepr = f"skipped, though nothing that it needs is missing: {report.longrepr}"
    return report
