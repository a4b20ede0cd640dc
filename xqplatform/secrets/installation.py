"""The id of this platform, which every container of it carries: it must outlive the key that it was made of."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from django.conf import settings

from xqplatform.secrets import keys


def made_of(text: str) -> str:
    """The id that a platform with this first key has."""
    return hashlib.sha256(b"installation " + text.encode()).hexdigest()[:16]


def name() -> str:
    """The id, as stored."""
    return settings.INSTALLATION or _stored()


@lru_cache(maxsize=1)
def _stored() -> str:
    from xqplatform.secrets.models import Installation

    row, _made = Installation.objects.get_or_create(pk=1, defaults={"name": made_of(keys.oldest_text())})
    return row.name
