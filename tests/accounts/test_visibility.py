"""What a closed team owns is not there for outsiders: no page, answer, list, count or text tells of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html import escape
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.conf import settings
from django.db.models import ForeignKey, Model, OneToOneField
from django.http import Http404
from django.test import Client
from django.urls import reverse

from builds.models import Build, Project
from containers.models import Deployment, Service
from tests.accounts.access_api import ARGUMENTS, filled, of
from tests.accounts.access_table import PAGES, World
from tests.accounts.access_world import rows
from tests.accounts.access_world import world as world  # noqa: PLC0414  a fixture
from xqplatform.accounts import services, visibility
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Grant, Membership, OwnRole, Team, Token
from xqplatform.api import api
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db
# Names of what the team owns (tests/accounts/access_world.py); no page says these words of its own accord.
OURS = re.compile(rb"\b(flake|floe|firn|frazil)\b")


@pytest.fixture
def outsider(world: World) -> Client:
    """A developer of another team, while the team «snow» is closed."""
    rows(world)
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


def pages(world: World) -> Iterator[str]:
    for line in PAGES:
        if line.method == "GET":
            yield reverse(line.name, kwargs=line.args(world))
    for q in ("flake", "floe/", "flake-production-1", "10.1.2", str(world.more["done"].pk), world.more["image"].tag):
        yield f"/search/?q={q}"
        yield f"/search/hits/?q={q}"


def test_no_page_tells_an_outsider_of_it(outsider: Client, world: World) -> None:
    wrong = [f"{page}: {text}" for page in pages(world) if (text := told(page, outsider.get(page)))]
    assert not wrong, "\n".join(wrong)


def test_no_answer_of_the_api_tells_an_outsider_of_it(outsider: Client, world: World) -> None:
    raw = Token.make(world.developer, "test")[1]
    client, wrong = Client(headers={"Authorization": f"Bearer {raw}"}), []
    for path, methods in api.get_openapi_schema()["paths"].items():
        if "get" in methods:
            first = path.removeprefix("/api/v1/").split("/")[0]
            address = filled(path, of(world, ARGUMENTS[first]) if "{" in path else {})
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
OF_TEAMS = {"accounts.Membership", "accounts.Grant", "signin.Given"}


def test_every_model_that_a_team_owns_is_registered() -> None:
    """A model that is missing: say in `owned.py` of its app which way leads to its team."""
    missing = [
        m._meta.label for m in apps.get_models()
        if m not in visibility.OWNED and ways(m) and m._meta.label not in OF_TEAMS
    ]  # fmt: skip
    assert not missing


def test_every_way_leads_to_a_team(outsider: Client, world: World) -> None:
    """Each registered way is one that the database knows, for who sees some and who sees all."""
    for model in visibility.OWNED:
        for person in (world.developer, world.sre):
            assert visibility.visible(Actor.person(person), model).count() <= model._default_manager.count()


def test_attempts_are_events_once_a_minute(outsider: Client, world: World) -> None:
    place = world.more["place"]
    for _ in range(3):
        assert outsider.get(f"/services/{place.service.slug}/").status_code == 404
    assert outsider.get("/services/nothing/").status_code == 404
    (event,) = Event.objects.filter(action="read", denied=True)
    assert (event.actor, event.object_type, event.object_id) == ("otto", "containers.service", str(place.service.pk))


def test_members_and_who_reads_everything_see_it(outsider: Client, world: World) -> None:
    client = Client()
    for person in (world.sre, world.manager):
        client.force_login(person)
        assert client.get("/services/flake/").status_code == 200
    Membership.objects.create(user=world.developer, team=world.team)
    assert outsider.get("/services/flake/").status_code == 200


def test_it_is_there_again_when_the_team_opens(outsider: Client, world: World) -> None:
    services.close_team(Actor.person(world.sre), world.team, False)
    assert outsider.get("/services/flake/").status_code == 200
    assert [e.action for e in Event.objects.filter(action__startswith="team.").order_by("pk")][-2:] == [
        "team.close",
        "team.open",
    ]


def test_a_service_given_to_another_team_takes_its_images_along(outsider: Client, world: World) -> None:
    """The project stays with its team: a row is hidden when one of its teams is closed to the reader."""
    actor = Actor.person(world.developer)
    other = Team.objects.get(slug="other")
    Service.objects.filter(slug="flake").update(team=other)
    assert visibility.sees(actor, Service.objects.get(slug="flake"))
    assert not visibility.sees(actor, Build.objects.filter(project__name="flake")[0])
    Project.objects.filter(name="flake").update(team=other)
    assert visibility.sees(actor, Build.objects.filter(project__name="flake")[0])


def test_without_closed_teams_it_costs_one_query(world: World, django_assert_num_queries: Any) -> None:
    actor = Actor(name="otto", via="page", user=world.developer)
    with django_assert_num_queries(1):
        assert not visibility.hidden(actor)
        assert not visibility.hidden(actor)
    with django_assert_num_queries(0):
        assert str(visibility.visible(actor, Deployment).query) == str(Deployment.objects.all().query)


def test_new_teams_begin_as_the_setting_says(world: World, settings: Any) -> None:
    actor = Actor.person(world.sre)
    assert not services.create_team(actor, "open").closed
    settings.TEAMS_CLOSED = True
    assert services.create_team(actor, "shut").closed


def test_a_model_that_nobody_registered_is_a_mistake(world: World) -> None:
    with pytest.raises(KeyError):
        visibility.visible(Actor.person(world.developer), Team)
    with pytest.raises(Http404):
        visibility.get_visible(Actor.person(world.developer), Build, pk=10**9)


def test_who_holds_a_role_there_sees_it(outsider: Client, world: World) -> None:
    grant = Grant.objects.create(user=world.developer, role="sre", service="floe")
    assert outsider.get("/services/flake/").status_code == 200, "a role for one service is a foot in the team"
    grant.delete()
    assert outsider.get("/services/flake/").status_code == 404
    Grant.objects.create(user=world.developer, role="own-hosts")
    OwnRole.objects.create(slug="own-hosts", title="Hosts only", rights=["host.operate"])
    assert outsider.get("/services/flake/").status_code == 404, "one who runs hosts everywhere has to do with no team"


# Rooms that answer people: what they read of teams' rows, they read by `visible`.
ROOMS = re.compile(r"(^|/)(views|api)[^/]*(\.py$|/)|/(shown|search|dashboard|context)\.py$")

GUARDS = {"visible", "get_visible"}


def unguarded(source: str, names: set[str]) -> list[int]:
    """Lines on which a model of a team is read with no `visible(…)` around it. `# visible: why` on the line says that it is."""
    lines, found, tree = source.splitlines(), [], ast.parse(source)
    calls = [one for one in ast.walk(tree) if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)]
    passed = {arg.id for one in calls if one.func.id in GUARDS for arg in one.args if isinstance(arg, ast.Name)}

    def walk(node: ast.AST, inside: bool) -> None:
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            guarded = inside or name in GUARDS
            if name == "get_object_or_404" and isinstance(node.args[0], ast.Name) and node.args[0].id in names:
                found.append(node.lineno)
            walk(node.func, inside)
            for part in [*node.args, *node.keywords]:
                walk(part, guarded)
            return
        read = isinstance(node, ast.Attribute) and node.attr == "objects" and isinstance(node.value, ast.Name)
        if read and node.value.id in names and not inside and "# visible: " not in lines[node.lineno - 1]:
            found.append(node.lineno)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in passed:
            inside = True  # `rows = Model.objects…` for a `get_visible(actor, rows)` that follows
        for child in ast.iter_child_nodes(node):
            walk(child, inside)

    walk(tree, False)
    return found


def test_views_read_what_teams_own_through_the_one_room() -> None:
    """Read it as `visible(request.actor, Model)`, or one row as `get_visible(request.actor, Model, pk=pk)`."""
    names = {model.__name__ for model in visibility.OWNED}
    wrong = []
    for app in ("xqplatform", "hosts", "builds", "containers"):
        for path in sorted((settings.BASE_DIR / app).rglob("*.py")):
            where = str(path.relative_to(settings.BASE_DIR))
            if ROOMS.search(where):
                wrong += [f"{where}:{line}" for line in unguarded(path.read_text(), names)]
    assert not wrong, "\n".join(wrong)


def test_that_test_sees_what_it_looks_for() -> None:
    names = {"Build"}
    assert unguarded("Build.objects.filter(pk=1)", names) == [1]
    assert unguarded("get_object_or_404(Build, pk=1)", names) == [1]
    assert unguarded("visible(actor, Build.objects.filter(pk=1))", names) == []
    assert unguarded("rows = Build.objects.all()\nget_visible(actor, rows, pk=1)", names) == []
    assert unguarded("rows = Build.objects.all()\nget_object_or_404(rows, pk=1)", names) == [1]


def test_topics_of_what_is_hidden_are_not_heard(outsider: Client, world: World) -> None:
    own, other = f"inbox:{world.developer.pk}", f"inbox:{world.sre.pk}"
    done = f"release:{world.more['done'].pk}"
    asked = ["services", "service:flake", "run:flake:production", done, "release:x", "hosts", own, other]
    assert visibility.heard(Actor.person(world.developer), asked) == ["services", "hosts", own]
    assert visibility.heard(Actor.person(world.own), asked) == asked[:6]
    assert outsider.get("/live/?topics=service:flake").status_code == 404
    assert outsider.get(f"/live/?topics={other}").status_code == 404


def test_events_tell_whose_their_objects_were(outsider: Client, world: World) -> None:
    """An event goes on being hidden when its object is gone, or is another team's."""
    event = Event.objects.get(action="service.change", object_name="flake")
    assert event.owner == visibility.owner_of(world.more["train"]) == world.team.pk
    assert outsider.get(f"/audit/{event.pk}/").status_code == 404
    Service.objects.filter(slug="flake").update(team=Team.objects.get(slug="other"))
    assert outsider.get(f"/audit/{event.pk}/").status_code == 404
    services.close_team(Actor.person(world.sre), world.team, False)
    assert outsider.get(f"/audit/{event.pk}/").status_code == 200
    assert visibility.owner_of(world.more["front"]) is None
