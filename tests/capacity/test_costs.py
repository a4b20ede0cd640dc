"""Costs from rows: months are counted, again when prices or days come, and what has no price is said."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pypdf import PdfReader

from containers.capacity import bills, cost_card, prices
from containers.capacity.models import CostMonth, Day, HostDay, PlaceDay, Price
from containers.models import ServiceEnvironment
from hosts.models import Host
from hosts.services import machines
from tests import factories
from tests.queue import Queue
from xqplatform.accounts.rights import Denied
from xqplatform.audit.models import Event
from xqplatform.errors import Refused

pytestmark = pytest.mark.django_db
GIB = 1 << 30
JUNE = date(2026, 6, 1)
PAGE = "/capacity/cost/"
PRICE = {"monthly": "300", "currency": "EUR", "valid_from": "2026-01-01"}


def day_of(day: date, host: Host, *places: ServiceEnvironment) -> None:
    """Half of the host is committed, each of the places has the same limits."""
    Day.objects.get_or_create(day=day, defaults={"made": timezone.now()})
    HostDay.objects.create(
        day=day, host=host, group=host.group, cpus=16, memory=64 * GIB, cpus_allocatable=16, memory_allocatable=64 * GIB,
        cpus_committed=8, memory_committed=32 * GIB, instances=2,
    )  # fmt: skip
    for place in places:
        PlaceDay.objects.create(day=day, place=place, instances=1, cpus_limit=2, memory_limit=4 * GIB)


@pytest.fixture
def world(team: Any) -> tuple[Host, list[ServiceEnvironment]]:
    places = [factories.make_place(factories.make_service(name, team)) for name in ("flake", "floe")]
    return factories.make_host("h1"), places


def test_a_month_is_counted_by_its_days(world: Any, actor_manager: Any) -> None:
    host, places = world
    for n in range(3):
        day_of(JUNE + timedelta(days=n), host, *places)
    prices.add(actor_manager, PRICE)
    assert bills.count() == [JUNE]
    row = CostMonth.objects.get()
    assert row.days == 3
    assert row.bill["places"] == {str(places[0].pk): 7.5, str(places[1].pk): 7.5}
    assert row.bill["unallocated"] == 15.0
    assert bills.count() == []
    day_of(JUNE + timedelta(days=3), host, *places)
    assert bills.count() == [JUNE]
    assert CostMonth.objects.get().bill["unallocated"] == 20.0


def test_a_price_counts_its_months_anew(
    world: Any, actor_sre: Any, enqueued: Queue, django_capture_on_commit_callbacks: Any
) -> None:
    host, places = world
    day_of(date(2026, 5, 4), host, *places)
    day_of(JUNE, host, *places)
    bills.count()
    assert CostMonth.objects.get(month=JUNE).bill == {
        "places": {},
        "unallocated": 0.0,
        "priced": [],
        "unpriced": [host.pk],
    }
    with django_capture_on_commit_callbacks(execute=True):
        row = prices.add(actor_sre, PRICE | {"valid_from": "2026-06-01", "host": "h1"})
    assert "capacity.tasks.count_costs" in enqueued.names
    assert bills.count() == [JUNE]
    assert CostMonth.objects.get(month=JUNE).bill["unallocated"] == 5.0
    assert CostMonth.objects.get(month=date(2026, 5, 1)).bill["unpriced"] == [host.pk]
    prices.remove(actor_sre, row)
    bills.count()
    assert CostMonth.objects.get(month=JUNE).bill["unallocated"] == 0.0
    assert list(Event.objects.filter(action__startswith="price.").values_list("action", flat=True).order_by("pk")) == [
        "price.add", "price.remove",
    ]  # fmt: skip


def test_a_price_that_comes_while_months_are_counted_is_in_their_bills(
    world: Any, actor_manager: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, places = world
    day_of(JUNE, host, *places)
    real = bills._month

    def slow(*args: Any) -> Any:
        found = real(*args)
        prices.add(actor_manager, PRICE)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(bills, "_month", slow)
        assert bills.count() == []
    assert bills.count() == [JUNE]
    assert CostMonth.objects.get().bill["unallocated"] == 5.0


def test_days_that_are_not_kept_any_more_stay_in_their_bill(world: Any, actor_manager: Any) -> None:
    host, places = world
    prices.add(actor_manager, PRICE)
    for n in range(2):
        day_of(JUNE + timedelta(days=n), host, *places)
    assert bills.count() == [JUNE]
    Day.objects.filter(day=JUNE).delete()
    assert bills.count() == []
    assert CostMonth.objects.get().bill["unallocated"] == 10.0


def test_the_page_has_months_teams_and_what_is_not_allocated(
    client: Client, manager: Any, actor_sre: Any, world: Any
) -> None:
    host, places = world
    client.force_login(manager)
    assert "Nothing has a price yet" in client.get(PAGE).content.decode()
    this = bills.today().replace(day=1)
    last = (this - timedelta(days=1)).replace(day=1)
    factories.make_host("bare")
    for month in (last, (last - timedelta(days=1)).replace(day=1)):
        day_of(month, host, *places)
    HostDay.objects.create(
        day=last, host=Host.objects.get(name="bare"), cpus=1, memory=GIB, cpus_allocatable=1, memory_allocatable=GIB,
        cpus_committed=0, memory_committed=0, instances=0,
    )  # fmt: skip
    prices.add(
        actor_sre, {"core": "10", "gib": "0", "currency": "EUR", "valid_from": "2020-01-01", "group": host.group.slug}
    )
    HostDay.objects.filter(host__name="bare").update(group=None)
    bills.count()
    page = client.get(PAGE).content.decode()
    assert "flake" in page
    assert "1 host has no price and costs nothing here" in page
    assert "bare" in page
    rows = b"".join(client.get(PAGE, {"format": "csv", "months": "3"})).decode().splitlines()  # type: ignore[arg-type]
    cells = [row.split(",") for row in rows[1:]]
    by_day = 160 / ((this - last).days)
    assert [float(row[5]) for row in cells if row[0] == "All"] == [round(by_day, 2)]
    assert sorted(float(row[5]) for row in cells if row[0] == "Service") == [round(by_day / 4, 2)] * 2


def test_a_day_costs_what_the_group_of_that_day_does(world: Any, actor_manager: Any) -> None:
    host, places = world
    prices.add(actor_manager, PRICE | {"group": host.group.slug})
    for n in range(2):
        day_of(JUNE + timedelta(days=n), host, *places)
    host.group = factories.make_group("room-b")
    host.save()
    day_of(JUNE + timedelta(days=2), host, *places)
    assert bills.count() == [JUNE]
    row = CostMonth.objects.get()
    assert (row.bill["unallocated"], row.bill["unpriced"]) == (10.0, [host.pk])


def test_a_machine_that_was_not_reached_yet_is_paid_for(world: Any, actor_manager: Any) -> None:
    new = factories.make_host("new", state=Host.State.NEW, cpus=0, memory=0)
    prices.add(actor_manager, PRICE | {"host": "new"})
    day_of(JUNE, new)
    HostDay.objects.update(
        cpus=0, memory=0, cpus_allocatable=0, memory_allocatable=0, cpus_committed=0, memory_committed=0
    )
    bills.count()
    assert CostMonth.objects.get().bill["unallocated"] == 10.0


def test_who_has_a_price_is_not_removed_with_it(actor_sre: Any, actor_manager: Any) -> None:
    host, group = factories.make_host("h1", group=None), factories.make_group("room-c")
    rows = [prices.add(actor_manager, PRICE | {name: of}) for name, of in (("host", "h1"), ("group", "room-c"))]
    removals: list[tuple[Any, Any]] = [(machines.remove_host, host), (machines.remove_group, group)]
    for remove, row in removals:
        with pytest.raises(Refused, match="has prices"):
            remove(actor_sre, row)
    assert Price.objects.count() == 2
    assert not Event.objects.filter(action__in=["host.remove", "host.group.remove"]).exists()
    for price, (remove, row) in zip(rows, removals, strict=True):
        prices.remove(actor_manager, price)
        remove(actor_sre, row)
    assert not Host.objects.filter(name="h1").exists()


def test_a_month_that_lacks_days_is_not_compared_with(actor_manager: Any) -> None:
    june, july = date(2026, 6, 1), date(2026, 7, 1)
    CostMonth.objects.create(month=june, days=11, bill={"unallocated": 110.0}, made=timezone.now())
    CostMonth.objects.create(month=july, days=31, bill={"unallocated": 310.0}, made=timezone.now())
    assert cost_card.read(actor_manager, cost_card.asked({}), date(2026, 8, 3)).whole.change is None
    CostMonth.objects.filter(month=june).update(days=30, bill={"unallocated": 200.0})
    assert cost_card.read(actor_manager, cost_card.asked({}), date(2026, 8, 3)).whole.change == pytest.approx(0.55)


def test_without_days_or_with_months_missing_it_explains(client: Client, manager: Any, actor_sre: Any) -> None:
    prices.add(actor_sre, PRICE)
    client.force_login(manager)
    assert "No day was rolled up yet" in client.get(PAGE).content.decode()
    Day.objects.create(day=JUNE, made=timezone.now())
    assert client.get(PAGE, {"months": "12"}).status_code == 200


def test_who_may(client: Client, developer: Any, manager: Any, actor_dev: Any) -> None:
    with pytest.raises(Denied):
        prices.add(actor_dev, PRICE)
    client.force_login(developer)
    assert client.get(PAGE).status_code == 403
    assert client.post(f"{PAGE}prices/", PRICE).status_code == 403
    client.force_login(manager)
    assert client.post(f"{PAGE}prices/", PRICE).status_code == 302
    assert client.post(f"{PAGE}prices/{Price.objects.get().pk}/remove/").status_code == 302
    assert client.post(f"{PAGE}prices/{'9' * 300}/remove/").status_code == 404
    assert not Price.objects.exists()


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"monthly": "9" * 4300}, "monthly"), ({"monthly": "-1"}, "monthly"), ({"monthly": "NaN"}, "monthly"),
        ({"monthly": ""}, "monthly"), ({"monthly": "1", "core": "2"}, "monthly"), ({"monthly": "", "gib": "x"}, "gib"),
        ({"currency": ""}, "currency"), ({"currency": "much money"}, "currency"), ({"currency": "a\0"}, "currency"),
        ({"valid_from": "soon"}, "valid_from"), ({"valid_from": "0001-01-01"}, "valid_from"),
        ({"host": "nowhere"}, "host"), ({"host": "h\0"}, "host"), ({"group": "<b>"}, "group"),
        ({"currency": "USD"}, "currency"), ({"valid_from": "2026-02-01"}, "valid_from"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_at_its_field(actor_sre: Any, data: dict[str, str], field: str) -> None:
    prices.add(actor_sre, PRICE | {"valid_from": "2026-02-01"})
    with pytest.raises(Refused) as caught:
        prices.add(actor_sre, PRICE | data)
    assert caught.value.field == field
    assert Price.objects.count() == 1


def test_the_form_keeps_what_was_typed(client: Client, manager: Any) -> None:
    client.force_login(manager)
    answer = client.post(f"{PAGE}prices/", PRICE | {"monthly": "a lot"})
    assert answer.status_code == 400
    assert 'value="a lot"' in answer.content.decode()
    assert client.get(PAGE, {"months": "9" * 4300}).status_code == 400
    assert client.get(PAGE, {"environment": "x\0"}).status_code == 400


@pytest.mark.parametrize("months", ["3", "12"])
def test_it_is_taken_along_as_pdf(client: Client, manager: Any, actor_sre: Any, world: Any, months: str) -> None:
    host, places = world
    bare = factories.make_host("h2")
    today = bills.today()
    for day in (today.replace(day=1) - timedelta(days=40), today.replace(day=1)):
        day_of(day, host, *places)
        day_of(day, bare)
    prices.add(actor_sre, PRICE | {"host": "h1"})
    bills.count()
    client.force_login(manager)
    assert "format=pdf" in client.get(PAGE).content.decode()
    answer = client.get(PAGE, {"months": months, "format": "pdf"})
    text = " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages).split())
    for words in (
        "All environments",
        "EUR",
        "flake",
        "floe",
        "unallocated",
        "All hosts",
        f"{today:%Y-%m}",
        "h2",
        "How it is counted",
    ):
        assert words in text, words
    assert Event.objects.get(action="table.export").object_name.endswith(f"-{today:%Y-%m}.pdf")
    assert client.get(PAGE, {"format": "xls"}).json()["field"] == "format"
