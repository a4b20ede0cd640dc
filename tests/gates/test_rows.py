"""A gate on rows: what it measures of a release between two batches, and what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from containers import holds, tasks
from containers.gates import asking, errors, services
from containers.gates.sets import Scope
from containers.models import Deployment, GateRun
from containers.services import releases, steering
from hosts.engine import EngineError, LogLine
from tests.containers.conftest import World, world
from xqplatform import metrics
from xqplatform.audit.models import Event

__all__ = ["world"]
CPU = {"metric": "cpu.cores", "limit": 50, "margin": 0.1, "watch": 60, "samples": 3}


@pytest.fixture
def release(world: World) -> Deployment:
    """Three instances, the first of which has the new version, for a minute and a half."""
    world.finish(releases.deploy(world.actor, world.place, world.v1))
    row = releases.deploy(world.actor, world.place, world.v2, policy={"batch": 1})
    Deployment.objects.filter(pk=row.pk).update(state="running", started=timezone.now() - timedelta(seconds=200))
    done(row, 1)
    row.refresh_from_db()
    return row


def done(row: Deployment, count: int) -> None:
    for step in row.steps.order_by("position")[:count]:
        step.state, step.times = "done", {"start": [1, 2]}
        step.save()


def rules(world: World, *given: dict[str, Any], **fields: Any) -> None:
    data = {"mode": "own", "settle": 0, "rules": list(given), **fields}
    services.save(world.actor, Scope(place=world.place), data)


def measured(row: Deployment, values: Callable[[bool, float], dict[str, float]], start: float, end: float) -> None:
    """Samples of all its instances, every ten seconds, of so many seconds ago; `values(is new, seconds ago)`."""
    now = time.time()
    new = set(row.steps.filter(state="done").values_list("instance", flat=True))
    samples = [
        metrics.Sample(f"instance:{pk}", now - ago, values(pk in new, float(ago)))
        for pk in row.steps.values_list("instance", flat=True)
        for ago in range(int(start), int(end), -10)
    ]
    metrics.write(samples)


def watched(run: GateRun, seconds: float) -> None:
    """As if it had been looked at all the time for so long."""
    now = timezone.now()
    begun = now - timedelta(seconds=seconds)
    GateRun.objects.filter(pk=run.pk).update(begun=begun, looked=now, watched=seconds, busy_until=None)


def judged(row: Deployment, batch: int = 0, seconds: float = 61) -> GateRun:
    assert holds.gate(row, batch).state == "measuring"
    run = row.gate_runs.get(batch=batch)
    watched(run, seconds)
    asking.measure(run.pk)
    run.refresh_from_db()
    return run


def test_where_nobody_has_rules_nothing_is_judged(release: Deployment) -> None:
    assert holds.gate(release, 0) == holds.Verdict()
    assert not GateRun.objects.exists()


def test_a_version_that_burns_cpu_is_held_with_its_numbers_and_a_person_lets_it_go_on(
    world: World, release: Deployment, client: Any, sre: Any
) -> None:
    rules(world, CPU)
    measured(release, lambda new, ago: {"cpu.cores": 0.9 if new else 0.2}, 60, 0)
    run = judged(release)
    assert run.state == "hold"
    assert "0.9 cores, the old instances 0.2 cores, allowed is 0.3 cores" in run.why
    assert (run.new, len(run.old)) == ([1], 2)
    assert holds.gate(release, 0) == holds.Verdict("hold", run.why)
    assert Event.objects.get(action="deployment.gate").after["verdict"] == "hold"
    Deployment.objects.filter(pk=release.pk).update(hold="gate", hold_batch=0, hold_why=run.why)
    client.force_login(sre)
    page = client.get(f"/releases/{release.pk}/").content.decode()
    assert "Gate after batch 1" in page
    assert "0.9 cores" in page
    release.refresh_from_db()
    steering.proceed(world.actor, release, "it is the new cache")
    assert release.passed == 0
    release.refresh_from_db()
    Deployment.objects.filter(pk=release.pk).update(state="succeeded", finished=timezone.now())
    told = client.get(f"/releases/{release.pk}/record.json")
    assert told.json()["gates"][0]["rules"][0]["new"] == "0.9 cores"
    assert told.json()["gates"][0]["let_go_on"] is True
    for kept in (f"/releases/{release.pk}/", f"/releases/{release.pk}/record.html"):
        page = client.get(kept).content.decode()
        assert "allowed is 0.3 cores" in page
        assert "Somebody let it go on" in page


def test_a_good_version_goes_on(world: World, release: Deployment) -> None:
    rules(world, CPU, {"metric": "memory.slope", "limit": 100, "margin": 1, "watch": 60, "samples": 3})
    grows = {"cpu.cores": 0.25}
    measured(release, lambda new, ago: grows | {"memory.working_set": 1e8 - ago * 1e4}, 60, 0)
    run = judged(release)
    assert (run.state, run.why) == ("continue", "2 rules are kept.")
    assert [found["state"] for found in run.findings] == ["kept", "kept"]
    assert run.findings[1]["new"] == pytest.approx(60e4 / 2**20, rel=0.01)


def test_a_leak_and_restarts_are_found(world: World, release: Deployment) -> None:
    leak = {"metric": "memory.slope", "limit": 100, "margin": 1, "watch": 60, "samples": 3}
    again = {"metric": "restarts", "compare": "bound", "limit": 0, "watch": 60, "samples": 3, "broken": "roll back"}
    rules(world, leak, again)
    measured(
        release,
        lambda new, ago: {"memory.working_set": 1e8 - ago * (1e6 if new else 0), "restarts": float(new and ago == 30)},
        60,
        0,
    )
    run = judged(release)
    assert run.state == "roll back"
    assert [found["state"] for found in run.findings] == ["broken", "broken"]
    assert run.why == "Restarts an instance: 1, allowed is 0."
    assert holds.gate(release, 0).state == "roll back"


def test_against_its_own_past(world: World, release: Deployment) -> None:
    rules(world, CPU | {"compare": "past"})
    measured(release, lambda new, ago: {"cpu.cores": 0.2}, 270, 200)  # before the release
    measured(release, lambda new, ago: {"cpu.cores": 0.9}, 60, 0)  # all of them now: the market opened
    run = judged(release)
    assert run.state == "hold"
    assert "before the release 0.2 cores" in run.why


def test_after_the_last_batch_the_old_ones_of_before_count(world: World, release: Deployment) -> None:
    rules(world, CPU)
    done(release, 3)
    measured(release, lambda new, ago: {"cpu.cores": 0.2}, 270, 200)
    measured(release, lambda new, ago: {"cpu.cores": 0.21}, 60, 0)
    run = judged(release, 2)
    assert (run.state, run.findings[0]["basis"]) == ("continue", "before")


def test_what_the_collector_did_not_bring_is_said(world: World, release: Deployment) -> None:
    rules(world, CPU)
    run = judged(release)
    assert run.state == "measuring"  # samples may come late
    run = judged(release, seconds=95)
    assert run.state == "hold"
    assert "not measured (0 samples of the new ones, 0 of what they are compared with; 3 are needed)" in run.why


def test_what_was_not_measured_may_go_on_and_is_said(world: World, release: Deployment) -> None:
    rules(world, CPU | {"metric": "app.http_requests.rate[code=5*]", "missing": "pass"})
    run = judged(release, seconds=95)
    assert run.state == "continue"
    assert "not measured" in run.why


def test_all_of_what_a_pattern_means_adds_up(world: World, release: Deployment) -> None:
    rules(world, CPU | {"metric": "app.http_requests.rate[code=5*]", "margin": 1, "broken": "roll back"})
    measured(
        release,
        lambda new, ago: {
            "app.http_requests.rate[code=500]": 2.0 * new,
            "app.http_requests.rate[code=503]": 3.0 * new,
            "app.http_requests.rate[code=200]": 40.0,
        },
        60,
        0,
    )
    run = judged(release)
    assert run.state == "roll back"
    assert run.findings[0]["new"] == 5.0


def test_the_rule_is_kept_as_it_was(world: World, release: Deployment) -> None:
    rules(world, CPU)
    assert holds.gate(release, 0).state == "measuring"
    rules(world, CPU | {"limit": 5000})
    measured(release, lambda new, ago: {"cpu.cores": 0.9 if new else 0.2}, 60, 0)
    run = judged(release)
    assert (run.state, run.rules[0]["limit"], run.source) == ("hold", 50.0, "snow/isolated")


def test_a_way_back_and_other_changes_are_not_judged(world: World, release: Deployment) -> None:
    rules(world, CPU)
    release.guard = {"way_back": True}
    assert holds.gate(release, 0) == holds.Verdict()
    release.guard, release.kind = {}, "restart"
    assert holds.gate(release, 0) == holds.Verdict()


def test_who_dies_while_it_measures_is_followed_by_another(
    world: World, release: Deployment, enqueued: Any, django_capture_on_commit_callbacks: Any
) -> None:
    rules(world, CPU)

    def looked() -> int:
        with django_capture_on_commit_callbacks(execute=True):
            holds.gate(release, 0)
        return int(enqueued.names.count("containers.tasks.measure_gate"))

    assert (looked(), looked()) == (1, 1)  # one measures, so nobody else does
    run = release.gate_runs.get()
    GateRun.objects.filter(pk=run.pk).update(busy_until=timezone.now() - timedelta(seconds=1))
    assert looked() == 2
    far = timezone.now() + timedelta(hours=5)  # the clock was set back meanwhile
    GateRun.objects.filter(pk=run.pk).update(busy_until=far)
    assert looked() == 3


def test_the_clock_is_set_back_and_forth(world: World, release: Deployment) -> None:
    rules(world, CPU)
    holds.gate(release, 0)
    run = release.gate_runs.get()
    now = timezone.now()
    GateRun.objects.filter(pk=run.pk).update(begun=now - timedelta(days=1), looked=now - timedelta(hours=20))
    holds.gate(release, 0)  # it jumped ahead by 20 hours
    run.refresh_from_db()
    assert run.watched <= 31
    GateRun.objects.filter(pk=run.pk).update(begun=now + timedelta(hours=1), looked=now + timedelta(hours=2))
    holds.gate(release, 0)  # it is before its beginning
    run.refresh_from_db()
    assert run.watched == 0
    assert abs((run.begun - now).total_seconds()) < 30


def test_what_it_cannot_judge_it_holds(world: World, release: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    rules(world, CPU)

    def broken(*_args: Any) -> None:
        raise ZeroDivisionError("no")

    monkeypatch.setattr(asking, "sides_of", broken)
    run = judged(release)
    assert (run.state, run.why) == ("hold", "The gate could not judge: ZeroDivisionError: no")


def test_a_canary_that_waits_is_looked_at_while_its_gate_measures(world: World, release: Deployment) -> None:
    Deployment.objects.filter(pk=release.pk).update(hold="canary", hold_batch=0)
    assert tasks.resume() == 0
    rules(world, CPU)
    holds.gate(release, 0)
    assert tasks.resume() == 1
    GateRun.objects.update(state="continue")
    assert tasks.resume() == 0


# --- Logs -------------------------------------------------------------------------------------------------------------


class Stream(list[LogLine]):
    stopped = False

    def stop(self) -> None: ...

    def close(self) -> None: ...


def said(text: str, ago: float) -> LogLine:
    return LogLine("stdout", (timezone.now() - timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), text)


def test_errors_in_logs_are_counted_on_both_sides(
    world: World, release: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules(world, {"metric": "log.errors", "limit": 100, "margin": 1, "watch": 60, "broken": "roll back"})
    bad = release.steps.get(state="done").instance.current.engine_id

    def opened(vessel: Any, *_args: Any, **_more: Any) -> Stream:
        lines = [said("ERROR down", 40 - n) for n in range(20)] if vessel.engine_id == bad else [said("INFO up", 30)]
        return Stream([*lines, said("\tat java.lang.Thread.run(Thread.java:748)", 5), said("ERROR old", 500)])

    monkeypatch.setattr(errors, "open_log", opened)
    run = judged(release)
    assert run.state == "roll back"
    assert run.findings[0]["new"] == pytest.approx(20, rel=0.1)
    assert run.findings[0]["base"] == 0


def test_a_log_that_cannot_be_read_is_not_a_log_without_errors(
    world: World, release: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules(world, {"metric": "log.errors", "watch": 60})

    def away(*_args: Any, **_more: Any) -> Stream:
        raise EngineError("unreachable", "no route")

    monkeypatch.setattr(errors, "open_log", away)
    run = judged(release, seconds=95)
    assert run.state == "hold"
    assert "not measured (" in run.why
    assert "h1" in run.why or "h2" in run.why


def test_a_long_measuring_is_not_joined_by_another(release: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    holds_it = GateRun.objects.create(
        deployment=release, batch=0, begun=timezone.now(), looked=timezone.now(), busy_until=timezone.now()
    )
    alive = asking._Alive(holds_it.pk)
    alive()
    holds_it.refresh_from_db()
    assert holds_it.busy_until is not None
    assert holds_it.busy_until <= timezone.now()
    monkeypatch.setattr(errors, "vessels_of", lambda pk: [])
    alive.told -= asking.BUSY
    errors.now_of([1, 2], 0, 1, alive)
    holds_it.refresh_from_db()
    assert holds_it.busy_until is not None
    assert holds_it.busy_until > timezone.now() + timedelta(seconds=15)


def test_a_page_shows_the_newest_gates_of_many(release: Deployment, client: Any, sre: Any) -> None:
    now = timezone.now()
    GateRun.objects.bulk_create(
        GateRun(deployment=release, batch=n, begun=now, looked=now, state="continue") for n in range(25)
    )
    client.force_login(sre)
    text = client.get(f"/releases/{release.pk}/").content.decode()
    assert [n for n in range(25) if f'id="gate-{n}"' in text] == list(range(15, 25))
    assert "Gates of earlier batches are in" in text
    assert len(client.get(f"/api/v1/deployments/{release.pk}/gates").json()) == 25
