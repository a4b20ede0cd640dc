"""Fixtures for every test that needs real engines: `fleet` (once a process) and `clean_fleet` (emptied after the test)."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.engines.fleet import Fleet
from tests.engines.lxd import no_btrfs


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on the fleet carry the mark `engine`."""
    for item in items:
        if "fleet" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.engine)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was not collected is said, once, by the process that sums up."""
    if why := no_btrfs():
        terminalreporter.write_line(f"Tests on pools of btrfs are left out: {why}.")


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    """Three Docker hosts and a registry, up for the whole run (or those that XQ_FLEET names, which stay).

    Each process of pytest-xdist has its own; only the first one uses those that stand.
    """
    standing = os.environ.get("XQ_FLEET")
    if standing and os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
        yield Fleet.attach(standing)
        return
    with Fleet.up() as fleet:
        yield fleet


@pytest.fixture
def clean_fleet(fleet: Fleet) -> Iterator[Fleet]:
    """The fleet; afterwards its containers, networks and volumes are removed and what was stopped runs again."""
    yield fleet
    fleet.clean()
