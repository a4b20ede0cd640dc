"""Looking ahead: what hosts have, of which layers an image is, and which packages are in it. Asked by workers, never by a page."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from builds.models import Image
from builds.registry import Client, RegistryError
from containers.models import ImageContents
from containers.preview import packages
from containers.preview.pulls import key_of, names_of
from hosts import images as host_images
from hosts import labels
from hosts.engine import ContainerSpec, Engine, EngineError, connect
from hosts.models import Host, HostImages
from xqplatform import live, work

log = logging.getLogger(__name__)
OLD = timedelta(minutes=5)  # what a host had so long ago is asked for again
AGAIN = timedelta(seconds=60)
AT_ONCE = 6
LIFE = 120.0  # seconds until a container that a dead worker left counts as left behind
MOST_READ = 16 << 20  # bytes of a package data base
DATA_BASES = (
    ("dpkg", "/var/lib/dpkg/status", packages.dpkg),
    ("apk", "/lib/apk/db/installed", packages.apk),
    ("apk", "/usr/lib/apk/db/installed", packages.apk),
)
RPM = ("/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite", "/var/lib/rpm/Packages")
MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}  # a kernel's word → a registry's


def topic(image: Image) -> str:
    """What a page listens to that waits for the answers."""
    return f"ahead:{image.pk}"


def ask(image: Image, old: Image | None, hosts: Collection[int]) -> bool:
    """Has workers look if something is not known, or is old. Whether answers may come."""
    from containers.preview.tasks import look_ahead

    if not is_pending(image, old, hosts):
        return False
    work.enqueue(look_ahead, image.pk, old.pk if old is not None else None, sorted(hosts))
    return True


def is_pending(image: Image, old: Image | None, hosts: Collection[int]) -> bool:
    now = timezone.now()
    fresh = HostImages.objects.filter(host__in=hosts)
    fresh = fresh.filter(Q(looked__gt=now - OLD) | Q(asked__gt=now - AGAIN) & ~Q(problem=""))
    keys = {key_of(one) for one in (image, old) if one is not None and key_of(one)}
    known = ImageContents.objects.filter(key__in=keys)
    known = known.filter(Q(complete=True) | Q(asked__gt=now - AGAIN, done=True))
    return fresh.count() < len(set(hosts)) or known.count() < len(keys)


def look(pk: int, old: int | None, hosts: Iterable[int]) -> None:
    """Looks. What cannot be reached is stored as that; each call has a limit of its own."""
    rows = Image.objects.select_related("registry", "build").in_bulk([one for one in (pk, old) if one is not None])
    image = rows.get(pk)
    if image is None:
        return
    of = Host.objects.exclude(state=Host.State.RETIRED)
    first = [one.build.host_id for one in rows.values() if one.build is not None] + [
        i.only_on_id for i in rows.values()
    ]
    found = list(of.filter(pk__in=[*hosts, *(host for host in first if host is not None)]))
    if _look_at_all(found):
        live.bump(topic(image))
    for one in rows.values():
        if learn(one, found):
            live.bump(topic(image))


def _look_at_all(hosts: Collection[Host]) -> bool:
    """Side by side, so that one that does not answer keeps no other waiting. Whether anything was asked."""
    due = [host for host in hosts if host_images.is_due(host)]
    if len(due) < 2:
        return any([host_images.look(host) for host in due])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return any(list(pool.map(_look_at, due)))


def _look_at(host: Host) -> bool:
    """In a thread of its own, with a connection to the database of its own."""
    try:
        return host_images.look(host)
    finally:
        connection.close()


def learn(image: Image, hosts: Collection[Host]) -> bool:
    """Stores of which layers and packages an image is. False: known already, or asked for a moment ago."""
    key, now = key_of(image), timezone.now()
    if not key:
        return False
    row, made = ImageContents.objects.get_or_create(key=key, defaults={"asked": now})
    free = Q(asked__lt=now - AGAIN) & Q(complete=False)
    if not made and not ImageContents.objects.filter(free, pk=row.pk).update(asked=now, done=False):
        return False
    values: dict[str, Any] = {}
    if not row.layers and image.registry is not None and image.digest:
        values |= _layers(image, hosts)
    if not row.kind:
        values |= _packages(image, hosts)
    known = values.get("layers") or row.layers or image.registry is None
    values["complete"] = bool(known and (values.get("kind") or row.kind))
    ImageContents.objects.filter(pk=row.pk).update(**values, done=True)
    return True


def _layers(image: Image, hosts: Collection[Host]) -> dict[str, Any]:
    assert image.registry is not None
    machine = next((host.architecture for host in hosts if host.architecture), "x86_64")
    try:
        found = Client(image.registry).contents(image.repository, image.digest, MACHINES.get(machine, machine))
    except RegistryError as error:
        return {"layers_problem": error.message}
    names = host_images.chains(layer.diff for layer in found.layers)
    layers = [{"size": one.size, "chain": name} for one, name in zip(found.layers, names, strict=True)]
    return {"layers": layers, "layers_problem": ""}


def _packages(image: Image, hosts: Collection[Host]) -> dict[str, Any]:
    """From a host that has it; where it runs last, since a look there makes (and never starts) a container."""
    names = names_of(image) | {image.image_id} - {""}
    rows = HostImages.objects.filter(host__in=hosts).select_related("host")
    having = [row.host for row in rows if names & {*row.references, *row.images}]
    problem = _("No host that was asked has the image yet.")
    for host in sorted(having, key=lambda one: (not one.role_build, one.name))[:3]:
        try:
            kind, found = read(connect(host), image.reference)
        except EngineError as error:
            problem = error.words
            log.info("Packages of %s could not be read on %s: %s", image, host, error)
        else:
            return {"kind": kind, "packages": found, "packages_problem": ""}
    return {"packages_problem": problem}


def read(engine: Engine, reference: str) -> tuple[str, packages.Packages]:
    """Of which kind its packages are, and which: dpkg, apk; rpm, whose data base is not read; none. Raises EngineError."""
    made = engine.create(
        ContainerSpec(
            name=f"xq-helper-{secrets.token_hex(6)}",
            image=reference,
            command=("-",),  # an image may name no program at all; it is never started
            labels={labels.PLATFORM: labels.installation(), labels.HELPER: str(int(time.time() + LIFE))},
            network="none",
            restart_policy="no",
        )
    )
    try:
        for kind, path, parse in DATA_BASES:
            if engine.stat_file(made, path) is not None:
                return kind, parse(engine.read_file(made, path, MOST_READ).decode("utf-8", "replace"))
        return ("rpm" if any(engine.stat_file(made, path) is not None for path in RPM) else "none"), {}
    finally:
        try:
            engine.remove(made, force=True)
        except EngineError as error:
            log.info("A helper on %s is swept later: %s", engine.where, error)
