"""Hosts that a person chooses for new instances: the scheduler's own check, its words, and what its rules would rather have."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from containers.adding import Around, added
from containers.by_hand import ByHand
from containers.config import Config
from containers.entries import Entry, HostView
from containers.models import Deployment, Instance
from containers.placement import Rules
from containers.services import beginning, releases, waiting
from hosts.models import Host, HostGroup
from tests.containers.conftest import World
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

GIB = 1 << 30


def stands(number: int) -> str:
    return Instance.objects.select_related("host").get(number=number, removed=None).host.name


def test_chosen_ones_go_where_they_were_sent_and_the_others_around_them(world: World) -> None:
    wish = {1: "h2", 3: " h1, h2 "}
    plan = releases.preview(world.actor, world.place, world.v1, hosts=wish)
    assert plan.fits, plan.refusal()
    assert {e.number: e.host_name for e in plan.entries} == {1: "h2", 2: "h1", 3: "h1"} or {
        e.number: e.host_name for e in plan.entries
    } == {1: "h2", 2: "h2", 3: "h1"}
    assert {e.number for e in plan.entries if "chosen by hand" in e.why} == {1, 3}
    releases.deploy(world.actor, world.place, world.v1, hosts=wish)
    assert stands(1) == "h2"
    event = Event.objects.get(action="service.deploy")
    assert event.after is not None
    assert event.after["hosts by hand"] == {"#1": "h2", "#3": stands(3)}


def test_what_the_rules_would_rather_have_is_told_and_done_all_the_same(world: World) -> None:
    plan = releases.preview(world.actor, world.place, world.v1, hosts={1: "h2", 2: "h2", 3: "h2"})
    assert plan.fits
    notes = {e.note for e in plan.entries}
    assert "chosen by hand: 2 others of it are on this host, 0 on h1" in notes
    releases.deploy(world.actor, world.place, world.v1, hosts={1: "h2", 2: "h2", 3: "h2"})
    assert {stands(n) for n in (1, 2, 3)} == {"h2"}


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("h9", "There is no host h9"),
        ("<b>", "There is no host <b>"),
        ("h3", "not in the environment's host groups"),
        ("h2", "cordoned: disk"),
        ("h3,h2", "cordoned: disk"),
        (",".join(f"x{n}" for n in range(21)), "At most 20 hosts"),
    ],
)
def test_what_cannot_be_is_refused_with_what_would_make_it_fit(world: World, typed: str, words: str) -> None:
    room, other = HostGroup.objects.create(slug="a"), HostGroup.objects.create(slug="b")
    Host.objects.update(group=room)
    Host.objects.create(name="h3", address="10.9.0.3:2376", state="ready", api_version="1.41", group=other)
    world.environment.groups.add(room)
    Host.objects.filter(name="h2").update(cordoned=True, cordon_reason="disk")
    plan = releases.preview(world.actor, world.place, world.v1, hosts={2: typed})
    bad = next(e for e in plan.entries if e.number == 2)
    assert words in bad.problem
    assert bad.by_hand == typed
    assert all(e.host_name == "h1" for e in plan.entries if e.number != 2)
    with pytest.raises(Refused, match=words[:12]):
        releases.deploy(world.actor, world.place, world.v1, hosts={2: typed})
    assert not Deployment.objects.exists()


def test_rules_that_forbid_it_and_a_full_host_refuse_it(world: World) -> None:
    world.place.placement = {"per_host": 1}
    world.place.save()
    plan = releases.preview(world.actor, world.place, world.v1, hosts={1: "h2", 2: "h2"})
    assert "as many as its rule allows on a host" in plan.entries[1].problem or any(
        "as many as its rule allows" in e.problem for e in plan.entries
    )
    world.place.placement = {}
    world.place.save()
    Host.objects.filter(name="h2").update(memory=8 << 20)
    with pytest.raises(Refused, match="GiB more memory"):
        releases.deploy(world.actor, world.place, world.v1, hosts={1: "h2"})


def test_an_image_that_lies_elsewhere_only_keeps_it_off(world: World) -> None:
    image = world.image("local", only_on=world.hosts[0])
    plan = releases.preview(world.actor, world.place, image, hosts={1: "h2"})
    assert "the image lies on h1 only" in next(e.problem for e in plan.entries if e.number == 1)


def test_for_who_stands_and_before_the_first_release_there_is_nothing_to_choose(world: World) -> None:
    with pytest.raises(Refused, match="with the first release"):
        releases.scale(world.actor, world.place, 3, hosts={1: "h2"})
    world.finish(releases.deploy(world.actor, world.place, world.v1))
    with pytest.raises(Refused, match="for #2, #9"):
        releases.scale(world.actor, world.place, 4, hosts={2: "h1", 9: "h1"})
    releases.scale(world.actor, world.place, 4, hosts={4: "h2"})
    assert stands(4) == "h2"


def test_who_may_not_touch_instances_may_not_choose(world: World, actor_manager: Any) -> None:
    with pytest.raises(Denied):
        releases.preview_scale(actor_manager, world.place, 4, hosts={4: "h2"})


def test_one_that_waits_keeps_the_choice_and_fails_in_words_when_it_is_gone(world: World) -> None:
    first = waiting.wait(world.actor, world.place, world.v1, hosts={1: "h2", 2: "h2"})
    assert Event.objects.get(action="deployment.wait").after["hosts by hand"] == {"#1": "h2", "#2": "h2"}  # type: ignore[index]
    assert beginning.begin(world.place.pk) is not None
    assert (stands(1), stands(2)) == ("h2", "h2")
    first.refresh_from_db()
    world.finish(first)
    type(world.place).objects.update(wanted=4)
    world.place.refresh_from_db()
    second = waiting.wait(world.actor, world.place, world.v2, hosts={4: "h2"})
    Host.objects.filter(name="h2").update(cordoned=True, cordon_reason="disk")
    assert beginning.begin(world.place.pk) is None
    second.refresh_from_db()
    assert second.state == "failed"
    assert "cordoned: disk" in second.outcome


def test_the_command_line_shows_asks_and_does_it(world: World, sre: Any) -> None:
    world.finish(releases.deploy(world.actor, world.place, world.v1))

    def run(*words: str, **more: Any) -> str:
        out = StringIO()
        call_command("scale", "snow", "isolated", *words, user=sre.username, stdout=out, **more)
        return out.getvalue()

    shown = run("4", on=["4=h2"], plan=True)
    assert "add #4 h2" in shown
    assert "chosen by hand" in shown
    assert Instance.objects.filter(removed=None).count() == 3
    with pytest.raises(CommandError, match="write NUMBER=HOST"):
        run("4", on=["h2"], yes=True)
    with pytest.raises(CommandError, match="nothing was changed"):
        run("4", on=["4=h9"], yes=True)
    assert "began" in run("4", on=["4=h2"], yes=True)
    assert stands(4) == "h2"
    assert Event.objects.get(action="service.scale").after["hosts by hand"] == {"#4": "h2"}  # type: ignore[index]


HOSTS = [HostView(n, f"h{n}", cpus=2, memory=2 * GIB, room=n % 2, room_name=f"R{n % 2}") for n in range(1, 5)]


def plan(count: int, on: dict[int, ByHand], rules: Rules) -> list[Entry]:
    return added(
        count,
        standing=[],
        beside=False,
        hosts=HOSTS,
        config=Config(cpus=1, memory=GIB),
        image="v1",
        only_on=None,
        segment="",
        free_addresses=0,
        chosen={},
        around=Around(1, 1, rules),
        on=on,
    )


CHOICES = st.dictionaries(
    st.integers(1, 8),
    st.frozensets(st.integers(1, 4), min_size=1).map(lambda hosts: ByHand("x", hosts)),
)
RULES = st.builds(Rules, pack=st.booleans(), rooms=st.booleans(), per_host=st.sampled_from([0, 2, 3]))


@given(st.integers(1, 8), CHOICES, RULES)
def test_a_choice_is_kept_or_refused_and_never_breaks_a_rule(count: int, on: dict[int, ByHand], rules: Rules) -> None:
    entries = plan(count, on, rules)
    assert [e.number for e in entries] == list(range(1, count + 1))
    for entry in entries:
        assert bool(entry.host) != bool(entry.problem)
        if entry.number in on:
            assert entry.by_hand == "x"
            assert not entry.host or entry.host in on[entry.number].hosts
        else:
            assert not entry.by_hand
            assert not entry.note
    standing = [e.host for e in entries if e.host]
    assert all(not rules.per_host or standing.count(pk) <= rules.per_host for pk in standing)


@given(st.integers(1, 8), RULES)
def test_who_chooses_what_the_platform_would_choose_is_told_nothing(count: int, rules: Rules) -> None:
    same = {e.number: ByHand("x", frozenset({e.host})) for e in plan(count, {}, rules) if e.host}
    again = plan(count, same, rules)
    assert {e.number: e.host for e in again if e.number in same} == {
        n: next(iter(one.hosts)) for n, one in same.items()
    }
    if not rules.pack:
        assert not any(e.note for e in again)
