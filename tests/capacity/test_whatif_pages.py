"""The page of what-if, scenarios that are kept, and the API."""

from __future__ import annotations

import pytest
from django.http import Http404
from django.test import Client

from containers.capacity.whatif import services
from containers.capacity.whatif.models import Scenario
from containers.models import ServiceEnvironment
from tests import factories
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

PAGE = "/capacity/what-if/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def place(db: None) -> ServiceEnvironment:
    place = factories.make_running_place("snow", "production", 4)
    place.config = place.current_config = factories.make_config(place, {"cpus": 4, "memory": 8 << 30})
    place.save()
    return place


def test_without_a_change_it_shows_today(client: Client, manager: User, place: ServiceEnvironment) -> None:
    client.force_login(manager)
    page = client.get(PAGE)
    assert page.status_code == 200
    assert page.context["found"].total.now.instances == 4
    assert "snow/production" in page.content.decode()


def test_a_change_is_added_to_the_address(client: Client, manager: User, place: ServiceEnvironment) -> None:
    client.force_login(manager)
    added = client.get(PAGE, {"c": "lose:run-a1", "kind": "grow", "place": "snow/production", "count": "5"})
    assert added.status_code == 302
    assert added.url == f"{PAGE}?c=lose%3Arun-a1&c=grow%3Asnow%2Fproduction%3A5"  # type: ignore[attr-defined]
    page = client.get(added.url)  # type: ignore[attr-defined]
    found = page.context["found"]
    assert found.fits
    assert found.total.then.hosts == found.total.now.hosts - 1
    assert found.total.then.instances == 9
    assert "All fits" in page.content.decode()


def test_a_kind_of_machine_is_bought(client: Client, manager: User, place: ServiceEnvironment) -> None:
    client.force_login(manager)
    assert client.get(PAGE).context["types"][0].value == "16:64"
    form = {"kind": "hosts", "count": "3", "type": "16:64", "cpus": "", "gib": "", "group": "room-a"}
    added = client.get(PAGE, form)
    assert added.url == f"{PAGE}?c=hosts%3A3%3A16%3A64%3Aroom-a"  # type: ignore[attr-defined]


def test_what_does_not_fit_says_why(client: Client, manager: User, place: ServiceEnvironment) -> None:
    client.force_login(manager)
    text = client.get(PAGE, {"c": ["grow:snow/production:900"]}).content.decode()
    assert "have no room" in text
    assert "address" in text or "GiB more memory" in text


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "grow", "place": "snow", "count": "5"},
        {"kind": "grow", "place": "snow/production", "count": "9" * 4300},
        {"kind": "hosts", "count": "1", "cpus": "nan", "gib": "1", "group": "room-a"},
        {"kind": "nothing"},
        {"kind": "lose", "host": "\x00"},
        {"kind": "new", "name": "<b>", "count": "1", "cpus": "1", "gib": "1", "environment": "production"},
        {"c": ["lose:h1"] * 21},
        {"c": "\x00"},
        {"c": "9" * 4300},
        {"c": "lose:h1", "from": "9" * 4300, "kind": "x"},
    ],
)
def test_nonsense_is_refused_in_words(
    client: Client, manager: User, place: ServiceEnvironment, given: dict[str, object]
) -> None:
    client.force_login(manager)
    page = client.get(PAGE, given)
    assert page.status_code == 400
    assert page.context["wrong"] or page.context["adding"].error


def test_what_was_typed_stays(client: Client, manager: User, place: ServiceEnvironment) -> None:
    client.force_login(manager)
    page = client.get(
        PAGE, {"kind": "new", "name": "quotes", "count": "many", "cpus": "3", "gib": "7", "environment": "grey"}
    )
    text = page.content.decode()
    assert 'value="quotes"' in text
    assert 'value="many"' in text


def test_only_who_reads_the_fleet_sees_it(client: Client, developer: User, place: ServiceEnvironment) -> None:
    client.force_login(developer)
    assert client.get(PAGE).status_code == 403
    assert client.get("/api/v1/capacity/what-if").status_code == 403
    assert client.get("/api/v1/capacity/scenarios").status_code == 403


