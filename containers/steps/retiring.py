"""Containers are stopped and removed; their last words are kept."""

from __future__ import annotations

from django.utils import timezone

from containers import happenings, keeping_logs
from containers.models import Container, KeptLog
from containers.steps.bench import Bench, Json


def stop_all(bench: Bench, containers: list[Json]) -> None:
    if not containers:
        return
    bench.around.before_stop(containers)
    with bench.timed("stop", state="stopping"):
        for one in containers:
            bench.point("before stop")
            bench.patience.call(bench.engine.stop, one["Id"], timeout_of(bench, one["Id"]))
            bench.point("after stop")
    bench.around.after_stop()


def retire_all(bench: Bench, containers: list[Json], state: str = "stopping", *, serves: bool = True) -> None:
    """`serves`: one of them may be what the instance's traffic goes to."""
    if not containers:
        return
    if serves:
        bench.around.before_stop(containers)
    with bench.timed("stop" if state != "undoing" else "", state=state):
        for one in containers:
            retire(bench, one["Id"])
    if serves:
        bench.around.after_stop()


def retire(bench: Bench, engine_id: str) -> None:
    """Stops it gracefully, keeps its last words and its exit code, removes it."""
    bench.point("before stop")
    bench.patience.call(bench.engine.stop, engine_id, timeout_of(bench, engine_id))
    clear(bench, engine_id)


def clear(bench: Bench, engine_id: str) -> None:
    """Keeps a stopped container's last words and exit code, and removes it."""
    bench.point("before remove")
    seen = bench.inspect(engine_id)
    keep_log(bench, engine_id, KeptLog.Why.REMOVED if bench.step.action == "remove" else KeptLog.Why.REPLACED)
    with bench.context.gate(bench.host.pk):
        bench.patience.call(bench.engine.remove, engine_id, force=True)
    bench.point("after remove")
    state = (seen or {}).get("State") or {}
    if state.get("OOMKilled"):
        happenings.noticed_oom(engine_id, state)
    Container.objects.filter(engine_id=engine_id, ended=None).update(
        ended=timezone.now(),
        exit_code=state.get("ExitCode"),
    )


def timeout_of(bench: Bench, engine_id: str) -> int:
    if engine_id == bench.step.old_engine_id:
        return bench.stop_timeout(bench.step.old_config)
    row = Container.objects.filter(engine_id=engine_id).select_related("config").first()
    return bench.stop_timeout(row.config if row is not None else bench.step.old_config)


def keep_log(bench: Bench, engine_id: str, why: str) -> str:
    """Keeps its last lines; the very last of them as text, empty when there are none."""
    return keeping_logs.keep(
        bench.engine, engine_id, bench.instance.pk, why, host=bench.host.name, deployment=bench.context.deployment
    )


def others_ended(bench: Bench, made: str) -> None:
    """Rows of containers that vanished without us are closed, too."""
    Container.objects.filter(instance=bench.instance, ended=None).exclude(engine_id=made).update(ended=timezone.now())
