"""Rules of gates: whose count, who may change them, and what is refused."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.gates import services, sets, shape, shown
from containers.gates.numbers import matching, slope
from containers.gates.sets import Scope
from containers.gates.sides import Part, Sides, sides
from containers.models import ServiceEnvironment
from tests import factories
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused
from xqplatform.metrics.points import Point

CPU = {"metric": "cpu.cores"}
RESTARTS = {"metric": "restarts", "compare": "bound", "limit": 0}


@pytest.fixture
def place(team: Any) -> ServiceEnvironment:
    return factories.make_running_place("snow", "production", 2, team=team)


def metrics_of(place: ServiceEnvironment) -> list[str]:
    return [rule.metric for rule in sets.counting(Scope(place=place)).rules]


def test_the_nearest_rules_count(place: ServiceEnvironment, actor_sre: Actor) -> None:
    of_place, environment = Scope(place=place), Scope(environment=place.environment)
    assert metrics_of(place) == []
    services.save(actor_sre, Scope(), {"mode": "own"})  # the platform's are switched on
    assert metrics_of(place) == [rule.metric for rule in shape.DEFAULTS]
    services.save(actor_sre, environment, {"mode": "own", "rules": [CPU]})
    assert metrics_of(place) == ["cpu.cores"]
    services.save(actor_sre, of_place, {"mode": "own"})
    assert metrics_of(place) == ["cpu.cores"]  # it begins with those that held
    services.add_rule(actor_sre, of_place, RESTARTS)
    assert metrics_of(place) == ["cpu.cores", "restarts"]
    services.save(actor_sre, of_place, {"mode": "off"})
    assert metrics_of(place) == []
    services.save(actor_sre, environment, {"binding": True})
    assert metrics_of(place) == ["cpu.cores"]
    with pytest.raises(Refused, match="bind"):
        services.save(actor_sre, of_place, {"mode": "off"})
    services.save(actor_sre, environment, {"mode": "inherit"})
    assert metrics_of(place) == []  # the place said so


def test_a_plan_says_what_will_be_measured(place: ServiceEnvironment, actor_sre: Actor) -> None:
    assert shown.planned(place)["rules"] == []
    services.save(actor_sre, Scope(place=place), {"mode": "own", "settle": 5, "rules": [CPU, RESTARTS]})
    found = shown.planned(place)
    assert (found["seconds"], found["source"]) == (125, "rules of snow/production")
    assert "at most 50 % above the old instances" in found["rules"][0]["words"]


def test_every_change_is_an_event(place: ServiceEnvironment, actor_sre: Actor) -> None:
    services.save(actor_sre, Scope(place=place), {"mode": "own", "rules": [CPU]}, "we had a leak")
    event = Event.objects.get(action="gates.change")
    assert (event.reason, event.after["mode"]) == ("we had a leak", "own")
    services.save(actor_sre, Scope(place=place), {"mode": "own", "rules": [CPU]})
    assert Event.objects.filter(action="gates.change").count() == 1  # nothing differed
    services.save(actor_sre, Scope(), {"mode": "own"})
    assert Event.objects.filter(action="gates.platform").exists()


def test_the_team_changes_its_own_and_an_sre_the_rest(
    place: ServiceEnvironment, actor_dev: Actor, actor_manager: Actor
) -> None:
    services.save(actor_dev, Scope(place=place), {"mode": "own", "rules": [CPU]})
    for scope in (Scope(environment=place.environment), Scope()):
        with pytest.raises(Denied):
            services.save(actor_dev, scope, {"mode": "own"})
    with pytest.raises(Denied):
        services.add_rule(actor_manager, Scope(place=place), CPU)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"mode": "never"}, "mode"),
        ({"settle": 10**4300}, "settle"),
        ({"settle": True}, "settle"),
        ({"rules": {}}, "rules"),
        ({"rules": ["x"]}, "rules.0"),
        ({"rules": [CPU, CPU]}, "rules"),
        ({"rules": [CPU] * 21}, "rules"),
        ({"rules": [CPU | {"limit": 10**4300}]}, "rules.0.limit"),
        ({"rules": [CPU | {"limit": float("nan")}]}, "rules.0.limit"),
        ({"rules": [CPU | {"limit": -1}]}, "rules.0.limit"),
        ({"rules": [CPU | {"margin": "1"}]}, "rules.0.margin"),
        ({"rules": [CPU | {"watch": 9}]}, "rules.0.watch"),
        ({"rules": [CPU | {"watch": 60.5}]}, "rules.0.watch"),
        ({"rules": [CPU | {"broken": "explode"}]}, "rules.0.broken"),
        ({"rules": [{"metric": "load.1"}]}, "rules.0.metric"),
        ({"rules": [{"metric": "net.rx_bytes"}]}, "rules.0.metric"),
        ({"rules": [{"metric": "<script>"}]}, "rules.0.metric"),
        ({"rules": [{"metric": "app.x\x00"}]}, "rules.0.metric"),
        ({"rules": [{"metric": None}]}, "rules.0.metric"),
        ({"rules": [CPU | {"colour": "red"}]}, "rules.0"),
        ({"binding": True}, "binding"),
    ],
)
def test_nonsense_is_refused_at_its_field(
    place: ServiceEnvironment, actor_sre: Actor, wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        services.save(actor_sre, Scope(place=place), wrong)
    assert (refused.value.field, refused.value.code) == (field, 400)


def test_the_page_changes_them(place: ServiceEnvironment, client: Any, sre: Any) -> None:
    client.force_login(sre)
    url = "/services/snow/production/gates/"
    assert "No rules" in client.get(url).content.decode()
    given = {"compare": "old", "limit": "20", "margin": "", "worse": "above", "watch": "60", "samples": "3"}
    given |= {"broken": "hold", "missing": "pass", "do": "add"}
    wrong = client.post(url, given | {"metric": "load.1", "watch": "7"})
    assert wrong.status_code == 400
    assert 'value="load.1"' in wrong.content.decode()  # what was typed stays
    assert client.post(url, given | {"metric": "app.orders.mean"}).status_code == 302
    rule = sets.counting(Scope(place=place)).rules[-1]
    assert (rule.metric, rule.limit, rule.missing) == ("app.orders.mean", 20.0, "pass")
    mark = shape.mark_of(rule)
    assert 'value="app.orders.mean"' in client.get(f"{url}?change={mark}").content.decode()
    client.post(url, given | {"metric": "app.orders.mean", "limit": "30", "instead": mark})
    assert [one.limit for one in sets.counting(Scope(place=place)).rules if one.metric == rule.metric] == [30.0]
    again = client.post(url, given | {"metric": "app.orders.mean", "limit": "40", "instead": mark})
    assert again.status_code == 400
    assert "meanwhile" in again.content.decode()
    for one in sets.counting(Scope(place=place)).rules:
        client.post(url, {"do": "remove", "mark": shape.mark_of(one)})
    assert sets.at(Scope(place=place)).rules == ()
    for settings in ("/settings/gates/", "/settings/gates/production/"):
        assert client.get(settings).status_code == 200
        assert client.post(settings, {"do": "save", "mode": "own", "settle": "5"}).status_code == 302
    assert sets.at(Scope()).mode == "own"


def test_the_api_changes_them(place: ServiceEnvironment, client: Any, sre: Any) -> None:
    client.force_login(sre)
    url = "/api/v1/services/snow/production/gates"
    body = {"mode": "own", "rules": [CPU | {"limit": 10}]}
    answer = client.patch(url, body, content_type="application/json")
    assert answer.status_code == 200
    assert answer.json()["counting"][0]["limit"] == 10.0
    wrong = client.patch(url, {"rules": [{"metric": "x y"}]}, content_type="application/json")
    assert wrong.status_code == 400
    assert "rules.0.metric" in wrong.content.decode()
    assert client.get("/api/v1/gates").json()["mode"] == "off"


# --- Pure -------------------------------------------------------------------------------------------------------------


actions = st.sampled_from(["add", "replace", "remove"])
states = st.sampled_from(["waiting", "done", "failed", "skipped", "undone", "starting"])


@given(st.lists(st.tuples(actions, states), max_size=8), st.integers(0, 3), st.booleans())
def test_nobody_is_on_both_sides(steps: list[tuple[str, str]], others: int, switched: bool) -> None:
    parts = [Part(pk, action, state) for pk, (action, state) in enumerate(steps)]
    untouched = list(range(100, 100 + others))
    found = sides(parts, untouched, switched=switched)
    assert not set(found.new) & set(found.old)
    assert set(found.old) <= set(found.before)
    assert set(found.past) <= set(found.before)
    assert not switched or not found.old
    assert not {part.instance for part in parts if part.state in {"failed", "starting"}} & {*found.new, *found.old}


def test_blue_green_before_and_after_the_switch() -> None:
    parts = [Part(1, "remove", "waiting"), Part(2, "add", "done")]
    assert sides(parts) == Sides((2,), (1,), (1,), (1,))
    assert sides(parts, switched=True) == Sides((2,), (), (1,), (1,))


@given(st.floats(-100, 100), st.floats(-1e6, 1e6), st.integers(3, 60))
def test_the_slope_of_a_straight_line(rise: float, level: float, count: int) -> None:
    points = [Point(1.8e9 + 10 * n, level + rise * n / 6, 0, 0, 1) for n in range(count)]
    found = slope(points)
    assert found.value == pytest.approx(rise, abs=1e-3)
    assert found.samples == count


def test_a_pattern_means_what_it_says_and_no_expression() -> None:
    names = ["app.http.rate[code=500]", "app.http.rate[code=503]", "app.http.rate[code=200]", "appXhttp"]
    assert matching("app.http.rate[code=5*]", names) == names[:2]
    assert matching("app.*", names) == sorted(names[:3])


def test_a_pattern_of_many_stars_takes_no_ages() -> None:
    began = time.monotonic()
    assert matching("app." + "a*" * 40 + "b", ["app." + "a" * 100]) == []
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("field", ["compare", "worse", "broken", "missing", "metric", "watch", "limit"])
@pytest.mark.parametrize("value", [[], {}, None, [[]], True])
def test_other_types_are_refused(field: str, value: Any) -> None:
    with pytest.raises(Refused) as refused:
        shape.parse({**CPU, field: value}, "rules.0")
    assert refused.value.field == f"rules.0.{field}"
