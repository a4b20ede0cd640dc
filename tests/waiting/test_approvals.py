"""Other people let a release begin, for some hours; never who decided it; what is taken back holds it again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from containers import holds
from containers.guardrails import approvals, glass, services
from containers.guardrails.approving import Asked, Given, counting, lacking
from containers.models import Approval, Deployment, Guardrails
from containers.services import beginning, releases, steering
from containers.services import settings as settings_verbs
from tests.conftest import make_person
from tests.waiting.conftest import Yard, soon
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

people = st.builds(
    Given,
    st.one_of(st.none(), st.integers(1, 4)),
    st.just("x"),
    st.sampled_from(["sre", "developer"]),
    st.floats(0, 100),
    st.booleans(),
)


@given(st.lists(people, max_size=8), st.integers(0, 4), st.sampled_from(["", "sre"]), st.floats(0, 100))
def test_only_other_peoples_standing_approvals_count_each_once(
    rows: list[Given], count: int, role: str, at: float
) -> None:
    asked = Asked(count, role)
    found = counting(rows, asked, 1, at)
    assert len({one.by for one in found}) == len(found)
    for one in found:
        assert one.by not in {None, 1}
        assert not one.withdrawn
        assert one.expires > at
        assert not role or one.role == role
    assert lacking(rows, asked, 1, at) == max(0, count - len(found))
    assert lacking(rows, asked, 1, None) <= lacking(rows, asked, 1, at)  # what does not expire counts no less


@pytest.fixture
def two(yard: Yard) -> list[Actor]:
    """Two SREs, where two approvals are asked for."""
    Guardrails.objects.update(approvals=2, approvals_hours=4)
    return [Actor.person(make_person(name, "sre")) for name in ("ann", "bo")]


def test_without_approvals_nothing_begins_now_and_it_can_wait_for_them(
    yard: Yard, two: list[Actor], actor_dev: Actor
) -> None:
    with pytest.raises(Refused, match="needs the approval of 2 people"):
        releases.deploy(actor_dev, yard.place, yard.new)
    row = yard.wait(actor_dev)
    assert yard.begin() is None
    approvals.approve(two[0], row, "looks fine")
    assert yard.begin() is None
    row.refresh_from_db()
    assert "It has 1: ann." in row.held_why
    assert beginning.due() == []
    approvals.approve(two[1], row)
    assert beginning.due() == [yard.place.pk]
    begun = yard.begin()
    assert begun is not None
    assert begun.guard["checks"][-1]["words"] == "It is approved by ann, bo."
    assert Event.objects.filter(action="deployment.approve").count() == 2


def test_never_who_decided_it_never_twice_never_without_the_right(
    yard: Yard, two: list[Actor], actor_dev: Actor, actor_manager: Actor
) -> None:
    row = yard.wait(actor_dev)
    with pytest.raises(Refused, match="Somebody else"):
        approvals.approve(actor_dev, row)
    approvals.approve(two[0], row)
    with pytest.raises(Refused, match="already"):
        approvals.approve(two[0], row)
    for verb in (approvals.approve, approvals.withdraw):
        with pytest.raises(Denied):
            verb(actor_manager, row)
    assert Approval.objects.count() == 1
    assert Event.objects.filter(action="release.approve", denied=True).count() == 2


def test_only_the_rules_role_counts(yard: Yard, two: list[Actor], actor_dev: Actor) -> None:
    Guardrails.objects.update(approvals=1, approvals_role="sre")
    row = yard.wait(two[0])
    with pytest.raises(Refused, match="Only SREs"):
        approvals.approve(actor_dev, row)
    approvals.approve(two[1], row)
    assert yard.begin() is not None


def test_an_approval_expires_and_can_be_given_again(yard: Yard, two: list[Actor], actor_dev: Actor) -> None:
    row = yard.wait(actor_dev, not_before=soon())
    for one in two:
        approvals.approve(one, row)
    Approval.objects.filter(by=two[0].user).update(expires=timezone.now() - timedelta(seconds=1))
    yard.pass_to(row)
    assert yard.begin() is None
    approvals.approve(two[0], row)
    assert yard.begin() is not None


def test_withdrawn_in_the_middle_it_holds_until_it_is_approved_again(
    yard: Yard, two: list[Actor], actor_dev: Actor
) -> None:
    row = yard.wait(actor_dev)
    for one in two:
        approvals.approve(one, row)
    begun = yard.begin()
    assert begun is not None
    Approval.objects.update(expires=timezone.now())  # what has begun goes on
    assert holds.freeze(begun) is None
    approvals.withdraw(two[0], begun, "the exchange called")
    found = holds.freeze(begun)
    assert found is not None
    assert found.why.startswith("ann withdrew the approval: the exchange called")
    assert found.kind == "approval"
    approvals.approve(two[0], begun)
    assert holds.freeze(begun) is None


def test_what_a_withdrawn_approval_holds_is_not_said_to_be_frozen(
    yard: Yard, two: list[Actor], actor_dev: Actor, client: Client, sre: Any
) -> None:
    row = yard.wait(actor_dev)
    for one in two:
        approvals.approve(one, row)
    begun = yard.begin()
    assert begun is not None
    approvals.withdraw(two[0], begun, "the exchange called")
    why = holds.freeze(begun).why  # type: ignore[union-attr]
    fields = {"state": "running", "hold": "approval", "hold_batch": 0, "hold_why": why, "held_why": why}
    Deployment.objects.filter(pk=begun.pk).update(**fields)
    client.force_login(sre)
    page = client.get(f"/releases/{begun.pk}/").content.decode()
    assert "This release is held: ann withdrew the approval" in page
    assert "An approval was withdrawn: nothing new begins" in page
    assert "held by a freeze" not in page
    with pytest.raises(Refused, match="waits to be approved again: ann withdrew"):
        steering.proceed(actor_dev, begun)
    glass.go_on(Actor.person(sre), begun, glass.Glass("customers see no prices", "snow"))
    assert holds.freeze(begun) is None


def test_broken_glass_goes_on_without(yard: Yard, two: list[Actor]) -> None:
    row = releases.deploy(two[0], yard.place, yard.new, broken=glass.Glass("customers see no prices", "snow"))
    assert "needs the approval" in row.glass.get().overridden[0]
    assert holds.freeze(row) is None


def test_it_begins_with_the_settings_that_were_approved(yard: Yard, two: list[Actor], actor_dev: Actor) -> None:
    row = yard.wait(actor_dev)
    approved = row.config
    for one in two:
        approvals.approve(one, row)
    settings_verbs.save_config(yard.actor, yard.place, {"memory": "96m"})
    begun = yard.begin()
    assert begun is not None
    assert begun.config == approved


def test_the_rule_is_set_and_noted(yard: Yard, actor_sre: Actor) -> None:
    environment = yard.place.environment
    services.save_rules(actor_sre, environment, {"approvals": 2, "approvals_role": "sre", "approvals_hours": 8})
    shown = services.shown(environment)
    assert (shown["approvals"], shown["approvals_role"], shown["approvals_hours"]) == (2, "sre", 8)
    assert Event.objects.get(action="environment.guardrails").after["approvals"] == 2
    for wrong in ({"approvals": 6}, {"approvals": None}, {"approvals_role": "king"}, {"approvals_hours": 0}):
        with pytest.raises(Refused) as refused:
            services.save_rules(actor_sre, environment, wrong)
        assert refused.value.field == next(iter(wrong))


def test_pages_and_the_api(yard: Yard, two: list[Actor], actor_dev: Actor, client: Client, sre: Any) -> None:
    row = yard.wait(actor_dev)
    client.force_login(sre)
    assert f"/releases/{row.pk}/#approvals" in client.get("/releases/approvals/").content.decode()
    assert "Approve</button>" in client.get(f"/releases/{row.pk}/").content.decode()
    client.post(f"/releases/{row.pk}/approve/", {"reason": "fine"})
    text = client.get(f"/releases/{row.pk}/").content.decode()
    assert "Withdraw the approval" in text
    assert "fine" in text
    assert client.get("/api/v1/approvals").json()[0]["missing"] == 1
    assert client.post(f"/api/v1/deployments/{row.pk}/withdraw", content_type="application/json").status_code == 200
    (given_,) = client.get(f"/api/v1/deployments/{row.pk}/approvals").json()
    assert given_["withdrawn"]
    answer = client.patch(
        "/api/v1/environments/production/guardrails", {"approvals": 1}, content_type="application/json"
    )
    assert answer.json()["approvals"] == 1
    page = client.get("/settings/guardrails/production/").content.decode()
    assert 'name="approvals"' in page
    assert Deployment.objects.get(pk=row.pk).state == "waiting"


def test_a_rule_that_comes_later_keeps_the_settings_that_are_approved(
    yard: Yard, actor_dev: Actor, actor_sre: Actor
) -> None:
    row = yard.wait(actor_dev)
    seen = row.config
    Guardrails.objects.update(approvals=1)
    approvals.approve(actor_sre, row)
    settings_verbs.save_config(yard.actor, yard.place, {"memory": "96m"})
    begun = yard.begin()
    assert begun is not None
    assert begun.config == seen


def test_who_left_the_team_approves_nothing_any_more(yard: Yard, team: Any, actor_sre: Actor) -> None:
    Guardrails.objects.update(approvals=1)
    cleo = make_person("cleo", "developer")
    team.memberships.create(user=cleo)
    row = yard.wait(actor_sre, not_before=soon())
    approvals.approve(Actor.person(cleo), row)
    assert approvals.lacks(row) == 0
    team.memberships.filter(user=cleo).delete()
    assert approvals.lacks(row) == 1
