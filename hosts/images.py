"""What images a host has, and of which layers they are: asked on demand, stored, one look a host at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from hosts.engine import Engine, EngineError, connect
from hosts.models import Host, HostImages

FRESH = timedelta(seconds=60)  # so long nobody asks again
MOST_INSPECTED = 300  # images a look; the rest counts as not there until the next one
SHORT = 16  # hexadecimal digits kept of a chain


def chains(layers: Iterable[str]) -> list[str]:
    """The names of layers by all that lies below each: an engine has a layer only together with those (its «chain id»).

    `layers`: digests of their uncompressed content, the lowest first. Pure.
    """
    found: list[str] = []
    below = ""
    for layer in layers:
        below = layer if not below else "sha256:" + hashlib.sha256(f"{below} {layer}".encode()).hexdigest()
        found.append(below.removeprefix("sha256:")[:SHORT])
    return found


def is_due(host: Host) -> bool:
    row = HostImages.objects.filter(host=host).first()
    return row is None or row.asked is None or row.asked < timezone.now() - FRESH


def look(host: Host) -> bool:
    """Asks the engine and stores the answer, or why there is none. False: somebody else just does, or has done it."""
    now = timezone.now()
    row, made = HostImages.objects.get_or_create(host=host, defaults={"asked": now})
    free = Q(asked=None) | Q(asked__lt=now - FRESH)
    if not made and not HostImages.objects.filter(free, pk=row.pk).update(asked=now):
        return False
    mine = HostImages.objects.filter(pk=row.pk, asked=now)
    try:
        images, references = _seen(connect(host), row.images)
    except EngineError as error:
        mine.update(problem=error.words)
        return True
    mine.update(images=images, references=references, looked=timezone.now(), problem="")
    return True


def _seen(engine: Engine, known: Mapping[str, Sequence[str]]) -> tuple[dict[str, list[str]], list[str]]:
    """Raises EngineError. Only images that are not known yet are looked into."""
    images: dict[str, list[str]] = {}
    references: set[str] = set()
    new = 0
    for entry in engine.list_images():
        name = str(entry.get("Id") or "")
        references |= {str(one) for key in ("RepoDigests", "RepoTags") for one in entry.get(key) or []}
        if name in known:
            images[name] = list(known[name])
        elif name and new < MOST_INSPECTED:
            new += 1
            layers = _layers(engine, name)
            if layers is not None:
                images[name] = chains(layers)
    return images, sorted(references)


def _layers(engine: Engine, name: str) -> list[str] | None:
    """None: the image has gone meanwhile."""
    try:
        return [str(one) for one in (engine.inspect_image(name).get("RootFS") or {}).get("Layers") or []]
    except EngineError as error:
        if error.kind == "not_found":
            return None
        raise
