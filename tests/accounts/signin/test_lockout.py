"""Guessing is stopped for the guesser, in words, and for nobody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.db.models import F
from django.test import Client

from tests.accounts.signin.parts import code, give_app, sign_in, signed_in
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.accounts.signin import limits, lockout
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db
HERE, THERE = "192.0.2.1", "192.0.2.2"


def at(address: str, agent: str = "x") -> Client:
    return Client(REMOTE_ADDR=address, HTTP_USER_AGENT=agent)


def later(minutes: float) -> None:
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(minutes=minutes))


def guess(name: str, times: int, address: str = HERE) -> Any:
    answer = None
    for n in range(times):
        answer = sign_in(at(address, f"agent {n}"), name.upper() if n % 2 else name, f"wrong {n}")
    return answer


def test_a_guesser_is_locked_out_and_told_how_long(developer: User) -> None:
    guess("dan", limits.PAIR)
    client = at(HERE)
    page = sign_in(client, "dan").content.decode()
    assert "Too many wrong attempts for this name from your address. Try again in 15 minutes" in page
    assert not signed_in(client), "even with the right password"
    event = Event.objects.get(action="login.locked")
    assert (event.object_name, event.after["address"], event.after["what"]) == ("dan", HERE, "pair")
    assert "wrong 1" not in str([*Event.objects.values(), *AccessAttempt.objects.values()])
    elsewhere = at(THERE)
    sign_in(elsewhere, "dan")
    assert signed_in(elsewhere), "the person is not locked out of their own account"
    later(16)
    sign_in(client, "dan")
    assert signed_in(client), "after the cool-off"


def test_an_address_that_tries_many_names_is_locked(developer: User, sre: User) -> None:
    for n in range(limits.ADDRESS):
        sign_in(at(HERE), f"name{n}", "wrong")
    client = at(HERE)
    assert "from your address" in sign_in(client, "dan").content.decode()
    assert not signed_in(client)


def test_a_name_that_is_guessed_from_everywhere_is_slowed_except_where_its_person_was(developer: User) -> None:
    home = at(HERE)
    sign_in(home, "dan")
    home.post("/logout/")
    for n in range(limits.NAME):
        sign_in(at(f"198.51.100.{n}"), "dan", "wrong")
    stranger = at(THERE)
    assert "being guessed" in sign_in(stranger, "dan").content.decode()
    sign_in(home, "dan")
    assert signed_in(home)
    later(0.6)
    sign_in(stranger, "dan")
    assert signed_in(stranger)


def test_codes_are_guessed_no_longer_than_passwords(developer: User) -> None:
    give_app(developer)
    client = at(HERE)
    sign_in(client, "dan")
    for _ in range(limits.PAIR):
        client.post("/login/second/", {"code": "000000"})
    page = client.post("/login/second/", {"code": code()})
    assert "Too many wrong attempts" in page.content.decode()
    assert not signed_in(client)


def test_a_right_password_forgets_only_ones_own_mistakes(developer: User, sre: User) -> None:
    """Else whoever has an account could guess others' for ever, signing in to their own in between."""
    guess("sara", limits.PAIR - 1)
    guess("dan", 3)
    sign_in(at(HERE), "dan")
    assert set(AccessAttempt.objects.values_list("username", flat=True)) == {"sara"}
    guess("sara", 1)
    assert "Too many" in sign_in(at(HERE), "sara").content.decode()


def test_an_sre_unlocks(developer: User, sre: User, actor_dev: Actor, actor_sre: Actor) -> None:
    guess("dan", limits.PAIR)
    with pytest.raises(Denied):
        lockout.unlock(actor_dev, "dan", HERE)
    desk = at(THERE)
    desk.force_login(sre)
    assert HERE in desk.get("/settings/signing-in/").content.decode()
    assert desk.post("/settings/signing-in/unlock/", {"name": "dan", "address": HERE}).status_code == 302
    assert Event.objects.get(action="login.unlocked").object_name == "dan"
    client = at(HERE)
    sign_in(client, "dan")
    assert signed_in(client)
    with pytest.raises(Refused):
        lockout.unlock(actor_sre, "dan", HERE)
    for nonsense in ("B¿t8⛉", "10.0.0", "10.0.0.1/24"):  # PostgreSQL's column takes addresses only
        with pytest.raises(Refused) as refused:
            lockout.unlock(actor_sre, "", nonsense)
        assert (refused.value.code, refused.value.field) == (400, "address")


def test_a_forwarded_address_is_nobodys_way_out(developer: User) -> None:
    """Whom to believe is the web server's matter (XQ_TRUSTED_PROXIES); a header that reaches us counts for nothing."""
    for n in range(limits.PAIR):
        at(HERE).post("/login/", {"username": "dan", "password": "wrong"}, headers={"X-Forwarded-For": f"10.0.0.{n}"})
    client = at(HERE)
    client.post("/login/", {"username": "dan", "password": "correct horse"}, headers={"X-Forwarded-For": "10.1.1.1"})
    assert not signed_in(client)


def test_many_locks_are_paged_with_as_many_queries_as_few(sre: User, django_assert_max_num_queries: Any) -> None:
    AccessAttempt.objects.bulk_create(
        AccessAttempt(username=f"name{n}", ip_address=f"198.51.{n // 250}.{n % 250}", failures_since_start=limits.PAIR)
        for n in range(300)
    )
    desk = at(THERE)
    desk.force_login(sre)
    with django_assert_max_num_queries(30):
        first = desk.get("/settings/signing-in/").content.decode()
    last = desk.get("/settings/signing-in/?page=6").content.decode()
    assert (first.count('name="address"'), last.count('name="address"')) == (50, 50)
    assert "251–300 of 300" in last
    assert desk.get(f"/settings/signing-in/?page={'9' * 5000}").status_code == 200
    told = desk.get("/api/v1/sign-in/locks", {"limit": 7, "offset": 290}).json()
    assert (told["count"], len(told["items"])) == (300, 7)
