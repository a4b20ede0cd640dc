"""Two workers that roll up at the same moment: one does the work, and who lost the lease writes nothing more."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from containers.capacity import reading, rollup, spans
from containers.capacity.models import Day, HostDay, Of, Round, Span, SumDay
from hosts.models import Host
from tests import factories


@pytest.fixture
def hosts() -> list[Host]:
    found = [factories.make_host(f"h{n}") for n in range(3)]
    Host.objects.update(created=timezone.now() - timedelta(days=5))
    return found


@pytest.mark.django_db(transaction=True)
def test_of_two_rounds_one_does_the_work(hosts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read, found = Counter[Any](), []
    working, tried = threading.Event(), threading.Event()
    whole = reading.hosts

    def slow(day: Any, *args: Any) -> Any:
        read[day] += 1
        working.set()
        assert tried.wait(30)
        return whole(day, *args)

    def first() -> None:
        try:
            found.append(rollup.run())
        finally:
            connections.close_all()

    monkeypatch.setattr(reading, "hosts", slow)
    one = threading.Thread(target=first)
    one.start()
    try:
        assert working.wait(30)
        assert rollup.run() is False
        assert not Day.objects.exists()
    finally:
        tried.set()
        one.join(60)
    assert found == [True]
    days = Day.objects.count()
    assert days >= 4
    assert set(read.values()) == {1}
    assert HostDay.objects.count() == 3 * days
    assert SumDay.objects.filter(of=Of.FLEET).count() == days
    assert Span.objects.filter(of=Of.HOST).count() == 3 * len(Span.DAYS)
    assert Round.objects.get().lease == ""


@pytest.mark.django_db
def test_who_lost_the_lease_ends_no_day(hosts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xqplatform.leases.RENEW_EVERY", 0.0)
    whole = reading.hosts

    def robbed(*args: Any) -> Any:
        Round.objects.update(lease="elsewhere/boot/ns/1/2/abc")
        return whole(*args)

    monkeypatch.setattr(reading, "hosts", robbed)
    assert rollup.run() is False
    assert not Day.objects.exists()
    assert not Span.objects.exists()
    assert Round.objects.get().lease == "elsewhere/boot/ns/1/2/abc"
    assert not spans.is_behind()
