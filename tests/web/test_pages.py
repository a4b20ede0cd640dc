"""Home, search, errors: what belongs to no app."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import path

from xqplatform.errors import Denied, Refused
from xqplatform.urls import *  # noqa: F403  the platform's own pages beside the ones below
from xqplatform.urls import urlpatterns as real
from xqplatform.web.tables import Filter, Table, csv_stream
from xqplatform.web.views import broken

pytestmark = pytest.mark.django_db


def raising(request: HttpRequest, what: str) -> HttpResponse:
    if what == "refused":
        raise Refused("The host «h1» has instances.", "host")
    if what == "denied":
        raise Denied("Only an SRE may do this.")
    if what == "huge":
        raise OverflowError("Python int too large to convert to SQLite INTEGER")
    raise RuntimeError("a mistake")


urlpatterns = [*real, path("raise/<str:what>/", raising)]


@pytest.fixture
def pages(client: Client, sre: Any, settings: Any) -> Client:
    settings.ROOT_URLCONF = "tests.web.test_pages"
    client.force_login(sre)
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize(("what", "status"), [("refused", 409), ("denied", 403), ("huge", 404), ("bug", 500)])
def test_what_a_view_raises_becomes_a_page(pages: Client, what: str, status: int) -> None:
    response = pages.get(f"/raise/{what}/", headers={"X-Request-ID": "from-the-proxy-1"})
    assert response.status_code == status
    assert "from-the-proxy-1" in response.content.decode()
    assert response["X-Request-ID"] == "from-the-proxy-1"


def test_who_opens_the_address_of_a_form_is_led_to_its_page(client: Client, sre: Any) -> None:
    client.force_login(sre)
    response = client.get("/hosts/h1/cordon/", headers={"Accept": "text/html"})
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert 'href="/hosts/h1/"' in response.content.decode()
    assert client.get("/hosts/h1/cordon/").content == b""  # a program gets the bare answer


def test_htmx_gets_the_reason_as_a_note(pages: Client) -> None:
    response = pages.get("/raise/refused/", headers={"HX-Request": "true"})
    assert response.status_code == 409
    assert response.content.decode() == "The host «h1» has instances."
    assert response["X-Reason"].isascii()


def test_a_request_id_of_nonsense_is_replaced(client: Client) -> None:
    response = client.get("/healthz", headers={"X-Request-ID": "<script>"})
    assert len(response["X-Request-ID"]) == 16


def test_broken_needs_nothing_that_may_be_broken() -> None:
    assert broken(RequestFactory().get("/x")).status_code == 500
    assert broken(RequestFactory().get("/api/x"))["Content-Type"] == "application/json"


def test_health_needs_no_login(client: Client) -> None:
    assert client.get("/healthz").json() == {"ok": True}


def test_nothing_here_for_strangers_and_people(client: Client, sre: Any) -> None:
    assert client.get("/nothing/").status_code == 404
    client.force_login(sre)
    assert client.get("/nothing/").status_code == 404
    assert client.get("/api/v1/nothing").json()["field"] is None


@pytest.fixture
def rows(team: Any) -> dict[str, Any]:
    from django.utils import timezone

    from builds.models import Build, Image, Project
    from containers.models import Container, Deployment, Environment, Instance, Service, ServiceEnvironment
    from hosts.models import Address, Host, Segment

    host = Host.objects.create(name="h1", address="10.9.0.1:2376", state="ready")
    segment = Segment.objects.create(slug="room", cidr="10.1.2.0/24")
    address = Address.objects.create(
        segment=segment, ip="10.1.2.3", mac="02:42:0a:01:02:03", holder="snow-web/production/1", since=timezone.now()
    )
    project = Project.objects.create(name="snow-web", team=team)
    service = Service.objects.create(slug="snow-web", team=team, project=project)
    # The four default environments may have been made by a migration.
    environment, _made = Environment.objects.get_or_create(slug="production", defaults={"title": "Production"})
    place = ServiceEnvironment.objects.create(service=service, environment=environment)
    instance = Instance.objects.create(place=place, number=1, host=host, address=address, state="healthy")
    Container.objects.create(instance=instance, host=host, engine_id="abc123def456" + "0" * 52)
    build = Build.objects.create(
        project=project, revision="fd63ea39" + "1" * 32, tag="snow-web:1445589786_fd63ea39_prod_java8V16",
        state="succeeded", branch="prod",
    )  # fmt: skip
    image = Image.objects.create(project=project, build=build, repository="snow-web", tag=build.tag, digest="sha256:77")
    release = Deployment.objects.create(place=place, image=image, state="succeeded", finished=timezone.now())
    return {"instance": instance, "build": build, "release": release}


@pytest.mark.parametrize(
    ("q", "target"),
    [
        ("10.1.2.3", "/instances/{instance}/"),
        ("02:42:0a:01:02:03", "/instances/{instance}/"),
        ("02-42-0A-01-02-03", "/instances/{instance}/"),
        ("abc123def456", "/instances/{instance}/"),
        ("snow-web-production-1", "/instances/{instance}/"),
        ("snow-web/production/1", "/instances/{instance}/"),
        ("snow-web/production", "/services/snow-web/production/"),
        ("snow-web", "/services/snow-web/"),
        ("h1", "/hosts/"),
        ("fd63ea39", "/builds/{build}/"),
        ("snow-web:1445589786_fd63ea39_prod_java8V16", "/builds/{build}/"),
        ("release {release}", "/releases/{release}/"),
        ("#{release}", "/releases/{release}/"),
    ],
)
def test_anything_is_found_and_gone_to(client: Client, sre: Any, rows: Any, q: str, target: str) -> None:
    keys = {name: row.pk for name, row in rows.items()}
    client.force_login(sre)
    response = client.get("/search/", {"q": q.format(**keys)})
    assert response.status_code == 302, response.content.decode()[-3000:]
    assert response["Location"].startswith(target.format(**keys))


@pytest.mark.parametrize(
    "q", ["", "\x00", "9" * 400, "%", "'", "a" * 5000, "::::::", "...", "/", "-", "#", "😀", "1-2-3-4"]
)
def test_nonsense_is_only_not_found(client: Client, sre: Any, rows: Any, q: str) -> None:
    client.force_login(sre)
    assert client.get("/search/", {"q": q}).status_code in {200, 302}
    assert client.get("/search/hits/", {"q": q}).status_code == 200


@pytest.mark.parametrize("role", ["sre", "developer", "manager"])
def test_home_shows_the_role_its_own(client: Client, rows: Any, role: str, request: pytest.FixtureRequest) -> None:
    client.force_login(request.getfixturevalue(role))
    page = client.get("/").content.decode()
    assert "/services/snow-web/production/" in page
    assert ("The fleet" in page) == (role != "developer")
    assert "From nothing to a running service" not in page  # all four steps are done


def test_a_newcomer_is_led(client: Client, sre: Any) -> None:
    client.force_login(sre)
    page = client.get("/").content.decode()
    assert "From nothing to a running service" in page
    assert page.count('class="now"') == 1


def test_a_table_ignores_nonsense_and_filters(team: Any) -> None:
    from xqplatform.accounts.models import Team

    for n in range(120):
        Team.objects.create(slug=f"t{n:03}", title="odd" if n % 2 else "even")

    def table(query: str) -> Table:
        request = RequestFactory().get(f"/?{query}")
        kinds = Filter("Kind", [("odd", "odd"), ("even", "even")], "title")
        return Table(
            request,
            Team.objects.all(),
            search=["slug"],
            sorts={"name": "slug"},
            default="name",
            filters={"kind": kinds},
        )

    assert [t.slug for t in table("sort=-name&kind=odd")][:2] == ["t119", "t117"]
    assert table("q=t00").count == 10
    assert table("kind=none&sort=password&page=-5").count == 121
    assert table("page=99999999999999999999").page.number == 1
    assert table("page=3").page.number == 3
    assert table("page=77").page.number == 3


def test_csv_runs_no_formula() -> None:
    response = csv_stream(RequestFactory().get("/"), "x.csv", ["a"], [["=1+1"], ["fine"], [None], ["-1"], [-1.5], [-2]])
    text = b"".join(response.streaming_content).decode()
    assert "'=1+1" in text
    assert text.split()[-3:] == ["'-1", "-1.5", "-2"]  # a number stays one
    assert "fine" in text
