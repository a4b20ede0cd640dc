"""The image that a release would go back to is gone; a worker is killed in the middle of a release that is recorded."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from builds.models import Image
from containers.models import Deployment, Instance
from containers.recorder.reading import calls_of
from containers.services import steering
from hosts.models import Segment
from tests.faults.conftest import Site
from tests.faults.workers import Workers

pytestmark = pytest.mark.engine


@pytest.fixture(autouse=True)
def unprobed(site: Site) -> None:
    Segment.objects.update(probe=False)


def test_the_image_of_the_way_back_was_deleted(site: Site) -> None:
    site.release("v1")
    row = site.deploy("sick", batch=1, deadline=6)
    # Neither the registry nor any host has it any more.
    gone = {"tag": "gone", "digest": f"sha256:{'0' * 64}", "image_id": f"sha256:{'1' * 64}"}
    Image.objects.filter(tag="v1").update(**gone)
    site.advance(row)
    steps = [(s.state, s.reason) for s in row.steps.all()]
    assert row.state == "failed", (row.outcome, steps)
    assert "The rollback is incomplete: 1 of 3 instances could not be brought back" in row.outcome
    assert [state for state, _why in steps] == ["undo_fail", "skipped", "skipped"]
    assert "0000" in steps[0][1], "it says which image is missing"
    assert site.texts() == ["v1", "v1"], "nobody else was touched"
    # Nothing is left of it that would be in the next one's way.
    Image.objects.filter(tag="gone").update(tag="v1")
    site.release("v2")
    site.check(3, "v2")


def creates(row: Deployment) -> dict[int, list[tuple[float, int]]]:
    """Of each instance when a container was made for it, and the engine's answer."""
    found: dict[int, list[tuple[float, int]]] = {}
    for group in calls_of(row):
        if group.step is not None:
            made = [(one.began, one.status) for one in group.entries if one.path.endswith("/containers/create")]
            found.setdefault(group.step.instance.number, []).extend(made)
    return found


def test_what_was_recorded_before_a_kill_stays_and_the_next_worker_goes_on_with_it(
    site: Site, workers: Workers, sre: Any
) -> None:
    site.release("v1")
    row = site.deploy("v2", strategy="canary")
    assert workers.advance(row.pk, ["held by canary"]) == "held by canary"
    before = creates(row)
    (first,) = [number for number, made in before.items() if made]
    assert [status for _at, status in before[first]] == [201]
    row.refresh_from_db()
    steering.proceed(site.actor, row)
    assert workers.advance(row.pk, ["before rename"]) == "before rename"  # in the middle of the others
    assert creates(row)[first] == before[first]
    assert workers.advance(row.pk) == ""
    row.refresh_from_db()
    assert row.state == "succeeded", row.outcome
    after = creates(row)
    assert after[first] == before[first], "neither lost nor told twice"
    assert set(after) == set(Instance.objects.filter(removed=None).values_list("number", flat=True))
    assert all(len(made) <= 1 for made in after.values()), "a second before the kill may be lost, nothing is invented"
    site.check(3, "v2")
    client = Client()
    client.force_login(sre)
    page = client.get(f"/releases/{row.pk}/calls/")
    assert page.status_code == 200
