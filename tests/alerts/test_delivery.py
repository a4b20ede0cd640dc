"""Messages on their way: real receivers, failures, pauses, a worker that dies, and what the other side says."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.alerts.receivers import Receiver, Sink, http_receiver, smtp_sink
from xqplatform import leases
from xqplatform.alerts import child, deliver, notify, tasks
from xqplatform.alerts.models import Channel, Delivery, Notification
from xqplatform.alerts.services import channels
from xqplatform.errors import Refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as one:
        yield one


@pytest.fixture
def sink() -> Iterator[Sink]:
    with smtp_sink() as one:
        yield one


def hook(receiver: Receiver, **fields: Any) -> Channel:
    values = {"name": "hook", "kind": "webhook", "url": receiver.url, "secret": "shared secret"}
    return Channel.objects.create(**values | fields)


def message(*to: Channel, kind: str = "firing") -> list[Delivery]:
    told = Notification.objects.create(
        kind=kind, severity="critical", title="[critical] Memory: snow-3", body="• 95 %", data={"kind": kind}
    )
    notify.send(told, to)
    return list(told.deliveries.order_by("pk"))


def due_now() -> None:
    Delivery.objects.update(due=timezone.now())


def test_a_signed_webhook_can_be_checked_by_its_receiver(receiver: Receiver) -> None:
    channel = hook(receiver)
    (delivery,) = message(channel)
    deliver.run(channel.pk)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.words) == ("sent", "200 OK ok")
    got = receiver.got[0]
    parts = dict(part.split("=", 1) for part in got.headers["X-XQ-Signature"].split(","))
    expected = hmac.new(b"shared secret", parts["t"].encode() + b"." + got.body, hashlib.sha256).hexdigest()
    assert parts["v1"] == expected
    assert abs(int(parts["t"]) - time.time()) < 60
    assert got.headers["X-XQ-Delivery"] == str(delivery.pk)
    data = json.loads(got.body)
    assert (data["kind"], data["title"], data["delivery"]) == ("firing", "[critical] Memory: snow-3", delivery.pk)
    channel.refresh_from_db()
    assert (channel.ok, channel.shown_state) == (True, "up")


def test_apprise_posts_json(receiver: Receiver) -> None:
    channel = hook(receiver, kind="apprise", url=f"json://127.0.0.1:{receiver.port}/hook")
    (delivery,) = message(channel)
    deliver.run(channel.pk)
    delivery.refresh_from_db()
    assert delivery.state == "sent", delivery.words
    data = json.loads(receiver.got[0].body)
    assert (data["title"], data["message"], data["type"]) == ("[critical] Memory: snow-3", "• 95 %", "failure")


def test_apprise_sends_mail(sink: Sink) -> None:
    url = f"mailto://127.0.0.1:{sink.port}?from=xq@example.com&to=ops@example.com&mode=insecure"
    channel = Channel.objects.create(name="mail", url=url)
    (delivery,) = message(channel)
    deliver.run(channel.pk)
    delivery.refresh_from_db()
    assert delivery.state == "sent", delivery.words
    (mail,) = sink.mails
    assert "ops@example.com" in mail.to[0]
    assert "Memory: snow-3" in mail.text


def test_a_failure_is_told_in_the_other_sides_words_and_tried_again(receiver: Receiver) -> None:
    receiver.answers, receiver.body = [503, 200], b"come back later"
    channel = hook(receiver)
    (delivery,) = message(channel)
    before = timezone.now()
    deliver.run(channel.pk)
    delivery.refresh_from_db()
    assert delivery.state == "waiting"
    assert "503" in delivery.words
    assert "come back later" in delivery.words
    assert delivery.due > before + timedelta(seconds=5)
    channel.refresh_from_db()
    assert channel.shown_state == "down"
    assert tasks.resume() == 0
    due_now()
    assert tasks.resume() == 1
    deliver.run(channel.pk)
    delivery.refresh_from_db()
    assert delivery.state == "sent"
    assert [one["ok"] for one in delivery.attempts] == [False, True]


def test_apprise_says_why_it_did_not_work(receiver: Receiver) -> None:
    receiver.answers, receiver.body = [401], b"bad token"
    channel = hook(receiver, kind="apprise", url=f"json://127.0.0.1:{receiver.port}/very-secret-token-1234")
    (delivery,) = message(channel)
    deliver.run(channel.pk)
    delivery.refresh_from_db()
    assert "401" in delivery.words
    assert "bad token" in delivery.words
    assert "very-secret" not in delivery.words


def test_pauses_grow_and_end() -> None:
    pauses = [deliver.pause_after(n) for n in range(1, 10)]
    known = [p for p in pauses if p is not None]
    assert known == sorted(known)
    assert known[0] <= 10
    assert pauses[len(deliver.PAUSES) :] == [None, None]


def test_after_the_last_attempt_it_is_given_up_and_can_be_sent_by_hand(receiver: Receiver, actor_sre: Any) -> None:
    receiver.answers = [500]
    channel = hook(receiver)
    (delivery,) = message(channel)
    past = [{"time": 1.0, "took": 1, "ok": False, "words": "500"}] * len(deliver.PAUSES)
    Delivery.objects.filter(pk=delivery.pk).update(attempts=past)
    deliver.run(channel.pk)
    delivery.refresh_from_db()
    assert delivery.state == "failed"
    receiver.answers = [200]
    channels.retry_delivery(actor_sre, delivery)
    deliver.run(channel.pk)
    delivery.refresh_from_db()
    assert delivery.state == "sent"


def test_a_test_is_tried_once(receiver: Receiver, actor_sre: Any, enqueued: Any) -> None:
    receiver.answers = [500, 200]
    delivery = channels.test_channel(actor_sre, hook(receiver))
    deliver.run(delivery.channel_id)
    delivery.refresh_from_db()
    assert delivery.state == "failed"
    assert len(receiver.got) == 1


def test_nobody_there_is_an_answer_too() -> None:
    channel = Channel.objects.create(name="gone", kind="webhook", url="http://127.0.0.1:9/hook")
    (delivery,) = message(channel)
    deliver.run(channel.pk)
    delivery.refresh_from_db()
    assert "refused" in delivery.words.lower()


def test_a_dead_channel_is_asked_once_not_for_each_message(receiver: Receiver) -> None:
    receiver.answers = [500]
    channel = hook(receiver)
    message(channel)
    message(channel)
    assert deliver.run(channel.pk) == 1
    assert len(receiver.got) == 1


@pytest.mark.django_db(transaction=True)
def test_a_channel_that_hangs_holds_up_no_other(receiver: Receiver) -> None:
    with http_receiver() as slow:
        slow.wait = 8.0
        dead, fine = hook(slow, name="dead"), hook(receiver)
        message(dead, fine)
        thread = threading.Thread(target=deliver.run, args=(dead.pk,))
        thread.start()
        while not slow.got:
            time.sleep(0.05)
        began = time.monotonic()
        deliver.run(fine.pk)
        assert receiver.got
        assert thread.is_alive()
        assert time.monotonic() - began < 8
        thread.join(30)


def test_a_receiver_that_never_ends_is_left_after_the_limit(receiver: Receiver) -> None:
    receiver.wait = 30
    asked = {"do": "webhook", "url": receiver.url, "secret": "", "id": 1, "data": {}}
    began = time.monotonic()
    answer = child.ask(asked, limit=2.0)
    assert not answer["ok"]
    assert "2" in answer["words"]
    assert time.monotonic() - began < 10


def test_who_lost_the_lease_sends_no_more(receiver: Receiver) -> None:
    receiver.wait = 30
    asked = {"do": "webhook", "url": receiver.url, "secret": "", "id": 1, "data": {}}
    assert not child.ask(asked, alive=lambda: False)["ok"]


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_in_the_middle_loses_nothing(receiver: Receiver, tmp_path: Path) -> None:
    """A real process, killed while the receiver has the request: the message comes again, by the same id."""
    receiver.wait = 60
    channel = hook(receiver)
    (delivery,) = message(channel)
    process = start_worker(channel.pk)
    deadline = time.monotonic() + 60
    while not receiver.got:
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    delivery.refresh_from_db()
    assert delivery.state == "sending"
    assert delivery.attempts[0]["ok"] is None
    channel.refresh_from_db()
    assert leases.is_dead(channel.lease)
    receiver.wait = 0
    assert tasks.resume() == 1
    deliver.run(channel.pk)
    delivery.refresh_from_db()
    assert delivery.state == "sent"
    assert len(delivery.attempts) == 2
    assert {one.headers["X-XQ-Delivery"] for one in receiver.got} == {str(delivery.pk)}


def start_worker(channel: int) -> subprocess.Popen[bytes]:
    """`deliver.run` in a process of its own, on the test's database."""
    import os
    import sys

    from django.conf import settings
    from django.db import connection

    name = connection.settings_dict["NAME"]
    code = (
        "import django; from django.conf import settings; django.setup(); "
        "from django.db import connections; "
        f"connections['default'].settings_dict['NAME'] = {str(name)!r}; "
        f"from xqplatform.alerts import deliver; deliver.run({channel})"
    )
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONPATH": str(settings.BASE_DIR),
    }
    # The settings of tests forget XQ_ variables: the key goes in by code.
    code = code.replace(
        "django.setup(); ", f"settings.ENCRYPTION_KEY_FILE = {settings.ENCRYPTION_KEY_FILE!r}; django.setup(); ", 1
    )
    return subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


