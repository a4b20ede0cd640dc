"""Putting data back in place, as an operation: what is there now is kept, the instance stops, its volumes are as they were, it starts.

What a way back has to know stands in the row before anything is done, so that a sweep finds it, too, when all workers have died.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers import health
from containers.keeping import copying, edge, following, newest, taking
from containers.keeping.models import Restore, Snapshot
from containers.keeping.operations import told
from containers.models import Container, Instance
from containers.services.settings import topic
from hosts.engine import EngineError, connect
from hosts.operations import Failed, Run, operation
from hosts.volume_types import Volume, Volumes
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor

RESTORE = "keeping.restore"
SECONDS = 3600.0  # that putting one volume back may take
HEALTHY_SECONDS = 120.0
ROWS = (
    "instance__place__service__team",
    "instance__place__environment",
    "snapshot__host",
    "snapshot__instance__place__service",
    "snapshot__instance__place__environment",
    "instance__host",
    "safety",
    "backup",
)
WELL = frozenset({"healthy", "running"})


@operation(RESTORE, title=gettext_lazy("Put data back"), describe=told, exclusive=False, ssh=False)
def restore(run: Run) -> None:
    row = Restore.objects.select_related(*ROWS).filter(pk=run.params["restore"]).first()
    if row is None:
        raise Failed(_("It is not wanted any more."))
    volumes = edge.volumes_of(run.host)
    run.on_failure(lambda: go_back(row, volumes), _("Put back what was there before, and start it"))
    if not row.notes:  # nobody was stopped yet
        possible(row, volumes)
    if row.safety is not None and run.todo("save"):
        with run.step("save", _("Keep what is there now as %(snapshot)s") % {"snapshot": row.safety.label}):
            taking.take(row.safety, volumes, run.check)
            taking.ready(row.safety)
    if run.todo("stop"):
        with run.step("stop", _("Stop the instance")):
            stop(row, volumes)
    if run.todo("put back"):
        with run.step("put back", _("Put the data back as it was at %(snapshot)s") % {"snapshot": row.snapshot.label}):
            note(row, begun=True)
            if own(row):
                put_back(row.snapshot, volumes, run.check)
            else:
                found = copying.pairs(row.snapshot, changed(row, volumes))
                note(row, copied=True)
                copying.bring(row, found, run.check, time.sleep)
                note(row, copied=False)
    if run.todo("start"):
        with run.step("start", _("Start the instance")):
            start(row)
            healthy(row, run.check)
    if run.todo("note"):
        with run.step("note", _("Note what was done")):
            done(row)
            words = _("The data is as it was at %(time)s UTC. Nothing was kept of what was there before.")
            if row.safety is not None:
                words = _("The data is as it was at %(time)s UTC. What was written since is in %(safety)s.")
            safety = row.safety.label if row.safety is not None else ""
            run.write(words=words % {"time": f"{row.snapshot.taken:%Y-%m-%d %H:%M:%S}", "safety": safety})


def own(row: Restore) -> bool:
    """Whether the snapshot is the instance's own; else its data is copied from another one."""
    here = row.snapshot.instance_id == row.instance_id and row.snapshot.host_id == row.instance.host_id
    return here and not following.aside(row.snapshot)


def changed(row: Restore, volumes: Volumes) -> list[Volume]:
    """The volumes that other data comes into. Raises Failed for one that is not there any more."""
    current = row.instance.current
    if not own(row):
        return volumes.of(current.engine_id) if current is not None else []
    found = []
    for one in row.snapshot.volumes:
        volume = volumes.named(one["name"], one["pool"])
        if volume is None:
            words = _("The volume %(name)s is not there any more.") % {"name": one["name"]}
            raise Failed(words)
        if current is None or current.engine_id not in volume.users:
            # It would be put back, and nobody would ever see it.
            words = _("%(instance)s does not have the volume %(name)s any more: nothing was changed.")
            raise Failed(words % {"instance": row.instance, "name": one["name"]})
        found.append(volume)
    return found


def possible(row: Restore, volumes: Volumes) -> None:
    """Raises Failed where the pool cannot do it."""
    ask = newest.can_put_back if own(row) else newest.can_fill
    ask(row, changed(row, volumes), volumes)


def put_back(snapshot: Snapshot, volumes: Volumes, check: Callable[[], None]) -> None:
    """All volumes as they were; whoever has them is stopped. Safe to repeat. Raises EngineError, and what `check` does."""
    for one in snapshot.volumes:
        check()
        volumes.put_back(edge.as_volume(one), snapshot.label, SECONDS)


