"""docs/grafana-dashboard.json asks for nothing that /metrics does not have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from xqplatform.metrics.exporting import sources

FILE = Path(__file__).parents[2] / "docs/grafana-dashboard.json"
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text())
LABELS = {"service", "environment", "instance", "address", "host", "group", "name", "state", "mount"}


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))
    yield from (one["definition"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query")


def test_every_name_is_one_of_the_page() -> None:
    used = {name for text in expressions() for name in re.findall(r"\bxq_[a-z0-9_]+", text)}
    assert len(used) > 30
    assert used <= {one.name for one in sources.families()}


def test_every_label_is_one_of_the_page() -> None:
    used = {label for text in expressions() for label in re.findall(r"([a-z_]+)(?:=~|!~|!=|=)\"", text)}
    assert used
    assert used <= LABELS


def test_every_variable_is_defined() -> None:
    defined = {one["name"] for one in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)\}?", json.dumps(DASHBOARD).replace("$__all", "")))
    assert used == defined


def test_fleet_service_and_instance_have_their_rows() -> None:
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert [title.split(":")[0] for title in rows] == ["Fleet", "Service", "Instance"]


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: panel["title"])
def test_panels_lie_within_the_grid_and_have_numbers_of_their_own(panel: dict[str, Any]) -> None:
    at = panel["gridPos"]
    assert at["x"] + at["w"] <= 24
    assert sum(other["id"] == panel["id"] for other in DASHBOARD["panels"]) == 1
    for other in DASHBOARD["panels"]:
        o = other["gridPos"]
        apart = (
            at["x"] + at["w"] <= o["x"]
            or o["x"] + o["w"] <= at["x"]
            or at["y"] + at["h"] <= o["y"]
            or o["y"] + o["h"] <= at["y"]
        )
        assert other is panel or apart
