"""The evaluator: reads, decides, acts by the verb of people, and leaves a row only where something came of it."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from containers.models import Deployment, Instance, Service, ServiceEnvironment
from containers.scaling import acting, alerting, evaluate, services
from containers.scaling.evaluate import run
from containers.scaling.models import ScalingDecision, ScalingPolicy, ScalingRun
from containers.scaling.parsing import parse
from containers.scaling.shape import Decision, Reason
from containers.services import holders
from hosts.models import Host
from tests.factories import make_config, make_deployment, make_running_place
from xqplatform import metrics
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused
from xqplatform.metrics import Sample

pytestmark = pytest.mark.django_db
BY_CPU: dict[str, Any] = {"least": 1, "most": 8, "loads": [{"metric": "cpu.percent", "target": 50}]}


@pytest.fixture
def place(team: Any) -> ServiceEnvironment:
    return make_running_place(instances=2, team=team)


def measure(place: ServiceEnvironment, percent: float, now: float | None = None) -> None:
    now = time.time() if now is None else now
    rows = list(place.instances.filter(removed=None))
    metrics.write([Sample(f"instance:{one.pk}", now - 5, {"cpu.percent": percent}) for one in rows])


def test_it_scales_by_the_verb_of_people_and_says_why(place: ServiceEnvironment, actor_sre: Actor) -> None:
    services.save(actor_sre, place, BY_CPU)
    measure(place, 90)
    assert run() is not None
    row = ScalingDecision.objects.get()
    assert (row.before, row.asked, row.after, row.outcome) == (2, 4, 4, "begun")
    work = Deployment.objects.get(kind="scale")
    assert row.deployment == work
    assert work.created_name == "autoscaler"
    assert work.wanted == 4
    assert work.steps.count() == 2
    assert "cpu" in work.reason.lower()
    assert Event.objects.filter(action="service.scale", actor="autoscaler").count() == 1
    run()  # the change is under way
    assert ScalingDecision.objects.count() == 1
    assert ScalingPolicy.objects.get().now["reason"]["code"] == "release"


def test_a_dry_run_notes_it_once_and_changes_nothing(place: ServiceEnvironment, actor_sre: Actor) -> None:
    services.save(actor_sre, place, BY_CPU | {"dry": True})
    measure(place, 90)
    for _again in range(3):
        run()
    row = ScalingDecision.objects.get()
    assert (row.outcome, row.asked, row.deployment) == ("dry", 4, None)
    assert not Deployment.objects.filter(kind="scale").exists()


def test_room_for_two_of_three_takes_two_says_so_and_tries_again_later(
    place: ServiceEnvironment, actor_sre: Actor
) -> None:
    Host.objects.exclude(name="run-a1").update(cordoned=True, cordon_reason="disks")
    place.current_config = place.config = make_config(place, {"memory": 4 << 30})
    place.save()
    host = Host.objects.get(name="run-a1")
    assert not place.instances.filter(host=host).exists()
    host.memory = 10 << 28  # promised four times over: room for two
    host.save()
    services.save(actor_sre, place, BY_CPU)
    measure(place, 125)  # takes five
    run()
    row = ScalingDecision.objects.get()
    assert (row.asked, row.after, row.outcome) == (5, 4, "partial")
    assert "run-a1" in row.words or "GiB" in row.words
    work = row.deployment
    assert work is not None
    assert work.wanted == 4
    now = timezone.now()
    Deployment.objects.filter(pk=work.pk).update(state="succeeded", started=now, finished=now - timedelta(seconds=50))
    ServiceEnvironment.objects.update(active=None)
    measure(place, 125)
    run()
    assert ScalingDecision.objects.count() == 1
    policy = ScalingPolicy.objects.get()
    assert policy.now["reason"]["code"] == "pause"
    assert policy.short_since is not None
    assert [one.subject for one in alerting._short(time.time())] == [f"place:{place.pk}"]


def test_without_room_it_is_refused_once_and_paused(place: ServiceEnvironment, actor_sre: Actor) -> None:
    Host.objects.update(cordoned=True, cordon_reason="disks")
    services.save(actor_sre, place, BY_CPU)
    measure(place, 90)
    run()
    assert "policy's most" not in next(alerting._short(0)).words, "it is room that is short"
    run()
    row = ScalingDecision.objects.get()
    assert (row.outcome, row.before, row.after) == ("refused", 2, 2)
    assert "disks" in row.words
    assert Instance.objects.filter(place=place).count() == 2


def test_nobody_else_is_disturbed_and_lack_of_data_is_told(place: ServiceEnvironment, actor_sre: Actor) -> None:
    services.save(actor_sre, place, BY_CPU)
    work = make_deployment(place, "running")
    measure(place, 90)
    run()
    assert not ScalingDecision.objects.exists()
    Deployment.objects.filter(pk=work.pk).update(state="succeeded", finished=timezone.now() - timedelta(hours=1))
    ServiceEnvironment.objects.update(active=None)
    metrics_gone = time.time() + 3600
    run(metrics_gone)
    policy = ScalingPolicy.objects.get()
    assert policy.now["reason"] == {"code": "missing", "measured": 0, "of": 2}
    assert [one.subject for one in alerting._blind(metrics_gone)] == [f"place:{place.pk}"]
    assert "0" in next(alerting._blind(metrics_gone)).words


def test_what_does_not_get_healthy_is_tried_again_with_pauses(place: ServiceEnvironment, actor_sre: Actor) -> None:
    services.save(actor_sre, place, BY_CPU)
    for _minute in range(120):
        measure(place, 90)
        run()
        for work in Deployment.objects.filter(state="queued"):
            Deployment.objects.filter(pk=work.pk).update(
                state="rolled_back", started=work.created, finished=work.created
            )
            Instance.objects.filter(place=place, containers=None).delete()
            ServiceEnvironment.objects.update(active=None)
        ago = timedelta(seconds=60)  # that the rows are older is as good as waiting
        Deployment.objects.exclude(finished=None).update(finished=F("finished") - ago)
        ScalingDecision.objects.update(time=F("time") - ago)
    assert 5 <= ScalingDecision.objects.count() <= 9


def test_what_people_stopped_is_not_started(place: ServiceEnvironment, actor_sre: Actor) -> None:
    services.save(
        actor_sre, place, {"least": 4, "most": 8, "week": [{"days": [*range(7)], "at": "00:00", "instances": 6}]}
    )
    place.instances.update(wanted_state="stopped")
    run()
    assert not ScalingDecision.objects.exists()
    assert ScalingPolicy.objects.get().now["reason"]["code"] == "nothing-stands"
    place.instances.filter(number=1).update(wanted_state="running")
    run()
    assert ScalingDecision.objects.get().asked == 6


def test_one_process_evaluates(place: ServiceEnvironment, actor_sre: Actor) -> None:
    services.save(actor_sre, place, BY_CPU)
    run()
    ScalingRun.objects.update(lease="elsewhere/boot/ns/1/2/abc", lease_until=timezone.now() + timedelta(seconds=10))
    assert run() is None


def test_a_policy_that_breaks_stops_no_other(place: ServiceEnvironment, actor_sre: Actor, team: Any) -> None:
    other = make_running_place("floe", instances=2, team=team)
    older = make_running_place("hail", instances=2, team=team)
    for one in (other, older, place):
        services.save(actor_sre, one, BY_CPU)
    ScalingPolicy.objects.filter(place=other).update(memory={"tracks": 5})
    ScalingPolicy.objects.filter(place=older).update(content=BY_CPU | {"zone": "Middle/Earth"})
    measure(place, 90)
    run()
    assert ScalingDecision.objects.get().place == place
    assert "Error" in ScalingPolicy.objects.get(place=other).now["problem"]
    assert ScalingPolicy.objects.get(place=older).now == {"problem": "There is no such time zone."}
    told = {one.subject: one.words for one in alerting._blind(0)}
    assert set(told) == {f"place:{other.pk}", f"place:{older.pk}"}
    assert told[f"place:{older.pk}"] == "There is no such time zone."


def test_what_is_off_or_stopped_or_removed_lacks_no_data(place: ServiceEnvironment, actor_sre: Actor) -> None:
    services.save(actor_sre, place, BY_CPU)
    run()
    assert ScalingPolicy.objects.get().blind_since is not None
    place.instances.update(wanted_state="stopped")
    run()
    assert ScalingPolicy.objects.get().blind_since is None
    place.instances.update(wanted_state="running")
    services.save(actor_sre, place, BY_CPU | {"enabled": False})
    run()
    assert ScalingPolicy.objects.get().blind_since is None
    ScalingPolicy.objects.update(blind_since=timezone.now(), short_since=timezone.now())
    assert [*alerting._blind(0), *alerting._short(0)]
    Service.objects.update(removed=timezone.now())
    assert [*alerting._blind(0), *alerting._short(0)] == []


def test_what_is_being_removed_does_not_grow_again(place: ServiceEnvironment, actor_sre: Actor) -> None:
    services.save(actor_sre, place, BY_CPU)
    measure(place, 90)
    Service.objects.update(removal_asked=timezone.now())
    run()
    assert not ScalingDecision.objects.exists()


def test_what_changed_since_it_was_read_is_not_undone(place: ServiceEnvironment, actor_sre: Actor) -> None:
    row = services.save(actor_sre, place, BY_CPU)
    decision = Decision(3, Reason("up", {"from": 1, "to": 3, "wanted": 3}))
    assert acting.act(row, parse(BY_CPU), decision, 1) is None, "two stand by now"
    work = make_deployment(place, "running")
    ServiceEnvironment.objects.filter(pk=place.pk).update(active=work)
    assert acting.act(row, parse(BY_CPU), decision, 2) is None
    assert not ScalingDecision.objects.exists()
    ServiceEnvironment.objects.filter(pk=place.pk).update(active=None)
    Deployment.objects.filter(pk=work.pk).update(state="succeeded", finished=timezone.now())
    done = acting.act(row, parse(BY_CPU), decision, 2)
    assert done is not None
    assert (done.asked, done.outcome) == (3, "begun")


def test_nobody_takes_over_while_plans_of_a_large_fleet_are_made(
    place: ServiceEnvironment, actor_sre: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.save(actor_sre, place, BY_CPU)
    left: list[float] = []

    def slow(*_args: Any) -> None:
        until = ScalingRun.objects.get().lease_until
        assert until is not None
        left.append((until - timezone.now()).total_seconds())

    monkeypatch.setattr(evaluate, "evaluate", slow)
    run()
    assert 60 < left[0] <= 120


def test_saving_asks_the_right_and_is_an_event(
    place: ServiceEnvironment, actor_sre: Actor, actor_manager: Actor
) -> None:
    with pytest.raises(Denied):
        services.save(actor_manager, place, BY_CPU)
    with pytest.raises(Refused) as refused:
        services.save(actor_sre, place, BY_CPU | {"market": [{"calendar": "x", "anchor": "open", "instances": 2}]})
    assert refused.value.field == "market"
    services.save(actor_sre, place, BY_CPU)
    services.save(actor_sre, place, BY_CPU | {"most": 9})
    event = Event.objects.filter(action="service.scaling").latest("id")
    assert (event.before, event.after) == ({"most": 8}, {"most": 9})
    services.remove(actor_sre, place)
    assert not ScalingPolicy.objects.exists()
    with pytest.raises(Refused):
        services.remove(actor_sre, place)
    assert holders.held_by(place) == ""
