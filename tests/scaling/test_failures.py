"""New instances that do not get healthy go again, and are tried ever more seldom; an alert does not begin anew with each release."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from containers.models import Deployment, Instance, ServiceEnvironment, Step
from containers.scaling import alerting, failures, services, words
from containers.scaling.decide import decide
from containers.scaling.evaluate import run
from containers.scaling.models import ScalingDecision, ScalingPolicy
from containers.scaling.shape import Attempt, Memory, Reason, View
from containers.services import releases
from tests.factories import make_running_place
from tests.scaling.test_decide import CPU
from tests.scaling.test_evaluate import BY_CPU, measure
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused


def test_what_failed_goes_after_a_minute_and_only_then_the_next_try_is_made() -> None:
    full = {"cpu.percent": {one: [(1000.0 + at, 90.0) for at in range(0, 400, 10)] for one in (1, 2)}}
    tried = (Attempt(1000.0, True, False),)
    view = View(1030.0, (1, 2, 3, 4), 1000.0, samples=full, attempts=tried, failed=(3, 4), failed_at=1000.0)
    waits, memory = decide(CPU, view, Memory())
    assert (waits.to, waits.reason.code, waits.again) == (None, "failed", 1060.0)
    goes, _memory = decide(CPU, replace(view, now=1060.0), memory)
    assert (goes.to, goes.going, goes.reason.code) == (2, (3, 4), "tidy")
    assert goes.wanted == 4, "what works is what counts: two of it carry the load of four"
    busy = decide(CPU, replace(view, now=1060.0, busy=Reason("release")), memory)[0]
    assert busy.to is None
    stuck = replace(view, now=1061.0, attempts=(*tried, Attempt(1060.0, False, False)))
    more = decide(CPU, replace(stuck, now=1100.0), memory)[0]
    assert more.to == 6, "what cannot be removed is no reason not to grow beside it"
    for reason in (waits.reason, goes.reason):
        assert "2 new" in words.say(reason)
    assert decide(CPU, replace(view, now=1060.0, failed=(1, 2, 3, 4)), memory)[0].reason.code == "nothing-stands"


@pytest.fixture
def place(team: Any) -> ServiceEnvironment:
    return make_running_place(instances=2, team=team)


def end_all(place: ServiceEnvironment) -> None:
    """As a worker would: what is added does not get healthy, what goes is gone."""
    for work in Deployment.objects.filter(state="queued"):
        added = list(work.steps.filter(action="add").values_list("instance", flat=True))
        gone = list(work.steps.filter(action="remove").values_list("instance", flat=True))
        work.steps.filter(action="add").update(state="failed")
        work.steps.filter(action="remove").update(state="done")
        Instance.objects.filter(pk__in=added).update(state="unhealthy")
        Instance.objects.filter(pk__in=gone).update(removed=timezone.now(), state="missing")
        state = "failed" if added else "succeeded"
        Deployment.objects.filter(pk=work.pk).update(state=state, started=timezone.now(), finished=timezone.now())
        ServiceEnvironment.objects.update(active=None)


@pytest.mark.django_db
def test_two_hours_in_which_nothing_new_gets_healthy(place: ServiceEnvironment, actor_sre: Actor) -> None:
    services.save(actor_sre, place, BY_CPU)
    old = set(place.instances.values_list("pk", flat=True))
    for _minute in range(120):
        rows = place.instances.filter(pk__in=old)
        assert set(rows.filter(removed=None).values_list("pk", flat=True)) == old, "what works stays"
        measure(place, 90)
        run()
        end_all(place)
        ago = timedelta(seconds=60)  # that the rows are older is as good as waiting
        Deployment.objects.exclude(finished=None).update(finished=F("finished") - ago)
        ScalingDecision.objects.update(time=F("time") - ago)
        ScalingPolicy.objects.exclude(short_since=None).update(short_since=F("short_since") - ago)
    ways = [(row.before, row.asked) for row in ScalingDecision.objects.order_by("id")]
    assert 5 <= ways.count((2, 4)) <= 9, ways
    assert all(a != b for a, b in itertools.pairwise(ways)), "each try is tidied up before the next"
    assert set(ways) == {(2, 4), (4, 2)}
    row = ScalingPolicy.objects.get()
    assert row.short_since is not None
    assert timezone.now() - row.short_since > timedelta(minutes=110), "one alert, that began with the first failure"
    assert next(alerting._short(time.time())).words


@pytest.mark.django_db
def test_what_people_did_something_with_is_theirs(place: ServiceEnvironment, actor_sre: Actor) -> None:
    services.save(actor_sre, place, BY_CPU)
    measure(place, 90)
    run()
    end_all(place)
    assert len(failures.of([place.pk])[place.pk]) == 2
    first, second = Step.objects.filter(state="failed").select_related("instance")
    Instance.objects.filter(pk=first.instance_id).update(state="healthy")
    assert set(failures.of([place.pk])[place.pk]) == {second.instance_id}
    repair = releases.repair(actor_sre, place, [second.instance.number])
    assert not failures.of([place.pk])[place.pk]
    Deployment.objects.filter(pk=repair.pk).delete()
    Instance.objects.filter(pk=second.instance_id).update(wanted_state="stopped")
    assert not failures.of([place.pk])


@pytest.mark.django_db
def test_chosen_ones_go_and_a_wrong_number_is_refused(place: ServiceEnvironment, actor_sre: Actor) -> None:
    with pytest.raises(Refused):
        releases.scale(actor_sre, place, 2, going=[1])
    work = releases.scale(actor_sre, place, 1, going=[1])
    assert work is not None
    assert [step.instance.number for step in work.steps.all()] == [1]


@pytest.mark.django_db
def test_what_is_short_stays_short_while_a_release_hides_it(place: ServiceEnvironment, actor_sre: Actor) -> None:
    services.save(actor_sre, place, BY_CPU | {"most": 2})
    measure(place, 90)
    run()
    began = ScalingPolicy.objects.get().short_since
    assert began is not None
    said = next(alerting._short(0)).words
    assert "policy's most is 2" in said
    now = timezone.now()
    work = Deployment.objects.create(
        place=place, kind="deploy", state="succeeded", started=now, finished=now, policy={}
    )
    run(now.timestamp() + 5)
    row = ScalingPolicy.objects.get()
    assert row.now["wishes"][0]["reason"]["code"] == "settling"
    assert row.short_since == began
    assert next(alerting._short(0)).words == said
    Deployment.objects.filter(pk=work.pk).update(finished=now - timedelta(seconds=120))
    for seconds in (15, 10, 5):
        measure(place, 20, time.time() - seconds)
    run()
    assert ScalingPolicy.objects.get().short_since is None, "what is had is short no longer"
