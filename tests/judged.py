"""Where a change is judged (`CI` is set) every test runs: one that leaves itself out there has failed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest


def left_out(report: Any) -> bool:
    """Whether it was skipped (what is expected to fail is reported as skipped, too)."""
    return bool(report.skipped) and not hasattr(report, "wasxfail")


def judge(report: Any) -> None:
    """Makes a failure of a skip, with its reason."""
    if os.environ.get("CI") and left_out(report):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"Nothing is left out where a change is judged. {reason}"


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Iterator[None]:
    outcome: Any = yield
    judge(outcome.get_result())


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Iterator[None]:
    outcome: Any = yield
    judge(outcome.get_result())
