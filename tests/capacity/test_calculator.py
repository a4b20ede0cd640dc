"""The page and the API of the calculator, on a service whose load, CPU and memory were measured for a day."""

from __future__ import annotations

import io
import math
import random
import time

import pytest
from django.test import Client
from pypdf import PdfReader

from containers.capacity.load_readings import load_series, read, spread
from containers.models import ServiceEnvironment
from tests import factories
from xqplatform import metrics
from xqplatform.accounts.models import User
from xqplatform.audit.models import Event

MIB = 1024**2
PAGE = "/capacity/calculator/"
pytestmark = pytest.mark.django_db


def measured(place: ServiceEnvironment, hours: int = 24, slope: float = 0.004, level: float = 1.0) -> None:
    """A day's curve, each instance with its share of it; what the application tells comes in samples of its own."""
    rng, now = random.Random(7), time.time() - 60
    samples = []
    for one in place.instances.all():
        subject = f"instance:{one.pk}"
        for n in range(hours * 12):
            at = now - n * 300
            load = level * 400 * (0.15 + 0.85 * abs(math.sin(at / 86_400 * math.pi))) * rng.uniform(0.95, 1.05)
            cpu, memory = 0.2 + slope * load + rng.gauss(0, 0.02), (600 + 1.5 * load) * MIB
            samples.append(metrics.Sample(subject, at, {"cpu.cores": cpu, "memory.working_set": memory}))
            samples.append(metrics.Sample(subject, at + 1.3, {"app.requests.rate": load, "app.took_seconds.p95": 0.1}))
    metrics.write(samples)


@pytest.fixture
def place(settings: object) -> ServiceEnvironment:
    place = factories.make_running_place("snow", "production", 4)
    place.config = factories.make_config(place, {"cpus": 4, "memory": 8 << 30})
    place.current_config = place.config
    place.save()
    measured(place)
    return place


def test_it_reads_what_the_instances_told(place: ServiceEnvironment) -> None:
    assert load_series(place)[0] == "app.requests.rate"
    found = read(place, "app.requests.rate", 86_400)
    assert (found.instances, found.standing) == (4, 4)
    assert len(found.readings) > 200
    assert all(one.instances == 4 for one in found.readings[1:-1])
    assert spread(list(range(100)), 4) == [0, 25, 50, 75]


def test_the_page_says_how_many_instances_a_load_needs(client: Client, sre: User, place: ServiceEnvironment) -> None:
    client.force_login(sre)
    page = client.get(PAGE, {"place": "snow/production", "load": "12000", "range": "24h"})
    text = page.content.decode()
    assert page.status_code == 200
    need = page.context["found"].need
    assert need.count == pytest.approx(22, abs=1)  # 12,000 × 0.004 cores, and 0.2 of each
    assert f"/services/snow/production/scale/?wanted={need.safe}" in text
    assert "/services/snow/production/settings/?cpus=" in text
    assert page.context["found"].fit.adds == need.safe - 4
    assert "run-a1" in text
    assert text.count("<svg") >= 2


def test_the_settings_take_what_it_proposes(client: Client, sre: User, place: ServiceEnvironment) -> None:
    client.force_login(sre)
    page = client.get("/services/snow/production/settings/", {"cpus": "4.25", "memory": "1536m"})
    assert page.context["form"]["cpus"].value() == "4.25"
    assert page.context["form"]["memory"].value() == "1536m"
    assert place.configs.count() == 2  # nothing was saved


def test_it_goes_by_the_limits_that_there_are_to_the_byte(client: Client, sre: User, place: ServiceEnvironment) -> None:
    place.config = factories.make_config(place, {"cpus": 4, "memory": 1408 * MIB})
    place.save()
    client.force_login(sre)
    page = client.get(PAGE, {"place": "snow/production", "load": "100", "range": "24h"})
    assert page.context["form"]["memory"].value() == "1408m"
    assert page.context["found"].asked.memory == 1408 * MIB


def test_users_at_the_open_make_a_load(client: Client, sre: User, place: ServiceEnvironment) -> None:
    client.force_login(sre)
    asked = {"place": "snow/production", "users": "60000", "per_user": "0.2", "range": "24h"}
    assert client.get(PAGE, asked).context["found"].need.load == 12_000
    half = client.get(PAGE, asked | {"per_user": ""})
    assert half.status_code == 400
    assert "per_user" in half.context["form"].errors


def test_what_does_not_fit_is_said(client: Client, sre: User, place: ServiceEnvironment) -> None:
    client.force_login(sre)
    page = client.get(PAGE, {"place": "snow/production", "load": "90000", "range": "24h"})
    assert page.context["found"].fit.refusal
    assert "does not fit" in page.content.decode()


