"""The long work on data, as operations of hosts: taking a snapshot, removing some."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.keeping import edge, seeing, taking
from containers.keeping.models import Snapshot
from hosts.models import HostOperation
from hosts.operations import Failed, Run, operation

TAKE, DROP = "keeping.snapshot", "keeping.drop"
ROWS = ("instance__place__service__team", "instance__place__environment", "host")


def row_of(pk: int) -> Snapshot:
    row = Snapshot.objects.select_related(*ROWS).filter(pk=pk).first()
    if row is None:
        raise Failed(_("The snapshot is not wanted any more."))
    return row


def told(row: HostOperation) -> str:
    return str(row.params.get("shown", ""))[:150]


@operation(TAKE, title=gettext_lazy("Take a snapshot"), describe=told, exclusive=False, ssh=False)
def take(run: Run) -> None:
    """All volumes of an instance at one moment."""
    row, volumes = row_of(run.params["snapshot"]), edge.volumes_of(run.host)

    def undo() -> None:
        taking.give_up(row, volumes)

    run.on_failure(undo, _("Let it go on, and remove what there is of the snapshot"))
    if run.todo("take"):
        with run.step("take", _("Hold it still and take the snapshot")):
            taking.take(row, volumes, run.check)
    if run.todo("note"):
        with run.step("note", _("Note what there is")):
            seeing.look_at(row.instance, volumes)
            taking.ready(row)
            words = _("%(volumes)s: it stood still for %(ms)s ms.")
            said = words % {"volumes": ", ".join(one["name"] for one in row.volumes), "ms": row.still_ms}
            run.write(words=said)


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
                    volumes.drop(edge.as_volume(one), row.label, taking.DROP_SECONDS)
                taking.changed(row, state=Snapshot.State.GONE, removed=timezone.now())
