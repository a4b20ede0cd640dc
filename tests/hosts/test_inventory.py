"""What engines answer becomes a host's row, its state and a reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hosts import inventory, labels

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
INFO: dict[str, Any] = {
    "ID": "X",
    "NCPU": 4,
    "MemTotal": 8 << 30,
    "DockerRootDir": "/var/lib/docker",
    "Driver": "overlay2",
    "LiveRestoreEnabled": True,
    "SystemTime": "2026-01-02T03:04:06.123456789Z",
    "Warnings": ["WARNING: bridge-nf-call-iptables is disabled", "WARNING: No swap limit support"],
}


def test_the_answers_fill_the_row() -> None:
    fields = inventory.host_fields({"Version": "20.10", "ApiVersion": "1.41", "MinAPIVersion": "1.12"}, INFO, NOW, NOW)
    assert (fields["cpus"], fields["memory"], fields["api_version"]) == (4, 8 << 30, "1.41")
    assert fields["clock_skew"] == pytest.approx(1.123, abs=0.01)


def test_empty_answers_are_no_error() -> None:
    assert inventory.host_fields({}, {}, NOW, NOW)["clock_skew"] is None
    assert inventory.container_fields({"Id": "e"})["state"] == "unknown"


def test_what_a_kernel_lacks_is_a_note_unless_limits_need_it() -> None:
    seen = inventory.assess(INFO)
    assert (seen.state, seen.warnings, len(seen.notes)) == ("ready", [], 2)
    seen = inventory.assess({**INFO, "Warnings": ["WARNING: No memory limit support"]})
    assert (seen.state, seen.reason) == ("degraded", "No memory limit support")


def test_live_restore_off_is_a_note() -> None:
    seen = inventory.assess({**INFO, "LiveRestoreEnabled": False})
    assert seen.state == "ready"
    assert "live-restore" in seen.notes[-1]


@pytest.mark.parametrize(
    ("kwargs", "word"),
    [({"disk_total": 100, "disk_free": 9}, "disk"), ({"skew": -7.0}, "clock")],
)
def test_degraded_says_why(kwargs: dict[str, Any], word: str) -> None:
    seen = inventory.assess(INFO, **kwargs)
    assert seen.state == "degraded"
    assert word in seen.reason


def test_enough_disk_and_a_good_clock_are_ready() -> None:
    assert inventory.assess(INFO, disk_total=100, disk_free=10, skew=1.0).state == "ready"


def test_a_listed_container_becomes_a_row() -> None:
    entry = {
        "Id": "e1",
        "Names": ["/snow-production-1"],
        "Image": "snow:1",
        "State": "running",
        "Status": "Up 4 hours (health: starting)",
        "Labels": {labels.PLATFORM: labels.installation(), labels.SERVICE: "snow"},
        "Created": 1700000000,
        "NetworkSettings": {
            "Networks": {"xq-a": {"IPAddress": "", "IPAMConfig": {"IPv4Address": "10.0.0.9"}, "MacAddress": ""}}
        },
    }
    row = inventory.container_fields(entry)
    assert (row["name"], row["health"], row["ip"], row["ours"]) == ("snow-production-1", "starting", "10.0.0.9", True)


def test_containers_of_another_platform_are_foreign() -> None:
    assert not inventory.container_fields({"Id": "e", "Labels": {"xq.platform": "another"}})["ours"]


@pytest.mark.parametrize(
    ("status", "health"),
    [("Up 4 hours (healthy)", "healthy"), ("Up 1 second (unhealthy)", "unhealthy"), ("Exited (0) 1 s ago", "")],
)
def test_health_is_read_from_the_status(status: str, health: str) -> None:
    assert inventory.health(status) == health


@pytest.mark.parametrize("text", ["", "nonsense", "0001-01-01T00:00:00Z"])
def test_no_time_is_none(text: str) -> None:
    assert inventory.parse_time(text) is None


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"Status": "running", "StartedAt": "2026-01-01T23:04:05Z"}, "Up 4 hours"),
        ({"Status": "running", "StartedAt": "2026-01-02T03:04:04.5Z", "Health": {"Status": "starting"}},
         "Up Less than a second (health: starting)"),
        ({"Status": "running", "StartedAt": "2026-01-02T03:03:00Z", "Health": {"Status": "healthy"}},
         "Up About a minute (healthy)"),
        ({"Status": "exited", "ExitCode": 137, "FinishedAt": "2026-01-02T03:04:02Z"}, "Exited (137) 3 seconds ago"),
        ({"Status": "created", "StartedAt": "0001-01-01T00:00:00Z"}, "Created"),
        ({}, ""),
    ],
)  # fmt: skip
def test_an_inspection_says_it_in_the_engines_words(state: dict[str, Any], words: str) -> None:
    assert inventory.status_words(state, NOW) == words
    assert inventory.inspected_fields({"State": state}, NOW)["status"] == words


def test_a_slow_answer_is_no_wrong_clock() -> None:
    later = NOW + timedelta(seconds=60)
    assert inventory.clock_skew(NOW + timedelta(seconds=50), NOW, later) == 0
    assert inventory.clock_skew(NOW - timedelta(seconds=7), NOW, later) == -7
    assert inventory.clock_skew(later + timedelta(seconds=7), NOW, later) == 7
