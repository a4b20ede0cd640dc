"""The verbs of images."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from builds import guards
from builds.models import Image
from builds.place import at
from builds.registry import Client, RegistryError
from builds.tasks import remove_from_host
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused
from xqplatform.work import enqueue


def discard_image(actor: Actor, image: Image, reason: str = "") -> Image:
    """Discards an image and deletes its manifest in the registry. Raises Denied, and Refused while it is needed."""
    if image.project is not None:
        require(actor, "image.discard", **at(image.project), obj=image)
    else:
        require(actor, "base_image.manage", obj=image)
    with transaction.atomic():
        # Marked first, so that no release takes it up while the registry is asked.
        row = Image.objects.select_for_update().get(pk=image.pk)
        if row.state == Image.State.DISCARDED:
            raise Refused(_("The image has been discarded already."))
        needed = guards.reason_to_keep(row)
        if needed:
            raise Refused(needed)
        row.state, row.discarded = Image.State.DISCARDED, timezone.now()
        row.save(update_fields=["state", "discarded"])
    try:
        if row.registry is not None and row.digest and not _shared(row):
            Client(row.registry).delete(row.repository, row.digest)
    except RegistryError as error:
        Image.objects.filter(pk=row.pk).update(state=Image.State.DEPLOYABLE, discarded=None)
        raise Refused(_("Nothing was discarded: %s") % error.message) from error
    with transaction.atomic():
        parent = row.project or row.blueprint
        audit.record(actor, "image.discard", row, before={"digest": row.digest}, reason=reason, parent=parent)
        live.bump("builds", *([f"service:{row.project.name}"] if row.project else []))
        if row.only_on_id:
            enqueue(remove_from_host, row.pk)
    return row


def _shared(image: Image) -> bool:
    """Whether another image that stays is the same manifest: then it must stay in the registry."""
    same = Image.objects.filter(registry=image.registry, repository=image.repository, digest=image.digest)
    return same.exclude(pk=image.pk).filter(state=Image.State.DEPLOYABLE).exists()
