"""What is stored of traffic: who is in, what fronts have to hear, and who is put back when nobody has it in hand."""

from __future__ import annotations

import contextlib
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from containers import converge, holds
from containers.config import parse
from containers.ending import Broken
from containers.hooks.around import Around
from containers.hooks.shape import Hook
from containers.models import Container, Deployment, Front, Instance, Serving, Upstream
from containers.services.catalog import save_environment
from containers.services.settings import save_config
from containers.traffic import fronts, operation, rows, sweep, switch
from containers.traffic.operation import current
from containers.traffic.shape import Traffic
from hosts.models import SeenContainer
from hosts.operations import Failed
from tests import factories
from xqplatform.errors import Refused

pytestmark = pytest.mark.django_db
NGINX = Traffic("nginx", "edge")


@pytest.fixture
def place() -> Any:
    made = factories.make_running_place("snow", "production", 3)
    made.config.content = {"traffic": NGINX.to_json()}
    made.config.save()
    made.current_config = made.config
    made.save()
    front = Front.objects.create(slug="edge")
    front.hosts.add(factories.make_host("edge-1"), factories.make_host("edge-2"))
    Instance.objects.update(state="healthy")
    rows.ensure(made, NGINX)
    return made


def states(place: Any) -> list[str]:
    found = Serving.objects.filter(instance__place=place).order_by("instance__number")
    return list(found.values_list("state", flat=True))


def versions() -> set[int]:
    return set(Upstream.objects.values_list("wanted", flat=True))


def test_what_runs_well_and_was_never_spoken_of_is_in(place: Any) -> None:
    assert states(place) == ["in"] * 3
    assert Upstream.objects.count() == 2
    before = versions()
    rows.ensure(place, NGINX)
    assert versions() == before, "saying nothing new wakes nobody"


def test_a_change_of_who_is_in_is_for_all_fronts_and_a_step_further_out_is_not(place: Any) -> None:
    one = place.instances.first()
    (before,) = versions()
    rows.put(one, "leaving", None)
    assert versions() == {before + 1}
    rows.put(one, "out", None)
    assert versions() == {before + 1}
    generation, text = current(Upstream.objects.first())
    assert generation == before + 1
    assert text.count(" down;") == 1
    assert text.count("server ") == 3


def test_the_sweep_puts_back_who_is_well_and_in_nobodys_hand(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fronts, "settle", lambda *_: "")
    one, two, three = place.instances.order_by("number")
    for each in (one, two, three):
        rows.put(each, "out", None)
    release = factories.make_deployment(place, "running")
    factories.make_step(release, one, "stopping")
    factories.make_step(release, two, "waiting")
    Instance.objects.filter(pk=three.pk).update(state="unhealthy")
    assert sweep.sweep() == 1
    assert states(place) == ["out", "in", "out"]
    Deployment.objects.update(state="failed")
    Instance.objects.filter(pk=three.pk).update(state="healthy", wanted_state="stopped")
    assert sweep.sweep() == 1
    assert states(place) == ["in", "in", "out"]


def test_a_step_that_took_it_in_hand_meanwhile_is_not_overruled(place: Any) -> None:
    one = place.instances.first()
    rows.put(one, "out", None)
    (seen,) = sweep.out_by_accident(place)
    release = factories.make_deployment(place, "running")
    step = factories.make_step(release, one, "stopping")
    assert rows.claimed(one, step) == "out"
    assert not rows.put_back(seen)
    assert states(place)[0] == "out"


