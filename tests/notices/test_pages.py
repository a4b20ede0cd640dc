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
from xqplatform.notices.models import Entry

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
