"""Gates over real engines, collectors and logs: a good version goes through, bad ones do not come past their first batch."""

from __future__ import annotations

import pytest

from containers.gates import asking
from containers.gates import services as gates
from containers.gates.sets import Scope
from containers.models import Deployment, GateRun
from containers.services import steering
from hosts.models import Segment
from tests.faults.collecting import Collecting, collecting  # noqa: F401
from tests.faults.conftest import KINDS, Site, wait_for
from tests.faults.workers import Workers

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]
SERVES = "exec /bin/httpd -f -p 80 -h /www"
KINDS["burns"] = {"command": ["/bin/sh", "-c", f"while true; do :; done & {SERVES}"], "interval": 5}
KINDS["grumbles"] = {
    "command": ["/bin/sh", "-c", f"while true; do echo ERROR out of stock; sleep 1; done & {SERVES}"],
    "interval": 5,
}
RULES = [
    # (Busy machines leave a loop little of a core: what a server at rest takes is still far less.)
    {"metric": "cpu.cores", "limit": 50, "margin": 0.03, "watch": 10, "samples": 4, "broken": "roll back"},
    {"metric": "log.errors", "limit": 100, "margin": 5, "watch": 10, "broken": "hold"},
]


def measured() -> None:
    """What the task does, which is enqueued at each look."""
    for pk in GateRun.objects.filter(state="measuring").values_list("pk", flat=True):
        asking.measure(pk)


def ended(site: Site, row: Deployment, state: str) -> None:
    def over() -> bool:
        measured()
        assert not site.errors, site.errors
        return Deployment.objects.filter(pk=row.pk, state__in=Deployment.TERMINAL).exists()

    wait_for(f"the release ends as {state}", over, 300)
    site.ended(row, state)


def held() -> bool:
    measured()
    return Deployment.objects.filter(hold="gate").exists()


def test_good_versions_go_through_and_bad_ones_do_not_come_past_their_first_batch(
    site: Site,
    collecting: Collecting,  # noqa: F811
    workers: Workers,
) -> None:
    Segment.objects.update(probe=False)
    site.release("v1")
    collecting.begin()
    gates.save(site.actor, Scope(place=site.place), {"mode": "own", "settle": 2, "rules": RULES})

    good = site.deploy("v2", batch=1)
    site.begin(good)
    ended(site, good, "succeeded")
    site.check(3, "v2")
    said = [(run.batch, run.state) for run in good.gate_runs.all()]
    assert said == [(0, "continue"), (1, "continue"), (2, "continue")], [run.findings for run in good.gate_runs.all()]
    assert {found["basis"] for run in good.gate_runs.all() for found in run.findings} == {"old", "before"}

    burns = site.deploy("burns", batch=1)
    assert workers.advance(burns.pk, ["held by measuring"]) == "held by measuring"  # who watched it dies
    begun = burns.gate_runs.get().begun
    site.begin(burns)
    ended(site, burns, "rolled_back")
    run = burns.gate_runs.get()
    assert (run.batch, run.state, run.findings[0]["state"], run.begun) == (0, "roll back", "broken", begun)
    assert run.why in burns.outcome
    assert sorted(burns.steps.values_list("state", flat=True)) == ["skipped", "skipped", "undone"]
    site.check(3, "v2")

    grumbles = site.deploy("grumbles", batch=1)
    site.begin(grumbles)
    wait_for("the gate's hold", held, 200)
    run = grumbles.gate_runs.get()
    assert (run.state, run.findings[1]["state"]) == ("hold", "broken"), run.findings
    assert run.findings[1]["new"] > 30  # a minute
    assert site.texts() == ["grumbles", "v2", "v2"]
    grumbles.refresh_from_db()
    steering.proceed(site.actor, grumbles, "they are harmless")
    wait_for("the second batch", lambda: grumbles.steps.filter(state="done").count() >= 2)
