"""A backup as an operation of its host: snapshot, clone, file, and its parts into the store; what is made on the way goes again.

A worker that dies is followed by one that goes on with the part that was not stored yet.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.keeping import edge, parts, still, taking, transfer
from containers.keeping.models import Backup, Snapshot
from containers.keeping.operations import told
from containers.keeping.parts import Manifest, Part, Saved
from containers.keeping.stores import Store
from containers.keeping.stores.opening import open_store
from containers.services.settings import topic
from hosts import labels
from hosts.engine import EngineError
from hosts.operations import Failed, Run, operation
from hosts.volume_moves import VolumeMoves
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor

BACKUP = "keeping.backup"
LABEL = "xq.backup"
ROWS = ("instance__place__service__team", "instance__place__environment", "instance__address", "instance__host", "target", "host",
        "snapshot")  # fmt: skip


def row_of(pk: int) -> Backup:
    row = Backup.objects.select_related(*ROWS).filter(pk=pk).first()
    if row is None:
        raise Failed(_("The backup is not wanted any more."))
    return row


def changed(row: Backup, **fields: Any) -> None:
    """Saves these fields, and tells pages."""
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(update_fields=list(fields))
    live.bump(topic(row.instance.place))


@operation(BACKUP, title=gettext_lazy("Back up"), describe=told, exclusive=False, ssh=False)
def back_up(run: Run) -> None:
    row = row_of(run.params["backup"])
    store, moves = open_store(row.target), edge.volumes_of(run.host).moves

    def undo() -> None:
        row.refresh_from_db(fields=["state"])
        if row.state == Backup.State.READY:  # whole, and in the store: whatever went wrong afterwards
            tidy(row, moves)
            return
        changed(row, state=Backup.State.FAILED, ended=timezone.now())
        tidy(row, moves)
        transfer.clear(store, row)

    run.on_failure(undo, _("Remove what there is of the backup"))
    snapshot = _snapshot(run, row)
    for number in range(len(snapshot.volumes)):
        _volume(run, row, store, moves, snapshot=snapshot, number=number)
    if run.todo("manifest"):
        with run.step("manifest", _("Write down what it consists of")):
            _finish(run, row, store, snapshot)
    if run.todo("tidy"):
        with run.step("tidy", _("Remove what was made on the way")):
            transfer.tidied(run, lambda: tidy(row, moves))


def _snapshot(run: Run, row: Backup) -> Snapshot:
    """The moment that the data is of: its own snapshot."""
    snapshot = row.snapshot
    assert snapshot is not None
    volumes = edge.volumes_of(run.host)
    if run.todo("take"):
        with run.step("take", _("Hold it still and take a snapshot")):
            taking.take(snapshot, volumes, run.check)
            Snapshot.objects.filter(pk=snapshot.pk).update(state=Snapshot.State.READY)
            changed(row, taken=snapshot.taken)
    snapshot.refresh_from_db()
    return snapshot


def _volume(run: Run, row: Backup, store: Store, moves: VolumeMoves, *, snapshot: Snapshot, number: int) -> None:
    one = snapshot.volumes[number]
    pool, source = str(one["pool"]), str(one["name"])
    if run.todo(f"file-{number}"):
        with run.step(
            f"file-{number}", _("Copy %(volume)s aside, and write the copy into a file there") % {"volume": source}
        ):
            # Whoever died over it may have left one that is still being made: each has a name of its own.
            name = f"{row.mark}{run.row.attempts}-{number}"
            moves.clone(pool, source, snapshot.label, name, marks_of(row), check=run.check)
            size = moves.write_file(pool, name, check=run.check)
            row.parts.filter(volume=number).delete()
            run.remember_anew(f"file-{number}", {"name": name, "size": size})
    if run.todo(f"send-{number}"):
        file = run.remember(f"file-{number}", {})
        with run.step(f"send-{number}", _("Put %(volume)s into %(target)s") % {"volume": source, "target": row.target}):
            transfer.send(run, moves, store, row, number, pool=pool, name=file["name"], size=file["size"])


def _finish(run: Run, row: Backup, store: Store, snapshot: Snapshot) -> None:
    place, said = row.instance.place, row.manifest
    saved = []
    for number, one in enumerate(snapshot.volumes):
        rows = tuple(
            Part(part.number, part.size, part.sha256) for part in row.parts.filter(volume=number).order_by("number")
        )
        size = run.remember(f"file-{number}", {})["size"]
        saved.append(Saved(str(one["name"]), str(one["target"]), size, rows))
    manifest = Manifest(
        place.service.slug, place.environment.slug, row.instance.number, str(said.get("image") or ""),
        int(said.get("config") or 0), str(said.get("address") or ""), snapshot.taken.isoformat() if snapshot.taken else "",
        snapshot.still_ms, row.target.recipient, tuple(saved), more={"tag": str(said.get("tag") or ""), "recipients": row.target.recipients},
    )  # fmt: skip
    transfer.patient(run, lambda: transfer.drop_others(store, row))
    transfer.patient(run, lambda: store.put(parts.manifest_key(row.folder), manifest.as_bytes()))
    volumes = [{"source": one.source, "target": one.target, "bytes": one.bytes} for one in saved]
    kept = {**said, "stood": snapshot.still_ms, "volumes": volumes}
    with transaction.atomic():
        changed(row, state=Backup.State.READY, manifest=kept, size=manifest.stored, ended=timezone.now())
        after = {"backup": row.pk, "target": row.target.name, "bytes": manifest.stored, "still_ms": snapshot.still_ms}
        audit.record(Actor.system("keeping"), "data.backup.taken", row.instance, after=after, parent=place)
    words = _("%(mib)d MiB are in %(target)s; it stood still for %(ms)s ms.")
    run.write(words=words % {"mib": manifest.stored >> 20, "target": row.target, "ms": snapshot.still_ms})


def marks_of(row: Backup) -> dict[str, str]:
    return {labels.PLATFORM: labels.installation(), LABEL: str(row.pk)}


def tidy(row: Backup, moves: VolumeMoves) -> None:
    """Removes its clones and its snapshot from the host. Raises EngineError; may be repeated."""
    snapshot = row.snapshot
    if snapshot is None or row.host is None:
        return
    volumes = edge.volumes_of(row.host)
    still.let_go(snapshot, volumes)
    for pool in sorted({str(one["pool"]) for one in snapshot.volumes}):
        moves.remove_marked(pool, row.mark, marks_of(row))
    for one in snapshot.volumes:
        volumes.drop(edge.as_volume(one), snapshot.label, taking.DROP_SECONDS)
    if snapshot.state != Snapshot.State.GONE:
        Snapshot.objects.filter(pk=snapshot.pk).update(state=Snapshot.State.GONE, removed=timezone.now())


def tidy_host(row: Backup) -> None:
    """The same for whoever finds the row later. Raises EngineError."""
    if row.host is not None:
        try:
            tidy(row, edge.volumes_of(row.host).moves)
        except EngineError as error:
            if error.kind != "not_found":
                raise
