"""The inbox and the bell; what waits for one's approval at home. All by plain forms."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from builds import notices as build_notices
from containers.models import Guardrails
from containers.notices import telling
from tests import factories
from tests.notices.conftest import inbox
from tests.waiting.conftest import Yard
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.alerts.models import Channel, Delivery
from xqplatform.audit.models import Event
from xqplatform.notices.kinds import CHOSEN
from xqplatform.notices.models import Entry, Subscription
from xqplatform.notices.services import preferences

pytestmark = pytest.mark.django_db


def page(client: Client, url: str = "/inbox/") -> str:
    return client.get(url).content.decode()


def test_messages_are_listed_counted_read_and_unread(client: Client, yard: Yard, developer: User) -> None:
    client.force_login(developer)
    assert "Nothing here yet" in page(client)
    row = factories.make_deployment(yard.place, "running", created_by=developer, created_name="<b>dan</b>")
    telling.ended(row, "failed", "<img src=x onerror=alert(1)>", Actor.system())
    assert inbox(developer) == ["failed"]
    entry = Entry.objects.get()
    text = page(client)
    assert f"release #{row.pk} has failed" in text
    assert "&lt;img src=x" in text
    assert "<img src=x" not in text
    assert "<b>1</b>" in page(client, "/inbox/badge/")
    answer = client.post(f"/inbox/{entry.pk}/open/")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/releases/{row.pk}/")
    assert "<b>1</b>" not in page(client, "/inbox/badge/")
    assert "Nothing fits" in page(client, "/inbox/?state=unread")
    client.post(f"/inbox/{entry.pk}/mark/", {"as": "unread"})
    assert f"release #{row.pk}" in page(client, "/inbox/?state=unread&kind=failed&q=snow")
    client.post("/inbox/read/")
    assert not Entry.objects.filter(read=None).exists()


def test_others_messages_are_nobodys_business(client: Client, yard: Yard, developer: User, sre: User) -> None:
    row = factories.make_deployment(yard.place, "running", created_by=developer)
    telling.ended(row, "failed", "x", Actor.system())
    assert inbox(developer) == ["failed"]
    pk = Entry.objects.get().pk
    client.force_login(sre)
    assert [client.post(f"/inbox/{pk}/{verb}/").status_code for verb in ("open", "mark")] == [404, 404]
    client.post("/inbox/read/")
    assert Entry.objects.filter(read=None).count() == 1
    assert client.get("/inbox/read/").status_code == 405  # nothing changes by a GET


@pytest.mark.parametrize("nonsense", ["9" * 4300, "%00", "<script>", "-1"])
def test_nonsense_in_the_address_is_no_accident(client: Client, developer: User, nonsense: str) -> None:
    client.force_login(developer)
    assert client.get(f"/inbox/?page={nonsense}&kind={nonsense}&state={nonsense}&q={nonsense}").status_code == 200
    assert client.post(f"/inbox/{nonsense}/open/").status_code in {400, 404}


def test_a_failed_build_tells_who_started_it(client: Client, yard: Yard, developer: User) -> None:
    build = factories.make_build(
        yard.place.service.project,
        "failed",
        created_by=developer,
        failing_step="RUN make <all>",
        commit_message="One\nTwo",
    )
    build_notices.failed(build, "The step failed\nwith exit code 2")
    build_notices.failed(build, "The step failed")
    assert inbox(developer) == ["build_failed"]
    client.force_login(developer)
    text = page(client)
    assert f"build #{build.pk} has failed" in text
    assert "In the step RUN make &lt;all&gt;" in text


def test_home_says_what_waits_for_ones_approval(client: Client, yard: Yard, developer: User, sre: User) -> None:
    Guardrails.objects.update(approvals=1)
    row = yard.wait(Actor.person(developer), reason="Quote cache")
    found: dict[Any, bool] = {}
    for person in (developer, sre):
        client.force_login(person)
        text = page(client, "/")
        found[person.username] = "approval waits for you" in text and f"/releases/{row.pk}/#approvals" in text
    assert found == {"dan": False, "sara": True}


def test_preferences_are_chosen_by_a_plain_form(client: Client, developer: User) -> None:
    client.force_login(developer)
    text = page(client, "/account/notices/")
    assert '<option value="team" selected>' in text
    chosen = {f"{way}_{kind}": "none" for way in ("inbox", "own") for kind in CHOSEN} | {"inbox_failed": "all"}
    assert client.post("/account/notices/", chosen).status_code == 302
    assert preferences.of(developer).inbox == {
        **dict.fromkeys(CHOSEN, "none"),
        "failed": "all",
        "account": "mine",
        "report": "mine",
    }
    answer = client.post("/account/notices/", chosen | {"own_failed": "<script>"})
    assert answer.status_code == 400
    assert "<script>&quot;" not in answer.content.decode()
    assert Event.objects.filter(action="notice.preferences").count() == 1


def test_an_own_channel_is_set_tested_and_removed(client: Client, developer: User, settings: Any) -> None:
    client.force_login(developer)
    answer = client.post("/account/notices/own/", {"kind": "apprise", "address": "json://127.0.0.1/<x>"})
    assert answer.status_code == 400
    assert "set up by SREs" in answer.content.decode()
    assert 'value="json://127.0.0.1/&lt;x&gt;"' in answer.content.decode()  # what was typed stays
    settings.MAIL_URL = "mailtos://u:secretpw@mail.example.com"
    assert client.post("/account/notices/own/", {"kind": "mail", "address": "dan@example.com"}).status_code == 302
    client.post("/account/notices/own/test/")
    text = page(client, "/account/notices/")
    assert "[test] xqplatform" in text
    assert "dan@example.com" not in text
    assert "secretpw" not in text
    pk = Delivery.objects.get().pk
    channel = Channel.objects.get()
    assert client.get(f"/alerts/deliveries/{pk}/").status_code == 404
    assert client.get(f"/alerts/channels/{channel.pk}/").status_code == 404
    assert "[test]" not in page(client, "/alerts/deliveries/")
    client.post("/account/notices/own/remove/")
    assert not Channel.objects.exists()


def test_subscriptions_are_made_and_ended_by_plain_forms(
    client: Client, yard: Yard, sre: User, developer: User
) -> None:
    ops = Channel.objects.create(name="ops <i>", kind="webhook", url="http://127.0.0.1:9/x")
    client.force_login(developer)
    given = {"receiver": f"channel:{ops.pk}", "service": "snow", "environment": "", "kinds": ["failed", "held"]}
    assert client.post("/settings/notices/", given).status_code == 302
    text = page(client, "/settings/notices/")
    assert "ops &lt;i&gt;" in text
    for wrong in (
        {"kinds": []},
        {"receiver": "team:0"},
        {"receiver": "channel:" + "9" * 4300},
        {"environment": "\x00"},
    ):
        assert client.post("/settings/notices/", given | wrong).status_code == 400
    assert client.post("/settings/notices/", given | {"service": "\x00"}).status_code == 403
    (row,) = Subscription.objects.all()
    client.post(f"/settings/notices/{row.pk}/end/")
    assert not Subscription.objects.exists()
