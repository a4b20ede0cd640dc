"""Tokens of the API: what narrows them, their end, what they never may, and what their page shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import factories
from xqplatform.accounts import tokens
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team, Token, User
from xqplatform.accounts.rights import READ, RIGHTS, can
from xqplatform.accounts.scopes import READING, Scopes
from xqplatform.audit.chain import linking, verifying
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

RIGHT = st.sampled_from(sorted(RIGHTS))
TEAM = st.one_of(st.none(), st.integers(1, 3))
PLACE = st.sampled_from(["", "isolated", "production"])
SERVICE = st.sampled_from(["", "flake", "floe"])
NAMED = [st.frozensets(names.filter(bool), max_size=2) for names in (PLACE, SERVICE)]
SCOPES = st.builds(Scopes, st.one_of(st.none(), st.frozensets(RIGHT, min_size=1)), TEAM, *NAMED)


@given(inner=SCOPES, outer=SCOPES, right=RIGHT, team=TEAM, place=PLACE, service=SERVICE)
def test_what_a_token_makes_may_no_more_than_itself(
    inner: Scopes, outer: Scopes, right: str, team: int | None, place: str, service: str
) -> None:
    if inner.within(outer) and inner.allows(right, team, place or None, service or None):
        assert outer.allows(right, team, place or None, service or None)


@given(scopes=SCOPES, right=RIGHT.filter(lambda one: one != READ), team=TEAM, place=PLACE, service=SERVICE)
def test_one_kept_to_services_and_environments_may_nothing_elsewhere(
    scopes: Scopes, right: str, team: int | None, place: str, service: str
) -> None:
    if scopes.allows(right, team, place or None, service or None):
        assert not scopes.services or service in scopes.services
        assert not scopes.environments or not place or place in scopes.environments


@given(scopes=SCOPES, right=RIGHT, team=TEAM, place=PLACE)
def test_one_that_only_reads_changes_nothing(scopes: Scopes, right: str, team: int | None, place: str) -> None:
    if scopes.read_only and right not in READING:
        assert not scopes.allows(right, team, place or None)
    assert Scopes().allows(right, team, place or None)
    assert scopes.allows(READ)


@pytest.mark.django_db
@settings(max_examples=60)
@given(scopes=SCOPES, right=RIGHT, own=st.booleans(), place=PLACE, service=SERVICE)
def test_a_token_may_what_its_person_may_and_its_scope_leaves(
    scopes: Scopes, right: str, own: bool, place: str, service: str
) -> None:
    team, _ = Team.objects.get_or_create(slug="ice")
    person, made = User.objects.get_or_create(username="ida")
    if made:
        person.memberships.create(team=team, environments=["isolated"])
    actor = Actor.person(person)
    at = team.pk if own else team.pk + 1
    asked: dict[str, Any] = {"team_id": at, "environment": place or None, "service": service or None}
    left = scopes.allows(right, at, place or None, service or None)
    assert can(replace(actor, scopes=scopes), right, **asked) == (left and can(actor, right, **asked))


def bearer(raw: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {raw}"})


@pytest.mark.django_db
def test_a_token_ends(developer: User) -> None:
    token, raw = tokens.create_token(Actor.person(developer), developer, "ci", days=30)
    assert token.expires is not None
    assert abs(token.expires - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
    assert bearer(raw).get("/api/v1/services").status_code == 200
    Token.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert bearer(raw).get("/api/v1/services").status_code == 401
    token.refresh_from_db()
    assert token.last_ip == "127.0.0.1"
    assert token.shown_state == "expired"


@pytest.mark.django_db
def test_events_say_which_token_it_was(client: Client, sre: User, team: Team, tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path  # no checkpoints of other tests
    place = factories.make_running_place("flake", "isolated", 1, team=team)
    rows = {}
    for label in ("ci of flake", "backup (old)"):
        row, raw = tokens.create_token(Actor.person(sre), sre, label)
        rows[label] = row
        change = bearer(raw).patch(
            f"/api/v1/services/{place.service.slug}", f'{{"title": "By {label}"}}', content_type="application/json"
        )
        assert change.status_code == 200
    said = dict(Event.objects.filter(action="service.change").values_list("after__title", "token"))
    assert said == {f"By {label}": str(row) for label, row in rows.items()}
    assert Event.objects.filter(action="token.create", token=None).count() == 2  # made by the person
    client.force_login(sre)
    for text in ('token:"ci of flake"', f"token:{rows['ci of flake'].prefix}", f'token:"{rows["ci of flake"]}"'):
        found = client.get("/api/v1/audit", {"q": text}).json()["items"]
        assert [one["token"] for one in found] == [str(rows["ci of flake"])], text
    page = client.get(f"/audit/{found[0]['id']}/").content.decode()
    assert f"?token={quote(str(rows['ci of flake']))}" in page
    assert "backup (old)" in client.get("/audit/", {"token": "backup (old)"}).content.decode()
    linking.link()
    assert verifying.database().good


@pytest.mark.django_db
def test_one_of_before_works_on_and_is_marked(client: Client, sre: User) -> None:
    _row, raw = Token.make(sre, "old")
    assert bearer(raw).get("/api/v1/hosts").status_code == 200
    client.force_login(sre)
    page = client.get("/settings/tokens/?state=unending").content.decode()
    assert "active, without end" in page


@pytest.mark.django_db
def test_one_that_only_reads_is_refused_every_change(sre: User) -> None:
    _row, raw = tokens.create_token(Actor.person(sre), sre, "look", rights=sorted(READING))
    api = bearer(raw)
    assert api.get("/api/v1/audit").status_code == 200
    assert api.post("/api/v1/inbox/read", "{}", content_type="application/json").status_code == 403
    assert api.post("/api/v1/environments", '{"slug": "x"}', content_type="application/json").status_code == 403
    event = Event.objects.filter(denied=True).latest("pk")
    assert (event.action, event.actor, event.after) == ("token.refused", "sara", {"path": "/api/v1/environments"})


@pytest.mark.django_db
def test_a_scope_narrows_rights_teams_and_environments(sre: User, team: Team) -> None:
    row, _raw = tokens.create_token(
        Actor.person(sre), sre, "ci", rights=[READ, "service.deploy"], team="snow", environments=["isolated"]
    )
    actor = replace(Actor.person(sre), scopes=row.scopes)
    assert can(actor, "service.deploy", team_id=team.pk, environment="isolated")
    assert not can(actor, "service.deploy", team_id=team.pk, environment="production")
    assert not can(actor, "service.deploy", team_id=team.pk + 1, environment="isolated")
    assert not can(actor, "service.scale", team_id=team.pk, environment="isolated")
    assert not can(actor, "host.manage")
    # A team that is removed takes the token's rights along instead of widening them.
    team.delete()
    row.refresh_from_db()
    assert row.scopes.team is not None


@pytest.mark.django_db
def test_a_token_of_one_service_leaves_the_others_alone(sre: User, team: Team) -> None:
    flake, floe = (factories.make_running_place(name, "isolated", 1, team=team) for name in ("flake", "floe"))
    row, raw = tokens.create_token(Actor.person(sre), sre, "ci of flake", services=["flake"], environments=["isolated"])
    api = bearer(raw)
    for place, status in ((flake, 200), (floe, 403)):
        change = api.patch(
            f"/api/v1/services/{place.service.slug}", '{"title": "Snow"}', content_type="application/json"
        )
        assert change.status_code == status, change.content
    assert Event.objects.get(action="token.create").after["services"] == ["flake"]
    with pytest.raises(Refused, match="There is no service"):
        tokens.create_token(Actor.person(sre), sre, "x", services=["nobody"])
    with pytest.raises(Denied):  # tokens belong to no service
        tokens.create_token(replace(Actor.person(sre), scopes=row.scopes), sre, "x", services=["flake"])


@pytest.mark.django_db
def test_a_narrow_token_makes_no_wider_one(sre: User) -> None:
    actor = replace(Actor.person(sre), scopes=Scopes(frozenset({READ, "token.manage"})))
    with pytest.raises(Refused, match="no more than itself"):
        tokens.create_token(actor, sre, "wider")
    assert tokens.create_token(actor, sre, "same", rights=[READ])[0].rights == [READ]
    with pytest.raises(Denied):
        tokens.create_token(replace(actor, scopes=Scopes(READING)), sre, "none", rights=[READ])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("data", "field"),
    [({"label": ""}, "label"), ({"days": "3650"}, "days"), ({"days": "x"}, "days"), ({"may": "chosen"}, "rights"),
     ({"may": "chosen", "rights": ["fly"]}, "rights"), ({"team": "nobody"}, "team"), ({"environments": ["moon"]}, "environments"), ({"services": "flake nobody"}, "services")],
)  # fmt: skip
def test_the_form_refuses_at_the_field_and_keeps_the_rest(
    client: Client, developer: User, data: dict[str, Any], field: str
) -> None:
    client.force_login(developer)
    answer = client.post("/settings/tokens/", {"label": "my ci", "days": "30", "may": "all", **data})
    assert answer.status_code == 400
    assert list(answer.context["form"].errors) == [field]
    assert field == "label" or 'value="my ci"' in answer.content.decode()
    assert not Token.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("days", [0, -1, 366, 10**9])
def test_a_verb_knows_no_longer_life(developer: User, days: int) -> None:
    with pytest.raises(Refused) as refusal:
        tokens.create_token(Actor.person(developer), developer, "ci", days=days)
    assert refusal.value.field == "days"


@pytest.mark.django_db
def test_the_page_shows_what_a_token_may_and_whose_it_is(client: Client, sre: User, developer: User) -> None:
    client.force_login(developer)
    data = {"label": "deploys", "days": "90", "may": "chosen", "rights": ["service.deploy"], "team": "snow"}
    made = client.post("/settings/tokens/", data).content.decode()
    assert "xq_" in made
    assert Token.objects.get().rights == [READ, "service.deploy"]
    client.force_login(sre)
    page = client.get("/settings/tokens/").content.decode()
    assert "deploys" in page
    assert "dan" in page
    assert "release the service" in page
    assert "(Snow)" in page
