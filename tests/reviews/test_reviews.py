"""Events are taken into the queue once, and looked at by somebody else than who did them."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from containers.guardrails import glass
from containers.models import BrokenGlass
from tests import factories
from tests.conftest import make_person
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Grant, OwnRole
from xqplatform.audit.actions import ACTIONS
from xqplatform.audit.chain import linking
from xqplatform.audit.models import Event
from xqplatform.audit.reviews import feeding, services
from xqplatform.audit.reviews.models import Feed, Review, ReviewRule
from xqplatform.audit.reviews.rules import BUILT_IN, Facts, Rule, fits, taking
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db
actions = st.sampled_from(["service.deploy", "service.scale", "host.drain", "host.drain.cancel", "login"])
patterns = st.sampled_from(["service.deploy", "service.*", "host.*", "login", "host.drain.*"])
rules = st.builds(Rule, st.just("r"), st.lists(patterns, min_size=1).map(tuple), st.sampled_from(["", "grey"]),
                  st.booleans(), st.sampled_from(["", "only", "none"]))  # fmt: skip


@given(rules, actions, st.booleans(), st.sampled_from([frozenset(), frozenset({"grey"})]), st.booleans())
def test_a_rule_takes_what_fits_all_of_it(
    rule: Rule, action: str, denied: bool, places: frozenset[str], production: bool
) -> None:
    taken = bool(taking([rule], Facts(action, denied, places, production)))
    assert taken == (
        any(fits(one, action) for one in rule.actions)
        and (not rule.environment or rule.environment in places)
        and (not rule.production or production)
        and rule.denied in {"", "only" if denied else "none"}
    )


@pytest.fixture
def other(db: None) -> Actor:
    return Actor.person(make_person("olga", "sre"))


@pytest.fixture
def opened(actor_sre: Actor, team: Any) -> Review:
    audit.record(actor_sre, "team.change", team, after={"title": "x"})
    feeding.feed()
    return Review.objects.get(action="team.change")


def test_what_a_rule_takes_is_taken_once_whatever_dies(actor_sre: Actor, team: Any) -> None:
    place = factories.make_running_place("snow", "production", 1, team=team)
    grey = factories.make_running_place("ice", "grey", 1, team=team)
    audit.record(actor_sre, "team.change", team)
    audit.record(actor_sre, "service.scale", place)
    audit.record(actor_sre, "instance.command", place.instances.get(), parent=place.instances.get())
    audit.record(actor_sre, "instance.command", grey.instances.get(), parent=grey.instances.get())
    audit.record(Actor("somebody else", via="engine"), "outside.stop", place.instances.get().host)
    assert feeding.feed() == 3
    rows = {row.action: row for row in Review.objects.all()}
    assert set(rows) == {"team.change", "instance.command", "outside.stop"}
    assert rows["instance.command"].environment == "production"
    assert feeding.feed() == 0
    # Whoever died after the rows and before the position finds them; so does one whose position is far behind.
    Feed.objects.update(position=0)
    assert feeding.feed() == 0
    # The position goes on, a bounded piece at a time.
    Review.objects.all().delete()
    Feed.objects.update(position=0)
    assert sum(feeding.feed(most=2) for _ in range(4)) == 3
    assert Feed.objects.get().position == linking.head().position


def test_an_event_that_is_committed_long_after_one_of_a_higher_number_is_not_missed(
    actor_sre: Actor, team: Any
) -> None:
    audit.record(actor_sre, "team.change", team)
    assert feeding.feed() == 1
    # A transaction that took its number, and its time, an hour ago, and is committed now.
    late = Event(
        pk=Event.objects.latest("pk").pk - 10**6, time=timezone.now() - timedelta(hours=1), actor="li", via="page",
        action="team.change",
    )  # fmt: skip
    Event.objects.bulk_create([late])
    assert feeding.feed() == 1
    assert Review.objects.filter(event=late.pk).exists()


@pytest.mark.parametrize("fed", [0, 1, 3])
def test_the_feed_of_before_goes_on_where_it_was(actor_sre: Actor, team: Any, fed: int) -> None:
    keys = [audit.record(actor_sre, "team.change", team).pk for _ in range(3)]
    linking.link()
    Feed.objects.create(pk=1, position=[0, *keys][fed])  # an event's key, as it used to be
    moved = import_module("xqplatform.audit.reviews.migrations.0002_by_places_in_the_chain")
    moved.to_places(apps, None)
    assert feeding.feed() == 3 - fed
    moved.to_events(apps, None)
    assert Feed.objects.get().position == keys[-1]


def test_somebody_else_reviews_with_a_comment_several_at_once(actor_sre: Actor, other: Actor, opened: Review) -> None:
    with pytest.raises(Refused, match="yourself"):
        services.review(actor_sre, [opened.pk], "fine")
    with pytest.raises(Refused, match="Say what you found"):
        services.review(other, [opened.pk], "  ")
    with pytest.raises(Refused, match="not in the queue"):
        services.review(other, [opened.pk, 10**12], "x")
    services.review(other, [opened.pk], "fine")
    opened.refresh_from_db()
    assert (opened.reviewed_name, opened.comment) == ("olga", "fine")
    with pytest.raises(Refused, match="already"):
        services.review(other, [opened.pk], "again")
    services.reopen(other, opened, "look again")
    opened.refresh_from_db()
    assert opened.reviewed is None
    assert list(Event.objects.filter(action__startswith="review.").order_by("pk").values_list("action", "reason")) == [
        ("review.done", "fine"),
        ("review.reopen", "look again"),
    ]


def test_who_may_not_is_refused(actor_dev: Actor, opened: Review) -> None:
    for call in (
        lambda: services.review(actor_dev, [opened.pk], "x"),
        lambda: services.reopen(actor_dev, opened, "x"),
        lambda: services.add_rule(actor_dev, {"name": "x", "actions": ["service.*"]}),
    ):
        with pytest.raises(Denied):
            call()


def test_own_rules_take_denied_attempts_of_an_environment(actor_sre: Actor, actor_dev: Actor, team: Any) -> None:
    place = factories.make_running_place("snow", "production", 1, team=team)
    feeding.feed()
    data = {"name": "who tries", "actions": ["service.deploy"], "environment": "production", "denied": "only"}
    row = services.add_rule(actor_sre, data)
    for wrong, field in [({"actions": ["no.such"]}, "actions"), ({"name": ""}, "name"), ({"denied": "x"}, "denied")]:
        with pytest.raises(Refused) as refused:
            services.add_rule(actor_sre, {**data, "name": "b", **wrong})
        assert refused.value.field == field
    audit.record(actor_dev, "service.deploy", place)
    audit.record(actor_dev, "service.deploy", place, denied=True)
    assert feeding.feed() == 1
    services.switch_rule(actor_sre, row, False)
    audit.record(actor_dev, "service.deploy", place, denied=True)
    assert feeding.feed() == 0
    services.remove_rule(actor_sre, row)
    with pytest.raises(Refused, match="comes with the platform"):
        services.remove_rule(actor_sre, ReviewRule.objects.get(slug="glass"))


@pytest.mark.parametrize("by_the_queue", [True, False])
def test_broken_glass_is_reviewed_in_one_place_or_the_other(
    actor_sre: Actor, other: Actor, team: Any, by_the_queue: bool
) -> None:
    place = factories.make_running_place("snow", "production", 1, team=team)
    row = factories.make_deployment(place, guard={"checks": [{"passes": False, "words": "frozen"}]})
    made = glass.note(actor_sre, row, glass.Glass("it burns", "snow"))
    assert made is not None
    if by_the_queue:
        feeding.feed()
        services.review(other, [Review.objects.get(action="deployment.break_glass").pk], "had to be")
    else:
        glass.review(other, made, "had to be")
    assert (
        BrokenGlass.objects.get().comment == Review.objects.get(action="deployment.break_glass").comment == "had to be"
    )
    assert Event.objects.filter(action="deployment.review_glass").count() == 1


def test_the_page_shows_ages_and_keeps_what_was_typed(client: Client, sre: Any, other: Actor, opened: Review) -> None:
    Review.objects.filter(pk=opened.pk).update(time=timezone.now() - timedelta(days=10), object_name="<b>x</b>")
    client.force_login(other.user)
    text = client.get("/audit/reviews/").content.decode()
    assert "&lt;b&gt;x" in text
    assert "<b>1</b><span>up to a month" in text
    answer = client.post("/audit/reviews/mark/", {"reviews": [str(opened.pk), "9" * 4300], "comment": ""})
    assert answer.status_code == 400
    assert (
        f'value="{opened.pk}" id="tick-{opened.pk}" aria-label="Event {opened.event}" checked'
        in answer.content.decode()
    )
    client.post("/audit/reviews/mark/", {"reviews": [opened.pk], "comment": "seen"})
    assert "seen" in client.get("/audit/reviews/?state=done").content.decode()
    answer = client.post("/audit/reviews/rules/", {"name": "mine", "actions": "no.such"})
    assert answer.status_code == 400
    assert 'value="mine"' in answer.content.decode()


def test_what_is_of_a_closed_team_is_in_nobody_else_s_queue(client: Client, actor_sre: Actor, team: Any) -> None:
    """Somebody may read the log without seeing all teams: the queue tells no more than the log."""
    place = factories.make_running_place("snow", "production", 1, team=team)
    services.add_rule(actor_sre, {"name": "scaling", "actions": ["service.scale"]})
    audit.record(actor_sre, "service.scale", place, reason="a secret plan")
    feeding.feed()
    row = Review.objects.get(action="service.scale")
    OwnRole.objects.create(slug="looks", title="Looks", rights=["audit.read", "audit.review"])
    outsider = make_person("otto", "reader")
    Grant.objects.create(user=outsider, role="looks")
    type(team).objects.filter(pk=team.pk).update(closed=True)
    client.force_login(outsider)
    page = client.get("/audit/reviews/")
    assert page.status_code == 200
    assert "secret plan" not in page.content.decode()
    assert row.pk not in {one["id"] for one in client.get("/api/v1/audit-reviews").json()}
    marked = client.post("/api/v1/audit-reviews/mark", {"reviews": [row.pk], "comment": "seen"}, "application/json")
    assert marked.status_code == 404
    reopened = client.post(f"/api/v1/audit-reviews/{row.pk}/reopen", {"comment": "again"}, "application/json")
    assert reopened.status_code == 404
    row.refresh_from_db()
    assert row.reviewed is None
    client.force_login(make_person("anna", "auditor"))  # who reads everything
    assert row.pk in {one["id"] for one in client.get("/api/v1/audit-reviews").json()}


def test_every_pattern_that_comes_with_the_platform_takes_something() -> None:
    for rule in BUILT_IN:
        for pattern in rule.actions:
            assert any(fits(pattern, one) for one in ACTIONS), pattern


@pytest.mark.parametrize("action", ["factor.reset", "signin.rules", "oidc.group", "access.approve", "grant.give"])
def test_whoever_changes_who_may_come_in_is_reviewed(action: str) -> None:
    people = next(one for one in BUILT_IN if one.slug == "people")
    assert taking([Rule("people", people.actions)], Facts(action)) == ["people"]
