"""Rules, silences and channels: who may, what is refused, what the log says, and what a rule would have found last week."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests import factories
from tests.alerts.conftest import World, memory_rule, state_rule, states
from xqplatform import metrics
from xqplatform.accounts.models import Membership
from xqplatform.alerts import lookback, spans
from xqplatform.alerts.models import Alert, Rule, Silence
from xqplatform.alerts.services import rules, silences
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db
GOOD = {
    "name": "Busy",
    "kind": "instance",
    "metric": "cpu.percent",
    "condition": "above",
    "threshold": 80.0,
    "hold": 60,
}


def tomorrow() -> Any:
    return timezone.now() + timedelta(days=1)


# --- Rules --------------------------------------------------------------------------------------------------------


def test_a_rule_is_made_changed_and_removed_with_an_event_each(actor_sre: Any) -> None:
    rule = rules.save_rule(actor_sre, None, GOOD)
    rules.save_rule(actor_sre, rule, GOOD | {"threshold": 90.0})
    rules.save_rule(actor_sre, rule, GOOD | {"threshold": 90.0})
    rules.switch_rule(actor_sre, rule, False)
    rules.remove_rule(actor_sre, rule)
    found = list(Event.objects.filter(action__startswith="alert.rule").order_by("pk").values_list("action", flat=True))
    assert found == ["alert.rule.create", "alert.rule.change", "alert.rule.change", "alert.rule.remove"]
    change = Event.objects.filter(action="alert.rule.change").order_by("pk")[0]
    assert (change.before, change.after) == ({"threshold": 80.0}, {"threshold": 90.0})


def test_only_sres_change_rules(actor_dev: Any, actor_manager: Any) -> None:
    for actor in (actor_dev, actor_manager):
        with pytest.raises(Denied):
            rules.save_rule(actor, None, GOOD)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"metric": ""}, "what"),
        ({"source": "no.such"}, "what"),
        ({"clear": 90.0}, "clear"),
        ({"condition": "below", "clear": 70.0}, "clear"),
        ({"condition": "limit"}, "condition"),
        ({"condition": "state"}, "condition"),
        ({"condition": "absent", "hold": 5}, "hold"),
        ({"threshold": float("inf")}, "threshold"),
        ({"service": "no-such"}, "service"),
        ({"source": "host.certificate", "condition": "rise"}, "condition"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(actor_sre: Any, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        rules.save_rule(actor_sre, None, GOOD | wrong)
    assert refused.value.field == field


def test_two_rules_have_two_names(actor_sre: Any) -> None:
    rules.save_rule(actor_sre, None, GOOD)
    with pytest.raises(Refused) as refused:
        rules.save_rule(actor_sre, None, GOOD)
    assert refused.value.field == "name"


def test_a_rule_of_the_platform_can_only_be_switched_off(actor_sre: Any) -> None:
    with pytest.raises(Refused):
        rules.remove_rule(actor_sre, Rule.objects.exclude(builtin="")[0])


def test_the_history_outlives_the_rule(world: World, instance: Any, actor_sre: Any) -> None:
    rule = memory_rule(hold=0)
    world.run(10, f"instance:{instance.pk}", memory__percent=95)
    rules.remove_rule(actor_sre, rule)
    alert = Alert.objects.get()
    assert (alert.state, alert.rule, alert.rule_name) == ("resolved", None, "Memory")
    assert alert.transitions.count() == 2


@pytest.mark.parametrize(
    ("text", "seconds"), [("5 min", 300), ("300", 300), ("2h", 7200), ("1 d", 86400), ("1.5 h", 5400), ("5 分钟", 300)]
)
def test_times_as_people_type_them(text: str, seconds: int) -> None:
    assert spans.parse(text) == seconds
    assert spans.parse(spans.shown(seconds)) == seconds


@pytest.mark.parametrize("text", ["x", "5 parsecs", "-3", "99999999", "400 d", "١٢"])
def test_no_times(text: str) -> None:
    assert spans.parse(text) is None


# --- Silences -----------------------------------------------------------------------------------------------------


def test_a_developer_silences_what_the_own_team_owns(place: Any, actor_dev: Any) -> None:
    instance = place.instances.all()[0]
    row = silences.create_silence(actor_dev, subject=f"instance:{instance.pk}", reason="heap dump", until=tomorrow())
    assert (row.service, row.environment, row.subject_name) == ("snow", "production", instance.name)
    silences.end_silence(actor_dev, row)
    assert not row.holds
    actions = Event.objects.filter(action__startswith="alert.silence").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["alert.silence.create", "alert.silence.end"]


def test_nobody_silences_what_others_own(place: Any, actor_dev: Any, actor_manager: Any) -> None:
    factories.make_running_place("ice", "production", 1, factories.make_team("ice"))
    host = place.instances.all()[0].host
    for what in ({"service": "ice"}, {"host": host.name}, {"group": "room-a"}, {"environment": "production"}):
        with pytest.raises(Denied):
            silences.create_silence(actor_dev, reason="x", until=tomorrow(), **what)
    with pytest.raises(Denied):
        silences.create_silence(actor_manager, service="snow", reason="x", until=tomorrow())
    assert Event.objects.filter(denied=True, action="alerts.silence").count() == 5


def test_who_is_kept_to_some_environments_silences_only_there(place: Any, actor_dev: Any) -> None:
    Membership.objects.filter(user=actor_dev.user).update(environments=["grey"])
    for environment in ("", "production"):
        with pytest.raises(Denied):
            silences.create_silence(actor_dev, service="snow", environment=environment, reason="x", until=tomorrow())
    silences.create_silence(actor_dev, service="snow", environment="grey", reason="x", until=tomorrow())


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"service": "snow", "reason": " "},
        {"service": "no-such"},
        {"host": "no-such"},
        {"subject": "instance:999999"},
        {"service": "snow", "until": timezone.now() - timedelta(minutes=1)},
        {"service": "snow", "until": timezone.now() + timedelta(days=400)},
    ],
)
def test_a_silence_names_something_says_why_and_ends(place: Any, actor_sre: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        silences.create_silence(actor_sre, **{"reason": "x", "until": tomorrow()} | wrong)
    assert not Silence.objects.exists()


# --- The look back ------------------------------------------------------------------------------------------------


def week(subject: str, value: Any, metric: str = "cpu.percent", days: float = 7) -> None:
    """A sample a minute; `value` of the minutes since the beginning, None for none."""
    now = time.time()
    start = (now - days * 86400) // 60 * 60
    minutes = int(days * 1440)
    samples = [
        metrics.Sample(subject, start + 60 * n, {metric: value(n)}) for n in range(minutes) if value(n) is not None
    ]
    for n in range(0, len(samples), 1000):
        metrics.write(samples[n : n + 1000])


@pytest.fixture(autouse=True)
def late_samples_are_welcome(settings: Any) -> None:
    settings.METRICS_LATE = 30 * 86400.0


def test_a_rule_shows_when_it_would_have_fired(place: Any) -> None:
    one, two = place.instances.order_by("number")[:2]
    week(f"instance:{one.pk}", lambda n: 95.0 if n % 1440 < 30 and n > 200 else 20.0)
    week(f"instance:{two.pk}", lambda n: 20.0)
    found = lookback.look_back(Rule(**GOOD | {"hold": 300}))
    assert [row.about.name for row in found.rows] == [one.name]
    assert found.count == 6
    assert 1200 <= found.longest <= 1800
    assert found.complete
    assert found.total == 4


def test_what_never_came_near_needs_no_reading(place: Any) -> None:
    for one in place.instances.all():
        week(f"instance:{one.pk}", lambda n: 20.0, days=0.1)
    found = lookback.look_back(Rule(**GOOD))
    assert (found.rows, found.complete) == ([], True)


def test_it_ends_in_its_time_and_says_what_it_did_not_look_at(place: Any) -> None:
    found = lookback.look_back(Rule(**GOOD | {"condition": "below"}), budget=0.0)
    assert not found.complete


def test_gaps_are_what_an_absence_rule_would_have_found(place: Any) -> None:
    one = place.instances.order_by("number")[0]
    week(f"instance:{one.pk}", lambda n: None if 600 < n < 660 else 20.0, days=1)
    found = lookback.look_back(Rule(**GOOD | {"condition": "absent", "hold": 600}), days=1)
    spans_of = [row.spans for row in found.rows if row.about.name == one.name]
    assert len(spans_of) == 1
    assert any(2400 <= (span.end or 0) - span.start <= 3600 for span in spans_of[0])


def test_a_rise_is_found(place: Any) -> None:
    one = place.instances.order_by("number")[0]
    week(f"instance:{one.pk}", lambda n: float(n // 360), "restarts", days=1)
    rule = Rule(**GOOD | {"metric": "restarts", "condition": "rise", "threshold": 0.5, "hold": 600})
    assert lookback.look_back(rule, days=1).count == 3


def test_states_are_not_kept_as_series(place: Any) -> None:
    assert not lookback.look_back(state_rule("instance.drift")).kept


def test_the_look_back_and_the_evaluation_agree(world: World, instance: Any, settings: Any) -> None:
    """The same values, once tick by tick and once from the store."""
    values = [20.0] * 5 + [95.0] * 12 + [20.0] * 10 + [95.0] * 3 + [20.0] * 10 + [95.0] * 20
    rule = Rule.objects.create(**GOOD | {"hold": 300, "clear_hold": 60})
    end = time.time() // 60 * 60
    world.now = end - 60 * len(values)
    for value in values:
        world.now += 60
        world.say(f"instance:{instance.pk}", cpu__percent=value)
        world.tick(0)
        metrics.write([metrics.Sample(f"instance:{instance.pk}", world.now, {"cpu.percent": value})])
    found = lookback.look_back(rule, end + 1)
    assert states() == ["resolved", "firing"]
    assert found.count == 2
    fired = list(Alert.objects.order_by("pk").values_list("fired", flat=True))
    for row, moment in zip(found.rows[0].spans, fired, strict=True):
        assert abs(row.start - moment.timestamp()) <= 60
