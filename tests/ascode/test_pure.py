"""What holds for any state and any file: export and apply changes nothing, applying twice is applying once, nonsense is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from containers.ascode import reading, rendering, source
from containers.ascode.difference import changes
from containers.ascode.merge import ENVIRONMENT, SERVICE, Unfit, merged, settings_of
from containers.ascode.source import Wrong
from containers.config import parse
from containers.gates import shape
from containers.scaling import documents

words = st.text(st.characters(blacklist_characters="\x00", blacklist_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["on", "no", "1.10", "0755", "~", "null", "1e3", "1.5e3", "2026-11-29", "=", "<<", "*x", "&x", "- a", "a: b", " x", "x\n", "9" * 30, "a\x85b", "\u2028", "\r", "a\nb\x85"]
)  # fmt: skip
names = st.from_regex(r"[A-Z_][A-Z0-9_]{0,6}", fullmatch=True)
slugs = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
commands = st.lists(words.filter(bool), min_size=1, max_size=3)
HOOKS = [
    {"name": "out", "at": "stop.before", "kind": "command", "command": ["sh", "-c", "true\n"], "timeout": 2.5},
    {"name": "tell", "at": "release.after", "kind": "http", "url": "http://10.0.0.1/x", "signed": True},
    {"name": "up", "at": "start.after", "kind": "host", "operation": "tidy", "values": {"path": "{instance}"}},
]
parts: dict[str, st.SearchStrategy[Any]] = {
    "cpus": st.sampled_from([0.5, 1, 2.25, 64]),
    "memory": st.sampled_from([6 << 20, 1 << 30, (1 << 30) + 1, "512m"]),
    "pids": st.integers(0, 1000),
    "read_only": st.booleans(),
    "tmpfs": st.lists(st.sampled_from(["/tmp", "/run:size=64m"]), unique=True, max_size=2),
    "volumes": st.sampled_from([[], [{"source": "data", "target": "/data", "read_only": True}]]),
    "env": st.dictionaries(names, words, max_size=3),
    "command": commands,
    "health": st.fixed_dictionaries({"kind": st.just("http")}, optional={"port": st.integers(1, 65535), "timeout": st.just(0.5)}),
    "role_command": st.sampled_from(["", "cat /role"]),
    "stop_signal": st.sampled_from(["", "SIGINT"]),
    "log_driver": st.sampled_from(["json-file", "journald"]),
    "log_options": st.dictionaries(st.sampled_from(["max-size", "tag"]) | words, words, max_size=2),
    "metrics": st.sampled_from([{}, {"port": 9100, "keep": ["up"]}]),
    "hooks": st.permutations(HOOKS).flatmap(lambda all_: st.integers(0, 3).map(lambda n: all_[:n])),
    "traffic": st.sampled_from([{}, {"way": "nginx", "front": "edge", "drain": 2.5}]),
}  # fmt: skip
given_settings = st.fixed_dictionaries({}, optional=parts)
secret_names = st.lists(st.from_regex(r"S_[A-Z]{1,4}", fullmatch=True), unique=True, max_size=2)


@st.composite
def whole_settings(draw: st.DrawFn) -> Any:
    content = draw(given_settings) | {"secret_names": draw(secret_names)}
    content["env"] = {n: v for n, v in content.get("env", {}).items() if n not in content["secret_names"]}
    return settings_of(parse(content))


RULE = shape.to_json(shape.DEFAULTS)
gates = st.sampled_from([{"mode": "inherit", "settle": 10, "rules": []}, {"mode": "own", "settle": 0, "rules": RULE}])
placement = st.fixed_dictionaries(
    {},
    optional={
        "pack": st.booleans(),
        "rooms": st.booleans(),
        "per_host": st.integers(0, 500),
        "avoid": st.lists(slugs, unique=True, max_size=3).map(sorted),
        "labels": st.just(["disk=ssd", "gpu"]),
    },
)
automatic = st.booleans().map(lambda on: {"enabled": on, "branches": "main v*", "tags": "", "reason": "x"})
scaling = st.integers(1, 9).map(
    lambda n: documents.laid(
        {}, {"least": n, "most": 9, "loads": [{"metric": "cpu.percent", "target": n}], "dry": True}
    )
)
places = st.fixed_dictionaries(
    {
        "automatic": automatic,
        "scaling": st.just({}) | scaling,
        "gates": gates,
        "placement": placement,
        "instances": st.integers(0, 500),
        "branch": slugs,
        "segment": slugs | st.just(""),
        "settings": whole_settings(),
    }
)
services = st.fixed_dictionaries(
    {
        "title": words, "team": slugs | st.just(""), "type": st.just("stateless"),
        "project": st.fixed_dictionaries({
            **{key: st.just(value) for key, value in SERVICE["project"].items()},
            "repository": words, "build_arguments": st.dictionaries(names, words, max_size=2),
            "build_secrets": st.dictionaries(names, st.just("kept"), max_size=2),
        }, optional={"repository_password": st.just("kept")}),
        "environments": st.dictionaries(slugs, places, max_size=3),
    }
)  # fmt: skip
WINDOWS = [
    {"kind": "market", "reason": "", "calendar": "sse", "before": 15, "after": 0, "lunch": True},
    {"kind": "weekly", "reason": "", "days": [0, 4], "start": "09:15", "end": "15:00", "zone": "Asia/Shanghai"},
    {"kind": "once", "reason": "x: y", "starts": "2099-12-31T10:00:00+00:00", "ends": "2100-01-01T00:00:00+00:00"},
]
environments = st.fixed_dictionaries(
    {key: st.just(value) for key, value in ENVIRONMENT.items()}
    | {
        "title": words, "production": st.booleans(), "groups": st.lists(slugs, unique=True, max_size=2).map(sorted),
        "freezes": st.lists(st.sampled_from(WINDOWS), unique_by=str),
        "placement": placement,
        "guardrails": st.integers(1, 5).map(lambda n: ENVIRONMENT["guardrails"] | {"approvals": n, "most_batch": n}),
    }
)  # fmt: skip
things = st.tuples(st.just("Service"), services) | st.tuples(st.just("Environment"), environments)


def applied(kind: str, now: Any, text: str, prune: bool) -> Any:
    (document,) = reading.read(text)
    return merged(kind, now, document.data, prune, list((now or {}).get("environments", {})))


@given(things, st.booleans())
@settings(max_examples=150, deadline=None)
def test_what_is_exported_changes_nothing(thing: Any, prune: bool) -> None:
    kind, now = thing
    text = rendering.document(kind, "snow", now)
    wanted = applied(kind, now, text, prune)
    assert wanted == now
    assert changes(now, wanted) == []


@given(services, services, st.booleans())
@settings(max_examples=80, deadline=None)
def test_an_export_makes_any_other_the_same(one: Any, other: Any, prune: bool) -> None:
    """With `prune` nothing is left over; without it, what the file names is so. Either way a second time changes nothing."""
    text = rendering.document("Service", "snow", other)
    try:
        wanted = applied("Service", one, text, prune)
    except Unfit:  # a variable that is secret in one and plain in the other
        assert not prune
        return
    assert applied("Service", wanted, text, prune) == wanted
    if prune:
        assert changes(wanted | {"project": other["project"]}, other) == []
    assert [c.path for c in changes(one, wanted)] == [c.path for c in changes(one, wanted)]
    swapped = {"added": "removed", "removed": "added", "changed": "changed"}
    back = {(swapped[c.kind], c.path, c.after, c.before) for c in map(frozen, changes(wanted, one)) if len(c.path) > 2}
    same = {p for p in wanted["environments"] if p in one["environments"]}
    there = {(c.kind, c.path, c.before, c.after) for c in map(frozen, changes(one, wanted)) if len(c.path) > 2}
    assert {c for c in back if c[1][1] in same} == {c for c in there if c[1][1] in same}


def frozen(change: Any) -> Any:
    return type(change)(change.kind, change.path, repr(change.before), repr(change.after))


@given(places, given_settings, st.booleans())
@settings(max_examples=80, deadline=None)
def test_applying_a_part_twice_is_applying_it_once(now: Any, part: Any, prune: bool) -> None:
    state = SERVICE | {"environments": {"grey": now, "lab": now}}
    data = {"environments": {"grey": {"settings": part}}}
    try:
        once = merged("Service", state, data, prune)
    except Unfit:
        return
    assert merged("Service", once, data, prune) == once
    assert once["environments"]["lab"] == now
    assert once["environments"]["grey"]["instances"] == now["instances"]
    if not prune and "env" in part:
        assert once["environments"]["grey"]["settings"]["env"] == now["settings"]["env"] | part["env"]


@given(st.text(max_size=200) | st.text(st.sampled_from("a:- \n[]{}&*!<>|'\"?#,%@`~1.\t"), max_size=80))
@example("a: &x [*x]")
@example("? ? ? ? a")
@example("%YAML 9.9\n---\na")
@example("a: |9\n x")
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_told(text: str) -> None:
    told: list[str] = []
    try:
        reading.read(text)
    except Wrong as wrong:
        told = [str(mistake) for mistake in wrong.mistakes]
    assert all(told)
    assert told  # (a text that is no document with a head is always told)


def test_mistakes_are_all_told_in_order_of_their_lines() -> None:
    text = (
        "apiVersion: xqplatform/v2\nkind: Service\nname: snow\nteam: 7\nenvironments:\n  production:\n"
        "    instances: true\n    settings:\n      hooks:\n      - {name: x, att: y}\n---\nkind: Thing\n"
    )
    with pytest.raises(Wrong) as caught:
        reading.read(text)
    assert [mistake.line for mistake in caught.value.mistakes] == sorted(m.line for m in caught.value.mistakes)
    assert {1, 4, 7, 10, 12} <= {mistake.line for mistake in caught.value.mistakes}


@pytest.mark.parametrize(
    "window",
    [
        "kind: [1]", "kind: {a: 1}", "kind: ~", "kind: weekly, days: [1, a], start: '09:00', end: '10:00', zone: UTC",
        "kind: weekly, days: [[1], {}], start: '09:00', end: '10:00', zone: UTC",
    ],
)  # fmt: skip
def test_a_window_of_nonsense_is_told(window: str) -> None:
    with pytest.raises(Wrong):
        reading.read(f"apiVersion: xqplatform/v1\nkind: Environment\nname: production\nfreezes: [{{{window}}}]\n")


def test_limits_hold_before_any_work() -> None:
    for text in ("a: 1\n---\n" * 60, "[" + "a," * 30_000 + "]", "a" * (source.LONGEST + 1)):
        with pytest.raises(Wrong):
            source.read(text)
