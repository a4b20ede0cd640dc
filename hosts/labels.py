"""What every engine object of ours carries, so that what was done can be seen on the engine itself."""

from __future__ import annotations

from collections.abc import Mapping

from xqplatform.secrets import installation as stored

SERVICE = "xq.service"
ENVIRONMENT = "xq.environment"
INSTANCE = "xq.instance"
DEPLOYMENT = "xq.deployment"
PLATFORM = "xq.platform"
SEGMENT = "xq.segment"
HELPER = "xq.helper"  # containers of the platform itself, helpers and collectors: listed nowhere


def installation() -> str:
    """This platform's id: several platforms may share an engine and leave each other's containers alone."""
    return stored.name()


def is_ours(labels: Mapping[str, str]) -> bool:
    """Whether this very platform made the object."""
    return labels.get(PLATFORM) == installation()