# --- The channel's settings ---------------------------------------------------------------------------------------


def test_an_address_that_apprise_does_not_understand_is_refused_at_its_field(actor_sre: Any) -> None:
    with pytest.raises(Refused) as refused:
        channels.save_channel(actor_sre, None, {"name": "x", "kind": "apprise", "url": "nonsense://a-secret-token"})
    assert refused.value.field == "url"
    assert "a-secret-token" not in refused.value.message


def test_the_service_of_an_address_is_known(actor_sre: Any) -> None:
    row = channels.save_channel(actor_sre, None, {"name": "x", "kind": "apprise", "url": "wecombot://abcdef-12345"})
    assert row.service == "WeCom Bot"


def test_an_empty_address_and_an_empty_secret_leave_the_old_ones(actor_sre: Any) -> None:
    row = channels.save_channel(
        actor_sre, None, {"name": "x", "kind": "webhook", "url": "https://a.example/b", "secret": "s"}
    )
    changed = channels.save_channel(actor_sre, row, {"name": "y", "kind": "webhook", "url": ""})
    assert (changed.url, changed.secret, changed.name) == ("https://a.example/b", "s", "y")
    with pytest.raises(Refused):
        channels.save_channel(actor_sre, row, {"name": "y", "kind": "apprise", "url": ""})


def test_the_platform_itself_never_loads_apprise() -> None:
    """Its 50 MB are the sender's, for as long as it sends."""
    import sys

    assert "apprise" not in sys.modules
