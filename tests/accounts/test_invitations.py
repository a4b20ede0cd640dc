"""Invitations: a link that is good once, for a while, and only as long as who invited may invite."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from xqplatform.accounts import invitations, leaving, services
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Grant, Invitation, Team, User
from xqplatform.alerts import child
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused
from xqplatform.notices import invitations as mails

pytestmark = pytest.mark.django_db
GOOD = {"password": "a long passphrase", "again": "a long passphrase"}


def invited(actor: Actor, name: str = "wang", **more: Any) -> tuple[Invitation, str]:
    row, token = invitations.invite(actor, name, **more)
    return row, f"/invitation/{token}/"


def test_somebody_is_invited_and_comes(client: Client, sre: User, team: Team) -> None:
    client.force_login(sre)
    data = {"username": "wang", "display_name": "Wang", "role": "developer", "days": "7", f"team_{team.pk}": "on"}
    page = client.post("/settings/invitations/", data).content.decode()
    found = re.search(r"http://testserver(/invitation/[^\"]+/)", page)
    assert found
    assert found[1] not in client.get("/settings/invitations/").content.decode()
    guest = Client()
    assert "wang" in guest.get(found[1]).content.decode()
    assert guest.post(found[1], GOOD).status_code == 302
    wang = User.objects.get(username="wang")
    assert wang.check_password(GOOD["password"])
    assert [m.team for m in wang.memberships.all()] == [team]
    assert guest.post("/login/", {"username": "wang", "password": GOOD["password"]}).status_code == 302
    # It was good once.
    assert Client().get(found[1]).status_code == 404
    actors = dict(
        Event.objects.filter(action__in=["person.create", "invitation.accept"]).values_list("action", "actor")
    )
    assert actors == {"person.create": "sara", "invitation.accept": "wang"}
    token = found[1].split("/")[2]
    assert token.partition(":")[0] not in str(list(Invitation.objects.values())) + str(list(Event.objects.values()))


def test_two_at_the_same_time_make_one_person(actor_sre: Actor) -> None:
    row, token = invitations.invite(actor_sre, "wang")
    stranger = Actor("anonymous", "page")
    invitations.accept(stranger, token, GOOD["password"])
    with pytest.raises(Refused):
        invitations.accept(stranger, token, "another passphrase")
    row.refresh_from_db()
    assert row.person == User.objects.get(username="wang")


@pytest.mark.parametrize("password", ["short", "password123", "\x00" * 9, ""])
def test_a_weak_password_leaves_the_link_good(client: Client, actor_sre: Actor, password: str) -> None:
    _row, link = invited(actor_sre)
    assert client.post(link, {"password": password, "again": password}).status_code == 400
    assert client.post(link, {"password": "a long passphrase", "again": "another"}).status_code == 400
    assert client.post(link, GOOD).status_code == 302


@pytest.mark.parametrize("end", ["expired", "withdrawn", "renewed", "inviter left", "inviter lost the right"])
def test_a_link_dies(client: Client, actor_sre: Actor, sre: User, end: str) -> None:
    from tests import factories

    row, link = invited(actor_sre)
    other = Actor.person(factories.make_user("second", "admin"))
    if end == "expired":
        Invitation.objects.update(expires=timezone.now() - timedelta(seconds=1))
    elif end == "withdrawn":
        invitations.withdraw(actor_sre, row)
    elif end == "renewed":
        _row, token = invitations.renew(actor_sre, row)
        assert client.get(f"/invitation/{token}/").status_code == 200
    elif end == "inviter left":
        assert any("invitation" in line for line in leaving.what_ends(sre))
        services.set_active(other, sre, active=False)
        row.refresh_from_db()
        assert row.shown_state == "withdrawn"
    else:
        services.change_person(other, sre, role="developer", display_name="", active=True, teams={})
        Grant.objects.filter(user=sre).delete()
    assert client.get(link).status_code == 404
    assert client.post(link, GOOD).status_code == 404
    assert not User.objects.filter(username="wang").exists()


@pytest.mark.parametrize("link", ["x", "x:y", "%00", "a" * 3000, "..%2f"])
def test_nonsense_for_a_link(client: Client, db: None, link: str) -> None:
    assert client.get(f"/invitation/{link}/").status_code == 404


@pytest.mark.parametrize(
    ("values", "field"),
    [({"username": "sara"}, "username"), ({"username": "a b"}, "username"), ({"role": "god"}, "role"),
     ({"teams": {99: []}}, "teams"), ({"days": 0}, "days"), ({"days": 400}, "days"), ({"email": "a@b.c"}, "email")],
)  # fmt: skip
def test_what_cannot_be_promised_is_refused(actor_sre: Actor, values: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refusal:
        invitations.invite(actor_sre, **{"username": "wang", **values})
    assert refusal.value.field == field


def test_a_name_is_promised_once(actor_sre: Actor) -> None:
    invited(actor_sre)
    with pytest.raises(Refused):
        invited(actor_sre, "WANG")


def test_only_who_manages_people_invites(actor_manager: Actor, actor_sre: Actor, client: Client, manager: User) -> None:
    with pytest.raises(Denied):
        invited(actor_manager)
    row, _link = invited(actor_sre)
    for verb in (invitations.renew, invitations.withdraw):
        with pytest.raises(Denied):
            verb(actor_manager, row)


def test_it_is_mailed_and_the_link_is_nowhere_afterwards(
    actor_sre: Actor, settings: Any, enqueued: Any, monkeypatch: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.MAIL_URL, settings.PUBLIC_URL = "mailtos://u:p@mail.example.com", "https://xq.example.com"
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(child, "ask", lambda asked, **_: sent.append(asked) or {"ok": True, "words": ""})
    with django_capture_on_commit_callbacks(execute=True):
        row, token = invitations.invite(actor_sre, "wang", email="wang@example.com")
    assert token not in str(enqueued.waiting if hasattr(enqueued, "waiting") else enqueued.__dict__)
    assert mails.left() == [row.pk]
    assert mails.send(row.pk)
    assert not mails.send(row.pk)
    assert f"https://xq.example.com/invitation/{token}/" in sent[0]["body"]
    assert "wang%40example.com" in sent[0]["url"]
    row.refresh_from_db()
    assert (row.mail, row.link) == ("sent", "")


def test_what_a_dead_worker_had_in_hand_is_sent_again(actor_sre: Actor, settings: Any, monkeypatch: Any) -> None:
    settings.MAIL_URL = "mailtos://u:p@mail.example.com"
    row, token = invitations.invite(actor_sre, "wang", email="wang@example.com")

    def dies(asked: Any, **_more: Any) -> Any:
        raise SystemExit

    monkeypatch.setattr(child, "ask", dies)
    with pytest.raises(SystemExit):
        mails.send(row.pk)
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(child, "ask", lambda asked, **_: sent.append(asked) or {"ok": True, "words": ""})
    assert (mails.left(), mails.send(row.pk)) == ([], False), "somebody may be sending it still"
    for taken in (timezone.now() - mails.LOST - timedelta(seconds=1), None):  # None: taken before that was noted
        Invitation.objects.update(mail="sending", mail_taken=taken, link=token)
        assert mails.left() == [row.pk]
        assert mails.send(row.pk)
    assert len(sent) == 2
    assert token in sent[1]["body"]
    row.refresh_from_db()
    assert (row.mail, row.link, mails.left()) == ("sent", "", [])


def test_a_mail_that_fails_says_so(actor_sre: Actor, settings: Any, monkeypatch: Any) -> None:
    settings.MAIL_URL = "mailtos://u:p@mail.example.com"
    monkeypatch.setattr(child, "ask", lambda asked, **_: {"ok": False, "words": "550 no such user"})
    row, _token = invitations.invite(actor_sre, "wang", email="wang@example.com")
    assert not mails.send(row.pk)
    row.refresh_from_db()
    assert (row.mail, row.mail_words) == ("failed", "550 no such user")
