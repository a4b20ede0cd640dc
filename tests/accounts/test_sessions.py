"""Sessions: listed, ended one by one or by time, and what is open by them ends, too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import AsyncClient, Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from xqplatform.accounts import services, tokens
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Session, Token, User
from xqplatform.accounts.sessions import agents, streams, verbs
from xqplatform.accounts.sessions.limits import Limits, over
from xqplatform.accounts.sessions.store import FACTS, SessionStore
from xqplatform.audit.models import Event

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@given(began=st.floats(0, 1e9), used=st.floats(0, 1e6), away=st.floats(-1e6, 1e6))
def test_a_session_ends_by_one_of_two_limits_and_by_no_clock_that_goes_back(
    began: float, used: float, away: float
) -> None:
    limits, now = Limits(idle=3600, total=86400), began + used + away
    why = over({"began": began, "seen": began + used}, limits, now)
    assert (why == "total") == (now - began > 86400)
    assert (why == "idle") == (now - began <= 86400 and now - (began + used) > 3600)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox, Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/120.0 Safari/537.36 Edg/120.0", "Edge, Windows"),
        ("", ""),
        ("thing/1.0" * 20, ("thing/1.0" * 20)[:60]),
    ],
)
def test_a_browser_in_words(agent: str, words: str) -> None:
    assert agents.words(agent) == words


@pytest.mark.django_db
def test_many_are_paged(client: Client, developer: User) -> None:
    client.force_login(developer)
    now = timezone.now()
    Session.objects.bulk_create(
        Session(session_key=f"k{n}", session_data="", expire_date=now + timedelta(days=1), user=developer,
                ip=f"198.51.100.{n}", began=now, seen=now - timedelta(minutes=n + 1)) for n in range(120)
    )  # fmt: skip
    page = client.get("/account/sessions/").content.decode()
    assert "End 120 sessions?" in page
    assert page.count(">End</button>") == 49
    assert "198.51.100.119" in client.get("/account/sessions/?page=3").content.decode()
    told = client.get("/api/v1/sessions", {"limit": 3}).json()
    assert (told["count"], len(told["items"])) == (121, 3)


@pytest.mark.django_db
def test_they_are_listed_and_the_others_are_ended(client: Client, developer: User) -> None:
    other = Client(headers={"User-Agent": FIREFOX})
    assert other.post("/login/", {"username": "dan", "password": "correct horse"}).status_code == 302
    client.force_login(developer)
    page = client.get("/account/sessions/").content.decode()
    assert "Firefox, Linux" in page
    assert page.count("this session") == 1
    assert "127.0.0.1" in page
    assert client.post("/account/sessions/end/").status_code == 302
    assert other.get("/account/").status_code == 302
    assert client.get("/account/").status_code == 200
    assert Event.objects.get(action="session.end").after == {"sessions": 1}


@pytest.mark.django_db
def test_the_database_holds_nothing_that_a_browser_could_send(client: Client, developer: User) -> None:
    client.force_login(developer)
    key = client.session.session_key
    row = Session.objects.get(user=developer)
    assert key not in str(Session.objects.values())
    assert not SessionStore(row.pk).load()
    assert SessionStore(key).load()


@pytest.mark.django_db
def test_one_is_ended_by_its_person_and_by_who_manages_people_only(
    client: Client, developer: User, manager: User, sre: User
) -> None:
    hers = Client()
    hers.force_login(developer)
    row = Session.objects.get(user=developer)
    client.force_login(manager)
    assert client.post(f"/account/sessions/{row.pk}/end/").status_code == 403
    assert client.get(f"/settings/people/{developer.pk}/sessions/").status_code == 403
    assert hers.get("/account/").status_code == 200
    client.force_login(sre)
    assert row.pk in client.get(f"/settings/people/{developer.pk}/sessions/").content.decode()
    assert client.post(f"/account/sessions/{row.pk}/end/").status_code == 302
    assert hers.get("/account/").status_code == 302


@pytest.mark.django_db
def test_one_that_is_not_used_ends_and_what_a_page_does_by_itself_is_no_use(client: Client, developer: User) -> None:
    def at(**changes: float) -> None:
        session = client.session
        session[FACTS] = {**session[FACTS], **changes}
        session.save()

    client.force_login(developer)
    now = time.time()
    at(seen=now - 3600)
    client.get("/account/", headers={verbs.BY_ITSELF: "1"})
    assert client.session[FACTS]["seen"] < now - 3000
    client.get("/account/")
    assert client.session[FACTS]["seen"] >= now
    at(seen=now - 73 * 3600)
    assert client.get("/account/").status_code == 302
    client.force_login(developer)
    at(began=now - 15 * 86400)
    assert client.get("/account/").status_code == 302
    assert [e.after for e in Event.objects.filter(action="session.expire").order_by("pk")] == [
        {"by": "idle"},
        {"by": "total"},
    ]


@pytest.mark.django_db
def test_a_new_password_ends_all_others(client: Client, developer: User) -> None:
    other = Client()
    other.force_login(developer)
    client.force_login(developer)
    client.post("/account/password/", {"old": "correct horse", "new": "another horse"})
    assert client.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 302
    assert Session.objects.filter(user=developer).count() == 1


@pytest.mark.django_db
def test_who_is_let_in_still(client: Client, developer: User, actor_sre: Actor) -> None:
    client.force_login(developer)
    row, (token, _raw) = Session.objects.get(), Token.make(developer, "ci")
    by_session, by_token = streams.Entry(developer.pk, row.pk), streams.Entry(developer.pk, token=token.pk)
    stolen = streams.Entry(actor_sre.user.pk, row.pk)  # type: ignore[union-attr]
    asked = {by_session, by_token, stolen}
    assert streams.holding(asked) == {by_session, by_token}
    tokens.revoke_token(Actor.person(developer), token)
    assert streams.holding(asked) == {by_session}
    row.delete()
    assert streams.holding(asked) == set()


@pytest.mark.django_db(transaction=True)
def test_an_open_stream_ends_with_its_session(developer: User, actor_sre: Actor, broker: str) -> None:
    async def main() -> float:
        client = AsyncClient()
        await client.aforce_login(developer)
        response = await client.get("/live/", {"topics": "audit", "since": 0})
        pieces: AsyncIterator[Any] = aiter(response.streaming_content)
        await anext(pieces)
        began = time.monotonic()
        await asyncio.to_thread(services.set_active, actor_sre, developer, active=False)
        async with asyncio.timeout(30):
            async for _piece in pieces:
                pass
        return time.monotonic() - began

    assert asyncio.run(main()) < 10  # every two seconds; the machine that tests may be slow
