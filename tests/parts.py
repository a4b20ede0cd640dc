"""Makes one closing summary of the parts that scripts/test.py runs: the last one also counts what the others found.

A test's time limit holds for each of its reruns, and for its fixtures' end after it ran out: a second try that hangs is ended, too.

Within a part, tests that may take long begin first, so that processes side by side end at about the same time. A part writes its reports to `--reports-to`; the last part reads them by `--reports-of` and pytest sums up all of them.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import pytest_timeout

COUNTED = ("passed", "failed", "error", "skipped", "xfailed", "xpassed", "rerun")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reports-to", default="", help="write this part's reports to a file")
    parser.addoption("--reports-of", action="append", default=[], help="sum up the reports of this file as well")
    parser.addoption("--part", default="", help="a word put after the names of what failed in this part")


def patience(item: pytest.Item) -> float:
    """How long a test may take, as its own mark says (0: as long as any)."""
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark and mark.args else 0.0


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--part"):
        items.sort(key=patience, reverse=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    time_again(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    time_again(item)


def time_again(item: pytest.Item) -> None:
    """Sets the timer of pytest-timeout again where it ran out: it sets it once for a test with all its reruns, and takes it away at a failure."""
    settings = pytest_timeout._get_item_settings(item)
    if settings.timeout and settings.method == "signal" and signal.getitimer(signal.ITIMER_REAL)[0] == 0:
        item.config.hook.pytest_timeout_set_timer(item=item, settings=settings)


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    """After the tracebacks of this part, before the short summary and the closing line."""
    if target := config.getoption("--reports-to"):
        Path(target).write_text(json.dumps(serialized(terminalreporter, config), default=str))
    for source in config.getoption("--reports-of"):
        for kind, reports in load(Path(source), config).items():
            terminalreporter.stats.setdefault(kind, []).extend(reports)
    if config.getoption("--reports-of"):
        terminalreporter._set_main_color()
        if os.environ.get("XQ_TEST_LINT_FAILED") == "1":
            terminalreporter.write_line("Lint or types failed: see the beginning of the output.", red=True)


def serialized(terminalreporter: Any, config: pytest.Config) -> dict[str, list[dict[str, Any]]]:
    """The reports by kind as JSON; names of what failed carry the part's name."""
    part = config.getoption("--part")
    result: dict[str, list[dict[str, Any]]] = {}
    for kind in COUNTED:
        for report in terminalreporter.stats.get(kind, []):
            data = config.hook.pytest_report_to_serializable(config=config, report=report)
            if data is None:
                continue
            data["sections"] = []
            data.pop("node", None)  # the process of pytest-xdist that ran it
            if part and kind in ("failed", "error"):
                data["nodeid"] = f"{data['nodeid']} [{part}]"
            result.setdefault(kind, []).append(data)
    return result


def load(source: Path, config: pytest.Config) -> dict[str, list[Any]]:
    """The reports of an earlier part; none when it ended before it could write them."""
    if not source.exists():
        return {}
    result: dict[str, list[Any]] = {}
    for kind, rows in json.loads(source.read_text()).items():
        for data in rows:
            report = config.hook.pytest_report_from_serializable(config=config, data=data)
            if isinstance(report.longrepr, list):
                report.longrepr = tuple(report.longrepr)
            result.setdefault(kind, []).append(report)
    return result
