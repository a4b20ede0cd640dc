"""What is mounted into a container. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from containers import config_fields as read

VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}")


@dataclass(frozen=True)
class Volume:
    """`source`: a volume's short name, or a host folder (begins with «/»)."""

    source: str
    target: str
    read_only: bool = False


def read_volumes(data: Mapping[str, Any]) -> tuple[Volume, ...]:
    found: list[Volume] = []
    for item in read.list_of(data, "volumes", 30):
        if not isinstance(item, Mapping):
            raise read.refuse("volumes", _("A volume has a source and a target."))
        source, target = item.get("source", ""), item.get("target", "")
        if not isinstance(source, str) or not isinstance(target, str):
            raise read.refuse("volumes", _("A volume has a source and a target."))
        if source.startswith("/"):
            source = read.inside(source, "volumes")
        elif not VOLUME_NAME.fullmatch(source):
            raise read.refuse("volumes", _("«%(name)s» is no name of a volume.") % {"name": source})
        found.append(Volume(source, read.inside(target, "volumes"), bool(item.get("read_only", False))))
    targets = [volume.target for volume in found]
    if len(set(targets)) != len(targets):
        raise read.refuse("volumes", _("Two volumes have the same target."))
    return tuple(found)


def check_folders(volumes: Sequence[Volume], service: str, roots: Sequence[str]) -> None:
    """Raises Refused when a host folder lies outside ROOT/SERVICE/… of all roots."""
    for volume in volumes:
        if not volume.source.startswith("/"):
            continue
        if not any(volume.source.startswith(f"{root.rstrip('/')}/{service}/") for root in roots):
            allowed = ", ".join(f"{root.rstrip('/')}/{service}/…" for root in roots)
            raise read.refuse(
                "volumes",
                _("The host folder %(path)s cannot be mounted; allowed are: %(allowed)s.")
                % {"path": volume.source, "allowed": allowed},
            )
