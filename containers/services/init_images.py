"""What init mode asks of images: said in the plan where somebody has looked, and by the release before it stops anything."""

from __future__ import annotations

import logging
from dataclasses import replace

from django.utils.translation import gettext as _

from builds.models import Image
from builds.registry import auth_of
from containers import images
from containers.config import Config
from containers.init_mode import Facts, problems
from containers.plan import Plan
from hosts.engine import EngineError, connect
from hosts.models import Host
from xqplatform import work

log = logging.getLogger(__name__)


def checked(plan: Plan, config: Config, image: Image | None, segment: bool) -> Plan:
    """The plan with what the settings ask of the image and the place. An image that nobody knows is looked at meanwhile."""
    bad: list[str] = []
    told: list[str] = []
    if plan.kind in {"deploy", "scale"} and config.persist and config.persist_in == "folder" and not segment:
        bad.append(_("A host folder at /persist is named by a fixed address: choose a segment, or a volume."))
    if config.init == "image" and image is not None and plan.kind in {"deploy", "scale"}:
        facts = images.known(image)
        if facts is not None:
            bad += problems(facts)
        else:
            told.append(
                _(
                    "Nobody has looked yet whether the image can run in init mode; it is done before anything is stopped."
                )
            )
            from containers import tasks

            work.enqueue(tasks.examine_image, image.pk)
    if not bad and not told:
        return plan
    return replace(plan, problems=(*plan.problems, *bad), warnings=(*plan.warnings, *told))


def examine(pk: int) -> Facts | None:
    """Looks at an image on the first host that has it, or can fetch it; None when no host can."""
    image = Image.objects.select_related("registry", "build").get(pk=pk)
    found = images.known(image)
    if found is not None:
        return found
    hosts = Host.objects.filter(state__in=Host.ANSWERING)
    if image.only_on_id:
        hosts = hosts.filter(pk=image.only_on_id)
    first = image.only_on_id or (image.build.host_id if image.build is not None else None)
    # On a host that has it already, else on one that builds: no host that runs services is made to fetch for a look.
    for host in sorted(hosts, key=lambda one: (one.pk != first, not one.role_build))[:3]:
        try:
            engine = connect(host)
            if not engine.has_image(image.reference):
                if image.registry is None or not image.digest or not host.role_build:
                    continue
                engine.pull(image.reference, auth_of(image.registry))
            return images.ensure(engine, image)
        except EngineError as error:
            log.info("%s could not be looked at on %s: %s", image, host, error)
    return None