def test_a_service_that_tells_nothing_is_told_how(client: Client, sre: User) -> None:
    factories.make_running_place("mute", "production", 2)
    client.force_login(sre)
    page = client.get(PAGE, {"place": "mute/production"})
    assert page.status_code == 200
    assert "Prometheus" in page.content.decode()


def test_a_load_that_never_varied_is_refused_in_words(client: Client, sre: User) -> None:
    place = factories.make_running_place("calm", "production", 2)
    now = time.time()
    metrics.write(
        [
            metrics.Sample(
                f"instance:{one.pk}",
                now - n * 60 - 30,
                {"cpu.cores": 1.0, "memory.working_set": 1e9, "app.requests.rate": 100.0},
            )
            for one in place.instances.all()
            for n in range(50)
        ]
    )
    client.force_login(sre)
    page = client.get(PAGE, {"place": "calm/production", "range": "1h", "load": "500"})
    assert page.status_code == 200
    assert "never varied" in page.content.decode()


@pytest.mark.parametrize(
    "given",
    [
        {"load": "9" * 4300},
        {"load": "nan"},
        {"load": "-1"},
        {"load": "\x00"},
        {"target": "0"},
        {"target": "abc"},
        {"cpus": "1e400"},
        {"memory": "<b>lots</b>"},
        {"memory": "9" * 19 + "t"},
        {"range": "10y"},
        {"metric": "cpu.cores"},
        {"users": "1e12", "per_user": "1e6", "load": ""},
    ],
)
def test_nonsense_is_refused_beside_its_field(
    client: Client, sre: User, place: ServiceEnvironment, given: dict[str, str]
) -> None:
    client.force_login(sre)
    page = client.get(PAGE, {"place": "snow/production", "load": "100"} | given)
    assert page.status_code == 400
    assert set(page.context["form"].errors) & {*given}
    answer = client.get("/api/v1/capacity/calculator", {"place": "snow/production", "load": "100"} | given)
    assert answer.status_code in {400, 422}


@pytest.mark.parametrize("name", ["nobody/nowhere", "snow", "\x00", "<script>", "9" * 4300])
def test_a_place_that_is_not_there(client: Client, sre: User, name: str) -> None:
    client.force_login(sre)
    assert client.get(PAGE, {"place": name}).status_code == 400


def test_others_services_of_closed_teams_are_not_there(client: Client, place: ServiceEnvironment) -> None:
    team = place.service.team
    assert team is not None
    team.closed = True
    team.save()
    client.force_login(factories.make_user("stranger", "developer"))
    page = client.get(PAGE, {"place": "snow/production", "load": "1"})
    assert page.status_code == 400
    assert "snow/production</" not in page.content.decode()
    assert 'value="snow/production"></option>' not in page.content.decode()


def test_its_figures_can_be_taken_along(client: Client, sre: User, place: ServiceEnvironment) -> None:
    client.force_login(sre)
    taken = client.get(PAGE, {"place": "snow/production", "load": "12000", "range": "24h", "format": "csv"})
    text = b"".join(taken.streaming_content).decode()  # type: ignore[attr-defined]
    assert "Instances,22" in text
    assert Event.objects.filter(action="table.export").exists()


def test_the_api_says_the_same(client: Client, sre: User, place: ServiceEnvironment) -> None:
    client.force_login(sre)
    said = client.get(
        "/api/v1/capacity/calculator", {"place": "snow/production", "load": "12000", "range": "24h"}
    ).json()
    page = client.get(PAGE, {"place": "snow/production", "load": "12000", "range": "24h"})
    assert said["instances"]["likely"] == page.context["found"].need.count
    assert said["cpu"]["slope"] == pytest.approx(0.004, rel=0.05)
    assert said["fit"]["fits"]
    mute = factories.make_running_place("mute", "production", 2)
    assert client.get("/api/v1/capacity/calculator", {"place": str(mute)}).status_code == 409


def test_what_it_found_is_taken_along_as_pdf(client: Client, sre: User, place: ServiceEnvironment) -> None:
    client.force_login(sre)
    asked = {"place": "snow/production", "load": "12000", "range": "24h"}
    need = client.get(PAGE, asked).context["found"].need
    answer = client.get(PAGE, asked | {"format": "pdf"})
    text = " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages).split())
    for words in (
        "snow/production",
        "app.requests.rate",
        f"{need.safe - 4} are added to the 4",
        "run-a1",
        "Expected load 12 k",
    ):
        assert words in text, words
    event = Event.objects.get(action="table.export")
    assert event.object_name == "calculator-snow.pdf"
    far = client.get(PAGE, asked | {"load": "90000", "format": "pdf"})
    assert far.content.startswith(b"%PDF")
    assert client.get(PAGE, asked | {"format": "xls"}).status_code == 400
