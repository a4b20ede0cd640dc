"""What a host needs before its first container."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from builds.models import Image
from builds.registry import auth_of
from containers.ending import StepFailed
from containers.steps.patience import Patience
from hosts.engine import Engine
from hosts.networks import ensure_network


def prepare(
    engine: Engine,
    image: Image | None,
    segment: Any,
    patience: Patience,
    *,
    progress: Any = None,
    on_stream: Any = None,
) -> None:
    """What a host needs before its first container: the image, and the segment's network.

    `on_stream` gets the pull, which another thread may stop.
    """
    if image is not None and not patience.call(engine.has_image, image.reference):
        registry = image.registry
        if registry is None or not image.digest:
            raise StepFailed(
                _("The image %(tag)s is not on %(host)s, and no registry holds it.")
                % {"tag": image.tag, "host": engine.where}
            )
        patience.call(engine.pull, image.reference, auth_of(registry), progress, on_stream)
    if segment is not None:
        wrong = [text for text in patience.call(ensure_network, engine, segment) if text.startswith(("CIDR", "driver"))]
        if wrong:
            raise StepFailed(
                _("The network %(name)s on %(host)s is not the segment's (is, should be): %(what)s")
                % {"name": segment.network_name, "host": engine.where, "what": "; ".join(wrong)}
            )
