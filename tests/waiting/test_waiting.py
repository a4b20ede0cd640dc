"""A release that waits holds no lock, begins once when it may, planned anew; what cannot begin any more says why."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from builds.models import Image
from containers import tasks
from containers.finish import finish
from containers.guardrails import windows
from containers.models import Deployment, Guardrails, Instance
from containers.reading import standings
from containers.services import beginning, catalog, releases, steering, waiting
from containers.services import settings as settings_verbs
from containers.services.moves import policy_of
from containers.waiting_words import words_of
from tests.waiting.conftest import Yard, soon
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Membership
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused


def state(row: Deployment) -> str:
    return Deployment.objects.get(pk=row.pk).state


def test_a_scheduled_one_holds_no_lock_and_begins_at_its_time(yard: Yard) -> None:
    row = yard.wait(not_before=soon())
    assert (row.state, row.is_active, row.steps.count()) == ("waiting", False, 0)
    assert yard.begin() is None
    assert beginning.due() == []
    assert "not before" in words_of(row)[0]
    yard.pass_to(row)
    assert beginning.due() == [yard.place.pk]
    begun = yard.begin()
    assert begun is not None
    assert (begun.pk, begun.state, begun.steps.count()) == (row.pk, "queued", 2)
    yard.place.refresh_from_db()
    assert yard.place.active_id == row.pk
    assert yard.begin() is None  # again: nothing more happens
    assert begun.changed == []
    assert Event.objects.filter(action="deployment.begin").count() == 1


def test_another_change_goes_on_meanwhile(yard: Yard) -> None:
    yard.wait(not_before=soon())
    assert releases.restart(yard.actor, yard.place).state == "queued"


def test_what_waits_is_not_the_places_last_change(yard: Yard) -> None:
    last = releases.restart(yard.actor, yard.place)
    yard.wait(not_before=soon(), policy={"deadline": 61})
    assert standings([yard.place])[yard.place.pk].last == last
    assert policy_of(yard.place).deadline != 61


def test_behind_a_release_it_begins_when_that_has_ended(yard: Yard, django_capture_on_commit_callbacks: Any) -> None:
    first = releases.deploy(yard.actor, yard.place, yard.new)
    row = yard.wait(image=yard.other)
    assert yard.begin() is None
    assert words_of(row) == [f"It waits until #{first.pk}, which is under way here, has ended."]
    with django_capture_on_commit_callbacks() as callbacks:
        yard.end(first)
    assert callbacks
    begun = yard.begin()
    assert begun is not None
    assert begun.pk == row.pk
    assert begun.old_image == yard.new
    assert any(f"{yard.new.tag} runs now" in word for word in begun.changed)
    event = Event.objects.get(action="deployment.begin")
    assert event.after["changed since"] == begun.changed


def test_a_new_one_that_is_pressed_while_another_is_on_its_way_back(yard: Yard) -> None:
    """Now it is refused, with who and why; it may wait, and begins when the way back has ended, with what stands then."""
    first = releases.deploy(yard.actor, yard.place, yard.new, reason="faster quotes")
    Deployment.objects.filter(pk=first.pk).update(state="rolling_back")
    with pytest.raises(Refused, match=r"tester has a release .* under way .*faster quotes"):
        releases.deploy(yard.actor, yard.place, yard.other)
    row = yard.wait(image=yard.other)
    assert yard.begin() is None
    assert state(row) == "waiting"
    first.steps.update(state="undone")
    assert finish(first.pk, "rolled_back")
    begun = yard.begin()
    assert begun is not None
    assert begun.pk == row.pk
    assert begun.old_image != yard.new, "what was rolled back never stood here"
    with pytest.raises(Refused):  # and the one that went back is not steered any more
        steering.rollback(yard.actor, first)


def test_the_queue_is_kept_in_order_and_changed_by_hand(yard: Yard, actor_dev: Actor) -> None:
    late, now, later = yard.wait(not_before=soon()), yard.wait(image=yard.other), yard.wait(not_before=soon(60))
    order = lambda: list(Deployment.objects.filter(state="waiting").order_by("turn").values_list("pk", flat=True))  # noqa: E731
    assert order() == [now.pk, late.pk, later.pk]
    waiting.move(actor_dev, now, 1)
    assert order() == [late.pk, now.pk, later.pk]
    assert words_of(now) == [f"Its turn comes when #{late.pk} has ended."]
    assert yard.begin() is None  # strictly in order: the first one's time has not come
    waiting.move(actor_dev, later, -1)
    waiting.move(actor_dev, later, -1)
    waiting.move(actor_dev, later, -1)
    assert order() == [later.pk, late.pk, now.pk]
    assert Event.objects.filter(action="deployment.reorder").count() == 3  # the last one changed nothing


def test_a_freeze_keeps_it_back_until_it_ends(yard: Yard) -> None:
    freeze = yard.freeze(2)
    with pytest.raises(Refused):
        releases.deploy(yard.actor, yard.place, yard.new)
    row = yard.wait()
    assert yard.begin() is None
    row.refresh_from_db()
    assert row.state == "waiting"
    assert row.held_until is not None
    assert "Frozen until" in words_of(row)[0]
    assert beginning.due() == []
    freeze.delete()
    assert beginning.due() == [yard.place.pk]
    begun = yard.begin()
    assert begun is not None
    assert (begun.held_why, begun.held_until) == ("", None)


def test_a_calendar_that_cannot_be_read_keeps_no_other_places_queue_waiting(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("Mars/Olympus")

    yard.freeze(1)
    row = yard.wait()
    assert yard.begin() is None
    row.refresh_from_db()
    assert row.held_why
    assert beginning.due() == []
    monkeypatch.setattr(windows, "frozen", broken)
    assert beginning.due() == [yard.place.pk]


def test_the_clock_jumps_over_a_freeze_and_back(yard: Yard) -> None:
    row = yard.wait(not_before=soon())
    freeze = yard.freeze(2)
    yard.pass_to(row)
    assert yard.begin() is None
    Deployment.objects.filter(pk=row.pk).update(not_before=soon(600))  # the clock went back
    freeze.delete()
    assert yard.begin() is None
    assert state(row) == "waiting"


def test_only_what_time_takes_away_is_waited_for(yard: Yard) -> None:
    Guardrails.objects.update(ticket="OPS-#")
    with pytest.raises(Refused, match="OPS"):
        yard.wait(not_before=soon(), reason="no ticket")
    row = yard.wait(reason="OPS-1")
    Guardrails.objects.update(ticket="INC-#")
    assert yard.begin() is None
    row.refresh_from_db()
    assert row.state == "failed"
    assert "It could not begin" in row.outcome


def test_newer_settings_are_taken_and_named_unless_others_were_chosen(yard: Yard) -> None:
    old = yard.place.config
    row = yard.wait()
    settings_verbs.save_config(yard.actor, yard.place, {"memory": "96m"})
    begun = yard.begin()
    assert begun is not None
    assert begun.config.version == old.version + 1
    assert f"the settings are v{old.version + 1}, not v{old.version}" in begun.changed
    yard.end(begun)
    pinned = yard.wait(config=old)
    assert yard.begin() is not None
    pinned.refresh_from_db()
    assert pinned.config == old
    assert row.pk != pinned.pk


def test_an_instance_that_moved_is_named(yard: Yard) -> None:
    yard.wait()
    one = yard.place.instances.get(number=1)
    other = Instance.objects.exclude(host=one.host).first().host
    Instance.objects.filter(pk=one.pk).update(host=other)
    begun = yard.begin()
    assert begun is not None
    assert [word for word in begun.changed if word.startswith("#1:") and str(other) in word]


def test_a_discarded_image_fails_it_and_the_next_begins(yard: Yard) -> None:
    first, second = yard.wait(), yard.wait(image=yard.other)
    Image.objects.filter(pk=yard.new.pk).update(state="discarded")
    assert yard.begin() is None
    first.refresh_from_db()
    assert first.state == "failed"
    assert "discarded" in first.outcome
    begun = yard.begin()
    assert begun is not None
    assert begun.pk == second.pk


def test_what_nobody_foresaw_fails_it_in_words_and_the_next_begins(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = yard.wait(), yard.wait(image=yard.other)
    real = beginning.plan_for

    def broken(*args: Any, **fields: Any) -> Any:
        if fields["image"] == yard.new:
            raise ZeroDivisionError("of this one alone")
        return real(*args, **fields)

    monkeypatch.setattr(beginning, "plan_for", broken)
    assert yard.begin() is None
    first.refresh_from_db()
    assert first.state == "failed"
    assert "It could not begin: something unforeseen (ZeroDivisionError)" in first.outcome
    assert "of this one alone" in caplog.text
    begun = yard.begin()
    assert begun is not None
    assert begun.pk == second.pk


def test_a_database_that_is_away_fails_nothing_that_waits(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    row = yard.wait()
    with monkeypatch.context() as patch:
        patch.setattr(beginning, "plan_for", lambda *_a, **_k: (_ for _ in ()).throw(OperationalError("locked")))
        with pytest.raises(OperationalError):
            yard.begin()
    row.refresh_from_db()
    assert row.state == "waiting"
    assert yard.begin() is not None


def test_who_lost_the_right_begins_nothing(yard: Yard, actor_dev: Actor) -> None:
    row = yard.wait(actor_dev)
    Membership.objects.all().delete()
    assert yard.begin() is None
    row.refresh_from_db()
    assert (row.state, "may not release here any more" in row.outcome) == ("failed", True)


def test_cancelled_it_never_begins(yard: Yard, actor_dev: Actor) -> None:
    row = yard.wait(not_before=soon())
    waiting.cancel(actor_dev, row, "not today")
    assert (row.state, row.outcome) == ("cancelled", "Cancelled before it began.")
    event = Event.objects.get(action="deployment.cancel")
    assert (event.reason, event.user) == ("not today", actor_dev.user)
    yard.pass_to(row)
    assert yard.begin() is None


def test_cancel_of_one_that_just_began_goes_to_the_release(yard: Yard) -> None:
    row = yard.wait()
    yard.begin()
    waiting.cancel(yard.actor, row)
    row.refresh_from_db()
    assert (row.state, row.asked) == ("queued", "cancel")


@pytest.mark.parametrize("verb", ["wait", "cancel", "move"])
def test_who_may_not_deploy_may_do_none_of_it(yard: Yard, actor_manager: Actor, verb: str) -> None:
    row = yard.wait(not_before=soon())
    with pytest.raises(Denied):
        {
            "wait": lambda: yard.wait(actor_manager),
            "cancel": lambda: waiting.cancel(actor_manager, row),
            "move": lambda: waiting.move(actor_manager, row, 1),
        }[verb]()
    assert state(row) == "waiting"
    assert Event.objects.filter(denied=True, user=actor_manager.user).count() == 1


def test_times_out_of_reach_and_a_full_queue_are_refused(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in (timezone.now() - timedelta(seconds=1), timezone.now() + timedelta(days=91)):
        with pytest.raises(Refused) as refused:
            yard.wait(not_before=wrong)
        assert refused.value.field == "not_before"
    monkeypatch.setattr(waiting, "MOST", 1)
    yard.wait()
    with pytest.raises(Refused, match="wait here already"):
        yard.wait()


def test_those_of_removed_instances_and_services_end(yard: Yard) -> None:
    row = yard.wait(not_before=soon())
    removal = releases.remove_place(yard.actor, yard.place)
    yard.end(removal)
    assert state(row) == "cancelled"
    again = yard.wait(not_before=soon())
    catalog.remove_service(yard.actor, yard.place.service)
    assert state(again) == "cancelled"
    assert "removed meanwhile" in Deployment.objects.get(pk=again.pk).outcome


def test_the_beat_sends_each_place_that_is_due(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    monkeypatch.setattr(tasks.begin_waiting, "delay", sent.append)
    assert tasks.begin_due() == 0
    yard.wait()
    assert tasks.begin_due() == 1
    assert sent == [yard.place.pk]
    tasks.begin_waiting(yard.place.pk)
    assert tasks.begin_due() == 0


@pytest.mark.django_db(transaction=True)
def test_two_workers_begin_one(team: Any) -> None:
    from tests import factories

    factories.make_environments()
    yard = Yard(team)
    first, second = yard.wait(), yard.wait(image=yard.other)
    found: list[Deployment | None] = []
    start = threading.Barrier(3)

    def work() -> None:
        start.wait()
        try:
            found.append(yard.begin())
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row.pk for row in found if row is not None] == [first.pk]
    assert (state(first), state(second)) == ("queued", "waiting")
    assert first.steps.count() == 2
