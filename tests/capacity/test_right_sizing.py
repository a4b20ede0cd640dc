"""What every place could have: seen by whom it may be, with its evidence; taken into settings as a new version, or refused in words."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from django.test import Client
from pypdf import PdfReader

from containers.capacity import resizing, sizes
from containers.capacity.resizing import Shown
from containers.capacity.rightsizing import Limits, Mark, Wish
from containers.config import Config
from containers.models import ConfigVersion, Deployment
from containers.services.settings import save_config
from tests import factories
from tests.capacity.size_data import GIB, make_days
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db
PAGE, APPLY = "/capacity/right-sizing/", "/capacity/right-sizing/apply/"
FITTING = Limits(0.65, 1408 << 20)


def make_place(slug: str, team: Any, environment: str = "production", **limits: Any) -> Any:
    place = factories.make_running_place(slug, environment, 4, team=team)
    content = Config(**limits).to_json()
    place.config = place.current_config = factories.make_config(place, content)
    place.save()
    return place


@pytest.fixture
def snow(team: Any) -> Any:
    place = make_place("snow", team)
    make_days(place)
    return place


def only(actor: Actor, **wish: Any) -> sizes.Size:
    (found,) = sizes.of_actor(actor, Wish(**wish))
    return found


def shown(place: Any, limits: Limits = FITTING) -> Shown:
    place.config.refresh_from_db()
    return Shown(place.pk, place.config.version, limits)


def test_a_place_with_too_much_is_told_with_its_numbers(client: Client, sre: Any, snow: Any) -> None:
    client.force_login(sre)
    text = " ".join(client.get(PAGE).content.decode().split())
    assert "The busiest instance used 0.5 cores of 4 cores (p99) and at most 1.2 GiB of 8 GiB." in text
    assert "→ <b>0.65 cores</b>" in text
    assert "<b>13.4 cores</b>" in text  # freed over four instances
    assert "On none of 30 days CPU&#x27;s p99 or the highest memory was above." in text
    for odd in ("?days=9999", "?headroom=x", f"?page={'9' * 5000}", "?sort=no&state=no&team=%00", "?q=%3Cscript%3E"):
        assert client.get(PAGE + odd).status_code == 200
    assert "Nothing like that" in client.get(f"{PAGE}?q=ice").content.decode()
    assert client.get(f"{PAGE}?format=xls").status_code == 400


def test_it_is_taken_along_as_pdf(client: Client, sre: Any, snow: Any) -> None:
    client.force_login(sre)
    assert "format=pdf" in client.get(PAGE).content.decode()
    answer = client.get(f"{PAGE}?days=14&format=pdf")
    text = " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages).split())
    for words in (
        "13.4 cores",
        "snow/production",
        "4 cores → 0.65 cores",
        "in the 14 days up to",
        "never proposed below",
    ):
        assert words in text, words
    assert Event.objects.get(action="table.export").object_name.startswith("right-sizing-")
    assert client.get(f"{PAGE}?q=nothing&format=pdf").content.startswith(b"%PDF")


def test_one_click_makes_a_version_of_the_settings(client: Client, sre: Any, snow: Any) -> None:
    client.force_login(sre)
    page = client.get(PAGE).content.decode()
    assert f'form="apply-one" name="place" value="{snow.pk}"' in page
    (shown,) = re.findall(rf'name="shown-{snow.pk}" value="([^"]+)"', page)
    answer = client.post(APPLY, {"place": snow.pk, f"shown-{snow.pk}": shown})
    assert answer.status_code == 302
    saved = ConfigVersion.objects.latest("pk")
    assert (saved.place, saved.content["cpus"], saved.content["memory"]) == (snow, FITTING.cpus, FITTING.memory)
    assert not Deployment.objects.filter(state__in=Deployment.ACTIVE).exists()  # nothing is restarted
    assert (
        client.post(APPLY, {"place": snow.pk, f"shown-{snow.pk}": shown}).status_code == 409
    )  # seen is not what there is


def test_states_have_their_evidence_and_are_filtered_by(client: Client, sre: Any, team: Any, snow: Any) -> None:
    for slug, fields in {
        "idle": {"cpu_one_p99": 0.001},
        "cut": {"cpu_one_p99": 3.9, "throttled": 0.2},
        "killed": {"memory_one_max": 8 * GIB, "oom_kills": 1},
    }.items():
        make_days(make_place(slug, team), **fields)
    make_days(make_place("young", team), count=2)
    make_place("unmeasured", team)
    found = {one.service: one.advice for one in sizes.of_actor(Actor.system(), Wish())}
    assert found["killed"].mark == Mark.OOM
    assert found["cut"].marks == (Mark.THROTTLED, Mark.WIDE)
    assert found["idle"].mark == Mark.IDLE
    assert {found["young"].mark, found["unmeasured"].mark} == {Mark.SHORT}
    client.force_login(sre)
    for state, words in {
        "oom": "The kernel killed 30 times within 30 days for lack of memory, at 8 GiB.",
        "throttled": "CPU was held back in 20 % of the time, at 4 cores.",
        "idle": "On each of 30 days every instance used less than 0.01 cores for 99 % of the time (p99: 0.001 cores).",
        "short": "2 of the last 30 days were measured; at least 5 are needed.",
    }.items():
        text = client.get(f"{PAGE}?state={state}&environment=production&team=snow").content.decode()
        assert words in text, state
        assert ">snow</a>" not in text


def test_what_smaller_limits_cut_off_tells_nothing_of_these(team: Any) -> None:
    place = make_place("snow", team)
    make_days(place, 20, last=1)
    make_days(place, 10, last=21, memory_limit=8 * GIB, cpus_limit=4.0, oom_kills=2, throttled=0.9, cpu_one_p99=1.0)
    one = only(Actor.system())
    assert (one.past.ooms, one.past.throttled, one.past.days) == (0, 0.0, 30)
    assert one.past.cpu == 1.0


def test_risk_is_told_by_days_beyond_the_range(team: Any) -> None:
    place = make_place("snow", team)
    make_days(place, 14, last=1)
    make_days(place, 3, last=40, memory_one_max=3 * GIB, cpu_one_p99=2.0)
    one = only(Actor.system(), days=14)
    risk = sizes.risks([one])[place.pk]
    assert (risk.days, risk.cpu, risk.memory, risk.killed, risk.level) == (17, 3, 0, 3, "high")


def test_closed_teams_are_nobody_elses(client: Client, developer: Any, snow: Any) -> None:
    other = Team.objects.create(slug="ice", title="Ice", closed=True)
    hidden = make_place("glacier", other)
    make_days(hidden)
    client.force_login(developer)
    assert "glacier" not in client.get(PAGE).content.decode()
    assert "glacier" not in client.get(f"{APPLY}?place={hidden.pk}").content.decode()
    assert client.get("/api/v1/capacity/right-sizing").json()["count"] == 1
    refused = client.post(APPLY, {"place": hidden.pk, f"shown-{hidden.pk}": f"2 0.65 {FITTING.memory}"})
    assert refused.status_code == 404
    assert hidden.configs.count() == 2


def test_one_click_is_a_new_version_with_its_reason(client: Client, sre: Any, snow: Any) -> None:
    client.force_login(sre)
    page = " ".join(client.get(f"{APPLY}?place={snow.pk}&days=30").content.decode().split())
    assert "1 place gets a new version of its settings." in page
    assert "13.4 cores and 26.5 GiB become free." in page
    sent = {"place": snow.pk, f"shown-{snow.pk}": f"{snow.config.version} 0.65 {FITTING.memory}", "days": "30"}
    assert f'value="{sent[f"shown-{snow.pk}"]}"' in page
    answer = client.post(APPLY, sent, follow=True)
    assert "1 place has new settings." in answer.content.decode()
    snow.refresh_from_db()
    assert (snow.config.content["cpus"], snow.config.content["memory"]) == (0.65, FITTING.memory)
    assert snow.config.reason == (
        "right-sizing: 4 cores and 8 GiB → 0.65 cores and 1.38 GiB; p99 of 30 days: 0.5 cores and 1 GiB, highest memory 1.2 GiB"
    )
    event = Event.objects.get(action="service.config")
    assert (event.before, event.reason) == ({"cpus": 4.0, "memory": 8 * GIB}, snow.config.reason)
    assert "Settings of version 3 wait for a release." in client.get(PAGE).content.decode()
    again = client.post(APPLY, sent)
    assert again.status_code == 409
    assert "Nothing is proposed for it: its limits fit." in again.content.decode()


def test_what_changed_meanwhile_is_refused_and_the_others_go_on(actor_sre: Actor, team: Any, snow: Any) -> None:
    ice = make_place("ice", team)
    make_days(ice)
    seen = [shown(snow), shown(ice)]
    save_config(actor_sre, snow, Config(env={"A": "1"}).to_json(), "another change")
    first, second = resizing.resize(actor_sre, seen, Wish())
    assert first.saved is None
    assert "changed meanwhile (version 3)" in first.why
    assert second.saved is not None
    assert ConfigVersion.objects.filter(reason__startswith="right-sizing").count() == 1
    make_days(snow, 1, last=31, memory_one_max=5 * GIB)
    (other,) = resizing.resize(actor_sre, [shown(snow)], Wish(days=90))
    assert "What is proposed has changed meanwhile: 4 cores, 8 GiB → 0.65 cores, 5.5 GiB" in other.why
    with pytest.raises(Refused, match="Tick at least one"):
        resizing.resize(actor_sre, [], Wish())
    with pytest.raises(Refused, match="At most"):
        resizing.resize(actor_sre, [seen[0]] * 201, Wish())


def test_secrets_and_all_else_stay(actor_sre: Actor, snow: Any) -> None:
    given = Config(env={"A": "1"}, secret_names=("DB",), pids=77).to_json() | {"secrets": {"DB": "zebra"}}
    snow.config = save_config(actor_sre, snow, given, "")
    snow.save()
    (done,) = resizing.resize(actor_sre, [shown(snow)], Wish())
    assert done.saved is not None
    assert done.saved.secrets
    kept = done.saved.content
    assert (kept["env"], kept["secret_names"], kept["pids"]) == ({"A": "1"}, ["DB"], 77)


def test_who_may_not_change_it_is_denied(client: Client, snow: Any) -> None:
    stranger = factories.make_user("stranger", "developer", factories.make_team("other"))
    with pytest.raises(Denied):
        resizing.resize(Actor.person(stranger), [shown(snow)], Wish())
    client.force_login(stranger)
    page = client.get(PAGE).content.decode()
    assert "snow" in page
    assert f'value="{snow.pk}" aria-label' not in page
    assert "Nothing to change" in client.get(f"{APPLY}?place={snow.pk}").content.decode()
    body = {"places": [{"service": "snow", "environment": "production", "version": 2, "cpus": 0.65, "memory": 1}]}
    answer = client.post("/api/v1/capacity/right-sizing", json.dumps(body), content_type="application/json")
    assert answer.status_code == 403
    assert snow.configs.count() == 2


def test_what_runs_takes_it_at_once_where_somebody_wants_that(
    client: Client, sre: Any, snow: Any, team: Any, enqueued: Any
) -> None:
    ice = make_place("ice", team)
    make_days(ice)
    ice.current_config = ice.configs.get(version=1)  # more differs than limits
    ConfigVersion.objects.filter(pk=ice.current_config_id).update(content={"env": {"B": "2"}})
    ice.save()
    client.force_login(sre)
    sent = {"place": [snow.pk, ice.pk], "live": "1"}
    sent |= {f"shown-{one.pk}": f"2 0.65 {FITTING.memory}" for one in (snow, ice)}
    answer = client.post(APPLY, sent)
    assert answer.status_code == 409
    assert "what runs keeps its limits:" in answer.content.decode()
    row = Deployment.objects.get()
    assert (row.place, row.kind, row.config.content["cpus"]) == (snow, "limits", 0.65)
    assert ConfigVersion.objects.filter(reason__startswith="right-sizing").count() == 2


def test_the_list_is_taken_along_whole(client: Client, sre: Any, snow: Any, team: Any) -> None:
    make_days(make_place("ice", team), count=1)
    client.force_login(sre)
    answer = client.get(f"{PAGE}?format=csv")
    head, *lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 2
    row = dict(zip(head.split(","), lines[0].split(","), strict=True))
    assert (row["service"], row["cpu proposed [cores]"], row["saved [cores]"]) == ("snow", "0.65", "13.4")
    assert Event.objects.get(action="table.export").after["rows"] == 2


def test_the_api_lists_and_changes(client: Client, sre: Any, snow: Any) -> None:
    client.force_login(sre)
    told = client.get("/api/v1/capacity/right-sizing", {"state": "oversized", "days": 30}).json()
    (one,) = told["items"]
    assert (told["count"], told["freed"]["cpus"], one["states"]) == (1, 13.4, ["oversized"])
    assert one["risk"] == {"days": 30, "cpu": 0, "memory": 0, "killed": 0}
    wanted = {name: one[name] for name in ("service", "environment", "version")} | one["proposed"]
    for odd, code in (({"service": "nobody"}, 404), ({"cpus": 1e309}, 400), ({"version": -1}, 422)):
        body = json.dumps({"places": [wanted | odd]})
        answer = client.post("/api/v1/capacity/right-sizing", body, content_type="application/json")
        assert answer.status_code == code, answer.content
    body = json.dumps({"places": [wanted]})
    (done,) = client.post("/api/v1/capacity/right-sizing", body, content_type="application/json").json()
    assert done == {"service": "snow", "environment": "production", "version": 3, "why": "", "deployment": None}


def test_a_limit_that_stays_is_sent_back_as_it_is(client: Client, sre: Any, team: Any) -> None:
    """CPU fits; only memory is proposed to be lower."""
    place = make_place("thirds", team, cpus=2 / 3)
    make_days(place, cpus_limit=8 / 3, cpu_one_p99=0.51)
    client.force_login(sre)
    (one,) = client.get("/api/v1/capacity/right-sizing").json()["items"]
    assert one["proposed"]["cpus"] == pytest.approx(2 / 3, abs=1e-9)
    wanted = {name: one[name] for name in ("service", "environment", "version")} | one["proposed"]
    answer = client.post("/api/v1/capacity/right-sizing", {"places": [wanted]}, content_type="application/json")
    assert [done["why"] for done in answer.json()] == [""]


def test_many_places_cost_as_many_queries_as_few(
    client: Client, sre: Any, team: Any, snow: Any, django_assert_max_num_queries: Any
) -> None:
    for n in range(60):
        make_days(make_place(f"many{n}", team), 10)
    client.force_login(sre)
    client.get(PAGE)
    with django_assert_max_num_queries(25):
        assert "61" in client.get(PAGE).content.decode()
