"""Production takes what was proved before; anything else is refused with what is missing. What ran here before goes back always."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from containers.models import Container, Deployment, Environment, Guardrails, InstanceEvent
from containers.services import releases
from tests import factories
from tests.guardrails.conftest import Stage
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused


def test_production_refuses_by_default_what_ran_nowhere(stage: Stage) -> None:
    with pytest.raises(Refused, match=r"has not run healthy in Pre-release or Grey yet.*release it there first"):
        releases.deploy(stage.actor, stage.place, stage.new)
    assert not Deployment.objects.filter(place=stage.place).exists()


def test_other_environments_ask_for_nothing_by_default(stage: Stage) -> None:
    row = releases.deploy(stage.actor, stage.before, stage.new)
    assert row.guard == {"checks": [], "way_back": False}


def test_a_proof_is_stored_with_the_release_as_text(stage: Stage) -> None:
    stage.ran(stage.before, stage.new, 3)
    row = releases.deploy(stage.actor, stage.place, stage.new)
    (check,) = row.guard["checks"]
    assert check["passes"]
    assert check["words"].startswith("It runs healthy in Pre-release on 1 instance, for 3 h")
    Container.objects.filter(image=stage.new, instance__place=stage.before).delete()
    row.refresh_from_db()
    assert "3 h" in row.guard["checks"][0]["words"]


def test_how_long_and_on_how_many_is_asked_for(stage: Stage) -> None:
    stage.rule(proof=True, proof_minutes=120, proof_instances=2)
    stage.ran(stage.before, stage.new, 1)
    with pytest.raises(Refused, match=r"It runs healthy in Pre-release on 2 instances, for 1 h.*for 2 h"):
        releases.deploy(stage.actor, stage.place, stage.new)
    stage.ran(stage.before, stage.new, 3, ended=0.5)
    row = releases.deploy(stage.actor, stage.place, stage.new)
    assert "on 2 instances for 2 h 30 min, until" in row.guard["checks"][0]["words"]


def test_an_instance_that_is_ill_or_was_killed_proves_less(stage: Stage) -> None:
    stage.rule(proof=True, proof_minutes=60, proof_instances=2)
    first, _second = stage.ran(stage.before, stage.new, 2)
    stage.ill(2)
    with pytest.raises(Refused, match="on 1 instance"):
        releases.deploy(stage.actor, stage.place, stage.new)
    stage.ill(2, "healthy")
    InstanceEvent.objects.create(
        instance=first.instance, container=first, kind="oom", time=_hours_ago(0.9), last=_hours_ago(0.9)
    )
    releases.deploy(stage.actor, stage.place, stage.new)  # an hour and six minutes before the kill are enough


def _hours_ago(hours: float) -> Any:
    from datetime import timedelta

    from django.utils import timezone

    return timezone.now() - timedelta(hours=hours)


def test_the_same_digest_under_another_tag_is_proved_too(stage: Stage) -> None:
    twin = factories.make_image(stage.place.service.project, digest=stage.new.digest)
    stage.ran(stage.before, twin, 1)
    assert releases.deploy(stage.actor, stage.place, stage.new).guard["checks"][0]["passes"]


def test_another_service_proves_nothing(stage: Stage) -> None:
    other = factories.make_running_place("ice", "pre-release", 1)
    Guardrails.objects.all().delete()  # (the factory's)
    stage.ran(other, stage.new, 5)
    with pytest.raises(Refused):
        releases.deploy(stage.actor, stage.place, stage.new)


def released_here(stage: Stage, state: str = "succeeded") -> None:
    """A release of the new image in production ended in `state`; the old one runs again."""
    factories.make_deployment(stage.place, state, image=stage.new, old_image=stage.old, wanted=4)


def test_what_a_release_brought_here_before_needs_no_proof(stage: Stage) -> None:
    released_here(stage)
    stage.ran(stage.place, stage.new, 1, ended=0.5)
    row = releases.deploy(stage.actor, stage.place, stage.new)
    assert "ran healthy in this environment before" in row.guard["checks"][0]["words"]


@pytest.mark.parametrize("state", ["failed", "rolled_back", "cancelled"])
def test_a_healthy_instance_of_a_release_that_failed_proves_nothing(stage: Stage, sara: Client, state: str) -> None:
    released_here(stage, state)
    stage.ran(stage.place, stage.new, 1, ended=0.5)
    with pytest.raises(Refused, match="release it there first"):
        releases.deploy(stage.actor, stage.place, stage.new)
    page = sara.get("/services/snow/production/deploy/").content.decode()
    assert "It ran healthy here before." not in page


def test_it_ran_here_for_as_long_and_on_as_many_as_the_rule_asks(stage: Stage) -> None:
    released_here(stage)
    stage.ran(stage.place, stage.new, 1, ended=0.5)
    stage.rule(proof=True, proof_minutes=60)
    with pytest.raises(Refused, match="release it there first"):
        releases.deploy(stage.actor, stage.place, stage.new)
    stage.rule(proof=True, proof_minutes=20, proof_instances=9)  # of four that there are
    assert releases.deploy(stage.actor, stage.place, stage.new).guard["checks"][0]["passes"]


def test_the_way_back_needs_no_proof(stage: Stage) -> None:
    """What was let in without one a minute ago, and replaced by what is worse, may come back at once."""
    Container.objects.filter(instance__place=stage.place).delete()
    factories.make_deployment(stage.place, image=stage.old, old_image=stage.new, old_config=stage.place.config)
    row = releases.deploy(stage.actor, stage.place, stage.new)
    assert row.guard["way_back"]
    assert "way back" in row.guard["checks"][0]["words"]


def test_nothing_but_a_release_is_asked_for_proof(stage: Stage) -> None:
    Container.objects.filter(instance__place=stage.place).update(healthy=None)
    for change in (
        lambda: releases.restart(stage.actor, stage.place),
        lambda: releases.scale(stage.actor, stage.place, 3),
        lambda: releases.repair(stage.actor, stage.place, [1]),
    ):
        row = change()
        assert row is not None
        assert row.guard == {}
        Deployment.objects.filter(pk=row.pk).update(state="cancelled")
        stage.place.refresh_from_db()


def test_a_rule_without_an_environment_refuses_with_words(stage: Stage) -> None:
    stage.rule(proof=True, proof_from=[])
    with pytest.raises(Refused, match="names no environment"):
        releases.deploy(stage.actor, stage.place, stage.new)


def test_the_default_asks_for_nothing_where_neither_environment_exists(stage: Stage) -> None:
    Environment.objects.filter(slug="grey").delete()
    Environment.objects.filter(slug="pre-release").update(slug="stage")
    releases.deploy(stage.actor, stage.place, stage.new)


def test_reason_ticket_and_batch_are_asked_for_together(stage: Stage) -> None:
    stage.rule(reason=True, ticket="OPS-#", most_batch=1, least_healthy=90)
    with pytest.raises(Refused) as refused:
        releases.deploy(stage.actor, stage.place, stage.new, policy={"batch": 2})
    for words in ("need a reason", "must name a ticket (OPS-#)", "2 at a time, at most 1", "2 of 4 stay healthy"):
        assert words in refused.value.message
    stage.rule(reason=True, ticket="OPS-#", most_batch=1, least_healthy=75)
    with pytest.raises(Refused) as refused:
        releases.deploy(stage.actor, stage.place, stage.new, reason="faster", policy={"batch": 1})
    assert refused.value.field == "reason"
    releases.deploy(stage.actor, stage.place, stage.new, reason="OPS-7 faster", policy={"batch": 1})


# --- The wizard and the API ---------------------------------------------------------------------------------------


@pytest.fixture
def sara(sre: Any, client: Client) -> Client:
    client.force_login(sre)
    return client


def test_the_version_list_shows_the_evidence(stage: Stage, sara: Client) -> None:
    stage.ran(stage.before, stage.new, 3)
    page = sara.get("/services/snow/production/deploy/").content.decode()
    assert "It runs healthy in Pre-release on 1 instance, for 3 h" in page
    assert "not proved enough" in page or "It ran healthy here before." in page


def test_the_plan_page_says_what_blocks_and_does_not_offer_the_click(stage: Stage, sara: Client) -> None:
    page = sara.get("/services/snow/production/deploy/", {"step": "3", "image": stage.new.pk}).content.decode()
    assert "Guardrails: it may not begin" in page
    assert "has not run healthy in Pre-release or Grey yet" in page
    assert 'type="submit" disabled' in page
    assert "Break the glass" in page  # an SRE is looking


def test_the_plan_page_shows_what_passes(stage: Stage, sara: Client) -> None:
    stage.ran(stage.before, stage.new, 3)
    page = sara.get("/services/snow/production/deploy/", {"step": "3", "image": stage.new.pk}).content.decode()
    assert "Guardrails: all pass" in page
    assert "It runs healthy in Pre-release" in page
    assert "Break the glass" not in page


def test_a_developer_is_not_offered_to_break_the_glass(stage: Stage, developer: Any, client: Client) -> None:
    client.force_login(developer)
    page = client.get("/services/snow/production/deploy/", {"step": "3", "image": stage.new.pk}).content.decode()
    assert "Guardrails: it may not begin" in page
    assert "Break the glass" not in page


def test_the_release_page_keeps_it(stage: Stage, sara: Client) -> None:
    stage.ran(stage.before, stage.new, 3)
    row = releases.deploy(stage.actor, stage.place, stage.new)
    page = sara.get(f"/releases/{row.pk}/").content.decode()
    assert "Guardrails when it was asked for" in page
    assert "for 3 h" in page


def test_the_api_previews_and_refuses_in_the_same_words(stage: Stage, sara: Client) -> None:
    here = "/api/v1/services/snow/production/deployments"
    body = {"image": stage.new.pk}
    plan = sara.post(f"{here}/preview", body, content_type="application/json").json()
    (check,) = plan["guardrails"]
    assert not check["passes"]
    answer = sara.post(here, body, content_type="application/json")
    assert answer.status_code == 409
    assert answer.json()["error"] == check["words"]
    assert answer.json()["field"] == "guardrails"


def test_the_commits_line_is_no_reason_where_one_has_to_be_written(stage: Stage, sara: Client) -> None:
    stage.rule(reason=True)
    page = sara.get("/services/snow/production/deploy/", {"step": "3", "image": stage.new.pk}).content.decode()
    assert "releases here need a reason" in page


def test_rows_of_a_developer_are_what_the_verb_sees(stage: Stage, actor_dev: Actor) -> None:
    Guardrails.objects.all().delete()
    with pytest.raises(Refused, match="release it there first"):
        releases.deploy(actor_dev, stage.place, stage.new)
