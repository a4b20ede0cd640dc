"""What forges send is in the audit log: each push that is taken, and of refused calls the first and how many more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from builds.forges import taking
from builds.models import Forge
from tests.forges.calls import push, send
from tests.forges.test_receiving import head
from xqplatform.audit import folding
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db


def noted(action: str) -> list[Event]:
    return list(Event.objects.filter(action=action).order_by("pk"))


def test_a_push_that_is_taken_is_an_event_and_sent_again_it_is_none(make_forge: Callable[..., Forge]) -> None:
    forge = make_forge("github")
    revision = head(forge)
    for _again in range(3):
        send(forge, push(revision), number="same")
    (event,) = noted("forge.delivery")
    assert (event.actor, event.via, event.object_name) == ("otto", "forge", forge.project.name)
    assert event.after == {"kind": "push", "name": "main", "revision": revision}
    assert event.ip == "127.0.0.1"


def test_a_flood_of_forged_calls_is_one_event_and_a_count(make_forge: Callable[..., Forge]) -> None:
    forge, other = make_forge("github"), make_forge("gitea", "ice")
    for n in range(30):
        assert send(forge, push("a" * 40), number=f"n{n}", secret="wrong").status_code == 401
    assert send(forge, b"[]").status_code == 400  # of a good signature, and nonsense
    send(other, push("b" * 40, kind="gitea"), secret="wrong")
    found = noted("forge.refused")
    assert [(one.object_name, one.denied, one.after["status"]) for one in found] == [
        (forge.project.name, True, 401),
        (forge.project.name, False, 400),
        (other.project.name, True, 401),
    ]
    assert "signature" in found[0].reason
    assert {one.actor for one in found} == {"GitHub", "Gitea, Forgejo"}  # nobody's name is believed
    assert folding.close(timezone.now() + timedelta(minutes=11)) == 1
    assert noted("forge.refused")[-1].after["more"] == 29


def test_a_push_of_which_nothing_can_become_is_told_with_the_reason(make_forge: Callable[..., Forge]) -> None:
    forge = make_forge("github")
    send(forge, push(head(forge)))
    Forge.objects.update(author=None)
    taking.go_on(forge.deliveries.get().pk)
    (event,) = noted("forge.refused")
    assert "may not build here" in event.reason
    assert event.after["name"] == "main"
