"""Putting data back in place from a backup, as an operation: all of it is fetched and checked beside the instance, before that stops.

What is there now is kept as a snapshot, to which a way back goes (`restoring.go_back`); names there are `xq-rec-ID-…`.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.keeping import edge, newest, restoring, taking, transfer
from containers.keeping.backup_work import ROWS as BACKUP_ROWS
from containers.keeping.models import Restore
from containers.keeping.operations import told
from containers.keeping.stores.opening import open_store
from hosts import labels
from hosts.operations import Failed, Run, operation
from hosts.volume_moves import VolumeMoves
from hosts.volume_types import Volume, Volumes

RECOVER = "keeping.recover"
LABEL = "xq.restore"


@operation(RECOVER, title=gettext_lazy("Put data back from a backup"), describe=told, exclusive=False, ssh=False)
def recover(run: Run) -> None:
    rows = Restore.objects.select_related(*restoring.ROWS, *(f"backup__{name}" for name in BACKUP_ROWS))
    row = rows.filter(pk=run.params["restore"]).first()
    if row is None or row.backup is None or row.safety is None:
        raise Failed(_("It is not wanted any more."))
    row.snapshot = row.safety  # one object: what is noted of it is seen by both names
    volumes = edge.volumes_of(run.host)

    def undo() -> None:
        restoring.go_back(row, volumes)
        tidy(row, volumes)

    run.on_failure(undo, _("Put back what was there before, and start it"))
    if run.todo("fetch"):
        with run.step(
            "fetch", _("Fetch the data from %(target)s, beside what is there") % {"target": row.backup.target}
        ):
            _fetch(run, row, volumes)
    if run.todo("save"):
        with run.step("save", _("Keep what is there now as %(snapshot)s") % {"snapshot": row.safety.label}):
            taking.take(row.safety, volumes, run.check)
            taking.ready(row.safety)
    if run.todo("stop"):
        with run.step("stop", _("Stop the instance")):
            restoring.stop(row, volumes)
    if run.todo("put back"):
        with run.step("put back", _("Put the data back as it was at %(backup)s") % {"backup": row.backup.label}):
            restoring.note(row, begun=True)
            for one in run.remember("fetched", []):
                volumes.moves.overwrite(one["pool"], one["volume"], one["name"], check=run.check)
    if run.todo("start"):
        with run.step("start", _("Start the instance")):
            restoring.start(row)
            restoring.healthy(row, run.check)
    if run.todo("note"):
        with run.step("note", _("Note what was done")):
            restoring.done(row)
            words = _("The data is as it was at %(time)s UTC. What was written since is in %(safety)s.")
            run.write(words=words % {"time": f"{row.as_of:%Y-%m-%d %H:%M:%S}", "safety": row.safety.label})
    if run.todo("tidy"):
        with run.step("tidy", _("Remove what was made on the way")):
            transfer.tidied(run, lambda: tidy(row, volumes))


def _fetch(run: Run, row: Restore, volumes: Volumes) -> None:
    """Each volume of the backup beside the one of the same target, all of them, or none is touched. Raises Failed."""
    backup, current = row.backup, row.instance.current
    assert backup is not None
    if current is None:
        raise Failed(_("%(instance)s has no container.") % {"instance": row.instance})
    there = {one.target: one for one in volumes.of(current.engine_id)}
    newest.can_fill(row, [_same(there, saved) for saved in backup.manifest["volumes"]], volumes)
    store, fetched = open_store(backup.target), []
    restoring.note(row, fetched=True)  # whoever finds the row later tidies up
    for number, saved in enumerate(backup.manifest["volumes"]):
        volume = _same(there, saved)
        name = f"{mark_of(row)}{run.row.attempts}-{number}"
        pieces = transfer.fetch(run, store, backup, number)
        volumes.moves.take_in(volume.pool, name, pieces, marks_of(row), check=run.check)
        fetched.append({"pool": volume.pool, "volume": volume.name, "name": name})
    run.remember_anew("fetched", fetched)


def _same(there: dict[str, Volume], saved: dict[str, Any]) -> Volume:
    found = there.get(saved["target"])
    if found is None:
        words = _("It has no volume at %(target)s, of which the backup is: nothing was changed.")
        raise Failed(words % {"target": saved["target"]})
    return found


def mark_of(row: Restore) -> str:
    return f"xq-rec-{row.pk}-"


def marks_of(row: Restore) -> dict[str, str]:
    return {labels.PLATFORM: labels.installation(), LABEL: str(row.pk)}


def tidy(row: Restore, volumes: Volumes) -> None:
    """Removes what was fetched for it. Raises EngineError; may be repeated."""
    moves: VolumeMoves = volumes.moves
    for pool in sorted({moves.pool(), *(str(one["pool"]) for one in row.snapshot.volumes)}):
        moves.remove_marked(pool, mark_of(row), marks_of(row))
    restoring.note(row, fetched=False)
