"""The page «Data», its API and its command line."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from containers.keeping import seeing
from containers.keeping.models import Snapshot
from containers.keeping.policies import policy_of
from containers.models import Instance
from hosts.operation_runner import execute
from tests.factories import make_running_place
from tests.keeping.played import Pool
from xqplatform.accounts.models import Token

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/services/store/production/data/"
TYPED = {
    "every": "6",
    "at": "01:30",
    "keep_last": "2",
    "keep_hourly": "0",
    "keep_daily": "5",
    "keep_weekly": "1",
    "most_still": "20",
}


@pytest.fixture
def page(client: Client, developer: Any, instance: Instance) -> Client:
    client.force_login(developer)
    return client


def test_volumes_and_snapshots_are_shown_and_one_is_taken(page: Client, pool: Pool, instance: Instance) -> None:
    text = page.get(URL).content.decode()
    assert "No snapshot yet" in text
    seeing.look_at_host(instance.host)
    assert "xq-vol-store-1" in page.get(URL).content.decode()
    said = page.post(f"{URL}take/", {"instances": "1", "reason": "<b>why</b>"}, follow=True).content.decode()
    row = Snapshot.objects.get()
    assert row.label in said
    assert "1 snapshot is being taken." in said
    assert "&lt;b&gt;why" in said
    assert row.operation is not None
    execute(row.operation.pk)
    assert "stood still" in page.get(URL).content.decode()
    assert row.label in page.get(f"{URL}?state=ready&why=hand").content.decode()
    assert row.label not in page.get(f"{URL}?state=failed").content.decode()
    page.post(f"/snapshots/{row.pk}/pin/", {"pinned": "1"})
    assert Snapshot.objects.get().pinned
    wrong = page.post(f"/snapshots/{row.pk}/remove/", {"name": "xq-x", "reason": "kept words"})
    assert wrong.status_code == 400
    assert "kept words" in wrong.content.decode()
    assert page.post(f"/snapshots/{row.pk}/remove/", {"name": row.label}).status_code == 302
    assert Snapshot.objects.get().state == "dropping"


@pytest.mark.parametrize("numbers", [[], ["x"], ["9" * 4300], ["7"], ["\x00"]])
def test_nonsense_takes_nothing(page: Client, numbers: list[str]) -> None:
    assert page.post(f"{URL}take/", {"instances": numbers}).status_code == 302
    assert not Snapshot.objects.exists()


def test_the_policy_is_typed_and_mistakes_stand_beside_their_fields(page: Client, instance: Instance) -> None:
    assert page.post(f"{URL}policy/", TYPED | {"release": "on"}).status_code == 302
    assert policy_of(instance.place).at == "01:30"
    for field, wrong in [
        ("at", "26:99"),
        ("keep_last", "0"),
        ("keep_daily", "9" * 4300),
        ("every", "5"),
        ("at", "\x00"),
    ]:
        answer = page.post(f"{URL}policy/", TYPED | {field: wrong})
        assert answer.status_code == 400
        assert "is-invalid" in answer.content.decode()
    assert policy_of(instance.place).at == "01:30"


def test_elsewhere_one_sentence_says_why_not(page: Client, stand: Callable[..., Instance], team: Any) -> None:
    make_running_place("snow", instances=1, team=team)
    assert "stateless" in page.get("/services/snow/production/data/").content.decode()
    for one in (stand(), Instance.objects.get(place__service__slug="store", number=1)):
        one.host.runtime = "docker"
        one.host.save()
    assert "Docker Engine host" in page.get(URL).content.decode()


def test_the_same_over_the_api(client: Client, developer: Any, pool: Pool, instance: Instance) -> None:
    bearer = Client(headers={"Authorization": f"Bearer {Token.make(developer, 'test')[1]}"})
    here = "/api/v1/services/store/production"
    made = bearer.post(f"{here}/snapshots", {"instances": [1], "reason": "x"}, "application/json")
    assert made.status_code == 202
    (one,) = made.json()
    assert (one["state"], one["instance"]) == ("taking", 1)
    execute(one["operation"])
    assert bearer.get(f"/api/v1/snapshots/{one['id']}").json()["volumes"][0]["name"] == "xq-vol-store-1"
    assert bearer.get(f"{here}/data").json()[0]["volumes"][0]["size"] == 3
    assert bearer.put(f"{here}/snapshots/policy", {"every": 5}, "application/json").status_code == 400
    assert bearer.put(f"{here}/snapshots/policy", {"every": 12}, "application/json").json()["every"] == 12
    assert bearer.delete(f"/api/v1/snapshots/{one['id']}").status_code == 400
    assert bearer.delete(f"/api/v1/snapshots/{one['id']}?name={one['name']}").json()["state"] == "dropping"
    assert bearer.get(f"/api/v1/snapshots/{10**18}").status_code == 404


def test_the_same_on_the_command_line(instance: Instance, developer: Any, pool: Pool, actor_dev: Any) -> None:
    def said(*words: str) -> str:
        out = io.StringIO()
        call_command("keeping", f"--user={developer.username}", *words, stdout=out)
        return out.getvalue()

    assert "is being taken" in said("take", "store", "production", "--instance", "1")
    row = Snapshot.objects.get()
    assert row.label in said("list", "store", "production")
    assert row.operation is not None
    execute(row.operation.pk)
    assert "is being removed" in said("remove", row.label)
    for wrong in (
        ("take", "store", "nowhere"),
        ("remove", "xq-999"),
        ("remove", "9" * 400),
        ("take", "store", "production", "--instance", "9"),
    ):
        with pytest.raises(CommandError):
            said(*wrong)
