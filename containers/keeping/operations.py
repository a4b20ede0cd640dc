"""The long work on data, as operations of hosts: taking a snapshot, removing some."""

from __future__ import annotations

import time
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.keeping import edge, seeing, still
from containers.keeping.models import Snapshot
from containers.keeping.policies import policy_of
from containers.services.settings import topic
from hosts.engine import EngineError
from hosts.models import HostOperation
from hosts.operations import Failed, Run, operation
from hosts.volume_types import Volumes
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor

TAKE, DROP = "keeping.snapshot", "keeping.drop"
DROP_SECONDS = 3600.0
ROWS = ("instance__place__service__team", "instance__place__environment", "host")


def row_of(pk: int) -> Snapshot:
    row = Snapshot.objects.select_related(*ROWS).filter(pk=pk).first()
    if row is None:
        raise Failed(_("The snapshot is not wanted any more."))
    return row


def changed(row: Snapshot, **fields: Any) -> None:
    """Saves these fields, and tells pages."""
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(update_fields=list(fields))
    live.bump(topic(row.instance.place))


def told(row: HostOperation) -> str:
    return str(row.params.get("shown", ""))[:150]


@operation(TAKE, title=gettext_lazy("Take a snapshot"), describe=told, exclusive=False, ssh=False)
def take(run: Run) -> None:
    """All volumes of an instance at one moment."""
    row, volumes = row_of(run.params["snapshot"]), edge.volumes_of(run.host)

    def undo() -> None:
        still.let_go(row, volumes)
        for one in row.volumes:
            volumes.drop(edge.as_volume(one), row.label, DROP_SECONDS)
        changed(row, state=Snapshot.State.FAILED, removed=timezone.now())

    run.on_failure(undo, _("Let it go on, and remove what there is of the snapshot"))
    if run.todo("take"):
        with run.step("take", _("Hold it still and take the snapshot")):
            take_now(run, row, volumes)
    if run.todo("note"):
        with run.step("note", _("Note what there is")):
            seeing.look_at(row.instance, volumes)
            words = _("%(volumes)s: it stood still for %(ms)s ms.")
            said = words % {"volumes": ", ".join(one["name"] for one in row.volumes), "ms": row.still_ms}
            changed(row, state=Snapshot.State.READY)
            after = {"snapshot": row.pk, "volumes": [one["name"] for one in row.volumes], "still_ms": row.still_ms}
            audit.record(
                Actor.system("keeping"), "data.snapshot.taken", row.instance, after=after, parent=row.instance.place
            )
            run.write(words=said)


def take_now(run: Run, row: Snapshot, volumes: Volumes) -> None:
    """All volumes of its instance, which stands still for that. Raises EngineError, Failed."""
    container = row.instance.current
    if container is None:
        raise Failed(_("%(instance)s has no container.") % {"instance": row.instance})
    found = volumes.of(container.engine_id)
    if not found:
        raise Failed(_("%(instance)s has no volumes.") % {"instance": row.instance})
    changed(row, volumes=[edge.as_json(one) for one in found])
    most = policy_of(row.instance.place).most_still
    sharing = sorted({user for one in found for user in one.users} | {container.engine_id})
    with still.held(row, volumes, sharing):
        until = time.monotonic() + most
        row.taken = timezone.now()
        for one in found:
            run.check()
            try:
                volumes.take(one, row.label, max(1.0, until - time.monotonic()))
            except EngineError as error:
                if error.kind != "timeout":
                    raise
                words = _(
                    "It was not taken within %(s)s s, so %(instance)s goes on without: allow it to stand still longer."
                )
                raise Failed(words % {"s": most, "instance": row.instance}) from error
    row.save(update_fields=["taken"])


@operation(DROP, title=gettext_lazy("Remove snapshots"), describe=told, exclusive=False, ssh=False)
def drop(run: Run) -> None:
    """Some snapshots of one host. What is removed is not brought back: nothing is undone."""
    volumes = edge.volumes_of(run.host)
    for pk in run.params["snapshots"]:
        name = f"drop-{pk}"
        if run.todo(name):
            row = row_of(pk)
            with run.step(name, _("Remove %(snapshot)s") % {"snapshot": row}):
                for one in row.volumes:
                    volumes.drop(edge.as_volume(one), row.label, DROP_SECONDS)
                changed(row, state=Snapshot.State.GONE, removed=timezone.now())
