"""What each host of a plan would fetch, from what was last seen of hosts and of the image."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext as _

from builds.models import Image
from containers.models import ImageContents
from containers.plan import Plan
from containers.preview.layers import to_pull
from hosts.models import Host, HostImages

MAKES = {"add", "replace", "move", "address"}
Json = dict[str, Any]


def hosts_of(plan: Plan) -> list[int]:
    """Those on which a container of the image is made."""
    return sorted({entry.host for entry in plan.entries if entry.action in MAKES and not entry.problem})


def key_of(image: Image) -> str:
    return image.digest or image.image_id


def of(image: Image, hosts: Collection[int]) -> Json:
    """A row a host, and `total` bytes over all of those that are known, `unknown` hosts, `most` bytes of the whole image."""
    rows = rows_of(image, hosts)
    return {
        "rows": rows,
        "total": sum(row["bytes"] or 0 for row in rows),
        "unknown": sum(row["bytes"] is None for row in rows),
        "most": image.size,
    }


def rows_of(image: Image, hosts: Collection[int]) -> list[Json]:
    """`state`: there, pulls, unknown; `bytes`: to fetch, null where that is not known, with `words` why."""
    contents = ImageContents.objects.filter(key=key_of(image)).first()
    seen = {row.host_id: row for row in HostImages.objects.filter(host__in=hosts)}
    return [_row(image, host, seen.get(host.pk), contents) for host in Host.objects.filter(pk__in=hosts)]


def _row(image: Image, host: Host, seen: HostImages | None, contents: ImageContents | None) -> Json:
    row: Json = {
        "host": host.name,
        "state": "unknown",
        "bytes": None,
        "here": 0,
        "layers": 0,
        "words": "",
        "looked": None,
    }
    if not _in_registry(image):
        here = image.only_on_id == host.pk
        return row | ({"state": "there", "bytes": 0} if here else {"words": _("no registry holds it")})
    if seen is None or seen.looked is None:
        return row | {"words": (seen.problem if seen is not None else "") or _("the host has not been asked yet")}
    row |= {"looked": seen.looked.timestamp(), "words": seen.problem}
    if names_of(image) & set(seen.references):
        return row | {"state": "there", "bytes": 0}
    if contents is None or not contents.layers:
        why = (contents.layers_problem if contents is not None else "") or _("the registry has not been asked yet")
        return row | {"state": "pulls", "words": why}
    there = {chain for chains in seen.images.values() for chain in chains}
    pull = to_pull([one["size"] for one in contents.layers], [one["chain"] for one in contents.layers], there)
    return row | {"state": "pulls", "bytes": pull.bytes, "here": pull.here, "layers": pull.layers}


def _in_registry(image: Image) -> bool:
    return bool(image.registry_id and image.digest)


def names_of(image: Image) -> set[str]:
    """How an engine may list it: what is of Docker Hub has its short name there."""
    name = image.reference
    short = name.removeprefix("index.").removeprefix("docker.io/")
    return {name, short, short.removeprefix("library/")}
