"""The scorecard from rows: weeks are counted and added up, and a reader sees what may be seen."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pypdf import PdfReader

from containers.capacity import score_weeks, scoring
from containers.capacity.models import ScoreWeek
from containers.capacity.scoring import COUNTS, Tally
from containers.models import Deployment, ServiceEnvironment
from tests import factories
from xqplatform.alerts.models import Alert
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)  # a Friday
PAGE = "/capacity/scorecard/"


def release(place: ServiceEnvironment, ended: datetime, state: str = "succeeded", **more: Any) -> Deployment:
    image = more.pop("image", None) or factories.make_image(place.service.project)
    image.build.commit_time = more.pop("commit", ended - timedelta(hours=6))
    image.build.save()
    times = {"started": ended - timedelta(minutes=10), "finished": ended}
    return factories.make_deployment(place, state, image=image, **times | more)


def alert(place: ServiceEnvironment, began: datetime, resolved: datetime | None, **more: Any) -> Alert:
    fields = {
        "rule_name": "Instance unhealthy", "severity": "critical", "subject": "instance:1", "name": "x",
        "service": place.service.slug, "environment": place.environment.slug,
        "state": "resolved" if resolved else "firing", "started": began, "since": began,
        "fired": began + timedelta(minutes=1), "resolved": resolved, "seen": resolved or NOW,
    }  # fmt: skip
    return Alert.objects.create(**fields | more)


@pytest.fixture
def place(team: Any) -> ServiceEnvironment:
    return factories.make_place(factories.make_service("flake", team))


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def test_weeks_are_counted_and_shown(client: Client, developer: Any, place: ServiceEnvironment, frozen: None) -> None:
    release(place, NOW - timedelta(days=16))
    good = release(place, NOW - timedelta(days=9))
    bad = release(place, NOW - timedelta(days=2), "rolled_back")
    factories.make_deployment(place, kind="scale", finished=NOW)  # no release
    assert [str(one) for one in score_weeks.count(NOW)] == ["2026-11-09", "2026-11-16", "2026-11-23"]
    client.force_login(developer)
    page = client.get(PAGE, {"weeks": "4"}).content.decode()
    assert "flake" in page
    assert "0.5" in page  # two in four weeks
    assert "33.3 %" in page
    assert "6 h" in page
    assert "10 min" in page  # restored by its own rollback
    detail = client.get(f"{PAGE}flake/", {"weeks": "4"}).content.decode()
    assert f"/releases/{good.pk}/" in detail
    assert f"/releases/{bad.pk}/" in detail
    assert "change failure" in detail


def test_no_releases_are_no_zero(client: Client, developer: Any, place: ServiceEnvironment, frozen: None) -> None:
    client.force_login(developer)
    for address in (PAGE, f"{PAGE}flake/"):
        page = client.get(address)
        assert page.status_code == 200
        assert "no releases" in page.content.decode().lower()
    release(place, NOW - timedelta(days=100))  # before the range: something to compare with, nothing in it
    score_weeks.count(NOW)
    assert "no releases" in client.get(PAGE).content.decode()


def test_an_alert_after_a_release_and_a_way_back(place: ServiceEnvironment) -> None:
    first = release(place, NOW - timedelta(hours=9))
    release(place, NOW - timedelta(hours=8), old_image=first.image)
    release(place, NOW - timedelta(hours=7), image=first.image)
    noisy = release(place, NOW - timedelta(hours=3))
    alert(place, NOW - timedelta(hours=2, minutes=50), NOW - timedelta(hours=2))
    alert(place, NOW - timedelta(hours=2, minutes=50), None, severity="warning")
    alert(place, NOW - timedelta(hours=2, minutes=50), None, subject="place:1")  # «break-glass used» is no outage
    score_weeks.count(NOW)
    tally = Tally()
    scoring.add_packed(ScoreWeek.objects.get(week="2026-11-23").tallies, {place.pk: tally})
    assert [getattr(tally, name) for name in COUNTS] == [3, 0, 0, 0, 1, 1, 2, 0]
    assert sorted(tally.restores) == [50 * 60, 60 * 60]
    assert noisy.pk


def test_what_is_settled_is_not_counted_again_and_what_is_open_is(place: ServiceEnvironment) -> None:
    release(place, NOW - timedelta(days=30))
    release(place, NOW - timedelta(days=20), "failed")
    assert len(score_weeks.count(NOW)) == 5
    assert [str(one) for one in score_weeks.count(NOW)] == ["2026-11-02", "2026-11-23"]  # not restored, and under way
    release(place, NOW - timedelta(days=1))
    score_weeks.count(NOW)
    restored = ScoreWeek.objects.get(week="2026-11-02").tallies
    assert restored["open"] == [0]
    assert restored["restores"] == [19 * 86400 + 600]
    assert [str(one) for one in score_weeks.count(NOW)] == ["2026-11-23"]
    # Weeks of which nobody counted anything while the platform was away are made up for.
    ScoreWeek.objects.filter(week="2026-11-09").delete()
    assert "2026-11-09" in [str(one) for one in score_weeks.count(NOW)]


def test_a_closed_team_is_not_there_for_others(client: Client, developer: Any, manager: Any, frozen: None) -> None:
    closed = factories.make_team("rime")
    closed.closed = True
    closed.save()
    place = factories.make_place(factories.make_service("secretive", closed))
    release(place, NOW - timedelta(days=2))
    score_weeks.count(NOW)
    client.force_login(developer)
    assert "secretive" not in client.get(PAGE).content.decode()
    assert "rime" not in client.get(PAGE).content.decode()
    assert client.get(f"{PAGE}secretive/").status_code == 404
    client.force_login(manager)
    assert "secretive" in client.get(PAGE).content.decode()


def test_only_production_unless_somebody_asks_otherwise(
    client: Client, developer: Any, place: ServiceEnvironment, frozen: None
) -> None:
    elsewhere = factories.make_place(place.service, "grey")
    release(elsewhere, NOW - timedelta(days=2))
    score_weeks.count(NOW)
    client.force_login(developer)
    assert "100 %" not in client.get(PAGE).content.decode()
    assert "100 %" in client.get(PAGE, {"environment": "grey"}).content.decode()


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"weeks": "9" * 4300}, 400), ({"weeks": "5"}, 400), ({"environment": "nowhere"}, 404), ({"q": "a\0b"}, 400),
        ({"team": "<b>"}, 200), ({"page": "9" * 400}, 200), ({"sort": "nonsense"}, 200), ({"sort": "-lead"}, 200),
    ],
)  # fmt: skip
def test_nonsense(client: Client, developer: Any, place: ServiceEnvironment, asked: dict[str, str], code: int) -> None:
    client.force_login(developer)
    assert client.get(PAGE, asked).status_code == code
    assert client.get(PAGE, asked | {"format": "csv"}).status_code == code
    assert client.get(f"{PAGE}flake/", asked).status_code == code


def test_the_csv_has_numbers_and_is_an_event(
    client: Client, developer: Any, place: ServiceEnvironment, frozen: None
) -> None:
    release(place, NOW - timedelta(days=2))
    score_weeks.count(NOW)
    client.force_login(developer)
    lines = b"".join(client.get(PAGE, {"format": "csv"})).decode().splitlines()  # type: ignore[arg-type]
    assert [line.split(",")[:4] for line in lines[1:]] == [
        ["All", "", "", "1"], ["Team", "Snow", "", "1"], ["Service", "flake", "Snow", "1"],
    ]  # fmt: skip
    assert Event.objects.get(action="table.export").after["rows"] == 3


def test_the_pdf_is_readable_and_an_event(
    client: Client, developer: Any, place: ServiceEnvironment, frozen: None
) -> None:
    release(place, NOW - timedelta(days=2))
    score_weeks.count(NOW)
    client.force_login(developer)
    answer = client.get(PAGE, {"format": "pdf"})
    assert answer["Content-Type"] == "application/pdf"
    words = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
    for word in ("flake", "Snow", "Change failure rate", "page 2 of 2"):
        assert word in words
    assert Event.objects.get(action="table.export").object_name.endswith(".pdf")


def test_numbers_lead_to_the_releases_they_count(
    client: Client, developer: Any, place: ServiceEnvironment, frozen: None
) -> None:
    first = release(place, NOW - timedelta(days=16))
    bad = release(place, NOW - timedelta(days=9), "failed")
    back = release(place, NOW - timedelta(days=9) + timedelta(hours=1), image=first.image)
    good = release(place, NOW - timedelta(days=2))
    Deployment.objects.filter(pk=bad.pk).update(old_image=first.image)
    score_weeks.count(NOW)
    client.force_login(developer)
    assert (
        "/capacity/scorecard/flake/?weeks=4&amp;counts=failure#releases"
        in client.get(PAGE, {"weeks": "4"}).content.decode()
    )

    def listed(**asked: str) -> list[int]:
        page = client.get(f"{PAGE}flake/", {"weeks": "4"} | asked)
        return [row.deployment.pk for row in page.context["rows"]]

    assert listed() == [good.pk, back.pk, bad.pk, first.pk]
    assert listed(counts="succeeded") == [good.pk, first.pk]
    assert listed(counts="failure") == listed(counts="restored") == [bad.pk]
    assert listed(counts="way_back") == [back.pk]
    assert listed(week="2026-11-16") == [back.pk, bad.pk]
    assert listed(week="2026-11-23", counts="failure") == []
    assert listed(week="x" * 500, counts="<b>") == [good.pk, back.pk, bad.pk, first.pk]
    lines = b"".join(client.get(f"{PAGE}flake/", {"weeks": "4", "format": "csv"})).decode().splitlines()  # type: ignore[arg-type]
    assert [line.split(",")[3] for line in lines[1:]] == ["good", "way_back", "failure", "good"]
    assert client.get(f"{PAGE}flake/", {"format": "xls"}).status_code == 400
    answer = client.get(f"{PAGE}flake/", {"weeks": "4", "format": "pdf"})
    words = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
    for word in ("flake", "2026-W47", "Change failures", "Production", "Error budget"):
        assert word in words
    page = client.get(f"{PAGE}flake/", {"weeks": "4"}).content.decode()
    assert "?weeks=4&amp;week=2026-11-16&amp;counts=failed#releases" in page
    assert "kind=deploy&amp;from=2026-11-02&amp;to=2026-11-29" in page
