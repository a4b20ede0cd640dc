"""No release begins in a freeze: said with until when, in the same words everywhere. The way back is never held up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from containers.guardrails import services, windows
from containers.guardrails.asking import ask
from containers.models import Calendar, Deployment, Freeze, Guardrails
from containers.services import new_limits, releases
from containers.services.settings import save_config
from tests.guardrails.conftest import Stage
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

HOOK = {"name": "tell", "at": "start.after", "kind": "http", "url": "http://10.9.0.5/tell"}


@pytest.fixture
def ready(stage: Stage) -> Stage:
    """The new image is proved."""
    stage.ran(stage.before, stage.new, 2)
    return stage


def once(stage: Stage, actor: Actor, hours: float = 1) -> Freeze:
    now = timezone.now()
    data = {"kind": "once", "starts": now - timedelta(minutes=1), "ends": now + timedelta(hours=hours), "reason": "IPO"}
    return services.add_freeze(actor, stage.place.environment, data)


def test_a_release_is_refused_with_until_when_and_why(ready: Stage, actor_sre: Actor) -> None:
    row = once(ready, actor_sre)
    assert row.ends is not None
    with pytest.raises(Refused, match=r"Frozen until \d{4}-\d\d-\d\d \d\d:\d\d UTC: IPO\."):
        releases.deploy(ready.actor, ready.place, ready.new)
    plan = releases.preview(ready.actor, ready.place, ready.new)
    verdict = ask(ready.place, plan, ready.new, ready.place.config, "")
    assert verdict.until == row.ends.timestamp()  # whoever waits asks again then
    services.remove_freeze(actor_sre, row)
    assert releases.deploy(ready.actor, ready.place, ready.new).state == "queued"
    assert [e.action for e in Event.objects.order_by("pk") if "freeze" in e.action] == [
        "environment.freeze", "environment.unfreeze",
    ]  # fmt: skip


def test_other_environments_and_other_changes_go_on(ready: Stage, actor_sre: Actor) -> None:
    once(ready, actor_sre)
    releases.deploy(ready.actor, ready.before, ready.new)
    assert releases.restart(ready.actor, ready.place).state == "queued"


def test_limits_change_in_a_freeze_but_bring_no_hooks_or_traffic_along(ready: Stage, actor_sre: Actor) -> None:
    place = ready.place
    once(ready, actor_sre)
    for more in (
        {"hooks": [HOOK]},
        {"hooks": [{**HOOK, "at": "traffic.out"}], "traffic": {"way": "hooks", "drain": 5}},
    ):
        save_config(actor_sre, place, {"cpus": 2, **more})
        with pytest.raises(Refused, match=r"Hooks or traffic are changed with the limits.*Frozen until"):
            new_limits.apply_limits(actor_sre, place)
    assert not Deployment.objects.filter(place=place, kind="limits").exists()
    save_config(actor_sre, place, {"cpus": 2})
    assert new_limits.apply_limits(actor_sre, place).kind == "limits"


def test_limits_with_hooks_are_asked_as_a_release_is(ready: Stage, actor_sre: Actor) -> None:
    Guardrails.objects.update_or_create(environment=ready.place.environment, defaults={"reason": True})
    save_config(actor_sre, ready.place, {"cpus": 2, "hooks": [HOOK]})
    with pytest.raises(Refused, match="need a reason"):
        new_limits.apply_limits(actor_sre, ready.place)
    row = new_limits.apply_limits(actor_sre, ready.place, reason="the new balancer")
    assert [check["name"] for check in row.guard["checks"]] == ["reason"]


def test_the_way_back_is_not_held_up(ready: Stage, actor_sre: Actor) -> None:
    place = ready.place
    Deployment.objects.create(
        place=place, kind="deploy", state="succeeded", image=ready.new, config=place.config,
        old_image=ready.old, old_config=place.config,
    )  # fmt: skip
    place.current_image = ready.new
    place.save()
    once(ready, actor_sre)
    with pytest.raises(Refused, match="Frozen until"):
        releases.deploy(ready.actor, place, ready.new)
    row = releases.deploy(ready.actor, place, ready.old)
    assert row.guard["way_back"]
    assert "The way back" in " ".join(check["words"] for check in row.guard["checks"])


def test_a_calendar_without_data_blocks_with_words(ready: Stage, actor_sre: Actor) -> None:
    Calendar.objects.create(slug="xshg", title="Shanghai", market="XSHG", trouble="no memory")
    services.add_freeze(actor_sre, ready.place.environment, {"kind": "market", "calendar": "xshg"})
    with pytest.raises(Refused, match=r"«Shanghai» has no data yet.*not known\. no memory"):
        releases.deploy(ready.actor, ready.place, ready.new)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"kind": "x"}, "kind"),
        ({"kind": "market", "calendar": "none"}, "calendar"),
        ({"kind": "weekly", "days": []}, "days"),
        ({"kind": "weekly", "days": [1], "start": "x"}, "start"),
        ({"kind": "once", "reason": "x"}, "starts"),
        ({"kind": "once"}, "starts"),
    ],
)
def test_nonsense_is_refused_at_its_field(stage: Stage, actor_sre: Actor, data: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        services.add_freeze(actor_sre, stage.place.environment, data)
    assert (refused.value.field, refused.value.code) == (field, 400)


def test_only_who_manages_environments_sets_rules_and_windows(stage: Stage, actor_dev: Actor) -> None:
    environment = stage.place.environment
    with pytest.raises(Denied):
        services.save_rules(actor_dev, environment, {"proof": False})
    with pytest.raises(Denied):
        services.add_freeze(actor_dev, environment, {"kind": "weekly"})
    assert Event.objects.filter(denied=True, action="environment.manage").count() == 2


def test_rules_are_audited_with_before_and_after(stage: Stage, actor_sre: Actor) -> None:
    environment = stage.place.environment
    rules = services.save_rules(actor_sre, environment, {"proof_minutes": 30, "ticket": "OPS-#"})
    assert rules.proof is not None
    assert (rules.proof.environments, rules.proof.seconds, rules.ticket) == (("pre-release", "grey"), 1800, "OPS-#")
    event = Event.objects.get(action="environment.guardrails")
    assert event.before == {"proof_minutes": 0, "ticket": ""}
    assert event.after == {"proof_minutes": 30, "ticket": "OPS-#"}
    services.save_rules(actor_sre, environment, {"proof_minutes": 30})
    assert Event.objects.filter(action="environment.guardrails").count() == 1


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"proof_minutes": -1}, "proof_minutes"),
        ({"most_share": 101}, "most_share"),
        ({"most_batch": 0}, "most_batch"),
        ({"ticket": "nothing"}, "ticket"),
        ({"proof_from": ["production"]}, "proof_from"),
        ({"proof_from": []}, "proof_from"),
        ({"when_frozen": "x"}, "when_frozen"),
    ],
)
def test_nonsense_rules_are_refused_at_their_field(
    stage: Stage, actor_sre: Actor, data: dict[str, Any], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        services.save_rules(actor_sre, stage.place.environment, data)
    assert refused.value.field == field


def test_can_i_release_now(stage: Stage, actor_sre: Actor) -> None:
    environment, now = stage.place.environment, timezone.now()
    assert windows.now(environment, now.timestamp()) is None  # no windows: nothing to say
    data = {"kind": "once", "starts": now + timedelta(hours=2), "ends": now + timedelta(hours=3), "reason": "IPO"}
    services.add_freeze(actor_sre, environment, data)
    found = windows.now(environment, now.timestamp())
    assert found is not None
    assert found.words.startswith("Releases may begin now, until ")
    assert found.words.endswith("IPO.")
    later = windows.now(environment, now.timestamp() + 4 * 3600)
    assert later is not None
    assert "no freeze is ahead" in later.words


# --- Pages and API ------------------------------------------------------------------------------------------------


@pytest.fixture
def sara(sre: Any, client: Client) -> Client:
    client.force_login(sre)
    return client


def test_the_settings_page_saves_rules_and_keeps_what_was_typed(stage: Stage, sara: Client) -> None:
    here = "/settings/guardrails/production/"
    typed = {
        "proof": "on", "proof_from": ["pre-release"], "proof_minutes": "30", "proof_instances": "2", "ticket": "wrong",
        "most_batch": "2", "when_frozen": "go_on",
    }  # fmt: skip
    answer = sara.post(here, typed)
    assert answer.status_code == 400
    assert "is no pattern" in answer.content.decode()
    assert 'value="30"' in answer.content.decode()
    assert sara.post(here, typed | {"ticket": "OPS-#"}).status_code == 302
    shown = services.shown(stage.place.environment)
    assert (shown["proof_from"], shown["proof_minutes"], shown["proof_instances"]) == (["pre-release"], 30, 2)
    assert (shown["most_batch"], shown["most_share"], shown["when_frozen"]) == (2, None, "go_on")
    assert "OPS-#" in sara.get(here).content.decode()
    assert "a ticket (OPS-#)" in sara.get("/settings/guardrails/").content.decode()


def test_windows_come_and_go_on_the_page_and_are_in_its_month(stage: Stage, sara: Client) -> None:
    here = "/settings/guardrails/production/"
    weekly = {"days": ["0", "1", "2", "3", "4", "5", "6"], "start": "00:00", "end": "00:00", "zone": "Asia/Shanghai"}
    assert sara.post(f"{here}freeze/weekly/", weekly | {"zone": "Mars"}).status_code == 400
    assert sara.post(f"{here}freeze/weekly/", weekly | {"reason": "always"}).status_code == 302
    page = sara.get(here).content.decode()
    assert "always" in page
    assert "Frozen until" in page
    assert 'class="frozen"' in page  # in the month
    run = sara.get("/services/snow/production/").content.decode()
    assert "Frozen until" in run
    assert "Frozen until" in sara.get("/services/snow/production/deploy/").content.decode()
    number = Freeze.objects.get().pk
    assert sara.post(f"{here}freeze/{number}/end/").status_code == 302
    assert "never frozen" in sara.get("/settings/guardrails/").content.decode()


def test_a_manager_reads_and_may_not_change(stage: Stage, manager: Any, client: Client) -> None:
    client.force_login(manager)
    page = client.get("/settings/guardrails/production/").content.decode()
    assert "<fieldset disabled" in page
    assert client.post("/settings/guardrails/production/", {}).status_code == 403


def test_the_api_is_the_same(stage: Stage, sara: Client) -> None:
    here = "/api/v1/environments/production"
    json = {"content_type": "application/json"}
    assert sara.get(f"{here}/guardrails").json()["proof_from"] == ["pre-release", "grey"]
    assert sara.patch(f"{here}/guardrails", {"most_share": 25}, **json).json()["most_share"] == 25
    assert sara.patch(f"{here}/guardrails", {"most_share": None}, **json).json()["most_share"] is None
    assert sara.patch(f"{here}/guardrails", {"most_share": 200}, **json).status_code == 400
    assert not sara.get(f"{here}/frozen").json()["frozen"]
    now = timezone.now()
    body = {
        "kind": "once", "reason": "IPO", "starts": now.isoformat(), "ends": (now + timedelta(hours=1)).isoformat(),
    }  # fmt: skip
    made = sara.post(f"{here}/freezes", body, **json)
    assert made.status_code == 201
    found = sara.get(f"{here}/frozen").json()
    assert found["frozen"]
    assert found["why"] == "IPO"
    assert abs(found["until"] - now.timestamp() - 3600) < 1
    assert sara.get(f"{here}/frozen", {"at": now.timestamp() + 3601}).json()["frozen"] is False
    assert sara.delete(f"{here}/freezes/{made.json()['id']}").status_code == 204
    assert sara.get(f"{here}/freezes").json() == []
