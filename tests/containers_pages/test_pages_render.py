"""Every page of services opens for every role, whatever stands in the rows."""

from __future__ import annotations

from typing import Any

import pytest

from tests import factories

PAGES = [
    "/services/",
    "/services/?q=snow&team=mine&environment=production&state=unhealthy&image=prod&sort=-last&page=1",
    "/services/new/",
    "/services/new/?source=sample",
    "/services/snow/",
    "/services/snow/change/",
    "/services/snow/remove/",
    "/services/brand-new/",
    "/services/a-service-whose-name-is-as-long-as-names-may-be-xx/",
    "/services/snow/production/",
    "/services/snow/production/?q=run-a1&state=drift&sort=-address",
    "/services/snow/production/?sort=state",
    "/services/snow/production/logs/",
    "/services/snow/production/logs/?instance=6",
    "/services/snow/production/settings/",
    "/services/snow/production/settings/?a=1&b=3",
    "/services/snow/production/scale/",
    "/services/snow/production/remove/",
    "/services/snow/production/deploy/",
    "/services/snow/production/deploy/?q=quote&deployable=1&all=1",
    "/services/snow/production/deploy/commits/?image={image}",
    "/services/snow/isolated/",
    "/services/snow/isolated/logs/",
    "/services/snow/isolated/settings/",
    "/services/snow/isolated/deploy/",
    "/services/portfolio/production/deploy/",
    "/releases/",
    "/releases/?service=snow&environment=production&state=running&kind=deploy&q=quote",
    "/releases/{active}/",
    "/releases/{failed}/",
    "/instances/{instance}/",
    "/instances/{drifted}/",
    "/settings/environments/",
    "/settings/environments/new/",
    "/settings/environments/production/",
]


@pytest.mark.parametrize("person", ["sara", "dan", "quinn", "mia"])
def test_every_page_opens_for_every_role(rows: dict[str, int], as_: Any, person: str) -> None:
    client = as_(person)
    for page in PAGES:
        answer = client.get(page.format(**rows))
        assert answer.status_code == 200, page


def test_pages_open_with_no_rows_at_all(sara: Any) -> None:
    for page in ["/services/", "/releases/", "/settings/environments/", "/services/new/"]:
        assert sara.get(page).status_code == 200, page


@pytest.mark.parametrize(
    "page",
    [
        "/services/nobody/",
        "/services/snow/nowhere/",
        "/services/snow/nowhere/deploy/",
        "/releases/999999/",
        "/releases/99999999999999999999/",
        "/instances/999999/",
        "/instances/999999/log/",
        "/settings/environments/nowhere/",
    ],
)
def test_what_is_not_there_is_404(place: Any, sara: Any, page: str) -> None:
    assert sara.get(page).status_code == 404


NONSENSE = ["-1", "999999999999999999999999", "\x00", "٣", "<script>", "a" * 5000]


@pytest.mark.parametrize("value", NONSENSE)
def test_nonsense_in_the_address_never_breaks_a_page(rows: dict[str, int], sara: Any, value: str) -> None:
    asking = [p.format(**rows).split("?")[0] for p in PAGES if "?" in p] + ["/services/snow/production/scale/"]
    asked = {n: value for n in ("q", "team", "environment", "state", "image", "sort", "page", "kind", "service")}
    more = {n: value for n in ("instance", "a", "b", "step", "config", "why", "batch", "pause", "order", "wanted")}
    for page in dict.fromkeys(asking):
        answer = sara.get(page, asked | more)
        assert answer.status_code in ({404} if "commits" in page else {200, 400}), page


def test_number_of_queries_does_not_grow_with_services(sara: Any, django_assert_max_num_queries: Any) -> None:
    for n in range(6):
        factories.make_running_place(f"service-{n:02}", "production", 3)
    with django_assert_max_num_queries(25):
        sara.get("/services/")


def test_number_of_queries_does_not_grow_with_instances(sara: Any, django_assert_max_num_queries: Any) -> None:
    factories.make_running_place("snow", "production", 30)
    with django_assert_max_num_queries(45):
        sara.get("/services/snow/production/")


def test_services_are_filtered_and_sorted(rows: dict[str, int], sara: Any) -> None:
    def listed(query: str) -> list[str]:
        return [r.service.slug for r in sara.get(f"/services/?{query}").context["rows"]]

    assert "snow" in listed("q=snow")
    assert "portfolio" not in listed("q=snow")
    assert set(listed("team=quotes")) >= {"quote-gateway", "portfolio"}
    assert "snow" not in listed("team=quotes")
    assert listed("state=drift") == ["snow"]
    assert listed("state=active") == ["snow"]
    assert "portfolio" in listed("state=empty")
    assert "quote-gateway" in listed("state=healthy&environment=production")
    assert listed("sort=-name") == sorted(listed("sort=name"), reverse=True)


def test_production_looks_like_production(place: Any, sara: Any) -> None:
    assert 'class="env-production' in sara.get("/services/snow/production/").content.decode()
