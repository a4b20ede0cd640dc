"""An instance's root as an image: what somebody changed inside is kept so, since a release rebuilds the root."""

from __future__ import annotations

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
