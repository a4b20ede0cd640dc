"""Who is told of what, once: grouping, suppression, silence, and what is said when it is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.alerts.conftest import World, memory_rule
from xqplatform.alerts.models import Alert, Channel, Delivery, Notification, Silence

pytestmark = pytest.mark.django_db


def titles() -> list[str]:
    return list(Notification.objects.order_by("pk").values_list("title", flat=True))


def all_bad(world: World, place: Any, value: float = 95.0, seconds: float = 10.0) -> None:
    for _ in range(round(seconds / 10)):
        world.now += 10
        for one in place.instances.all():
            world.say(f"instance:{one.pk}", memory__percent=value)
        world.tick(0)


def test_many_of_one_rule_and_scope_are_one_message(world: World, place: Any, channel: Channel, enqueued: Any) -> None:
    memory_rule(hold=0)
    all_bad(world, place)
    assert titles() == []
    all_bad(world, place)
    assert titles() == ["[warning] Memory: 4 subjects of snow/production"]
    body = Notification.objects.get().body
    assert "snow-production-1 on run-a2: 95 %" in body
    assert Notification.objects.get().alerts.count() == 4
    assert Notification.objects.get().data["total"] == 4
    all_bad(world, place, seconds=60)
    assert len(titles()) == 1


def test_one_alone_is_named(world: World, instance: Any, channel: Channel) -> None:
    memory_rule(hold=0, severity="critical")
    world.run(20, f"instance:{instance.pk}", memory__percent=95)
    assert titles() == ["[critical] Memory: snow-production-1 on run-a2"]


def test_the_end_is_told_to_whoever_heard_of_the_beginning(world: World, instance: Any, channel: Channel) -> None:
    memory_rule(hold=0, clear_hold=0)
    world.run(20, f"instance:{instance.pk}", memory__percent=95)
    Channel.objects.create(name="later", kind="webhook", url="http://127.0.0.1:9/x")
    world.run(20, f"instance:{instance.pk}", memory__percent=10)
    assert titles()[1:] == ["[resolved] Memory: snow-production-1 on run-a2"]
    over = Notification.objects.get(kind="resolved")
    assert [d.channel for d in over.deliveries.all()] == [channel]


def test_what_ends_before_anybody_was_told_is_not_told(world: World, instance: Any, channel: Channel) -> None:
    memory_rule(hold=0, clear_hold=0)
    world.run(10, f"instance:{instance.pk}", memory__percent=95)
    world.run(60, f"instance:{instance.pk}", memory__percent=10)
    assert titles() == []


def test_what_is_held_back_is_told_when_that_is_over(world: World, instance: Any, channel: Channel) -> None:
    memory_rule(hold=0)
    world.now = timezone.now().timestamp()
    silence = Silence.objects.create(
        service="snow", reason="x", until=timezone.now() + timedelta(hours=1), created_name="x"
    )
    world.run(60, f"instance:{instance.pk}", memory__percent=95)
    assert titles() == []
    silence.delete()
    world.run(10, f"instance:{instance.pk}", memory__percent=95)
    assert len(titles()) == 1


def test_a_channel_for_critical_ones_hears_no_warning(world: World, instance: Any, channel: Channel) -> None:
    Channel.objects.create(name="pager", kind="webhook", url="http://127.0.0.1:9/p", least="critical")
    memory_rule(hold=0)
    memory_rule(name="bad", hold=0, severity="critical")
    world.run(20, f"instance:{instance.pk}", memory__percent=95)
    told = {(d.notification.severity, d.channel.name) for d in Delivery.objects.all()}
    assert told == {("warning", "ops"), ("critical", "ops"), ("critical", "pager")}


def test_a_rule_that_names_a_channel_goes_there_only(world: World, instance: Any, channel: Channel) -> None:
    own = Channel.objects.create(name="own", kind="webhook", url="http://127.0.0.1:9/o", default=False)
    memory_rule(hold=0).channels.add(own)
    world.run(20, f"instance:{instance.pk}", memory__percent=95)
    assert [d.channel for d in Delivery.objects.all()] == [own]


def test_without_a_channel_nobody_is_told_until_there_is_one(world: World, instance: Any) -> None:
    memory_rule(hold=0)
    world.run(60, f"instance:{instance.pk}", memory__percent=95)
    assert titles() == []
    Channel.objects.create(name="ops", kind="webhook", url="http://127.0.0.1:9/hook")
    world.run(10, f"instance:{instance.pk}", memory__percent=95)
    assert len(titles()) == 1
    assert Alert.objects.get().told == "firing"


def test_the_text_says_what_to_do_and_where(world: World, instance: Any, channel: Channel, settings: Any) -> None:
    settings.PUBLIC_URL = "https://xq.example.com"
    memory_rule(hold=0, text="Restart it.")
    world.run(20, f"instance:{instance.pk}", memory__percent=95)
    body = Notification.objects.get().body
    assert "Restart it." in body
    assert f"https://xq.example.com/alerts/{Alert.objects.get().pk}/" in body


def test_an_oscillating_value_is_told_of_once(world: World, instance: Any, channel: Channel) -> None:
    memory_rule(hold=0, clear_hold=30)
    for value in [95, 87, 91, 86, 95, 80, 95, 80, 92] * 6:
        world.run(10, f"instance:{instance.pk}", memory__percent=value)
    assert len(titles()) == 1
