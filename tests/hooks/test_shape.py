"""What can be a hook, and what cannot."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.config import Config, parse
from containers.hooks import shape
from containers.hooks.output import KEPT, clean, kept
from containers.live_limits import applied, changes, refusal
from xqplatform.errors import Refused

HTTP = {"name": "tell", "at": "release.after", "kind": "http", "url": "https://hooks.example/x"}
COMMAND = {"name": "drain", "at": "stop.before", "kind": "command", "command": ["/bin/drain", "--now"]}


def test_hooks_come_through_settings_as_they_were() -> None:
    config = parse({"hooks": [HTTP, COMMAND | {"timeout": 5, "retries": 0, "on_failure": "hold"}]})
    assert parse(config.to_json()) == config
    assert [hook.what for hook in config.hooks] == ["POST https://hooks.example/x", "/bin/drain --now"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({**HTTP, "url": "ftp://x"}, "url"),
        ({**HTTP, "url": "https://u:p@x/"}, "url"),
        ({**HTTP, "url": "http://[::1"}, "url"),
        ({**HTTP, "url": "http://x/\r\nHost: y"}, "url"),
        ({**HTTP, "at": "never"}, "at"),
        ({**HTTP, "timeout": 1e9}, "timeout"),
        ({**HTTP, "name": "../x"}, "name"),
        ({**COMMAND, "at": "start.before"}, "kind"),
        ({**COMMAND, "at": "release.before"}, "kind"),
        ({**COMMAND, "command": []}, "command"),
        ({**COMMAND, "at": "traffic.out", "on_failure": "warn"}, "on_failure"),
        ({"name": "x", "at": "release.before", "kind": "host", "operation": "df"}, "host"),
    ],
)
def test_a_mistake_is_named_at_its_field(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        parse({"hooks": [wrong]})
    assert refused.value.field == f"hooks.1.{field}"
    assert refused.value.code == 400


def test_hooks_in_traffic_are_only_where_traffic_is_handled() -> None:
    out = {**COMMAND, "at": "traffic.out"}
    with pytest.raises(Refused):
        parse({"hooks": [out]})
    with pytest.raises(Refused):
        parse({"traffic": {"way": "hooks"}})
    assert parse({"hooks": [out], "traffic": {"way": "hooks"}}).traffic.way == "hooks"


def test_another_hook_needs_no_new_container() -> None:
    new = parse({"hooks": [HTTP], "traffic": {"way": "nginx", "front": "edge"}})
    found = changes(Config(), new)
    assert refusal(found) == ""
    assert applied(Config(), new, found) == new


@given(st.text(), st.integers(1, 3), st.text(max_size=2000))
def test_output_is_bounded_and_says_nothing_to_a_terminal(before: str, attempt: int, text: str) -> None:
    shown = clean(text)
    assert "\x1b" not in shown
    assert not any(ord(c) < 32 and c not in "\n\t" for c in shown)
    whole, cut = kept(clean(before)[:KEPT], attempt, shown)
    assert len(whole) <= KEPT + 40
    assert cut or shown.strip("\n") in whole


def test_of_a_flood_the_beginning_and_the_end_stay() -> None:
    whole, cut = kept("", 1, "first\n" + "x" * 1_000_000 + "\nlast")
    assert cut
    assert whole.startswith("first")
    assert whole.endswith("last")


def test_pauses_grow() -> None:
    assert [shape.pause(n) for n in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]
