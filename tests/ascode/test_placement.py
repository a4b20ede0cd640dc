"""Rules of placement in files: exported, applied, taken away, and naming services that the same file makes."""

from __future__ import annotations

from typing import Any

import pytest

from containers.ascode import applying
from containers.ascode.source import Wrong
from containers.models import Environment, ServiceEnvironment
from containers.services import catalog
from tests.ascode.helpers import PRODUCTION, apply, drift_of, text_of
from xqplatform.audit.models import Event
from xqplatform.errors import Refused

pytestmark = pytest.mark.django_db
RULES = {"pack": True, "per_host": 2, "avoid": ["snow"], "labels": ["disk=ssd"], "unlabels": ["old"]}


def of(slug: str, environment: str = "production") -> Any:
    return ServiceEnvironment.objects.get(service__slug=slug, environment__slug=environment).placement


def test_what_pages_set_is_exported_and_comes_back(actor_sre: Any, place: Any) -> None:
    catalog.change_place(actor_sre, place, {"placement": RULES})
    environment = Environment.objects.get(slug="production")
    catalog.save_environment(actor_sre, environment, {"placement": {"rooms": True, "per_room": 3}})
    texts = text_of("Service", "snow"), text_of("Environment", "production")
    assert "per_host: 2" in texts[0]
    assert "per_room: 3" in texts[1]
    assert applying.preview(actor_sre, "---\n".join(texts), prune=True).count == 0
    catalog.change_place(actor_sre, place, {"placement": {}})
    catalog.save_environment(actor_sre, environment, {"placement": {"pack": True}})
    apply(actor_sre, "---\n".join(texts), prune=True)
    assert of("snow") == RULES
    environment.refresh_from_db()
    assert environment.placement == {"rooms": True, "per_room": 3}
    event = Event.objects.filter(action="service.change").order_by("-id").first()
    assert event is not None
    assert event.after["placement"] == RULES


def test_what_is_not_named_stays_and_null_takes_it_away(actor_sre: Any, place: Any) -> None:
    catalog.change_place(actor_sre, place, {"placement": RULES})
    text = PRODUCTION + "    placement: {pack: null, rooms: true}\n"
    apply(actor_sre, text)
    assert of("snow") == {key: one for key, one in RULES.items() if key != "pack"} | {"rooms": True}
    assert not drift_of(place)
    place.refresh_from_db()
    catalog.change_place(actor_sre, place, {"placement": {"rooms": False}})
    assert [one.name for one in drift_of(place)] == ["environments.production.placement.rooms"]
    apply(actor_sre, PRODUCTION + "    placement: {labels: [gpu]}\n", prune=True)
    assert of("snow") == {"labels": ["gpu"]}
    apply(actor_sre, PRODUCTION + "    placement: null\n")
    assert of("snow") == {}


def test_services_of_one_file_may_speak_of_one_another(actor_sre: Any, place: Any) -> None:
    one = "apiVersion: xqplatform/v1\nkind: {kind}\nname: {name}\n"
    service = one + "environments:\n  lab:\n    placement: {{avoid: [{other}]}}\n"
    text = service.format(kind="Service", name="rain", other="hail") + "---\n"
    text += service.format(kind="Service", name="hail", other="rain") + "---\n"
    text += one.format(kind="Environment", name="lab") + "placement: {avoid: [hail]}\n"
    apply(actor_sre, text)
    assert (of("rain", "lab"), of("hail", "lab")) == ({"avoid": ["hail"]}, {"avoid": ["rain"]})
    assert Environment.objects.get(slug="lab").placement == {"avoid": ["hail"]}
    assert applying.preview(actor_sre, text, prune=True).count == 0


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("{spread: true}", r"line 6, environments\.production\.placement\.spread: There is no field"),
        ("{per_host: many}", r"line 6, environments\.production\.placement\.per_host: A whole number"),
        ("{labels: [a b]}", r"placement\.labels: «a b» is no label"),
        ("[1]", r"placement: It must be an object"),
    ],
)
def test_nonsense_is_told_with_its_line(actor_sre: Any, place: Any, rules: str, words: str) -> None:
    with pytest.raises(Wrong, match=words):
        applying.preview(actor_sre, PRODUCTION + f"    placement: {rules}\n")


def test_an_unknown_service_is_told_with_its_line(actor_sre: Any, place: Any) -> None:
    words = r"line 6, snow\.environments\.production\.placement\.avoid: There is no service «nobody»"
    with pytest.raises(Refused, match=words):
        applying.preview(actor_sre, PRODUCTION + "    placement: {avoid: [nobody]}\n")
