"""A container is started, and watched until it is well."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from containers import announcing, health
from containers.ending import StepFailed
from containers.firstcheck import FirstCheck
from containers.models import Container, Instance
from containers.pulse import ASK_ANYWAY
from containers.steps.bench import Bench, Json
from containers.steps.points import point
from hosts import helper
from hosts.engine import EngineError
from hosts.networks import ensure_network

BUSY_ADDRESS_SECONDS = 20.0  # an engine may take a moment to give an endpoint's address free


def bring_up(bench: Bench, engine_id: str, state: str = "starting", tidy: Callable[[], None] | None = None) -> None:
    """Starts it if it does not run, and waits until it is well; `tidy` is done meanwhile. Raises StepFailed."""
    deadline, forward = bench.deadline(), state == "starting"
    bench.around.before_start()
    with bench.timed("start" if forward else "", state=state):
        bench.point("before start")
        _begin(bench, engine_id)
        bench.point("after start")
    late: Callable[[], None] | None = None
    with bench.timed("healthy" if forward else ""):
        if tidy is not None:
            try:
                tidy()
            except EngineError as error:
                if "sandbox" not in error.message:
                    raise
                late = tidy  # its program has just ended: that is the reason to tell, and the watch below sees it
        seen = _watch(bench, engine_id, deadline)
        if late is not None:
            late()
    now = timezone.now()
    Container.objects.filter(engine_id=engine_id).update(
        healthy=now, started=now, ended=None, exit_code=None, oom_killed=False
    )
    fresh: Json = {"state": health.shown_state(seen), "seen": now, "drift": [], "drift_since": None}
    if not bench.fixed:
        fresh["ip"] = _ip(seen)
    with transaction.atomic():
        Instance.objects.filter(pk=bench.instance.pk).update(**fresh)
        if fresh.get("ip", bench.instance.ip) != bench.instance.ip:
            old, bench.instance.ip = bench.instance.ip, fresh["ip"]
            bench.around.readdressed(old)
    bench.around.after_start(engine_id)


def up(
    bench: Bench, engine_id: str, state: str = "starting", *, announced: bool, tidy: Callable[[], None] | None = None
) -> None:
    """Brings it up; meanwhile its address is announced, if it was on another host before."""
    address = bench.instance.address
    if not announced or address is None:
        return bring_up(bench, engine_id, state=state, tidy=tidy)
    words = announcing.begin(bench.engine, address, engine_id, lambda: point("after announce", bench.step.pk))

    def meanwhile() -> None:
        if words.ident is None:  # it may be tidied up once more
            words.start()
        if tidy is not None:
            tidy()

    bring_up(bench, engine_id, state=state, tidy=meanwhile)
    words.join(helper.SECONDS)


def _begin(bench: Bench, engine_id: str) -> None:
    until = time.monotonic() + BUSY_ADDRESS_SECONDS
    prepared = False
    while True:
        try:
            with bench.context.gate(bench.host.pk):
                return bench.patience.call(bench.engine.start, engine_id)
        except EngineError as error:
            if error.kind == "not_found" and not prepared and bench.segment() is not None:
                prepared = True  # its network went with somebody's clean-up
                bench.patience.call(ensure_network, bench.engine, bench.segment())
                continue
            busy = "ddress already in use" in error.message
            if not busy or time.monotonic() > until:
                raise
            bench.patience.sleep(0.5)


def _watch(bench: Bench, engine_id: str, deadline: float) -> Json:
    """Waits for health; what the engine says of it is asked for when it has something to tell."""
    delay, ran_since, began = 0.1, None, time.monotonic()
    bench.context.pulse.listen(bench.host.pk, bench.engine)
    run = None
    first = FirstCheck(bench.engine, engine_id)
    verdict = health.Verdict("starting")
    bench.point("before healthy")
    while True:
        try:
            seen = bench.patience.call(bench.engine.inspect, engine_id)
        except EngineError as error:
            if error.kind == "not_found":
                raise StepFailed(_("The container was removed by somebody while it started.")) from error
            raise
        now = time.monotonic()
        if run != (seen["State"].get("StartedAt"), seen.get("RestartCount")):
            run, ran_since = (seen["State"].get("StartedAt"), seen.get("RestartCount")), now
        verdict = health.judge(seen, now - (ran_since or now))
        if verdict.state == "healthy":
            return seen
        if verdict.state == "failed":
            raise StepFailed(verdict.why)
        if first.passes(seen):
            return {**seen, "State": {**seen["State"], "Health": {"Status": "healthy"}}}
        if now >= deadline:
            words = _("It was not healthy within %(seconds)d s. %(why)s")
            raise StepFailed(words % {"seconds": now - began, "why": verdict.why})
        if health.has_check(seen):
            bench.context.pulse.wait(bench.host.pk, engine_id, delay, bench.patience.sleep, first.wait or ASK_ANYWAY)
        else:
            bench.patience.sleep(delay)
        delay = 0.1 if now - began < 5 else min(0.5, delay * 1.2)


def _ip(seen: Json) -> str:
    networks = ((seen.get("NetworkSettings") or {}).get("Networks") or {}).values()
    return next((n["IPAddress"] for n in networks if n.get("IPAddress")), "")
