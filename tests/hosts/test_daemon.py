"""daemon.json: the profile over what is there, and nothing else changed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts import daemon
from hosts.conformance.models import wanted_daemon

VALUES = st.one_of(st.booleans(), st.integers(), st.text(max_size=8), st.lists(st.text(max_size=4), max_size=3))
PLAIN = st.dictionaries(st.text(min_size=1, max_size=12).filter(lambda k: k not in daemon.NESTED), VALUES, max_size=8)


@given(PLAIN, PLAIN)
def test_unknown_keys_are_kept_and_the_profile_wins(profile: dict[str, Any], current: dict[str, Any]) -> None:
    new = daemon.render(profile, current)
    assert {k: new[k] for k in profile} == profile
    assert {k: v for k, v in new.items() if k not in profile} == {k: v for k, v in current.items() if k not in profile}
    assert daemon.render(profile, new) == new  # applied again, it changes nothing
    assert daemon.parse(daemon.dump(new)) == new
    assert bool(daemon.changed(current, new)) == (current != new)
    assert bool(daemon.diff(daemon.dump(current), daemon.dump(new))) == (daemon.dump(current) != daemon.dump(new))


@given(PLAIN)
def test_keys_that_are_taken_away_are_gone(current: dict[str, Any]) -> None:
    assert daemon.render(dict.fromkeys(current), current) == {}


def test_an_empty_profile_changes_nothing() -> None:
    current = {"data-root": "/data", "exec-opts": ["native.cgroupdriver=systemd"], "x": 1}
    assert daemon.render({}, current) == current


def test_options_are_merged_for_the_same_log_driver_only() -> None:
    current = {"log-driver": "json-file", "log-opts": {"max-size": "1m", "compress": "true"}}
    same = daemon.render({"log-driver": "json-file", "log-opts": {"max-size": "50m"}}, current)
    assert same["log-opts"] == {"max-size": "50m", "compress": "true"}
    other = daemon.render({"log-driver": "syslog", "log-opts": {"tag": "x"}}, current)
    assert other["log-opts"] == {"tag": "x"}


@pytest.mark.parametrize(
    ("old", "new", "restart"),
    [
        ({}, {"live-restore": True, "debug": True}, False),
        ({"labels": ["a=b"]}, {}, False),
        ({}, {"iptables": False}, True),
        ({"live-restore": False}, {"live-restore": True, "data-root": "/x"}, True),
        ({"iptables": False}, {"iptables": False}, False),
    ],
)
def test_a_restart_is_needed_only_for_what_sighup_does_not_take(old: Any, new: Any, restart: bool) -> None:
    assert daemon.needs_restart(old, new) is restart


@pytest.mark.parametrize("role", ["run", "build", "registry"])
def test_what_profiles_want_is_in_order(role: str) -> None:
    assert daemon.mistakes(wanted_daemon(role)) == []


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"iptables": "no"}, "iptables"),
        ({"mtu": True}, "mtu"),
        ({"bip": "10.0.0.1/24", "bridge": "none"}, "exclude"),
        ({"tlsverify": True, "tlscacert": "/x"}, "tlskey"),
        ({"hosts": ["tcp://0.0.0.0:2375"]}, "root on this machine"),
        ({"log-opts": {"max-file": 5}}, "max-file"),
    ],
)
def test_mistakes_are_found_before_the_engine_finds_them(settings: Any, word: str) -> None:
    assert word in " ".join(daemon.mistakes(settings))


@pytest.mark.parametrize(("text", "word"), [('{"a": }', "line 1"), ("[1]", "object"), ("{\n'a': 1}", "line 2")])
def test_a_broken_file_is_said_with_its_line(text: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        daemon.parse(text)


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_no_file_is_no_settings(text: str | None) -> None:
    assert daemon.parse(text) == {}


@pytest.mark.parametrize(
    ("line", "settings", "left"),
    [
        (
            "/usr/bin/dockerd -H fd:// --containerd=/run/c.sock",
            {"hosts": []},
            "/usr/bin/dockerd --containerd=/run/c.sock",
        ),
        ("/usr/bin/dockerd -H fd:// --containerd=/run/c.sock", {"iptables": False}, None),
        (
            "dockerd --host=fd:// --host tcp://1.2.3.4 --tlsverify --tlscert /x",
            {"hosts": [], "tlsverify": True, "tlscert": "/y"},
            "dockerd",
        ),
        ("dockerd --iptables --config-file /x", {"iptables": False}, "dockerd --config-file /x"),
    ],
)
def test_flags_that_the_file_says_too_leave_the_unit(line: str, settings: Any, left: str | None) -> None:
    assert daemon.without_flags(line, settings) == left


def test_the_file_is_json_with_a_newline() -> None:
    text = daemon.dump({"a": "ü"})
    assert text.endswith("}\n")
    assert json.loads(text) == {"a": "ü"}


@pytest.mark.parametrize("indent", [1, 4, "\t"])
def test_a_diff_shows_what_changes_and_nothing_else(indent: int | str) -> None:
    old = json.dumps({"debug": True, "log-opts": {"max-size": "1m"}, "iptables": True}, indent=indent)
    lines = daemon.diff(old, daemon.dump(daemon.render({"iptables": False}, json.loads(old)), old)).splitlines()
    assert len([line for line in lines if line.startswith(("+ ", "- ", "+\t", "-\t"))]) == 2
