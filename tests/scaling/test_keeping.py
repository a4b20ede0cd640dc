"""Saving a policy: the same changes nothing, and a change keeps the windows that it does not touch."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.models import ServiceEnvironment
from containers.scaling import services
from containers.scaling.evaluate import run
from containers.scaling.keeping import kept
from containers.scaling.models import ScalingPolicy
from containers.scaling.shape import Load, Memory, Policy, Track
from tests.factories import make_running_place
from tests.scaling.test_evaluate import BY_CPU, measure
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event

BASE = Policy(1, 9, loads=(Load("cpu.percent", 50.0), Load("memory.percent", 70.0)))
MEMORY = Memory(1000.0, 100.0, {"cpu.percent": Track(200.0, ((900.0, 4),)), "memory.percent": Track(650.0)})


def test_windows_stay_of_what_is_decided_as_before() -> None:
    assert kept(MEMORY, BASE, replace(BASE, least=3, most=20, most_up=9, dry=True)) == MEMORY
    one = replace(BASE, loads=(Load("cpu.percent", 50.0), Load("memory.percent", 60.0)))
    assert set(kept(MEMORY, BASE, one).tracks) == {"cpu.percent"}, "another target is another wish"
    for other in (replace(BASE, tolerance=20), replace(BASE, over=30)):
        assert kept(MEMORY, BASE, other) == Memory(1000.0, 100.0)
    longer = kept(MEMORY, BASE, replace(BASE, window=900)).tracks
    assert [longer[name].since for name in sorted(longer)] == [700.0, 700.0], "what was thrown away is not made up"
    assert kept(MEMORY, BASE, replace(BASE, window=60)) == MEMORY


@given(st.integers(0, 4000), st.integers(0, 4000))
def test_a_window_never_reaches_back_behind_what_was_kept(before: int, after: int) -> None:
    found = kept(MEMORY, replace(BASE, window=before), replace(BASE, window=after))
    for name, track in found.tracks.items():
        assert track.since >= MEMORY.tracks[name].since
        assert after <= before or track.since >= MEMORY.seen - before


@pytest.fixture
def place(team: Any) -> ServiceEnvironment:
    return make_running_place(instances=2, team=team)


@pytest.mark.django_db
def test_the_same_again_is_no_change(place: ServiceEnvironment, actor_sre: Actor) -> None:
    services.save(actor_sre, place, BY_CPU)
    measure(place, 20)
    run()
    before = ScalingPolicy.objects.values().get()
    assert before["memory"]["tracks"]
    services.save(actor_sre, place, BY_CPU | {"tolerance": 10, "zone": "UTC"})
    assert ScalingPolicy.objects.values().get() == before
    assert Event.objects.filter(action="service.scaling").count() == 1
    services.save(actor_sre, place, BY_CPU | {"most": 9})
    after = ScalingPolicy.objects.values().get()
    assert (after["version"], after["memory"]) == (2, before["memory"])
    measure(place, 20, time.time() + 10)
    run(time.time() + 10)
    memory = ScalingPolicy.objects.get().memory
    assert memory["tracks"]["cpu.percent"][0] == before["memory"]["tracks"]["cpu.percent"][0], "its window went on"
