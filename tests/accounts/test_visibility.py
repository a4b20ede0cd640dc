"""What a closed team owns is not there for outsiders: no page, answer, list, count or text tells of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.db.models import ForeignKey, Model, OneToOneField
from django.http import Http404
from django.test import Client
from django.urls import reverse

from builds.models import Build, Project
from containers.models import Deployment, Service
from tests.accounts import access_pages
from tests.accounts.access_table import LINES, World
from tests.accounts.test_access import world  # noqa: F401  a fixture
from tests.accounts.test_denied import HERE, NAMES, filled, of
from xqplatform.accounts import services, visibility
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Membership, Team, Token
from xqplatform.api import api
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db
# Names of what the team owns (tests/accounts/access_pages.py); no page says these words of its own accord.
OURS = re.compile(rb"\b(flake|floe|firn|frazil)\b")


@pytest.fixture
def outsider(world: World) -> Client:  # noqa: F811
    """A developer of another team, while the team «snow» is closed."""
    access_pages.rows(world)
    services.close_team(Actor.person(world.sre), world.team, True)
    client = Client()
    client.force_login(world.developer)
    return client


def body(answer: Any) -> bytes:
    if answer.streaming:
        return b"" if answer.is_async else b"".join(answer.streaming_content)
    return bytes(answer.content)


def told(address: str, answer: Any) -> str:
    """What an answer says of the team's things, beside what was asked; empty: nothing."""
    text = body(answer)
    for echo in (address, *re.findall(r"q=([^&]+)", address)):
        text = text.replace(escape(echo).encode(), b"").replace(quote(echo).encode(), b"")
    found = OURS.search(text)
    return (
        f"{answer.status_code} …{text[max(0, found.start() - 150) : found.end() + 80].decode(errors='replace')}…"
        if found
        else ""
    )


def pages(world: World) -> Iterator[str]:  # noqa: F811
    for line in [*LINES, *(line for group in access_pages.GROUPS.values() for line in group)]:
        if line.method == "GET":
            yield reverse(line.name, kwargs=line.args(world))
    for q in ("flake", "floe/", "flake-production-1", "10.1.2", str(world.more["done"].pk), world.more["image"].tag):
        yield f"/search/?q={q}"
        yield f"/search/hits/?q={q}"


def test_no_page_tells_an_outsider_of_it(outsider: Client, world: World) -> None:  # noqa: F811
    wrong = [f"{page}: {text}" for page in pages(world) if (text := told(page, outsider.get(page)))]
    assert not wrong, "\n".join(wrong)


def test_no_answer_of_the_api_tells_an_outsider_of_it(outsider: Client, world: World) -> None:  # noqa: F811
    raw = Token.make(world.developer, "test")[1]
    client, wrong = Client(headers={"Authorization": f"Bearer {raw}"}), []
    for path, methods in api.get_openapi_schema()["paths"].items():
        if "get" in methods:
            first = path.removeprefix("/api/v1/").split("/")[0]
            address = filled(path, of(world, NAMES[first]) if "{" in path else {})
            wrong += [f"{path}: {text}" for text in [told(address, client.get(address))] if text]
    assert not wrong, "\n".join(wrong)


def ways(model: type[Model], seen: frozenset[type[Model]] = frozenset()) -> bool:
    """Whether a row of the model goes with something that a team owns: by a key that must not be empty, or that cascades."""
    for field in model._meta.fields:
        if not isinstance(field, ForeignKey | OneToOneField) or field.related_model in seen | {model}:
            continue
        target: Any = field.related_model
        if target is Team or (field.remote_field.on_delete.__name__ == "CASCADE" and ways(target, seen | {model})):
            return True
    return False


# Of people and teams themselves, which everybody may know.
OF_TEAMS = {"accounts.Membership", "accounts.Grant"}


def test_every_model_that_a_team_owns_is_registered() -> None:
    """A model that is missing: say in `owned.py` of its app which way leads to its team."""
    missing = [
        m._meta.label for m in apps.get_models()
        if m not in visibility.OWNED and ways(m) and m._meta.label not in OF_TEAMS
    ]  # fmt: skip
    assert not missing


def test_every_way_leads_to_a_team(outsider: Client, world: World) -> None:  # noqa: F811
    """Each registered way is one that the database knows, for who sees some and who sees all."""
    for model in visibility.OWNED:
        for person in (world.developer, world.sre):
            assert visibility.visible(Actor.person(person), model).count() <= model._default_manager.count()


def test_attempts_are_events_once_a_minute(outsider: Client, world: World) -> None:  # noqa: F811
    place = world.more["place"]
    for _ in range(3):
        assert outsider.get(f"/services/{place.service.slug}/").status_code == 404
    assert outsider.get("/services/nothing/").status_code == 404
    (event,) = Event.objects.filter(action="read", denied=True)
    assert (event.actor, event.object_type, event.object_id) == ("otto", "containers.service", str(place.service.pk))


def test_members_and_who_reads_everything_see_it(outsider: Client, world: World) -> None:  # noqa: F811
    client = Client()
    for person in (world.sre, world.manager):
        client.force_login(person)
        assert client.get(f"/services/{HERE['slug']}/").status_code == 200
    Membership.objects.create(user=world.developer, team=world.team)
    assert outsider.get(f"/services/{HERE['slug']}/").status_code == 200


def test_it_is_there_again_when_the_team_opens(outsider: Client, world: World) -> None:  # noqa: F811
    services.close_team(Actor.person(world.sre), world.team, False)
    assert outsider.get(f"/services/{HERE['slug']}/").status_code == 200
    assert [e.action for e in Event.objects.filter(action__startswith="team.").order_by("pk")][-2:] == [
        "team.close",
        "team.open",
    ]


def test_a_service_given_to_another_team_takes_its_images_along(outsider: Client, world: World) -> None:  # noqa: F811
    """The project stays with its team: a row is hidden when one of its teams is closed to the reader."""
    actor = Actor.person(world.developer)
    other = Team.objects.get(slug="other")
    Service.objects.filter(slug="flake").update(team=other)
    assert visibility.sees(actor, Service.objects.get(slug="flake"))
    assert not visibility.sees(actor, Build.objects.filter(project__name="flake")[0])
    Project.objects.filter(name="flake").update(team=other)
    assert visibility.sees(actor, Build.objects.filter(project__name="flake")[0])


def test_without_closed_teams_it_costs_one_query(world: World, django_assert_num_queries: Any) -> None:  # noqa: F811
    actor = Actor(name="otto", via="page", user=world.developer)
    with django_assert_num_queries(1):
        assert not visibility.hidden(actor)
        assert not visibility.hidden(actor)
    with django_assert_num_queries(0):
        assert str(visibility.visible(actor, Deployment).query) == str(Deployment.objects.all().query)


def test_new_teams_begin_as_the_setting_says(world: World, settings: Any) -> None:  # noqa: F811
    actor = Actor.person(world.sre)
    assert not services.create_team(actor, "open").closed
    settings.TEAMS_CLOSED = True
    assert services.create_team(actor, "shut").closed


def test_a_model_that_nobody_registered_is_a_mistake(world: World) -> None:  # noqa: F811
    with pytest.raises(KeyError):
        visibility.visible(Actor.person(world.developer), Team)
    with pytest.raises(Http404):
        visibility.get_visible(Actor.person(world.developer), Build, pk=10**9)
