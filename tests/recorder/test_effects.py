"""What a release changed: means of its instances before and after, and the alerts that fired meanwhile."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from containers.models import Deployment
from containers.recorder.effects import Change, Times, alerts_of, changes_of
from tests import factories
from xqplatform import metrics
from xqplatform.alerts.models import Alert
from xqplatform.metrics import Sample


def test_a_change_in_percent() -> None:
    assert Change("cpu", "cores", 0.5, 0.75).percent == 50
    assert Change("cpu", "cores", None, 1.0).percent is None
    assert Change("cpu", "cores", 0.0, 1.0).percent is None


def test_the_time_after_ends_now() -> None:
    times = Times(1000.0, 1100.0, 1160.0)
    assert times.after == (1100.0, 1160.0)
    assert times.before == (100.0, 1000.0)
    assert times.measured == 60.0


@pytest.fixture
def release() -> Deployment:
    place = factories.make_running_place()
    now = time.time()
    begin, end = (datetime.fromtimestamp(now - n, UTC) for n in (700, 600))
    row = factories.make_deployment(place)
    Deployment.objects.filter(pk=row.pk).update(started=begin, finished=end)
    row.refresh_from_db()
    instance = place.instances.all()[0]
    factories.make_step(row, instance)
    subject = f"instance:{instance.pk}"
    for moments, cpu, rate in ((range(1300, 720, -20), 1.0, 10.0), (range(580, 20, -20), 3.0, 5.0)):
        metrics.write([Sample(subject, now - n, {"cpu.cores": cpu, "app.rate": rate}) for n in moments])
    return row


def alert(subject: str, fired: datetime | None, name: str) -> Alert:
    moment = fired or datetime.now(UTC)
    return Alert.objects.create(
        rule_name=name, severity="warning", subject=subject, name="x", state="firing", started=moment, since=moment,
        seen=moment, fired=fired,
    )  # fmt: skip


@pytest.mark.django_db
def test_means_before_and_after(release: Deployment) -> None:
    found = {one.name: one for one in changes_of(release, time.time())}
    cpu = next(one for one in found.values() if one.unit == "cores")
    assert (cpu.before, cpu.after, cpu.percent) == (1.0, 3.0, 200)
    assert (found["rate"].before, found["rate"].after) == (10.0, 5.0)


@pytest.mark.django_db
def test_only_alerts_of_its_time_and_its_subjects(release: Deployment) -> None:
    step = release.steps.get()
    assert release.started is not None
    during, before = release.started + timedelta(seconds=10), release.started - timedelta(seconds=10)
    alert(f"instance:{step.instance_id}", during, "mine")
    alert(f"host:{step.instance.host_id}", during, "host")
    alert(f"instance:{step.instance_id}", before, "earlier")
    alert(f"instance:{step.instance_id}", None, "never fired")
    alert("instance:999999", during, "stranger")
    assert [one.rule_name for one in alerts_of(release)] == ["mine", "host"]


@pytest.mark.django_db
def test_its_page(release: Deployment, client: Client) -> None:
    client.force_login(factories.make_user("mona", "manager"))
    answer = client.get(reverse("containers:release_metrics", args=[release.pk]))
    text = b"".join(answer.streaming_content).decode()
    assert "+200 %" in text
    assert "None fired on its instances and hosts." in text
    assert client.get(f"/api/v1/deployments/{release.pk}/effects").json()["changes"][0]["percent"] == 200
