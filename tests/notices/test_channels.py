"""Channels of the company, teams and people's own: who hears by which, grouped, once, and only while they may."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from containers.notices import telling
from containers.services import releases
from tests import factories
from tests.alerts.receivers import Receiver, http_receiver, smtp_sink
from tests.conftest import make_person
from tests.notices.conftest import inbox
from tests.waiting.conftest import Yard
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Membership, User
from xqplatform.alerts import child, deliver, notify
from xqplatform.alerts.models import Channel, Delivery, Notification
from xqplatform.alerts.services import channels as channels_of_company
from xqplatform.errors import Denied, Refused
from xqplatform.notices import gathering, spreading
from xqplatform.notices.models import Notice, Post, Preference
from xqplatform.notices.services import own, preferences, subscriptions

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
T0 = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as one:
        yield one


def channel(name: str = "ops", **fields: Any) -> Channel:
    return Channel.objects.create(**{"name": name, "kind": "webhook", "url": "http://127.0.0.1:9/x"} | fields)


def own_of(user: User, **fields: Any) -> Channel:
    return channel(f"person:{user.pk}", owner=user, default=False, **fields)


def happen(yard: Yard, author: User | None, n: int = 1, state: str = "failed") -> list[int]:
    """So many releases that end so; their numbers."""
    rows = [factories.make_deployment(yard.place, state, created_by=author) for _ in range(n)]
    for row in rows:
        telling.ended(row, state, f"{state}: 2 of 4", SYSTEM)
    for pk in spreading.left():
        spreading.spread(pk)
    return [row.pk for row in rows]


def gather(after: float = 6.0) -> list[str]:
    """The titles of the messages that are made so many seconds from now."""
    now = timezone.now() + timedelta(seconds=after)
    made = [gathering.gather(pk, now) for pk in gathering.waiting(now)]
    return [one.title for one in made if one is not None]


@given(st.lists(st.floats(0, 600), max_size=200))
def test_a_storm_is_a_message_a_minute_at_most_and_nothing_waits_longer(moments: list[float]) -> None:
    """As the beat does it, every five seconds: whatever comes, gaps are kept and none waits more than gap and beat."""
    came = sorted(T0 + timedelta(seconds=one) for one in moments)
    open_, sent, last = list(came), [], None
    for tick in range(0, 700, 5):
        now = T0 + timedelta(seconds=tick)
        here = [one for one in open_ if one <= now]
        if here and gathering.due(here[0], last, now):
            assert now - here[0] <= gathering.GAP + timedelta(seconds=10)
            open_, last = [one for one in open_ if one > now], now
            sent.append(now)
    assert not open_
    assert all(b - a >= gathering.GAP for a, b in itertools.pairwise(sent))


def test_a_channel_hears_what_it_subscribed_to_and_nothing_else(yard: Yard, actor_sre: Actor) -> None:
    ops, quiet = channel("ops"), channel("quiet")
    subscriptions.subscribe(actor_sre, channel=ops, service="snow", environment="production", kinds=["failed"])
    subscriptions.subscribe(actor_sre, channel=ops, kinds=["failed", "rolled_back"])  # twice for the same: once
    subscriptions.subscribe(actor_sre, channel=quiet, environment="grey", kinds=["failed"])
    channel("off", enabled=False)
    (number,) = happen(yard, None)
    happen(yard, None, state="succeeded")
    assert gather() == [f"snow · production: release #{number} has failed"]
    told = Notification.objects.get()
    assert [one.channel.name for one in told.deliveries.all()] == ["ops"]
    assert told.data["notices"][0]["kind"] == "failed"
    assert deliver.message(told.deliveries.get())["level"] == "critical"


def test_a_storm_of_a_hundred_releases_is_one_message(yard: Yard, actor_sre: Actor, settings: Any) -> None:
    settings.PUBLIC_URL = "https://xq.example.com"
    subscriptions.subscribe(actor_sre, channel=channel(), kinds=["failed", "succeeded"])
    happen(yard, None, 70, "succeeded")
    happen(yard, None, 30, "failed")
    assert gather() == ["[xqplatform] 100 messages: 30 × failed, 70 × succeeded"]
    lines = Notification.objects.get().body.splitlines()
    assert "has failed" in lines[0]  # what is bad comes first
    assert lines[20] == "… and 80 more."
    assert lines[-1] == "https://xq.example.com/releases/"
    happen(yard, None)
    assert gather(30) == []  # not before a minute has passed
    assert len(gather(90)) == 1
    assert gather(1000) == []
    assert Post.objects.count() == 101


def test_two_workers_and_a_dead_one_make_one_message(
    yard: Yard, actor_sre: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ops = channel()
    subscriptions.subscribe(actor_sre, channel=ops, kinds=["failed"])
    happen(yard, None)
    later = timezone.now() + timedelta(seconds=9)

    def dies(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(notify, "send", dies)
        with pytest.raises(RuntimeError):
            gathering.gather(ops.pk, later)
    assert not Notification.objects.exists()
    assert gathering.gather(ops.pk, later) is not None
    assert gathering.gather(ops.pk, later) is None
    assert Delivery.objects.count() == 1


def test_a_message_arrives_and_a_broken_channel_holds_up_neither_release_nor_other_channels(
    yard: Yard, actor_sre: Actor, actor_dev: Actor, receiver: Receiver
) -> None:
    good, bad = channel("good", url=receiver.url), channel("bad")
    for one in (good, bad):
        subscriptions.subscribe(actor_sre, channel=one, kinds=["begun"])
    row = releases.deploy(actor_dev, yard.place, yard.new, reason="<b>*now*</b>")
    for pk in spreading.left():
        spreading.spread(pk)
    gather()
    assert [deliver.run(one.pk) for one in (bad, good)] == [1, 1]
    assert Delivery.objects.get(channel=bad).state == "waiting"
    assert Delivery.objects.get(channel=good).state == "sent"
    said = json.loads(receiver.got[0].body)
    assert said["title"] == f"snow · production: release #{row.pk} has begun"
    assert "<b>*now*</b>" in said["body"]
    row.refresh_from_db()
    assert row.state == "queued"


def test_a_team_that_subscribed_hears_in_its_inboxes_except_who_wants_nothing(
    yard: Yard, actor_sre: Actor, developer: User
) -> None:
    ice = factories.make_team("ice")
    ida, ned = make_person("ida", "developer"), make_person("ned", "developer")
    for person in (ida, ned):
        Membership.objects.create(user=person, team=ice)
    preferences.save(Actor.person(ned), {"succeeded": "none"}, {})
    subscriptions.subscribe(actor_sre, team=ice, service="snow", kinds=["succeeded"])
    happen(yard, developer, state="succeeded")
    assert [inbox(person) for person in (ida, ned, developer)] == [["succeeded"], [], ["succeeded"]]


def test_people_choose_what_they_hear_of(yard: Yard, developer: User, manager: User, sre: User) -> None:
    preferences.save(Actor.person(developer), {"failed": "none"}, {"failed": "mine"})
    preferences.save(Actor.person(manager), {"failed": "all"}, {})
    own_of(developer, kind="mail", url="dan@example.com")
    own_of(sre, kind="mail", url="sara@example.com")
    (number,) = happen(yard, developer)
    assert [inbox(person) for person in (developer, manager, sre)] == [[], ["failed"], []]
    User.objects.filter(pk=developer.pk).update(language="zh-hans", time_zone="Asia/Shanghai")
    assert len(gather()) == 1
    delivery = Delivery.objects.get()
    assert delivery.channel.owner == developer
    assert str(number) in delivery.notification.title


def test_defaults_are_kept_out_of_the_row_so_that_better_ones_arrive(developer: User) -> None:
    actor = Actor.person(developer)
    preferences.save(actor, {"failed": "all", "begun": "mine"}, {"begun": "all"})
    preferences.save(actor, {"failed": "team"}, {})
    row = Preference.objects.get()
    assert (row.inbox, row.own) == ({}, {"begun": "all"})
    with pytest.raises(Refused):
        preferences.save(actor, {"failed": "galaxy"}, {})
    with pytest.raises(Denied):
        preferences.save(SYSTEM, {}, {})


def test_what_one_may_not_hear_any_more_is_not_sent_hours_later(
    yard: Yard, developer: User, sre: User, receiver: Receiver
) -> None:
    mate = make_person("mo", "developer")
    Membership.objects.create(user=mate, team=yard.place.service.team)
    line = own_of(mate, url=receiver.url)
    mine, others = happen(yard, mate)[0], happen(yard, developer)[0]
    gather()
    assert Notification.objects.get().data["total"] == 2
    Membership.objects.filter(user=mate).delete()
    assert deliver.run(line.pk) == 1
    said = json.loads(receiver.got[0].body)
    assert f"#{mine}" in said["title"]
    assert f"#{others}" not in str(said)
    happen(yard, mate)
    assert len(gather(90)) == 1
    User.objects.filter(pk=mate.pk).update(is_active=False)
    assert deliver.run(line.pk) == 0
    last = Delivery.objects.order_by("-pk")[0]
    assert (last.state, last.words) == ("failed", "Who it was for may not see this any more.")


def test_many_dead_channels_leave_the_workers_threads_alone(
    yard: Yard, actor_sre: Actor, monkeypatch: pytest.MonkeyPatch, enqueued: Any
) -> None:
    channels = [channel(f"c{n}") for n in range(child.AT_ONCE + 3)]
    told = Notification.objects.create(kind="notice", title="t", body="b")
    notify.send(told, channels)
    monkeypatch.setattr(child, "ask", lambda *_, **__: {"ok": True, "words": ""})
    gate = threading.Event()
    inside = threading.Barrier(child.AT_ONCE + 1)

    def hang() -> None:
        with child.turn() as mine:
            assert mine
            inside.wait(10)
            gate.wait(10)

    busy = [threading.Thread(target=hang) for _ in range(child.AT_ONCE)]
    for one in busy:
        one.start()
    inside.wait(10)
    assert deliver.run(channels[0].pk) == 0  # at once, without waiting for its turn
    gate.set()
    for one in busy:
        one.join()
    enqueued.names.clear()
    assert deliver.run(channels[0].pk) == 1
    assert not child.somebody_waits()  # who was turned away is called again


def test_an_own_channel_is_nobody_elses_and_calls_no_machine_of_choice(
    actor_dev: Actor, actor_sre: Actor, settings: Any
) -> None:
    for address in (
        "json://127.0.0.1:2375/x",
        "mailto://a:b@10.0.0.1?to=x@y.z",
        "https://hooks.example.com",
        "syslog://",
    ):
        with pytest.raises(Refused, match="set up by SREs"):
            own.set_own(actor_dev, "apprise", address)
    with pytest.raises(Refused, match="No mail account"):
        own.set_own(actor_dev, "mail", "dan@example.com")
    settings.MAIL_URL = "mailtos://u:pw@mail.example.com"
    for nonsense in (
        "dan",
        "dan@example.com, eve@example.com",
        "a@b.c\nBcc: x@y.z",
        "\x00@example.com",
        '"eve@b.c,d"@e.com',
    ):
        with pytest.raises(Refused, match="not a mail address"):
            own.set_own(actor_dev, "mail", nonsense)
    row = own.set_own(actor_dev, "mail", "dan+x@example.com")
    delivery = own.test_own(actor_dev)
    asked = deliver.message(delivery)
    assert asked["do"] == "apprise"
    assert asked["url"] == "mailtos://u:pw@mail.example.com?to=dan%2Bx%40example.com"
    assert not Channel.objects.shared().exists()
    with pytest.raises(Refused):
        subscriptions.subscribe(actor_sre, channel=row, kinds=["failed"])
    own.remove_own(actor_dev)
    assert not Channel.objects.exists()


@pytest.mark.parametrize(
    "option", ["template=/etc/hosts.json", "x;Template=http://10.0.0.1/", "to=a&%74emplate=x", ":a=b"]
)
def test_an_own_address_reads_no_file_and_asks_no_machine(
    actor_dev: Actor, actor_sre: Actor, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setattr(channels_of_company, "checked", lambda kind, url: "Discord")
    address = f"discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js?{option}"
    with pytest.raises(Refused, match="set up by SREs") as refused:
        own.set_own(actor_dev, "apprise", address)
    assert refused.value.field == "address"
    assert own.set_own(actor_sre, "apprise", address)
    assert own.set_own(actor_dev, "apprise", address.replace(option, "to=x&format=text"))


def test_a_chat_of_ones_own_is_checked_and_replaces_the_one_before(actor_dev: Actor) -> None:
    first = own.set_own(actor_dev, "apprise", "wecombot://0123456789abcdef-key")
    second = own.set_own(actor_dev, "apprise", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
    assert first.pk == second.pk
    assert second.service == "Slack"
    with pytest.raises(Refused) as refused:
        own.set_own(actor_dev, "apprise", "slack://")
    assert refused.value.field == "address"


def test_developers_subscribe_for_their_own_services_only(yard: Yard, actor_dev: Actor, actor_manager: Actor) -> None:
    ops = channel()
    other = factories.make_running_place("ice", "production", 1, factories.make_team("ice"))
    for fields in ({}, {"service": other.service.slug}, {"service": "nothing"}):
        with pytest.raises(Denied):
            subscriptions.subscribe(actor_dev, channel=ops, kinds=["failed"], **fields)
    with pytest.raises(Denied):
        subscriptions.subscribe(actor_manager, channel=ops, service="snow", kinds=["failed"])
    row = subscriptions.subscribe(actor_dev, channel=ops, service="snow", kinds=["failed"])
    with pytest.raises(Refused, match="already"):
        subscriptions.subscribe(actor_dev, channel=ops, service="snow", kinds=["begun"])
    for kinds in ([], ["nonsense"]):
        with pytest.raises(Refused, match="Choose of what"):
            subscriptions.subscribe(actor_dev, channel=ops, service="snow", environment="grey", kinds=kinds)
    subscriptions.unsubscribe(actor_dev, row)


def test_a_notice_once_a_channel_and_a_person(yard: Yard, developer: User, actor_sre: Actor) -> None:
    subscriptions.subscribe(actor_sre, channel=channel(), kinds=["failed"])
    own_of(developer)
    row = factories.make_deployment(yard.place, "failed", created_by=developer)
    for _ in range(3):
        telling.ended(row, "failed", "x", SYSTEM)
        assert len(inbox(developer)) == 1
    assert Notice.objects.count() == 1
    assert Post.objects.count() == 2


def test_mail_arrives_at_ones_own_address_over_the_companys_account(
    yard: Yard, actor_dev: Actor, developer: User, settings: Any
) -> None:
    with smtp_sink() as sink:
        settings.MAIL_URL = f"mailto://127.0.0.1:{sink.port}?from=xq@example.com&mode=insecure"
        row = own.set_own(actor_dev, "mail", "dan@example.com")
        happen(yard, developer)
        assert len(gather()) == 1
        assert deliver.run(row.pk) == 1
    delivery = Delivery.objects.get()
    assert delivery.state == "sent", delivery.words
    (mail,) = sink.mails
    assert ["dan@example.com" in one for one in mail.to] == [True]
    assert "failed: 2 of 4" in mail.text


def test_what_waits_is_found_without_a_look_at_all_that_went(db: None) -> None:
    plan = gathering._oldest().explain()
    if connection.vendor == "sqlite":  # PostgreSQL decides by how many there are
        assert "SEARCH notices_post" in plan
        assert "channel_id=? AND gathered=?" in plan
