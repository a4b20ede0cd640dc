"""An evaluation over stored data: what fires, on whom, and that nothing that happens to the platform makes it forget or invent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from containers.models import Instance
from hosts.models import Host, HostOperation
from tests import factories
from tests.alerts.conftest import World, memory_rule, state_rule, states
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.alerts import evaluate, sources, subjects
from xqplatform.alerts.defaults import DEFAULTS, ensure_defaults
from xqplatform.alerts.models import Alert, Evaluator, Rule, Silence, Transition
from xqplatform.audit import refused

pytestmark = pytest.mark.django_db


def me(instance: Any) -> str:
    return f"instance:{instance.pk}"


def test_a_rule_fires_and_resolves_with_a_row_for_each_step(world: World, instance: Any) -> None:
    memory_rule()
    world.run(60, me(instance), memory__percent=95)
    assert states() == ["pending"]
    world.run(20, me(instance), memory__percent=97)
    alert = Alert.objects.get()
    assert (alert.state, alert.value, alert.peak) == ("firing", 97, 97)
    assert (alert.name, alert.service, alert.environment) == ("snow-production-1", "snow", "production")
    world.run(50, me(instance), memory__percent=50)
    alert.refresh_from_db()
    assert alert.state == "resolved"
    assert alert.peak == 97
    steps = Transition.objects.filter(alert=alert).values_list("old", "new")
    assert list(steps) == [("", "pending"), ("pending", "firing"), ("firing", "resolved")]


def test_what_never_fired_leaves_no_row(world: World, instance: Any) -> None:
    memory_rule()
    world.run(30, me(instance), memory__percent=95)
    world.run(10, me(instance), memory__percent=10)
    assert not Alert.objects.exists()
    assert not Transition.objects.exists()


def test_two_episodes_are_two_rows(world: World, instance: Any) -> None:
    memory_rule(hold=0, clear_hold=0)
    for value in (95, 10, 95):
        world.run(10, me(instance), memory__percent=value)
    assert states() == ["resolved", "firing"]


def test_the_same_sample_read_again_changes_nothing(world: World, instance: Any) -> None:
    memory_rule()
    world.say(me(instance), memory__percent=95)
    for _ in range(6):
        world.tick(8)
    assert states() == ["pending"]


def test_a_rule_that_covers_another_service_sees_nothing(world: World, instance: Any) -> None:
    memory_rule(hold=0, service="ice")
    memory_rule(name="here", hold=0, service="snow", environment="production", group="room-a")
    world.run(10, me(instance), memory__percent=95)
    assert [alert.rule_name for alert in Alert.objects.all()] == ["here"]


def test_each_device_has_its_own_alert(world: World, instance: Any) -> None:
    host = f"host:{instance.host_id}"
    memory_rule(name="disk", kind="host", metric="fs.percent", hold=0)
    world.now += 10
    world.samples[host] = (world.now, {"fs.percent[/]": 95, "fs.percent[/data]": 20, "fs.percent[/log]": 91})
    world.tick(0)
    assert sorted(Alert.objects.values_list("device", flat=True)) == ["/", "/log"]


def test_percent_of_a_limit(world: World, instance: Any) -> None:
    memory_rule(condition="limit", metric="memory.working_set", hold=0)
    world.now += 10
    world.samples[me(instance)] = (world.now, {"memory.working_set": 950, "memory.limit": 1000})
    world.tick(0)
    assert Alert.objects.get().value == 95


def test_missing_data_does_not_resolve(world: World, instance: Any) -> None:
    memory_rule(hold=0)
    world.run(10, me(instance), memory__percent=95)
    for _ in range(100):
        world.tick(60)
    assert states() == ["firing"]


def test_missing_data_resolves_where_the_rule_says_so(world: World, instance: Any) -> None:
    memory_rule(hold=0, silence_resolves=True)
    world.run(10, me(instance), memory__percent=95)
    world.run(200)
    assert states() == ["resolved"]


def test_missing_data_is_what_an_absence_rule_looks_for(world: World, instance: Any) -> None:
    memory_rule(name="silent", condition="absent", service="snow", hold=60, clear=None, clear_hold=0)
    for _ in range(5):
        world.now += 10
        for one in instance.place.instances.all():
            world.say(me(one), memory__percent=10)
        world.tick(0)
    assert not Alert.objects.exists()
    for _ in range(12):
        world.now += 10
        for one in instance.place.instances.exclude(pk=instance.pk):
            world.say(me(one), memory__percent=10)
        world.tick(0)
    assert [alert.subject for alert in Alert.objects.filter(state="firing")] == [me(instance)]
    world.run(10, me(instance), memory__percent=10)
    assert states(subject=me(instance)) == ["resolved"]


def test_a_platform_that_was_away_itself_accuses_nobody(world: World, instance: Any) -> None:
    memory_rule(name="silent", condition="absent", hold=60, clear=None)
    for one in instance.place.instances.all():
        world.say(me(one), memory__percent=10)
    world.tick()
    world.now += 3600
    world.tick()
    assert "firing" not in states()


def test_gaps_and_missed_evaluations_do_not_count_as_time(world: World, instance: Any) -> None:
    memory_rule(hold=300)
    world.run(20, me(instance), memory__percent=95)
    world.now += 3600
    world.run(20, me(instance), memory__percent=95)
    assert states() == ["pending"]
    world.run(300, me(instance), memory__percent=95)
    assert states() == ["firing"]


def test_a_clock_set_back_an_hour_stops_nothing(world: World, instance: Any) -> None:
    memory_rule(hold=300)
    world.run(100, me(instance), memory__percent=95)
    world.now -= 3600
    world.run(330, me(instance), memory__percent=95)
    assert states() == ["firing"]
    world.run(60, me(instance), memory__percent=10)
    assert states() == ["resolved"]


def test_a_removed_instance_ends_its_alert(world: World, instance: Any) -> None:
    memory_rule(hold=0)
    world.run(10, me(instance), memory__percent=95)
    instance.removed = timezone.now()
    instance.save()
    world.tick()
    assert states() == ["resolved"]
    assert Transition.objects.last().words  # type: ignore[union-attr]


def test_a_rule_that_is_switched_off_ends_its_alerts(world: World, instance: Any) -> None:
    rule = memory_rule(hold=0)
    world.run(10, me(instance), memory__percent=95)
    Rule.objects.filter(pk=rule.pk).update(enabled=False)
    world.tick()
    assert states() == ["resolved"]


def test_one_evaluator_at_a_time(world: World, instance: Any) -> None:
    from xqplatform import leases

    world.tick()
    rows = Evaluator.objects.filter(pk=1)
    lease = leases.take(rows, rows)
    assert lease is not None
    assert evaluate.run(world.now) is None
    lease.release()
    assert evaluate.run(world.now) is not None


def test_who_lost_the_lease_while_reading_writes_and_tells_nothing(
    world: World, instance: Any, channel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory_rule(hold=0)
    whole = subjects.world

    def slow(kinds: Any) -> Any:
        until = timezone.now() + timedelta(minutes=1)
        Evaluator.objects.filter(pk=1).update(lease="another/1/1/abc", lease_until=until)
        return whole(kinds)

    world.say(me(instance), memory__percent=95)
    monkeypatch.setattr(subjects, "world", slow)
    assert evaluate.run(world.now) is None
    assert not Alert.objects.exists()
    assert Evaluator.objects.get().lease == "another/1/1/abc"


def test_nobody_takes_over_from_an_evaluation_that_is_slow(
    world: World, instance: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = subjects.world

    def slow(kinds: Any) -> Any:
        left = Evaluator.objects.get().lease_until - timezone.now()
        assert left > timedelta(seconds=90)
        return whole(kinds)

    monkeypatch.setattr(subjects, "world", slow)
    assert evaluate.run(world.now) is not None
    assert Evaluator.objects.get().lease == ""


def test_what_is_stopped_on_purpose_has_neither_old_alerts_nor_missing_samples(world: World, instance: Any) -> None:
    memory_rule(hold=0, service="snow")
    memory_rule(name="silent", condition="absent", hold=60, clear=None, clear_hold=0)
    others = [me(one) for one in instance.place.instances.exclude(pk=instance.pk)]

    def pass_time(seconds: int) -> None:
        for _ in range(seconds // 10):
            for other in others:
                world.say(other, memory__percent=10)
            world.tick()

    world.say(me(instance), memory__percent=95)
    pass_time(10)
    assert states() == ["firing"]
    Instance.objects.filter(pk=instance.pk).update(wanted_state="stopped", state="stopped")
    pass_time(300)
    assert states() == ["resolved"]


def test_devices_with_very_long_names_do_not_stop_the_evaluation(world: World, instance: Any) -> None:
    memory_rule(kind="host", metric="fs.percent", hold=0)
    memory_rule(name="other", hold=0)
    long = "/" + "a" * 125
    for _ in range(3):
        world.now += 10
        world.samples[f"host:{instance.host_id}"] = (world.now, {f"fs.percent[{long}{n}]": 99.0 for n in (1, 2)})
        world.say(me(instance), memory__percent=95)
        world.tick(0)
    assert states(subject=f"host:{instance.host_id}") == ["firing"]
    assert states(subject=me(instance)) == ["firing"]


def test_an_alert_of_a_file_system_that_is_unmounted_ends(world: World, instance: Any) -> None:
    memory_rule(kind="host", metric="fs.percent", hold=0)
    host = f"host:{instance.host_id}"
    world.samples[host] = (world.now, {"fs.percent[/]": 20.0, "fs.percent[/mnt]": 99.0})
    world.tick(0)
    assert states(device="/mnt") == ["firing"]
    for _ in range(20):
        world.now += 10
        world.samples[host] = (world.now, {"fs.percent[/]": 20.0})
        world.tick(0)
    assert states() == ["resolved"]


def test_a_broken_source_hurts_no_other_rule(world: World, instance: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(now: float) -> Any:
        raise RuntimeError("no such table")

    sources.register("test.broken", "Broken", "instance", broken)
    try:
        bad = state_rule("test.broken")
        memory_rule(hold=0)
        world.run(10, me(instance), memory__percent=95)
        bad.refresh_from_db()
        assert "no such table" in bad.problem
        assert states() == ["firing"]
    finally:
        del sources.SOURCES["test.broken"]


# --- What apps above know -----------------------------------------------------------------------------------------


def test_states_of_hosts_and_instances(world: World, place: Any) -> None:
    """Each source, from the rows that its app writes."""
    one, two, three, four = place.instances.order_by("number")
    now = timezone.now()
    world.now = now.timestamp()
    type(one).objects.filter(pk=one.pk).update(state="unhealthy")
    type(one).objects.filter(pk=two.pk).update(state="missing")
    type(one).objects.filter(pk=three.pk).update(drift_since=now - timedelta(hours=1), drift=[{"what": "image"}])
    one.happened.create(kind="oom", text="The kernel killed a process.", time=now, last=now)
    four.address.conflict, four.address.conflict_since = "10.1.2.13 is used by x on y, too.", now
    four.address.save()
    host = Host.objects.get(name="run-a1")
    Host.objects.filter(pk=host.pk).update(state="unreachable", state_since=now, state_reason="no route", clock_skew=5)
    other = Host.objects.get(name="run-a2")
    Host.objects.filter(pk=other.pk).update(clock_skew=-7.5)
    other.check_results.create(check_slug="swap", state="fails", seen=now, since=now - timedelta(hours=1))
    other.seen_certificates.create(
        kind="server", subject="run-a2", fingerprint="f", not_after=now + timedelta(days=9), seen=now
    )
    factories.make_deployment(place, "failed", outcome="Two of four did not get healthy.")
    for key, (name, fields) in DEFAULTS.items():
        Rule.objects.create(builtin=key, name=name, **{**fields, "hold": 0})
    Rule.objects.filter(metric__gt="").delete()
    world.tick(1)
    found = set(Alert.objects.filter(state="firing").values_list("rule__builtin", "name", "device"))
    assert found >= {
        ("unhealthy", "snow-production-1", ""),
        ("missing", "snow-production-2", ""),
        ("drift", "snow-production-3", ""),
        ("oom", "snow-production-1", ""),
        ("address", "snow-production-4", ""),
        ("unreachable", "run-a1", ""),
        ("clock", "run-a2", ""),
        ("conformance", "run-a2", ""),
        ("certificate", "run-a2", "engine"),
        ("release", "snow/production", ""),
    }
    assert not {name for _rule, name, _device in found} & {"run-b1"}
    words = Alert.objects.get(rule__builtin="release").words
    assert "Two of four did not get healthy." in words


def test_drift_counts_from_when_it_began(world: World, instance: Any) -> None:
    """Its time is in the row: a restart of the platform starts no new one."""
    state_rule("instance.drift", hold=600)
    type(instance).objects.filter(pk=instance.pk).update(drift_since=timezone.now() - timedelta(minutes=11), drift=[])
    world.now = timezone.now().timestamp()
    world.tick(0)
    assert states() == ["firing"]


def test_the_rules_that_come_with_the_platform_are_whole_and_on(db: None) -> None:
    from xqplatform.alerts.services.rules import built

    rules = list(Rule.objects.all())
    assert {rule.builtin for rule in rules} == set(DEFAULTS)
    for rule in rules:
        assert rule.enabled
        built(rule, {})


def test_a_rule_that_was_changed_stays_as_it_is(db: None) -> None:
    Rule.objects.filter(builtin="memory").update(name="Mine", threshold=70)
    ensure_defaults()
    assert Rule.objects.get(builtin="memory").threshold == 70
    assert Rule.objects.count() == len(DEFAULTS)


# --- Why nobody is told -------------------------------------------------------------------------------------------


def held(**where: Any) -> str:
    return Alert.objects.get(**where).held


def test_an_instance_that_a_release_has_in_hand_is_held_back(world: World, instance: Any) -> None:
    memory_rule(hold=0)
    deployment = factories.make_deployment(instance.place, "running")
    step = factories.make_step(deployment, instance, "starting")
    world.run(10, me(instance), memory__percent=95)
    assert f"#{deployment.pk}" in held()
    step.state = "done"
    step.save()
    world.run(10, me(instance), memory__percent=95)
    assert held() == ""


def test_what_stands_on_a_host_that_is_drained_or_operated_on_is_held_back(world: World, instance: Any) -> None:
    memory_rule(hold=0)
    Host.objects.filter(pk=instance.host_id).update(draining=True)
    world.run(10, me(instance), memory__percent=95)
    assert "drained" in held()
    Host.objects.filter(pk=instance.host_id).update(draining=False)
    world.run(10, me(instance), memory__percent=95)
    assert held() == ""
    HostOperation.objects.create(host=instance.host, kind="engine.restart", who="sara", state="running")
    world.run(10, me(instance), memory__percent=95)
    assert "operation" in held()


def test_an_unreachable_host_speaks_for_what_stands_on_it(world: World, instance: Any) -> None:
    state_rule("host.unreachable", "host", name="Host unreachable", hold=60)
    memory_rule(hold=0)
    Host.objects.filter(pk=instance.host_id).update(
        state="unreachable", state_since=timezone.now() - timedelta(minutes=5)
    )
    world.now = timezone.now().timestamp()
    world.run(10, me(instance), memory__percent=95)
    assert "Host unreachable" in held(rule__metric="memory.percent")
    assert held(rule__source="host.unreachable") == ""


def test_a_silence_holds_back_what_it_matches_until_its_end(world: World, instance: Any) -> None:
    memory_rule(hold=0)
    world.now = timezone.now().timestamp()
    Silence.objects.create(
        service="snow", reason="the vendor is at it", until=timezone.now() + timedelta(seconds=35), created_name="x"
    )
    Silence.objects.create(service="ice", reason="no", until=timezone.now() + timedelta(days=1), created_name="x")
    world.run(20, me(instance), memory__percent=95)
    assert "the vendor is at it" in held()
    world.run(30, me(instance), memory__percent=95)
    assert held() == ""


def test_who_is_refused_again_and_again_is_told_of(world: World, actor_dev: Any, team: Any) -> None:
    """Many refused attempts of a person, and many wrong log-ins from one address; few of somebody else are nobody's alarm."""
    state_rule("platform.refused", "platform")
    world.now = timezone.now().timestamp() + 1
    stranger = Actor("", "page", ip="203.0.113.7")
    for _ in range(refused.MANY):
        audit.record(actor_dev, "host.manage", team, denied=True)
        audit.record(stranger, "login.failed", None, denied=True, name="root")
    for _ in range(refused.MANY - 1):
        audit.record(Actor("typist", "page", ip="10.0.0.9"), "login.failed", None, denied=True, name="typist")
    world.tick(0)
    assert set(Alert.objects.filter(state="firing").values_list("device", flat=True)) == {actor_dev.name, "203.0.113.7"}
    world.run(refused.WINDOW.total_seconds() + 120)
    assert not Alert.objects.filter(state="firing").exists()
