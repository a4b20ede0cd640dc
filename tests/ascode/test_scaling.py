"""The policy of elasticity in a file: exported, applied, taken away, and what is wrong in it."""

from __future__ import annotations

from typing import Any

import pytest

from containers.ascode import applying, plans
from containers.ascode.source import Wrong
from containers.models import Calendar, ServiceEnvironment
from containers.scaling import services
from containers.scaling.models import ScalingPolicy
from tests.ascode.helpers import PRODUCTION, apply, drift_of, text_of
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db
POLICY: dict[str, Any] = {
    "least": 2, "most": 12, "loads": [{"metric": "cpu.percent", "target": 60.0}, {"metric": "app.x", "target": 2.5}],
    "market": [{"calendar": "sse", "anchor": "open", "minutes": -20, "instances": 12}],
    "week": [{"days": [0, 4], "at": "08:30", "instances": 3}], "zone": "Asia/Shanghai",
    "forecast": {"metric": "app.x", "weeks": 6, "minutes": 30, "margin": 5}, "window": 600, "dry": True,
}  # fmt: skip


@pytest.fixture(autouse=True)
def sse() -> Calendar:
    return Calendar.objects.create(slug="sse", title="Shanghai", zone="Asia/Shanghai")


def test_it_goes_round(place: Any, actor_sre: Any) -> None:
    services.save(actor_sre, place, POLICY)
    content = ScalingPolicy.objects.get().content
    text = text_of("Service", "snow")
    assert "scaling:" in text
    assert applying.preview(actor_sre, text, prune=True).count == 0
    services.remove(actor_sre, place)
    plan = applying.preview(actor_sre, text)
    assert {change.path[:3] for change in plan.targets[0].changes} == {("environments", "production", "scaling")}
    assert not ScalingPolicy.objects.exists(), "a look changes nothing"
    apply(actor_sre, text)
    assert ScalingPolicy.objects.get().content == content
    assert Event.objects.filter(action="service.scaling").count() == 3


def test_what_it_does_not_name_stays_and_null_takes_away(place: Any, actor_sre: Any) -> None:
    services.save(actor_sre, place, POLICY)
    apply(actor_sre, PRODUCTION + "    scaling: {most: 20, window: null, forecast: null}\n")
    content = ScalingPolicy.objects.get().content
    assert (content["most"], content["window"], content["forecast"], content["least"]) == (20, 300, None, 2)
    assert drift_of(place) == ()
    services.save(actor_sre, place, POLICY)
    assert [one.name for one in drift_of(place)] != []
    apply(actor_sre, PRODUCTION + "    scaling: {most: 4, loads: [{metric: cpu.percent, target: 50}]}\n", prune=True)
    content = ScalingPolicy.objects.get().content
    assert (content["least"], content["market"], content["dry"]) == (1, [], False)
    apply(actor_sre, PRODUCTION + "    branch: main\n", prune=True)
    assert ScalingPolicy.objects.exists(), "a block that is not in the file is left alone"
    apply(actor_sre, PRODUCTION + "    scaling: null\n")
    assert not ScalingPolicy.objects.exists()


def test_of_what_a_policy_scales_no_number_is_written_or_drifts(place: Any, actor_sre: Any) -> None:
    apply(actor_sre, PRODUCTION + "    instances: 2\n")
    services.save(actor_sre, place, POLICY | {"dry": False})
    ServiceEnvironment.objects.filter(pk=place.pk).update(wanted=7)
    assert "instances: 7" not in text_of("Service", "snow")
    assert drift_of(place) == ()
    plan = applying.preview(actor_sre, PRODUCTION + "    instances: 3\n")
    assert any("leave it out of the file" in words for words in plans.warnings_of(plan))
    services.save(actor_sre, place, POLICY)
    assert "instances: 7" in text_of("Service", "snow"), "a dry run scales nothing"
    assert [one.name for one in drift_of(place)] == ["environments.production.instances"]


@pytest.mark.parametrize(
    ("block", "where"),
    [
        ("{least: 9, most: 3, loads: [{metric: cpu.percent, target: 60}]}", "scaling.most"),
        ("{least: 1, most: 3, market: [{calendar: moon, anchor: open, instances: 2}]}", "scaling.market"),
        ("{least: 1}", "scaling.loads"),
        ("{least: x, most: 3}", "scaling.least"),
        ("{speed: 3}", "scaling.speed"),
        ("{loads: 5}", "scaling.loads"),
        ("{loads: [{metric: cpu.percent}]}", "scaling.loads"),
        ("{loads: [{metric: cpu.percent, target: .nan}]}", "scaling.loads"),
        ("{week: [{days: [9], at: 08:30, instances: 2}]}", "scaling.week"),
        ("[1]", "scaling"),
    ],
)
def test_what_cannot_be_is_told_with_its_line(place: Any, actor_sre: Any, block: str, where: str) -> None:
    with pytest.raises((Refused, Wrong)) as refused:
        applying.preview(actor_sre, PRODUCTION + f"    scaling: {block}\n")
    assert "Line 6" in str(refused.value) or "line 6" in str(refused.value)
    assert where in str(refused.value)
    assert not ScalingPolicy.objects.exists()


def test_it_needs_the_right_of_its_page(place: Any, actor_manager: Any) -> None:
    with pytest.raises(Denied):
        applying.preview(actor_manager, PRODUCTION + "    scaling: {least: 1, most: 3}\n")


def test_one_that_cannot_be_read_is_repaired_by_a_file(place: Any, actor_sre: Any) -> None:
    ScalingPolicy.objects.create(place=place, content=POLICY | {"zone": "Middle/Earth"})
    assert "Middle/Earth" in text_of("Service", "snow")
    apply(actor_sre, PRODUCTION + "    scaling: {zone: Europe/Berlin}\n")
    assert services.content_of(ScalingPolicy.objects.get())["zone"] == "Europe/Berlin"
