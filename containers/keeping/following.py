"""Snapshots stay with the volumes that a move puts aside, and go when those go."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from containers.keeping.models import Snapshot
from containers.models import MovedVolume
from containers.services.settings import topic
from xqplatform import live


def _of(row: MovedVolume, name: str) -> list[Snapshot]:
    rows = Snapshot.objects.filter(instance=row.instance, host=row.host).exclude(state=Snapshot.State.GONE)
    return [one for one in rows if any(volume["name"] == name for volume in one.volumes)]


def aside(row: Snapshot) -> bool:
    """Whether what it is of is not what the instance has now."""
    names = [one["name"] for one in row.volumes]
    return MovedVolume.objects.filter(host=row.host, instance=row.instance, removed=None, name__in=names).exists()


def renamed(row: MovedVolume) -> None:
    """The volume has the name of one that was put aside."""
    for one in _of(row, row.was):
        one.volumes = [volume | {"name": row.aside} if volume["name"] == row.was else volume for volume in one.volumes]
        one.save(update_fields=["volumes"])
    live.bump(topic(row.instance.place))


def pinned(names: Collection[str], **whose: Any) -> str:
    """Why volumes of these names are not removed by any rule; empty: no snapshot of them is pinned."""
    rows = Snapshot.objects.filter(pinned=True, **whose).exclude(state=Snapshot.State.GONE)
    kept = [one.label for one in rows if any(volume["name"] in names for volume in one.volumes)]
    return _("It has snapshots that are pinned: %(names)s.") % {"names": ", ".join(kept)} if kept else ""


def holds(row: MovedVolume) -> str:
    """A snapshot that somebody pinned goes with nothing."""
    return pinned([row.aside], host=row.host, instance=row.instance)


def removed(row: MovedVolume) -> None:
    """The volume is gone, and its snapshots with it: one that lacks a volume is whole no more."""
    now = timezone.now()
    for one in _of(row, row.aside):
        one.state, one.removed = Snapshot.State.GONE, now
        one.save(update_fields=["state", "removed"])
    live.bump(topic(row.instance.place))
