"""How an instance is known to be well. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from containers import config_fields as read
from xqplatform.errors import Refused

HEALTH_KINDS = ("image", "http", "tcp", "command", "none")


@dataclass(frozen=True)
class Health:
    """How an instance is known to be well. Times in seconds; kind «image»: what the image itself says."""

    kind: str = "image"
    port: int = 80
    path: str = "/"
    command: str = ""
    start_period: float = 5
    interval: float = 5
    timeout: float = 5
    retries: int = 3


def read_health(data: Mapping[str, Any]) -> Health:
    value = data.get("health")
    if value is None:
        return Health()
    if not isinstance(value, Mapping):
        raise read.refuse("health", _("The health check must be an object."))
    read.known(value, Health, "health")
    try:
        kind = read.choice(value, "kind", HEALTH_KINDS, "image")
        health = Health(
            kind=kind,
            port=read.whole(value, "port", 1, 65535, 80),
            path=read.text(value, "path", "/") or "/",
            command=read.text(value, "command", "", 4000),
            start_period=read.number(value, "start_period", 0, 3600, 5),
            interval=read.number(value, "interval", 0.1, 3600, 5),
            timeout=read.number(value, "timeout", 0.1, 3600, 5),
            retries=read.whole(value, "retries", 1, 100, 3),
        )
    except Refused as refused:
        refused.field = f"health.{refused.field}"
        raise
    if kind == "command" and not health.command:
        raise read.refuse("health.command", _("Say which command is run."))
    if kind == "http" and not re.fullmatch(r"/[^\s'\"\\`$]*", health.path):
        raise read.refuse("health.path", _("The path begins with «/» and has no spaces or quotes."))
    return health


def health_command(health: Health) -> tuple[str, ...] | None:
    """The check as the engine runs it; None leaves the image's own. Uses what small images have (wget or curl, nc)."""
    if health.kind == "none":
        return ("NONE",)
    if health.kind == "command":
        return ("CMD-SHELL", health.command)
    if health.kind == "http":
        url = f"http://127.0.0.1:{health.port}{health.path}"
        return (
            "CMD-SHELL",
            f"if command -v wget >/dev/null 2>&1; then wget -q -O /dev/null '{url}'; "
            f"else curl -fsS -o /dev/null '{url}'; fi || exit 1",
        )
    if health.kind == "tcp":
        return (
            "CMD-SHELL",
            f"if command -v nc >/dev/null 2>&1; then nc -z 127.0.0.1 {health.port}; "
            f"else bash -c '</dev/tcp/127.0.0.1/{health.port}'; fi || exit 1",
        )
    return None
