"""What every engine object of ours carries, so that what was done can be seen on the engine itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache

from django.conf import settings

SERVICE = "xq.service"
ENVIRONMENT = "xq.environment"
INSTANCE = "xq.instance"
DEPLOYMENT = "xq.deployment"
PLATFORM = "xq.platform"
SEGMENT = "xq.segment"
HELPER = "xq.helper"  # containers of the platform itself, helpers and collectors: listed nowhere


@lru_cache(maxsize=4)
def _digest(key: str) -> str:
    return hashlib.sha256(b"installation " + key.encode()).hexdigest()[:16]


def installation() -> str:
    """This platform's id: several platforms may share an engine and leave each other's containers alone."""
    return _digest(settings.ENCRYPTION_KEY)


def is_ours(labels: Mapping[str, str]) -> bool:
    """Whether this very platform made the object."""
    return labels.get(PLATFORM) == installation()
