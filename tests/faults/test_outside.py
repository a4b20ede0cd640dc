"""On real engines: what a person does by the docker command is in the audit log, and a release at the same time is not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from containers.models import Container
from hosts.models import Ear
from hosts.watch import WATCH
from tests.faults.conftest import Site, wait_for
from xqplatform.audit.models import Event

pytestmark = pytest.mark.engine


@pytest.fixture(autouse=True)
def heard(settings: Any) -> Iterator[None]:
    settings.HEAR_OUTSIDE = True
    yield
    WATCH.stop()


def told() -> list[tuple[str, str]]:
    rows = Event.objects.filter(action__startswith="outside.").order_by("pk")
    return [(row.action.removeprefix("outside."), row.parent_id) for row in rows]


def test_a_person_by_the_docker_command_is_four_events_and_a_release_is_none(site: Site, enqueued: Any) -> None:
    site.place.wanted = 2
    site.place.save()
    foreign, _newer = site.image("v1"), site.image("v2")  # the tests build them past the platform
    enqueued.start(threads=4)
    WATCH.start()
    wait_for("all hosts are listened to", lambda: Ear.objects.count() == len(site.hosts))
    first = site.deploy("v1")
    site.begin(first)
    site.ended(first, "succeeded")
    victim, other = Container.objects.filter(ended=None).order_by("instance__number")
    host = next(one for one in site.fleet.hosts if one.name == victim.host.name)

    row = site.deploy("v2", batch=1, order="stop-first")
    site.begin(row)
    with contextlib.closing(host.local_client()) as client:
        made = client.create_container(foreign.image_id, name="by-hand", command=["sleep", "99"])
        client.remove_container(made["Id"])
    site.ended(row, "succeeded")
    wait_for("what was made by hand is told", lambda: len(told()) >= 2)
    assert told() == [("create", ""), ("remove", "")], list(Event.objects.values_list("action", "after"))

    victim = Container.objects.get(instance=victim.instance, ended=None)
    with contextlib.closing(host.local_client()) as client:
        run = client.exec_create(victim.engine_id, ["true"])
        client.exec_start(run["Id"])
        client.stop(victim.engine_id, timeout=0)
        client.rename(victim.engine_id, "taken-away")
        client.remove_container(victim.engine_id)
    wait_for("four deeds are told", lambda: len(told()) >= 6, 60)
    mine = str(victim.instance_id)
    assert sorted(told()[2:]) == sorted((deed, mine) for deed in ("exec", "stop", "rename", "remove"))
    assert Event.objects.get(action="outside.exec").after["detail"] == "true"  # type: ignore[index]
    assert other.instance_id not in {int(parent or 0) for _deed, parent in told()}
