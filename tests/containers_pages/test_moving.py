"""Pages of moves and drains: a plan first, what cannot move with its reason, and the click that does it."""

from __future__ import annotations

from typing import Any

import pytest

from containers.models import Container, Deployment, Drain
from containers.services import drains, moves
from hosts.models import Host
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User


@pytest.fixture
def host(place: Any, settings: Any) -> Host:
    """A host on which some of «snow» stands; its image is in a registry."""
    from builds.models import Image, Registry

    registry = Registry.objects.create(name="main", address="127.0.0.1:9")
    Image.objects.update(registry=registry, digest="sha256:1")
    return place.instances.order_by("number")[0].host


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def test_ticked_instances_are_shown_where_they_would_go_and_go(sara: Any, place: Any, host: Host) -> None:
    here = "/services/snow/production/"
    page = sara.post(f"{here}act/", {"do": "move", "instances": ["1", "2"]})
    assert page.status_code == 302
    assert page["Location"] == f"{here}move/?instances=1&instances=2"
    shown = text(sara.get(page["Location"]))
    assert "Move 2 instances" in shown
    assert "at a time" in shown
    one = place.instances.get(number=1)
    refused = sara.post(f"{here}move/", {"instances": ["1"], "host": one.host.name})
    assert refused.status_code == 400
    assert "stands there already" in text(refused)
    done = sara.post(f"{here}move/", {"instances": ["1"], "reason": "fan"})
    row = Deployment.objects.get(kind="move")
    assert done["Location"] == f"/releases/{row.pk}/"
    step = row.steps.get()
    assert step.old_host is not None
    assert step.host is not None
    release = text(sara.get(done["Location"]))
    assert f"{step.old_host.name}" in release
    assert f"{step.host.name}" in release
    assert "fan" in release


def test_data_is_named_and_left_only_on_purpose(sara: Any, place: Any, host: Host) -> None:
    config = place.config
    config.content = {**config.content, "persist": True}
    config.save()
    Container.objects.update(config=config)
    move = "/services/snow/production/move/?instances=1"
    assert "has data on" in text(sara.get(move))
    assert "has data on" not in text(sara.get(f"{move}&with_data=on"))


def test_a_host_is_drained_from_its_page(sara: Any, place: Any, host: Host) -> None:
    assert f"/hosts/{host.name}/drain/" in text(sara.get(f"/hosts/{host.name}/"))
    shown = text(sara.get(f"/hosts/{host.name}/drain/"))
    assert "Moves 2 instances of 1 service." in shown or "Moves 1 instance of 1 service." in shown
    assert sara.post(f"/hosts/{host.name}/drain/", {"reason": "disk"}).status_code == 302
    row = Drain.objects.get()
    drains.advance(row.pk)
    page = text(sara.get(f"/hosts/{host.name}/"))
    assert f"Drain: 0 of {row.total} moved" in page
    assert "«disk»" in page
    assert sara.get(f"/hosts/{host.name}/drain/").status_code == 302
    sara.post(f"/hosts/{host.name}/drain/cancel/")
    row.refresh_from_db()
    assert row.state == "cancelled"
    host.refresh_from_db()
    assert (host.draining, host.cordoned) == (False, True)


def test_a_lost_host_asks_for_its_name(sara: Any, place: Any, host: Host) -> None:
    Host.objects.filter(pk=host.pk).update(state="unreachable")
    address = f"/hosts/{host.name}/drain/"
    assert "cannot be reached" in text(sara.get(address))
    assert sara.post(address, {"fence": "yes"}).status_code == 400
    assert sara.post(address, {"fence": host.name}).status_code == 302
    assert Drain.objects.get().fenced


def test_the_api_drains_and_tells_how_far(sara: Any, place: Any, host: Host) -> None:
    from xqplatform.accounts.models import Token

    raw = Token.make(User.objects.get(username="sara"), "test")[1]
    headers = {"Authorization": f"Bearer {raw}"}
    base = "/api/v1"
    body = {"instances": [1]}
    plan = sara.post(
        f"{base}/services/snow/production/instances/move/preview", body, "application/json", headers=headers
    )
    assert plan.json()["fits"]
    begun = sara.post(f"{base}/hosts/{host.name}/drain", {"reason": "disk"}, "application/json", headers=headers)
    assert begun.status_code == 202
    again = sara.post(f"{base}/hosts/{host.name}/drain", {}, "application/json", headers=headers)
    assert again.status_code == 409
    drains.advance(Drain.objects.get().pk)
    shown = sara.get(f"{base}/hosts/{host.name}/drain", headers=headers).json()
    assert shown["left"] == shown["total"]
    assert len(shown["moving"]) == 1
    ended = sara.post(f"{base}/hosts/{host.name}/cancel-drain", {}, "application/json", headers=headers)
    assert ended.json()["state"] == "cancelled"


def test_who_reads_sees_why_but_no_buttons(as_: Any, place: Any, host: Host) -> None:
    sre = as_("sara")
    row = drains.drain(Actor.person(User.objects.get(username="sara")), host, "disk")
    drains.advance(row.pk)
    release = text(sre.get(f"/releases/{row.deployments.get().pk}/"))
    assert f"the drain of {host.name}" in release
    moved = row.deployments.get().steps.first()
    assert moved is not None
    assert f"{host.name} → {moved.host}" in text(sre.get(f"/instances/{moved.instance_id}/"))
    Drain.objects.update(blocked=[{"place": "snow/production", "number": 1, "why": "no room for it"}])
    assert "no room for it" in text(sre.get("/"))
    manager = as_("mia")
    page = text(manager.get(f"/hosts/{host.name}/"))
    assert "Drain: 0 of" in page
    assert "Cancel the drain" not in page


def test_a_stranded_instance_is_said_in_one_sentence_with_the_button(as_: Any, place: Any, host: Host) -> None:
    sre, one = as_("sara"), place.instances.select_related("host").get(number=1)
    new = Host.objects.exclude(pk=one.host_id).filter(name__startswith="run")[0]
    row = moves.move(Actor.person(User.objects.get(username="sara")), place, [1], with_data=True)
    row.steps.update(state="undo_fail", host=new, reason="Whether it runs there is not known.")
    Deployment.objects.filter(pk=row.pk).update(state="failed")
    place.instances.filter(number=1).update(host=new)
    page = f"/releases/{row.pk}/"
    assert "may still run on" not in text(sre.get(page)), "it can be reached: its own page says what it does"
    Host.objects.filter(pk=new.pk).update(state="unreachable")
    shown = text(sre.get(page))
    assert f"make sure that {new.name} is off, then start it on {one.host.name} again" in shown
    link = f"/services/snow/production/move/?instances=1&amp;host={one.host.name}"
    assert link in shown
    assert f"{new.name} cannot be reached" in text(sre.get(link.replace("&amp;", "&")))
    other = text(as_("dan").get(page))
    assert "may still run on" in other
    assert link not in other
