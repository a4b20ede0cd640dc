"""An instance's root as an image: what somebody changed inside is kept so, since a release rebuilds the root."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from builds.models import ImageImport
from builds.services import imports
from containers.models import Instance
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused


def publish(actor: Actor, instance: Instance, note: str = "") -> ImageImport:
    """Begins to make an image of an instance's root while it runs; its volumes are no part of it. Raises Denied, Refused."""
    require(actor, "service.terminal", **instance.place.at, obj=instance)
    container = instance.current
    if instance.removed is not None or container is None or not container.engine_id:
        raise Refused(_("%(name)s has no container that an image could be made of.") % {"name": instance.name})
    return imports.begin_publish(
        actor, instance.place.service.project, host=instance.host, engine_id=container.engine_id, name=instance.name,
        parent=container.image, note=note,
    )  # fmt: skip


def holds_still(instance: Instance) -> bool:
    """Its server lets it stand still for the snapshot that the image is made of; it is seen so for up to a minute longer."""
    lately = Q(state__in=ImageImport.ACTIVE) | Q(finished__gte=timezone.now() - timedelta(minutes=1))
    container = instance.current
    rows = ImageImport.objects.filter(lately, kind=ImageImport.Kind.INSTANCE, host=instance.host_id)
    return container is not None and rows.filter(engine_id=container.engine_id).exists()
