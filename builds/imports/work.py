"""An import from its claim to its end: what was uploaded, or an instance's root, becomes one layer, and goes into the registry.

Any process may die at any moment: a layer that is there is pushed by the next one, everything before is done again.
"""

from __future__ import annotations

import errno
import hashlib
import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from builds import tags
from builds.imports import archives, layer, packed, place
from builds.imports.holding import Holder, claim
from builds.imports.machines import image_name
from builds.models import Image, ImageImport
from builds.outcomes import Cancelled, Failed, LeaseLost
from builds.pushing import Pushed, Uploads
from builds.registry import Client, RegistryError
from builds.services.registries import check_registry, registry_of
from hosts.engine import connect
from hosts.lxd.roots import Unusable
from hosts.models import Host
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.secrets import known

log = logging.getLogger(__name__)
SYSTEM = Actor.system("imports")
STEPS = ("exporting", "reading", "packing", "pushing")
# What the platform and engines write anew at each start.
OF_A_START = (".dockerenv", "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/mtab")
TIMES_UNPACKED = 4  # so many times an upload's largest size may unpack to
WAIT_FOR = timedelta(hours=24)  # a registry may be away so long
PAUSE = 15.0  # seconds, that grow with each try
MOST_PAUSE = 300.0
MOST_ATTEMPTS = 40
State = ImageImport.State


def run(pk: int) -> bool:
    """Takes an import up, if it is free. Whether it ended here."""
    holder = claim(pk)
    if holder is None:
        return False
    with translation.override(settings.LANGUAGE_CODE):  # stored: not in the language of who pressed it
        try:
            holder.write(state=State.RUNNING, attempts=holder.row.attempts + 1, reason="", retry_at=None)
            holder.check()
            _work(holder)
        except LeaseLost:
            return False
        except Exception as error:
            return _end(holder, error)
    return True


def _work(holder: Holder) -> None:
    row = holder.row
    folder, packed_layer = place.folder(row), place.folder(row) / "layer.tar.gz"
    if row.attempts > MOST_ATTEMPTS:
        raise Failed(_("Given up after %(n)d tries.") % {"n": MOST_ATTEMPTS})
    made = layer.Made(**row.made) if row.made else None
    if made is None or not packed_layer.exists() or packed_layer.stat().st_size != made.size:
        made = _layer(holder, folder)
        holder.write(made=made.as_json())
    registry = registry_of(row.registry)
    if registry is None:
        raise Failed(_("No registry is connected: images are imported into one."))
    name, _colon, tag = _tag(row, made).rpartition(":")
    config = layer.image_config(made, row.created.isoformat(), f"xqplatform import #{row.pk}")
    holder.step("pushing", made.size)
    try:
        pushed = Uploads(Client(registry), name).image(tag, packed_layer, made.digest, config, holder.told)
    except RegistryError as error:
        if error.retry:
            check_registry(registry)
        raise
    with transaction.atomic():
        image = Image.objects.create(
            project=row.project, blueprint=row.blueprint, parent=row.parent, registry=registry, repository=name, tag=tag,
            digest=pushed.digest, image_id=pushed.config.digest, size=_size(pushed), config=dict(made.config),
            layers=[{"digest": pushed.layer.digest, "size": pushed.layer.size}],
            base=row.parent.base if row.parent else _base(row),
        )  # fmt: skip
        _over(holder, State.SUCCEEDED, "", image)
    place.forget(row.pk)


