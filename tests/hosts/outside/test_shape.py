"""Which events the platform brought about, and what the others add up to: pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hosts.outside import shape
from hosts.outside.listening import health_command, heard_as
from hosts.outside.own_calls import verb_of
from hosts.outside.shape import BRINGS, SLACK, Deed, Happening, Own, Window, admitted, deeds, is_own, is_ripe, plain

C1, C2 = "1" * 64, "2" * 64
STOP, KILL, REMOVE = ("kill", "die", "stop"), ("kill", "die"), ("kill", "die", "destroy")


def heard(*actions: str, at: float = 100.0, of: str = C1, **fields: Any) -> list[Happening]:
    return [Happening("container", one, of, "snow-1", at + n / 10, f"{n}", **fields) for n, one in enumerate(actions)]


def own(event: Happening, *calls: Own) -> bool:
    return is_own(event, calls, set())


calls = st.builds(
    Own,
    st.sampled_from([verb for verb in BRINGS if "." not in verb]),
    st.sampled_from([C1, C1[:12], "snow-1"]),
    st.floats(0, 1000),
    command=st.just(shape.digest("")),
)


@given(calls, st.floats(0, 200), st.data())
def test_whatever_a_call_brings_about_while_it_runs_is_its_own(call: Own, took: float, data: st.DataObject) -> None:
    word = data.draw(st.sampled_from(sorted(BRINGS[call.verb])))
    kind, action = word.split(" ")
    at = call.began + data.draw(st.floats(-SLACK, took + SLACK))
    name = call.target if kind == "image" else "snow-1"
    event = Happening(kind, action, C1, name, at)
    assert own(event, replace(call, ended=call.began + took + 0.001))
    assert own(event, call)  # still under way, or its process died


@given(st.lists(calls, max_size=6), st.sampled_from(["start", "rename", "exec_create", "destroy"]))
def test_no_call_accounts_for_what_is_done_to_another_or_at_another_time(made: list[Own], action: str) -> None:
    ended = [Own(one.verb, one.target, one.began, one.began + 1) for one in made]
    assert not is_own(Happening("container", action, C2, "other", 500.0), ended, set())
    assert not is_own(Happening("container", action, C1, "snow-1", 1_000_000.0), ended, set())


def test_a_stop_does_not_account_for_a_start_nor_an_exec_for_a_removal() -> None:
    assert not own(heard("start")[0], Own("stop", C1, 99, 101))
    assert not own(heard("destroy")[0], Own("exec", C1, 99, 101))
    assert not own(heard("exec_create", detail="sh")[0], Own("exec", C1, 99, 101, "", shape.digest("true")))
    assert own(heard("destroy")[0], Own("remove", C1[:12], 99, 101))


def test_a_build_accounts_for_an_engines_own_containers_and_an_operation_for_all_but_execs() -> None:
    build, restart = Own("build", "", 99, 101), Own(shape.OPERATION, "", 99, 101)
    assert own(heard("create")[0], build)
    assert not own(heard("stop", ours=True, instance=True)[0], build)
    assert own(heard("stop", ours=True)[0], restart)
    assert not own(heard("exec_create", ours=True)[0], restart)


def test_a_call_accounts_for_one_event_of_a_kind_so_that_the_next_one_is_somebodys() -> None:
    used: set[tuple[str, str, int]] = set()
    calls = [Own("exec", C1, 99, 101, "a", shape.digest("")), Own("stop", C1, 99, 101, "b")]
    mine = [
        is_own(one, calls, used) for one in heard("exec_create", "exec_create", "kill", "kill", "die", "stop", "stop")
    ]
    assert mine == [True, False, True, True, True, True, False]


def words(*actions: str, **fields: Any) -> list[str]:
    return [one.action for one in deeds(heard(*actions, **fields))[0]]


def test_what_a_person_does_is_one_deed_whatever_the_engine_tells_on_the_way() -> None:
    assert words(*STOP) == ["stop"]
    assert words("kill", *STOP) == ["stop"]  # the grace period was over
    assert words(*KILL) == ["kill"]
    assert words(*REMOVE) == ["remove"]
    assert words(*STOP, "start", "restart") == ["restart"]
    assert words(*STOP, "destroy") == ["stop", "remove"]
    assert words(*KILL, "start") == ["kill", "start"]
    assert words("exec_create", *STOP, "rename", "destroy") == ["exec", "stop", "rename", "remove"]
    images = [Happening("image", action, C1, "x", 1.0) for action in ("untag", "delete", "delete")]
    assert [one.action for one in deeds(images)[0]] == ["image.remove"]


def test_what_nobody_does_is_no_deed() -> None:
    assert words("die") == []
    assert words("oom", "die", "start", "die", "start") == []
    assert words("start") == ["start"]
    found, died = deeds(heard("die"))
    assert not found
    assert deeds(heard("start", at=160.0), died)[0] == []  # the restart policy's pause was long
    assert [one.action for one in deeds(heard("start", at=300.0), died)[0]] == ["start"]


DELIBERATE = {"kill", "stop", "destroy", "start", "restart", "rename", "exec_create", "create", "update", "pause"}
sequences = st.lists(st.sampled_from([*DELIBERATE, "die", "oom", "health_status"]), max_size=12)


@given(sequences)
def test_there_are_never_more_deeds_than_somebody_did(actions: list[str]) -> None:
    found, _died = deeds(heard(*actions))
    assert len(found) <= sum(one in DELIBERATE for one in actions)
    if not DELIBERATE & set(actions):
        assert not found
    assert [one.at for one in found if one.action != "kill"] == sorted(o.at for o in found if o.action != "kill")


def test_a_signal_is_waited_for_and_all_else_is_ripe_when_it_is_quiet() -> None:
    assert not is_ripe(heard("kill", detail="15"), 110)
    assert is_ripe(heard("kill", detail="15"), 100 + shape.DYING)
    assert is_ripe(heard("kill", detail="1"), 100 + shape.QUIET)
    assert is_ripe(heard(*STOP), 100.2 + shape.QUIET)
    assert not is_ripe(heard(*STOP), 100.2 + shape.QUIET - 0.1)


@given(st.integers(0, 400))
def test_a_storm_is_a_few_events_and_one_with_a_count(count: int) -> None:
    window: Window | None = None
    singles = 0
    for n in range(count):
        window, single = admitted(window, Deed("stop", "container", str(n), f"c{n}", 1.0), 100.0)
        singles += single
    assert singles == min(count, shape.SINGLES)
    if window is not None:
        assert window.singles + window.more == count
        assert len(window.names) <= shape.NAMES


@given(st.text(max_size=500))
def test_an_engines_text_is_short_and_all_of_it_is_seen(text: str) -> None:
    found = plain(text)
    assert len(found) <= 200
    assert not any(ord(sign) < 32 or 0x7F <= ord(sign) < 0xA0 or 0x202A <= ord(sign) <= 0x202E for sign in found)


def test_requests_that_change_something_are_known_by_their_path() -> None:
    assert verb_of("POST", "/containers/abc/stop", {"t": 1}, None) == ("stop", "abc")
    assert verb_of("POST", "/containers/create", {"name": "x"}, {}) == ("create", "x")
    assert verb_of("DELETE", "/containers/abc", {}, None) == ("remove", "abc")
    assert verb_of("POST", "/containers/abc/exec", None, {}) == ("exec", "abc")
    assert verb_of("POST", "/containers/abc/wait", None, None) is None
    assert verb_of("POST", "/networks/create", None, {"Name": "xq-lan"}) == ("network.create", "xq-lan")


def test_health_checks_are_known_by_their_command() -> None:
    assert health_command({"Healthcheck": {"Test": ["CMD-SHELL", "true || x"]}}) == "/bin/sh -c true || x"
    assert health_command({"Healthcheck": {"Test": ["CMD", "wget", "-q"]}, "Shell": ["x"]}) == "wget -q"
    assert health_command({"Healthcheck": {"Test": ["NONE"]}}) == health_command({}) == ""


def test_an_event_is_heard_with_its_command_and_odd_ones_are_left_alone() -> None:
    event = {
        "Type": "container", "Action": "exec_create: sh -c ls: x", "timeNano": 7,
        "Actor": {"ID": C1, "Attributes": {"name": "<b>&"}},
    }  # fmt: skip
    found = heard_as(event, 3.0)
    assert found == Happening("container", "exec_create", C1, "<b>&", 3.0, f"7:{C1[:12]}:exec_create", "sh -c ls: x")
    for odd in ({}, {"Type": "daemon", "Action": "reload"}, {"Action": "top", "Actor": {"ID": C1}}, {"Action": "stop"}):
        assert heard_as(odd, 1.0) is None
