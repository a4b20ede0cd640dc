"""Second factors: set up, asked for, used once, removed, taken away; each is an event."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.db import connection
from django.test import Client

from tests.accounts.signin.parts import SECRET, code, give_app, kinds, sign_in, signed_in
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Grant, User
from xqplatform.accounts.signin import onetime, services
from xqplatform.accounts.signin.models import FactorSecret, LastCode
from xqplatform.accounts.signin.views_rules import MOST_WITHOUT
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused
from xqplatform.notices.models import Entry
from xqplatform.secrets.columns import columns

pytestmark = pytest.mark.django_db


def actions(*left_out: str) -> list[str]:
    return [a for a in Event.objects.order_by("pk").values_list("action", flat=True) if a not in left_out]


def test_an_app_is_set_up_right_after_signing_in(client: Client, developer: User) -> None:
    sign_in(client, "dan")
    page = client.get("/account/signing-in/app/").content.decode()
    secret = client.session["mfa.totp.secret"]
    assert secret in page
    wrong = client.post("/account/signing-in/app/", {"code": "000000"})
    assert wrong.status_code == 200
    assert "was not accepted" in wrong.content.decode()
    answer = client.post("/account/signing-in/app/", {"code": code(secret)})
    assert answer.headers["Location"] == "/account/signing-in/codes/"
    codes = re.findall(r"\b\d{8}\b", client.get("/account/signing-in/codes/").content.decode())
    assert len(codes) == 10
    assert not re.findall(r"\b\d{8}\b", client.get("/account/signing-in/codes/").content.decode()), "shown once"
    assert kinds(developer) == ["recovery_codes", "totp"]
    assert actions() == ["login", "factor.add", "factor.codes"]
    with connection.cursor() as cursor:
        for query in ("SELECT data FROM mfa_authenticator", "SELECT secret FROM signin_factorsecret"):
            cursor.execute(query)
            assert secret not in str(cursor.fetchall()), "encrypted at rest"
    assert FactorSecret in [column.model for column in columns()], "a rotation of keys finds it"
    assert secret not in str(list(Event.objects.values()))


def test_the_code_is_asked_for_and_taken_once(client: Client, developer: User) -> None:
    give_app(developer)
    assert sign_in(client, "dan", next="/hosts/").headers["Location"] == "/login/second/"
    assert not signed_in(client)
    assert client.get("/hosts/").headers["Location"].startswith("/login/")
    assert client.post("/login/second/", {"code": "123"}).status_code == 200
    now = code()
    assert client.post("/login/second/", {"code": now}).headers["Location"] == "/hosts/"
    assert signed_in(client)
    assert Event.objects.get(action="login").after == {"by": ["password", "totp"]}
    assert Event.objects.get(action="login.failed").object_name == "dan"
    other = Client()
    sign_in(other, "dan")
    other.post("/login/second/", {"code": now})
    assert not signed_in(other), "a code that somebody saw is worth nothing"


def test_a_code_is_spent_in_every_process(client: Client, developer: User) -> None:
    """What one process remembers for itself is nothing that another one knows."""
    give_app(developer)
    earlier, now = code(late=1), code()
    sign_in(client, "dan")
    client.post("/login/second/", {"code": now})
    assert signed_in(client)
    for typed in (now, earlier):
        cache.clear()
        other = Client()
        sign_in(other, "dan")
        assert "used already" in other.post("/login/second/", {"code": typed}).content.decode()
        assert not signed_in(other)
    client.post("/login/confirm/code/", {"code": now})
    assert Event.objects.filter(action="login.failed", after__step="second factor again").exists()
    cache.clear()
    client.post("/account/again/", {"next": "/", "xq_proof": now})
    assert Event.objects.get(action="session.proof").denied
    LastCode.objects.update(counter=10**12)  # by a clock that was wrong
    cache.clear()
    other = Client()
    sign_in(other, "dan")
    other.post("/login/second/", {"code": code()})
    assert signed_in(other)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_show_it_at_once_one_is_let_in(developer: User) -> None:
    give_app(developer)
    row = Authenticator.objects.get(user=developer, type="totp")
    now, start = code(), Barrier(8)

    def show(_number: int) -> bool:
        start.wait(20)
        try:
            return onetime.claim(Authenticator.objects.get(pk=row.pk), now)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(show, range(8))) == [False] * 7 + [True]


def test_a_recovery_code_signs_in_once(client: Client, developer: User) -> None:
    first = give_app(developer)[0]
    sign_in(client, "dan")
    client.post("/login/second/", {"code": first})
    assert signed_in(client)
    event = Event.objects.get(action="factor.code.used")
    assert (event.actor, event.after) == ("dan", {"left": 9})
    other = Client()
    sign_in(other, "dan")
    other.post("/login/second/", {"code": first})
    assert not signed_in(other)


def test_what_was_begun_can_be_given_up(client: Client, developer: User) -> None:
    give_app(developer)
    sign_in(client, "dan")
    assert client.get("/login/").headers["Location"] == "/login/second/"
    client.post("/logout/")
    assert client.get("/login/").status_code == 200


def test_a_session_that_was_left_open_does_not_change_factors(client: Client, developer: User) -> None:
    """`force_login` leaves no proof, as a session of yesterday has none that is fresh."""
    give_app(developer)
    client.force_login(developer)
    for address in ("/account/signing-in/codes/new/", "/account/signing-in/app/remove/"):
        answer = client.post(address)
        assert answer.headers["Location"].startswith("/login/confirm/"), address
    assert kinds(developer) == ["recovery_codes", "totp"]
    assert client.post("/login/confirm/", {"password": "wrong"}).status_code == 200
    assert Event.objects.filter(action="login.failed", after={"step": "password again"}).exists()
    client.post("/login/confirm/", {"password": "correct horse"})
    assert client.post("/account/signing-in/codes/new/").headers["Location"] == "/account/signing-in/codes/"
    assert client.post("/account/signing-in/app/remove/").headers["Location"] == "/account/signing-in/"
    assert kinds(developer) == []
    assert not FactorSecret.objects.exists()
    assert actions("login.failed")[-2:] == ["factor.codes", "factor.remove"]


def test_a_role_that_needs_one_does_nothing_else_before(client: Client, developer: User, actor_sre: Actor) -> None:
    client.force_login(developer)
    services.demand_second_factor(actor_sre, ["developer"])
    assert client.get("/hosts/").headers["Location"] == "/account/signing-in/"
    assert client.get("/api/v1/hosts").status_code == 403
    assert "second factor" in client.get("/api/v1/hosts").json()["error"]
    assert client.get("/hosts/", headers={"HX-Request": "true"}).status_code == 403
    assert client.post("/settings/tokens/", {"label": "way out"}).status_code == 403
    assert Event.objects.get(action="signin.held").denied
    assert "Your role needs" in client.get("/account/signing-in/").content.decode()
    assert client.get("/account/signing-in/app/").headers["Location"].startswith("/login/confirm/")
    give_app(developer)
    assert client.get("/hosts/").status_code == 200


def test_who_demands_it(actor_dev: Actor, actor_sre: Actor, developer: User) -> None:
    with pytest.raises(Denied):
        services.demand_second_factor(actor_dev, [])
    with pytest.raises(Refused):
        services.demand_second_factor(actor_sre, ["king"])
    services.demand_second_factor(actor_sre, ["developer"])
    assert services.without_factor() == [developer]
    assert Event.objects.get(action="signin.rules").after == {"roles": ["developer"]}


def test_lost_factors_are_taken_away_by_somebody_else(actor_sre: Actor, actor_dev: Actor, developer: User) -> None:
    give_app(developer)
    with pytest.raises(Denied):
        services.reset_factors(actor_dev, developer)
    assert services.reset_factors(actor_sre, developer) == 2
    assert kinds(developer) == []
    event = Event.objects.get(action="factor.reset")
    assert (event.actor, event.object_name) == ("sara", "Dan")
    told = Client()
    told.force_login(developer)
    assert "sara took your second factors away" in told.get("/inbox/").content.decode()
    assert not Entry.objects.exclude(user=developer).exists(), "nobody else is told"
    with pytest.raises(Refused):
        services.reset_factors(actor_sre, developer)


@pytest.mark.parametrize("value", ["", "\x00", "9" * 4300, "<script>alert(1)</script>", "１２３４５６", "😀" * 50])
def test_nonsense_for_a_code_is_refused(client: Client, developer: User, value: str) -> None:
    give_app(developer)
    sign_in(client, "dan")
    assert client.post("/login/second/", {"code": value}).status_code == 200
    assert client.post("/login/second/", {"credential": value}).status_code == 200
    assert client.post("/login/passkey/", {"credential": value}).status_code == 302
    assert not signed_in(client)
    client.post("/logout/")
    client.force_login(developer)
    client.post("/login/confirm/code/", {"code": code(SECRET)})
    for address in ("/account/signing-in/passkeys/add/", "/login/confirm/", "/login/confirm/passkey/"):
        data: dict[str, Any] = {"name": value, "credential": value, "password": value}
        assert client.post(address, data).status_code in {200, 302}


def test_whoever_needs_one_by_a_grant_is_among_those_who_lack_one(developer: User, team: Any, actor_sre: Actor) -> None:
    services.demand_second_factor(actor_sre, ["admin"])
    Grant.objects.create(user=developer, role="admin")
    program = User.objects.create(username="ci", role="admin", service_account=True)
    assert services.must_set_up(developer)
    assert developer in services.without_factor()
    assert program not in services.without_factor()  # it never signs in
    assert {one.username for one in services.without_factor()} == {"dan", "sara"}


def test_those_who_lack_one_are_named_up_to_a_number_and_counted(client: Client, sre: User, actor_sre: Actor) -> None:
    services.demand_second_factor(actor_sre, ["developer"])
    User.objects.bulk_create(User(username=f"p{n:03}", role="developer") for n in range(MOST_WITHOUT + 7))
    client.force_login(sre)
    shown = client.get("/settings/signing-in/").content.decode()
    assert shown.count('<a href="/settings/people/') >= MOST_WITHOUT
    assert "p049" in shown
    assert "p050" not in shown
    assert "and 7 more" in shown
