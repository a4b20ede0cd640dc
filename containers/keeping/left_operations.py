"""Volumes that nobody has any more are removed for good, as an operation of their host."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.keeping import edge
from containers.keeping.left import SYSTEM, told
from containers.keeping.models import DataVolume, LeftData, Snapshot
from containers.keeping.operations import told as shown
from containers.keeping.seeing import OURS
from containers.services.settings import topic
from hosts.operations import Failed, Run, operation
from hosts.volume_types import Volumes
from xqplatform import audit, live

REMOVE = "keeping.remove"
REMOVE_SECONDS = 3600.0
PREFIX = "xq-vol-"


@operation(REMOVE, title=gettext_lazy("Remove volumes that nobody has"), describe=shown, exclusive=False, ssh=False)
def remove(run: Run) -> None:
    """What is removed is not brought back: nothing is undone."""
    row = LeftData.objects.select_related("place__service__team", "place__environment", "host").get(
        pk=run.params["left"]
    )
    volumes = edge.volumes_of(run.host)
    for one in row.volumes:
        name = f"remove-{one['name']}"
        if run.todo(name):
            with run.step(name, _("Remove the volume %(name)s") % {"name": one["name"]}):
                _remove(row, volumes, one["name"], one["pool"])
    if run.todo("note"):
        with run.step("note", _("Note what is gone")):
            now = timezone.now()
            LeftData.objects.filter(pk=row.pk).update(state=LeftData.State.GONE, ended=now, words="")
            names = {one["name"] for one in row.volumes}
            DataVolume.objects.filter(instance__place=row.place, host=row.host, name__in=names).delete()
            for snapshot in Snapshot.objects.filter(instance__place=row.place, host=row.host).exclude(
                state=Snapshot.State.GONE
            ):
                if {one["name"] for one in snapshot.volumes} <= names:
                    Snapshot.objects.filter(pk=snapshot.pk).update(state=Snapshot.State.GONE, removed=now)
            audit.record(SYSTEM, "data.gone", row.place, before=told(row), parent=row.place.service)
            live.bump(topic(row.place))


def _remove(row: LeftData, volumes: Volumes, name: str, pool: str) -> None:
    """One volume, unless somebody has it, or something of somebody else's hangs on it."""
    found = volumes.named(name, pool) if pool else volumes.find(name)
    if found is None:
        return
    if not name.startswith(PREFIX):
        raise Failed(_("%(name)s is no volume of the platform's: it is left alone.") % {"name": name})
    if found.users or row.place.instances.filter(removed=None, host=row.host).exists():
        raise Failed(_("%(name)s is in use again: it is left alone.") % {"name": name})
    others = [one for one in volumes.snapshots(found) if not OURS.fullmatch(one)]
    if others:
        words = _("%(name)s has snapshots that are not the platform's (%(others)s): remove them there first.")
        raise Failed(words % {"name": name, "others": ", ".join(others)[:200]})
    volumes.remove(found, REMOVE_SECONDS)