def test_a_whole_side_is_switched_in_one_go(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    monkeypatch.setattr(fronts, "settle_all", lambda found, *_: texts.append(current(found[0])[1]) or [])
    release = factories.make_deployment(place, "running", policy={"strategy": "blue-green"}, config=place.config)
    old = list(place.instances.order_by("number"))
    new = [
        Instance.objects.create(place=place, number=n, host=old[0].host, ip=f"10.0.0.{n}", state="healthy")
        for n in (7, 8)
    ]
    for one in new:
        factories.make_step(release, one, "done", action="add")
    for one in old:
        factories.make_step(release, one, "waiting", action="remove")
    rows.ensure(place, NGINX)
    Serving.objects.filter(instance__in=new).update(state="out")
    assert sweep.out_by_accident(place) == [], "the new side waits for the switch"
    holds.switch(release, "new")
    assert states(place) == ["out", "out", "out", "in", "in"]
    holds.switch(release, "old")
    assert states(place) == ["in", "in", "in", "out", "out"]
    assert [text.count(" down;") for text in texts] == [3, 2]
    Deployment.objects.update(switch="switched")  # by somebody's click
    release.refresh_from_db()
    switch.follow(release)
    assert states(place) == ["out", "out", "out", "in", "in"]


def test_a_switch_that_is_overtaken_says_nothing_any_more(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fronts, "settle_all", lambda *_: [])
    release = factories.make_deployment(
        place, "running", policy={"strategy": "blue-green"}, config=place.config, switch="switched"
    )
    for one in place.instances.all():
        factories.make_step(release, one, "waiting", action="remove")
    for fields in ({"switch": "back"}, {"switch": "switched", "lease": "another process"}):
        Deployment.objects.filter(pk=release.pk).update(**fields)
        switch.follow(release)  # it was read before that
        with pytest.raises(Broken):
            holds.switch(release, "new")
        assert states(place) == ["in"] * 3


def test_one_place_that_cannot_be_seen_to_keeps_no_other_waiting(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(sweep, "_place", broken)
    assert sweep.sweep() == 0


def test_an_instance_that_stays_in_with_another_address_is_told_to_fronts(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(Around, "_front", lambda _self, point: told.append(point))
    Instance.objects.update(address=None)
    Upstream.objects.update(applied=F("wanted"))
    around = around_of(place)
    around._put_in("c1")
    assert told == []
    (before,) = versions()
    around.readdressed("")
    Around(around.work)._put_in("c1")  # also after a death
    assert versions() == {before + 1}
    assert told == ["traffic.in"]


def test_another_address_that_an_engine_gave_by_itself_is_told_to_fronts(place: Any) -> None:
    one = place.instances.select_related("place__service", "place__environment").first()
    Instance.objects.filter(pk=one.pk).update(address=None, ip="172.17.0.2")
    one.refresh_from_db(fields=["address", "ip"])
    (before,) = versions()
    seen = SeenContainer(engine_id="c1", state="running", status="Up", ip="172.17.0.3")
    converge._save(one, None, seen, [])
    assert versions() == {before + 1}
    converge._save(one, None, seen, [])
    assert versions() == {before + 1}
    seen.ip = "172.17.0.4"
    converge._save(one, None, seen, [], busy=True)  # a change says it itself
    converge._save(one, Container(engine_id="c2"), seen, [])  # this is the container of before
    one.refresh_from_db()
    assert (one.ip, versions()) == ("172.17.0.3", {before + 1})


def around_of(place: Any, **step: Any) -> Around:
    """Around a step of the first instance, with nothing of an engine."""
    one = place.instances.first()
    release = factories.make_deployment(place, "running", config=place.config)
    made = factories.make_step(release, one, "starting", config=place.config, **step)
    work = SimpleNamespace(
        instance=one,
        step=made,
        context=SimpleNamespace(deployment=release.pk),
        config_of=lambda version: parse(version.content),
    )
    return Around(work)  # type: ignore[arg-type]


def ports(place: Any) -> list[str]:
    lines = current(place.upstreams.first())[1].splitlines()
    return [line.split()[1].rpartition(":")[2].rstrip(";") for line in lines if " server " in line]


def test_in_a_release_that_changes_the_port_each_instance_is_asked_where_its_container_listens(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Around, "_front", lambda *_: None)
    monkeypatch.setattr(Around, "_say", lambda self, state: rows.put(self.work.instance, state, self.work.step))
    monkeypatch.setattr(fronts, "settle", lambda *_: "")
    Serving.objects.update(port=None)  # rows of before, which knew no port of their own
    new = factories.make_config(place, {"traffic": {**NGINX.to_json(), "port": 8080}})
    around = around_of(place)
    around.work.step.config, around.work.step.old_config = new, place.config
    around.work.timed = lambda *_, **__: contextlib.nullcontext()
    around.work.point = lambda _name: None
    rows.ensure(place, Around(around.work).config.traffic)
    assert ports(place) == ["80", "80", "80"], "nobody listens there yet"
    rows.put(around.work.instance, "out", None)
    before = min(versions())
    around._put_in("c1")
    assert ports(place) == ["8080", "80", "80"]
    assert min(versions()) > before
    around.readdressed("")  # start-first: it stays in, with the new container's address and port
    assert ports(place) == ["8080", "80", "80"]
    around.work.step.state = "undoing"
    rows.put(around.work.instance, "out", None)
    Around(around.work)._put_in("c1")
    assert ports(place) == ["80", "80", "80"]
    # Without a release the containers that stand say it.
    Deployment.objects.update(state="succeeded")
    Container.objects.filter(instance=place.instances.last(), ended=None).update(config=new)
    sweep.sweep()
    assert ports(place) == ["80", "80", "8080"]


def test_the_new_side_is_asked_at_its_own_port(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fronts, "settle_all", lambda *_: [])
    new = factories.make_config(place, {"traffic": {**NGINX.to_json(), "port": 8080}})
    release = factories.make_deployment(place, "running", policy={"strategy": "blue-green"}, config=new)
    first = place.instances.first()
    one = Instance.objects.create(place=place, number=7, host=first.host, ip="10.0.0.7", state="healthy")
    factories.make_step(release, one, "done", action="add")
    for each in place.instances.exclude(pk=one.pk):
        factories.make_step(release, each, "waiting", action="remove")
    holds.switch(release, "new")
    assert ports(place) == ["80", "80", "80", "8080"]
    holds.switch(release, "old")
    assert ports(place) == ["80", "80", "80", "8080"]


def test_a_further_try_of_a_step_runs_its_hooks_anew(place: Any) -> None:
    around = around_of(place)
    step = around.work.step
    hook = Hook("drain", "traffic.out", "command", ("/bin/x",))
    first = around._row(hook, str(step.pk), what="")
    assert around._row(hook, str(step.pk), what="") == first, "a death begins nothing anew"
    step.tries = 1
    again = around._row(hook, str(step.pk), what="")
    assert again != first
    assert again.key != first.key


def test_hooks_are_told_of_both_addresses_where_the_new_container_comes_up_beside_the_old(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str, str]] = []

    def run(row: Any, hook: Hook, setting: Any, _guard: Any) -> None:
        told.append((hook.at, setting.facts["instance"]["address"], setting.container))

    monkeypatch.setattr("containers.hooks.running.run", run)
    monkeypatch.setattr(Around, "_drain", lambda self: told.append(("drain", "", "")))
    hooks = [Hook(at[8:], at, "command", ("/bin/x",)).to_json() for at in ("traffic.out", "traffic.in")]
    place.config.content = {"hooks": hooks, "traffic": {"way": "hooks", "drain": 5}}
    place.config.save()
    Instance.objects.update(address=None, ip="172.17.0.2")
    around = around_of(place)
    work = around.work
    work.engine, work.host, work.patience = None, work.instance.host, SimpleNamespace(check=None, sleep=None)
    work.context.lease, work.context.topics = SimpleNamespace(text=""), ()
    around.after_start("c1")
    assert told == [], "the same address as before"
    work.instance.ip = "172.17.0.3"
    around.readdressed("172.17.0.2")
    for _death in range(2):
        around = Around(work)
        around.after_start("c2")
        around.drained([{"Id": "c1"}])
        assert told[-3:] == [
            ("traffic.in", "172.17.0.3", "c2"), ("traffic.out", "172.17.0.2", "c1"), ("drain", "", ""),
        ]  # fmt: skip
    work.step.refresh_from_db()
    assert work.step.old_ip == "172.17.0.2"


def test_a_front_that_is_away_fails_the_switch_in_words(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise fronts.NotApplied("edge-1 does not answer")

    monkeypatch.setattr(fronts, "settle_all", away)
    release = factories.make_deployment(place, "running", policy={"strategy": "blue-green"}, config=place.config)
    with pytest.raises(holds.SwitchFailed, match="edge-1 does not answer"):
        holds.switch(release, "new")


def test_a_host_that_hangs_keeps_no_other_waiting_and_is_left_alone_for_a_while(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, asked = threading.Event(), []

    def settle(upstream: Upstream, *_: Any) -> str:
        asked.append(upstream.host.name)
        if upstream.host.name == "edge-1":
            hangs.wait(60)
            raise fronts.NotApplied("it hangs")
        return ""

    monkeypatch.setattr(fronts, "settle", settle)
    monkeypatch.setattr(sweep, "PATIENCE", 0.5)
    monkeypatch.setattr(sweep, "SLOW", 0.1)
    Upstream.objects.update(applied=0)
    began = time.monotonic()
    sweep.sweep()
    assert time.monotonic() - began < 30
    sweep.sweep()
    assert sorted(asked) == ["edge-1", "edge-2", "edge-2"], "its thread still waits"
    hangs.set()
    for one in sweep._hosts.values():
        one.join(60)
    sweep.sweep()
    assert asked.count("edge-1") == 1, "away"
    sweep._away.clear()
    sweep.sweep()
    assert asked.count("edge-1") == 2


def test_two_places_of_one_name_share_no_file(team: Any, actor_sre: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environments made from now on have no «--»; one of old keeps its file, whoever comes later is refused in words."""
    with pytest.raises(Refused, match="no two «-»"):
        save_environment(actor_sre, None, {"slug": "b--c"})
    old = factories.make_running_place("a", "b--c", 1, team=team)
    new = factories.make_running_place("a--b", "c", 1, team=team)
    front = Front.objects.create(slug="edge")
    front.hosts.add(factories.make_host("edge-1"))
    rows.ensure(old, NGINX)
    with pytest.raises(Refused, match="a/b--c has the upstream's name"):
        save_config(actor_sre, new, {"traffic": NGINX.to_json()})
    save_config(actor_sre, old, {"traffic": {**NGINX.to_json(), "drain": 3}})
    rows.ensure(new, NGINX)  # by settings of before
    written: list[str] = []
    monkeypatch.setattr(operation, "_put", lambda _run, upstream, *_rest: written.append(str(upstream.place)))
    for place in (old, new):
        run = SimpleNamespace(params={"upstream": place.upstreams.get().pk}, say=lambda _text: None,
                              step=lambda *_: contextlib.nullcontext())  # fmt: skip
        if place == old:
            operation.put(run)
        else:
            with pytest.raises(Failed, match=r"xq_a__b__c\.conf is that of a/b--c"):
                operation.put(run)
    assert written == ["a/b--c"]
    assert "is that of a/b--c" in new.upstreams.get().trouble


def test_who_failed_just_now_is_not_asked_again_at_once(place: Any) -> None:
    Upstream.objects.update(applied=0)
    assert len(sweep.behind(place)) == 2
    Upstream.objects.filter(host__name="edge-1").update(trouble="no", tried=timezone.now())
    assert [one.host.name for one in sweep.behind(place)] == ["edge-2"]


def test_a_file_of_another_life_is_counted_on_from(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    there, written = [17], []

    def put(_run: Any, upstream: Upstream, generation: int, text: str) -> int | None:
        if there[0] > generation:
            return there[0]
        there[0] = generation
        written.append((generation, text))
        return None

    monkeypatch.setattr(operation, "_put", put)
    upstream = Upstream.objects.first()
    assert upstream is not None
    found = operation._until_ours(None, upstream, *current(upstream))  # type: ignore[arg-type]
    assert found[0] == 18
    assert written == [found]
    assert "# generation 18\n" in found[1]
    assert Upstream.objects.get(pk=upstream.pk).wanted == 18