def _layer(holder: Holder, folder: Path) -> layer.Made:
    row, upload = holder.row, place.upload(holder.row)
    instance = row.kind == ImageImport.Kind.INSTANCE
    for path in folder.iterdir():  # what a dead process left
        if path != upload or instance:
            path.unlink()
    if instance:
        _export(holder, upload)
    elif not upload.exists() or upload.stat().st_size != row.size:
        raise Failed(_("The uploaded file is not on this machine any more: upload it again."))
    holder.step("reading", row.size)
    if row.sha256:
        _compare(holder, upload)
    budget = packed.Budget(min(TIMES_UNPACKED * settings.IMPORT_MOST, place.room() // 2))
    source = archives.read(upload, folder, budget, holder.check)
    if instance:
        upload.unlink()
        said = row.parent.config if row.parent else {}
        source = replace(source, config=said, without=OF_A_START)
    holder.step("packing")
    return layer.make(source, folder, TIMES_UNPACKED * settings.IMPORT_MOST, holder.check, ours=architectures())


def _export(holder: Holder, upload: Path) -> None:
    row = holder.row
    if row.host is None:
        raise Failed(_("The host of the instance is gone."))
    holder.step("exporting")
    most, room = settings.IMPORT_MOST * TIMES_UNPACKED, place.room() // 3
    with upload.open("wb") as file:

        def told(done: int) -> None:
            holder.told(done)
            if done > min(most, room):
                raise Failed(_("The instance's root is larger than the platform has room for."))

        connect(row.host).export_root(row.engine_id, f"import-{row.pk}", file, told)


def _compare(holder: Holder, upload: Path) -> None:
    digest, done = hashlib.sha256(), 0
    with upload.open("rb") as file:
        while piece := file.read(packed.PIECE):
            digest.update(piece)
            done += len(piece)
            holder.told(done)
    if digest.hexdigest() != holder.row.sha256:
        raise Failed(_("What arrived is not what was sent: its SHA-256 is %(found)s.") % {"found": digest.hexdigest()})


def architectures() -> set[str]:
    """Of the hosts, as images name them; before any host was asked, this machine's usual one."""
    rows = (
        Host.objects.exclude(state=Host.State.RETIRED).exclude(architecture="").values_list("architecture", flat=True)
    )
    return {image_name(one) for one in rows.distinct()} or {"amd64"}


def _tag(row: ImageImport, made: layer.Made) -> str:
    name = row.project.name if row.project else f"base/{row.target.name}"
    branch = "imported" if row.kind == ImageImport.Kind.UPLOAD else "published"
    return tags.make(name, int(row.created.timestamp()), made.digest.removeprefix("sha256:"), branch, _base(row))


def _base(row: ImageImport) -> str:
    return f"import{row.pk}"


def _size(pushed: Pushed) -> int:
    return pushed.layer.size + pushed.config.size


def _over(holder: Holder, state: str, reason: str, image: Image | None = None) -> None:
    row = holder.row
    holder.write(
        state=state,
        reason=reason[:10_000],
        image=image,
        finished=timezone.now(),
        retry_at=None,
        lease="",
        lease_until=None,
    )
    after = {"state": state, "import": row.pk} | ({"image": str(image), "digest": image.digest} if image else {})
    audit.record(SYSTEM, "image.import.finish", row.target, after=after, reason=reason[:2000])
    live.bump("builds", *([f"service:{row.project.name}"] if row.project else []))


def _end(holder: Holder, error: Exception) -> bool:
    """What an import becomes that did not succeed. Whether it is over."""
    row, state, mask = holder.row, State.FAILED, known.platform()
    retry = getattr(error, "retry", False) or getattr(error, "out_of_reach", False)
    try:
        if retry and timezone.now() - row.created < WAIT_FOR:
            pause = min(MOST_PAUSE, PAUSE * row.attempts)
            holder.write(
                state=State.QUEUED, reason=mask(_words(error)), retry_at=timezone.now() + timedelta(seconds=pause),
                lease="", lease_until=None,
            )  # fmt: skip
            return False
        if isinstance(error, Cancelled):
            state = State.CANCELLED
        with transaction.atomic():
            _over(holder, state, mask(_words(error)))
    except LeaseLost:
        return False
    place.forget(row.pk)
    return True


def _words(error: Exception) -> str:
    if isinstance(error, Cancelled):
        return _("Cancelled.")
    if isinstance(error, RegistryError):
        return error.message
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return _("The platform's disk is full: nothing of it is kept.")
    if isinstance(error, Unusable | Failed):
        return str(error)
    words = getattr(error, "words", "")
    if words:
        return str(words)
    log.error("Import", exc_info=error)
    return _("The platform itself failed (%s): its log says more.") % type(error).__name__