def note(row: Restore, **more: Any) -> None:
    row.notes = row.notes | more
    row.save(update_fields=["notes"])


def done(row: Restore) -> None:
    row.state, row.ended = Restore.State.DONE, timezone.now()
    row.save(update_fields=["state", "ended"])
    source = {"backup": row.backup_id} if row.backup_id else {"snapshot": row.snapshot_id}
    after = {**source, "as of": row.as_of.isoformat() if row.as_of else None, "kept before": row.safety_id}
    place = row.instance.place
    audit.record(Actor.system("keeping"), "data.restored", row.instance, after=after, parent=place)
    live.bump(topic(place))


def stop(row: Restore, volumes: Volumes) -> None:
    """All who have the volumes. They are noted first, so that they start again whatever happens."""
    instances = _users(row, volumes)
    engine = connect(row.instance.host)
    if "ran" not in row.notes:
        ran = [one for one in instances if health.shown_state(engine.inspect(one)) != "stopped"]
        wanted = {str(one.pk): one.wanted_state for one in instances.values()}
        note(row, ran=ran, wanted=wanted)
    # A stop that is wanted is no drift, and nobody starts them meanwhile.
    Instance.objects.filter(pk__in=[one.pk for one in instances.values()]).update(wanted_state="stopped")
    for container in instances:
        engine.stop(container)


def _users(row: Restore, volumes: Volumes) -> dict[str, Instance]:
    """Containers that have one of the volumes, with their instances. Raises Failed for one that is not of this place."""
    found: dict[str, Instance] = {}
    for volume in changed(row, volumes):
        for user in volume.users:
            current = Container.objects.filter(engine_id=user, ended=None, instance__place=row.instance.place)
            container = current.select_related("instance").first()
            if container is None:
                words = _("Somebody else's container %(name)s has the volume %(volume)s, too: nothing was changed.")
                raise Failed(words % {"name": user[:40], "volume": volume.name})
            found[user] = container.instance
    return found


def start(row: Restore) -> None:
    """Those that ran before start again, and what was wanted is wanted again. Raises EngineError."""
    engine = connect(row.instance.host)
    for container in row.notes.get("ran", []):
        _unless_gone(engine.start, container)
    for pk, state in row.notes.get("wanted", {}).items():
        Instance.objects.filter(pk=int(pk)).update(wanted_state=state)


def _unless_gone(call: Callable[[str], object], container: str) -> None:
    """One that somebody removed meanwhile is a drift, which is told elsewhere: the data does not wait for it. Raises EngineError."""
    try:
        call(container)
    except EngineError as error:
        if error.kind != "not_found":
            raise


def healthy(row: Restore, check: Callable[[], None]) -> None:
    """Waits until those that ran are well. Raises Failed, EngineError, and what `check` does."""
    engine, until = connect(row.instance.host), time.monotonic() + HEALTHY_SECONDS
    left = list(row.notes.get("ran", []))
    while left:
        check()
        state = health.shown_state(engine.inspect(left[0]))
        if state in WELL:
            left.pop(0)
            continue
        if state in {"unhealthy", "stopped"} or time.monotonic() > until:
            words = _("With this data it is %(state)s after %(s)d s.")
            raise Failed(words % {"state": state, "s": time.monotonic() - until + HEALTHY_SECONDS})
        time.sleep(0.3)


def go_back(row: Restore, volumes: Volumes) -> None:
    """After something went wrong: the data of before, if it was touched, and whoever ran runs. Safe to repeat. Raises EngineError."""
    row.refresh_from_db(fields=["state"])
    if row.state == Restore.State.DONE:
        return  # it is in use: what is written to it now is not thrown away
    engine, words = connect(row.instance.host), ""
    if row.safety is not None and row.safety.state == Snapshot.State.TAKING:
        taking.give_up(row.safety, volumes)
    if row.notes.get("begun"):
        for container in row.notes.get("ran", []):
            _unless_gone(engine.stop, container)
        if row.safety is not None and row.safety.state == Snapshot.State.READY:
            put_back(row.safety, volumes, lambda: None)
        else:
            words = _("Nothing was kept of before: the data is, in part or in whole, as it was at the snapshot.")
    start(row)
    failed(row, words)


def failed(row: Restore, words: str = "") -> None:
    row.state, row.ended, row.words = Restore.State.FAILED, timezone.now(), words[:500]
    row.save(update_fields=["state", "ended", "words"])
    live.bump(topic(row.instance.place))


def swept(row: Restore) -> bool:
    """Of an operation that ended without undoing; whether it could be put right."""
    try:
        go_back(row, edge.volumes_of(row.instance.host))
    except EngineError:
        return False
    return True
