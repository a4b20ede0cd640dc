"""Sixteen processes that write and link at once, some of whose transactions are rolled back: no gap, no fork."""

from __future__ import annotations

import os
import random
import time
import traceback
from typing import Any

import pytest
from django.db import connections, transaction

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.audit.chain import linking, verifying
from xqplatform.audit.models import Event, Link, Unlinked

WRITERS, EACH = 16, 25


class Back(Exception):
    pass


def write(number: int) -> None:
    dice = random.Random(number)
    for n in range(EACH):
        try:
            with transaction.atomic():
                audit.record(Actor.system(f"writer-{number}"), "service.scale", None, after={"n": n, "share": 1e3 / 7})
                if dice.random() < 0.2:
                    time.sleep(0.01)  # a long transaction: its event commits behind others with higher keys
                if dice.random() < 0.2:
                    raise Back
        except Back:
            with transaction.atomic():
                audit.record(Actor.system(f"writer-{number}"), "service.scale", None, after={"n": n}, reason="again")
        if dice.random() < 0.5:
            linking.link()


@pytest.mark.django_db(transaction=True)
def test_sixteen_writers_leave_one_chain() -> None:
    connections.close_all()
    children = []
    for number in range(WRITERS):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                write(number)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                connections.close_all()
                os._exit(code)
        children.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    assert codes == [0] * WRITERS
    linking.link()
    report = verifying.database()
    assert report.faults == []
    assert (report.count, report.position, report.waiting) == (WRITERS * EACH,) * 2 + (0,)
    assert Event.objects.count() == Link.objects.count() == WRITERS * EACH
    assert not Unlinked.objects.exists()
    assert len(set(Link.objects.values_list("previous", flat=True))) == WRITERS * EACH  # nobody has two followers


@pytest.mark.django_db(transaction=True)
def test_a_thread_of_the_process_links_soon_after_the_commit(settings: Any) -> None:
    settings.AUDIT_LINK_AFTER = 0.01
    with transaction.atomic():
        audit.record(Actor.system(), "service.scale", None)
        audit.record(Actor.system(), "service.scale", None)
        time.sleep(0.1)
        assert not Link.objects.exists()  # what may be rolled back is not linked
    for count in (2, 3):
        limit = time.monotonic() + 60
        while Link.objects.count() < count:
            assert time.monotonic() < limit
            time.sleep(0.02)
        if count == 2:
            audit.record(Actor.system(), "service.scale", None)  # it was asleep, and wakes up again
    assert verifying.database().good