def test_a_scenario_is_kept_shared_changed_and_removed(
    client: Client, manager: User, sre: User, place: ServiceEnvironment
) -> None:
    client.force_login(manager)
    made = client.post(f"{PAGE}save/", {"c": ["lose:run-a1"], "name": "One less", "do": "new"})
    row = Scenario.objects.get()
    assert made.url == f"{PAGE}{row.pk}/"  # type: ignore[attr-defined]
    assert not row.shared
    assert client.get(f"{PAGE}{row.pk}/").context["found"].total.then.hosts == 2
    other = Client()
    other.force_login(sre)
    assert other.get(f"{PAGE}{row.pk}/").status_code == 404
    changed = {"c": ["lose:run-a1", "lose:run-a2"], "name": "Two less", "from": row.pk, "do": "change", "shared": "on"}
    client.post(f"{PAGE}save/", changed)
    row.refresh_from_db()
    assert (row.name, row.shared, len(row.changes)) == ("Two less", True, 2)
    assert "Two less" in other.get(f"{PAGE}{row.pk}/").content.decode()
    other.post(f"{PAGE}save/", {"c": ["lose:run-a1"], "name": "Mine", "from": row.pk, "do": "change"})
    assert Scenario.objects.get(name="Mine").owner == sre  # another's is never changed
    client.post(f"{PAGE}{row.pk}/remove/")
    assert not Scenario.objects.filter(pk=row.pk).exists()
    assert list(Event.objects.filter(action__startswith="scenario.").values_list("action", flat=True).order_by("pk")) == [
        "scenario.save", "scenario.save", "scenario.save", "scenario.remove"
    ]  # fmt: skip


def test_bad_names_are_refused_beside_the_field(client: Client, manager: User, place: ServiceEnvironment) -> None:
    client.force_login(manager)
    for name in ("", " ", "x" * 81, "\x00"):
        assert client.post(f"{PAGE}save/", {"c": ["lose:run-a1"], "name": name}).status_code == 400
    assert client.post(f"{PAGE}save/", {"name": "Nothing"}).status_code == 400
    client.post(f"{PAGE}save/", {"c": ["lose:run-a1"], "name": "Twice"})
    assert client.post(f"{PAGE}save/", {"c": ["lose:run-a1"], "name": "Twice"}).status_code == 409
    assert Scenario.objects.count() == 1


def test_verbs_ask_for_the_right(actor_dev: Actor, actor_manager: Actor, actor_sre: Actor) -> None:
    with pytest.raises(Denied):
        services.save(actor_dev, "x", ["lose:h1"])
    row = services.save(actor_manager, "x", ["lose:h1"], shared=True)
    with pytest.raises(Refused, match="keep it under a name of your own"):
        services.save(actor_sre, "x", ["lose:h1"], scenario=row)


def test_one_that_somebody_removed_meanwhile_does_not_come_back(actor_manager: Actor) -> None:
    row = services.save(actor_manager, "x", ["lose:h1"])
    services.remove(actor_manager, services.get(actor_manager, row.pk))
    with pytest.raises(Http404):
        services.save(actor_manager, "y", ["lose:h2"], scenario=row)
    with pytest.raises(Http404):
        services.remove(actor_manager, row)
    assert not Scenario.objects.exists()
    assert Event.objects.filter(action="scenario.remove").count() == 1


def test_it_can_be_taken_along(client: Client, manager: User, place: ServiceEnvironment) -> None:
    client.force_login(manager)
    taken = client.get(PAGE, {"c": ["lose:run-a1", "grow:snow/production:900"], "format": "csv"})
    text = b"".join(taken.streaming_content).decode()  # type: ignore[attr-defined]
    assert "Room A,then,2," in text
    assert "does not fit" in text
    paper = client.get(PAGE, {"c": ["lose:run-a1", "grow:snow/production:900", "lose:h99"], "format": "pdf"})
    assert paper.content.startswith(b"%PDF")
    assert client.get(PAGE, {"format": "pdf"}).content.startswith(b"%PDF")  # the fleet as it stands
    assert Event.objects.filter(action="table.export").count() == 3


def test_the_api_says_the_same(client: Client, manager: User, place: ServiceEnvironment) -> None:
    client.force_login(manager)
    said = client.get("/api/v1/capacity/what-if?c=lose:run-a1&c=grow:nobody/production:1").json()
    assert said["total"]["then"]["hosts"] == 2
    assert said["changes"][1]["problem"]
    assert client.get("/api/v1/capacity/what-if?c=nonsense").status_code == 400
    body = {"name": "By API", "changes": ["lose:run-a1"], "shared": True}
    made = client.post("/api/v1/capacity/scenarios", body, content_type="application/json")
    assert made.status_code == 201
    url = f"/api/v1/capacity/scenarios/{made.json()['id']}"
    assert client.get(f"{url}/outcome").json()["total"]["then"]["hosts"] == 2
    assert client.put(url, body | {"name": "Again"}, content_type="application/json").json()["name"] == "Again"
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404
