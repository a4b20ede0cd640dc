"""The numbers that an application tells of itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from containers import config_fields as read
from containers.told.names import MOST as MOST_NAMES
from containers.told.names import wanted
from xqplatform.errors import Refused


@dataclass(frozen=True)
class Told:
    """The application's own Prometheus endpoint, read over plain HTTP at the instance's address; port 0: it has none."""

    port: int = 0
    path: str = "/metrics"
    keep: tuple[str, ...] = ()  # names that are kept: «http_requests_total», «http_requests_total{code="500"}»


def read_told(data: Mapping[str, Any]) -> Told:
    value = data.get("metrics")
    if value is None:
        return Told()
    if not isinstance(value, Mapping):
        raise read.refuse("metrics", _("The endpoint must be an object."))
    read.known(value, Told, "metrics")
    try:
        port = read.whole(value, "port", 0, 65535, 0)
        path = read.text(value, "path", "/metrics", 500) or "/metrics"
        if not re.fullmatch(r"/[!-~]*", path):
            raise read.refuse("path", _("The path begins with «/» and has no spaces or quotes."))
        keep = tuple(dict.fromkeys(text.strip() for text in read.texts(value, "keep") if text.strip()))
        for entry in keep:
            if wanted(entry) is None:
                words = _(
                    '«%(name)s» is no name of a metric: write http_requests_total or http_requests_total{code="500"}.'
                )
                raise read.refuse("keep", words % {"name": entry[:100]})
        if len(keep) > MOST_NAMES:
            raise read.refuse("keep", _("At most %(most)s names are kept.") % {"most": MOST_NAMES})
        if port and not keep:
            raise read.refuse("keep", _("Say which names are kept."))
    except Refused as refused:
        refused.field = f"metrics.{refused.field}"
        raise
    return Told(port, path, keep)
