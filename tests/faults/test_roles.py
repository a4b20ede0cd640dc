"""Replicas are released before the primary, on real engines; who is the primary may change meanwhile."""

from __future__ import annotations

import pytest

from containers.models import Container, Instance, Step
from containers.services.settings import save_config
from containers.steps import points
from hosts.engine import connect
from tests.faults.conftest import CONFIG, Site
from xqplatform.audit.models import Event

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
ROLE = "cat /role 2>/dev/null || echo replica"


def says(number: int, role: str) -> None:
    one = Instance.objects.select_related("host").get(number=number, removed=None)
    container = Container.objects.get(instance=one, ended=None)
    code, said = connect(one.host).exec(container.engine_id, ["/bin/sh", "-c", f"echo {role} > /role"])
    assert code == 0, said


def test_the_primary_goes_last_whoever_it_is_by_then(site: Site) -> None:
    save_config(site.actor, site.place, {**CONFIG, "role_command": ROLE})
    site.release("v1")
    says(1, "primary")
    rounds: list[list[str]] = []

    def fails_over(name: str, _step: int) -> None:
        if name == "before roles":
            done = Step.objects.filter(deployment=row.pk, state="done").order_by("position")
            rounds.append([f"#{one.instance.number}" for one in done])
            if len(rounds) == 2:  # the first batch is through: another one takes over
                says(1, "replica")
                says(3, "primary")

    row = site.deploy("v2", batch=1)
    points.PROBE.append(fails_over)
    site.succeeds(row)
    assert rounds == [[], ["#2"], ["#2", "#1"]]
    assert [step.instance.number for step in row.steps.order_by("position")] == [2, 1, 3]
    site.check(3, "v2")
    asked = [event.after["order"] for event in Event.objects.filter(action="deployment.roles").order_by("pk")]
    assert asked[-2:] == [["#2", "#3", "#1"], ["#1", "#3"]]

    # What they said last is in the next plan.
    plan = site.deploy("v1", batch=1)
    assert [step.instance.number for step in plan.steps.order_by("position")] == [1, 2, 3]


def test_who_does_not_say_keeps_nobody_from_a_release(site: Site) -> None:
    save_config(site.actor, site.place, {**CONFIG, "role_command": "exit 3"})
    site.release("v1")
    site.release("v2", batch=1)
    site.check(3, "v2")
    assert set(Instance.objects.values_list("role", flat=True)) == {""}
