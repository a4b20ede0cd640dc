"""The verbs of imports: images that were not built. Workers carry them on (`builds.imports.work`)."""

from __future__ import annotations

import re

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from builds.imports import place
from builds.models import Blueprint, Image, ImageImport, Project
from builds.place import at
from builds.services.registries import registry_of
from builds.tasks import run_import
from hosts.models import Host
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import can, require
from xqplatform.errors import Refused
from xqplatform.work import enqueue

MOST_OPEN = 5  # uploads of one project that have not ended
_SHA256 = re.compile(r"[0-9a-f]{64}")
State = ImageImport.State


def may_import(actor: Actor, target: Project | Blueprint) -> bool:
    if isinstance(target, Project):
        return can(actor, "build.start", **at(target))
    return can(actor, "base_image.manage")


def announce(
    actor: Actor, target: Project | Blueprint, name: str, size: int, *, sha256: str = "", note: str = ""
) -> ImageImport:
    """Opens an upload of so many bytes, whose pieces then come (`receive`). Raises Denied, Refused."""
    _require(actor, target)
    name = _named(name)
    sha256 = sha256.strip().lower().removeprefix("sha256:")
    if sha256 and not _SHA256.fullmatch(sha256):
        raise Refused(_("A SHA-256 has 64 hexadecimal digits."), "sha256", 400)
    if size < 1:
        raise Refused(_("The file is empty."), "file", 400)
    if size > settings.IMPORT_MOST:
        words = _("A file may have %(most)d MiB at most (XQ_IMPORT_MIB).")
        raise Refused(words % {"most": settings.IMPORT_MOST >> 20}, "file", 413)
    if size * 3 > place.room():
        raise Refused(_("The platform's disk has no room for it: it takes three times the size of the file."), "file")
    with transaction.atomic():
        row = _opened(
            actor, target, kind=ImageImport.Kind.UPLOAD, name=name, size=size, sha256=sha256, note=_note(note)
        )
        audit.record(
            actor,
            "image.import",
            target,
            after={"import": row.pk, "file": name, "size": size, "sha256": sha256},
            reason=row.note,
        )
        live.bump("imports")
    return row


def begin_publish(
    actor: Actor, project: Project, *, host: Host, engine_id: str, name: str, parent: Image | None, note: str = ""
) -> ImageImport:
    """Has an instance's root become an image of the project. Who calls asked for the right on the instance. Raises Denied, Refused."""
    _require(actor, project)
    with transaction.atomic():
        row = _opened(
            actor, project, kind=ImageImport.Kind.INSTANCE, name=_named(name), host=host, engine_id=engine_id,
            parent=parent, note=_note(note), state=State.QUEUED,
        )  # fmt: skip
        after = {"import": row.pk, "instance": name, "host": host.name, "parent": str(parent or "")}
        audit.record(actor, "image.publish", project, after=after, reason=row.note)
        live.bump("imports")
        enqueue(run_import, row.pk)
    return row


def receive(actor: Actor, row: ImageImport, offset: int, data: bytes) -> ImageImport:
    """Takes a piece of an upload; with the last one the work begins. Raises Denied, Refused (409: another offset is next)."""
    _require(actor, row.target)
    if row.state != State.RECEIVING:
        raise Refused(_("This upload is over already."))
    try:
        done = place.append(row, offset, data)
    except OSError as error:
        raise Refused(
            _("The platform cannot keep it: %(why)s.") % {"why": error.strerror or error}, "file", 507
        ) from error
    with transaction.atomic():
        values = {"done": done, "changed": timezone.now()}
        if done == row.size:
            values |= {"state": State.QUEUED, "done": 0}
        if not ImageImport.objects.filter(pk=row.pk, state=State.RECEIVING).update(**values):
            raise Refused(_("This upload is over already."))
        row.refresh_from_db()
        if row.state == State.QUEUED:
            audit.record(actor, "image.import.upload", row.target, after={"import": row.pk, "size": row.size})
            enqueue(run_import, row.pk)
        live.bump("imports", f"import:{row.pk}")
    return row


def cancel_import(actor: Actor, row: ImageImport) -> ImageImport:
    """Cancels an import; nothing of it stays. Raises Denied, and Refused when it is over already."""
    _require(actor, row.target)
    with translation.override(settings.LANGUAGE_CODE):
        words = _("Cancelled by %s.") % actor.name
    with transaction.atomic():
        open_rows = ImageImport.objects.filter(pk=row.pk, state__in=ImageImport.OPEN)
        if not open_rows.update(cancel_requested=True):
            raise Refused(_("This import is over already."))
        # Nobody works on it: it is over at once.
        open_rows.filter(lease="").update(state=State.CANCELLED, finished=timezone.now(), reason=words, retry_at=None)
        audit.record(actor, "image.import.cancel", row.target, after={"import": row.pk, "name": row.name})
        row.refresh_from_db()
        live.bump("imports", f"import:{row.pk}")
        if not row.open:
            transaction.on_commit(lambda: place.forget(row.pk))
    return row


def _require(actor: Actor, target: Project | Blueprint) -> None:
    if isinstance(target, Project):
        require(actor, "build.start", **at(target), obj=target)
        return
    require(actor, "base_image.manage", obj=target)
    if not target.base:
        raise Refused(_("This blueprint makes the images of projects: import into the project."), "target", 400)


def _opened(actor: Actor, target: Project | Blueprint, **fields: object) -> ImageImport:
    registry = registry_of(target.registry if isinstance(target, Project) else None)
    if registry is None:
        raise Refused(_("No registry is connected: images are imported into one."))
    mine = {"project": target} if isinstance(target, Project) else {"blueprint": target}
    type(target).objects.select_for_update().get(pk=target.pk)
    if ImageImport.objects.filter(**mine, state__in=ImageImport.OPEN).count() >= MOST_OPEN:
        raise Refused(_("%(n)d imports are under way there: wait for one, or cancel it.") % {"n": MOST_OPEN})
    return ImageImport.objects.create(
        **mine, registry=registry, created_by=actor.user, created_name=actor.name, **fields
    )


def _named(name: str) -> str:
    name = name.replace("\\", "/").rpartition("/")[2].strip()
    if not name or "\0" in name or len(name) > 200:
        raise Refused(_("A file needs a name of 200 characters at most."), "name", 400)
    return name


def _note(note: str) -> str:
    note = note.strip()
    if len(note) > 500 or "\0" in note:
        raise Refused(_("At most 500 characters."), "note", 400)
    return note
