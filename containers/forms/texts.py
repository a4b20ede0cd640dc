"""Settings as the text that people type, and back."""

from __future__ import annotations

import json
import shlex
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from containers import config_fields
from containers.config import Config


def lines_of(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def pairs_shown(values: dict[str, str]) -> str:
    """NAME=value lines; a value that a line cannot hold is written as a JSON text."""

    def shown(value: str) -> str:
        plain = value == value.strip() and "\n" not in value and "\r" not in value and not value.startswith('"')
        return value if plain else json.dumps(value, ensure_ascii=False)

    return "\n".join(f"{name}={shown(value)}" for name, value in values.items())


def pairs_read(text: str) -> dict[str, str]:
    """The reverse of `pairs_shown`. Raises ValidationError that names the line."""
    found: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name:
            raise forms.ValidationError(_("Line %(n)d: write NAME=value.") % {"n": number})
        if name in found:
            raise forms.ValidationError(_("Line %(n)d: «%(name)s» is there twice.") % {"n": number, "name": name})
        if value.startswith('"') and value.endswith('"') and len(value) > 1:
            try:
                read = json.loads(value)
                value = read if isinstance(read, str) else value
            except ValueError:
                value = value[1:-1]
        found[name] = value
    return found


def size_shown(count: int) -> str:
    """Bytes as the form takes them: «8g», «512m», or the number."""
    for unit, factor in (("g", config_fields.GIB), ("m", config_fields.MIB)):
        if count and count % factor == 0:
            return f"{count // factor}{unit}"
    return str(count)


def initial_of(config: Config) -> dict[str, Any]:
    """A Config as the form shows it."""
    h = config.health
    return {
        "cpus": f"{config.cpus:g}",
        "memory": size_shown(config.memory),
        "pids": config.pids or "",
        "io_weight": config.io_weight or "",
        "io_device": config.io_device,
        "io_read_bps": size_shown(config.io_read_bps) if config.io_read_bps else "",
        "io_write_bps": size_shown(config.io_write_bps) if config.io_write_bps else "",
        "io_read_iops": config.io_read_iops or "",
        "io_write_iops": config.io_write_iops or "",
        "read_only": config.read_only,
        "persist_in": config.persist_in if config.persist else "",
        "logs": config.logs,
        "init": config.init,
        "tmpfs": "\n".join(config.tmpfs),
        "volumes": "\n".join(f"{v.source}:{v.target}{':ro' if v.read_only else ''}" for v in config.volumes),
        "env": pairs_shown(dict(config.env)),
        "command": shlex.join(config.command),
        "health_kind": h.kind,
        "health_port": h.port,
        "health_path": h.path,
        "health_command": h.command,
        "health_start_period": f"{h.start_period:g}",
        "health_interval": f"{h.interval:g}",
        "health_timeout": f"{h.timeout:g}",
        "health_retries": h.retries,
        "metrics_port": config.metrics.port or "",
        "metrics_path": config.metrics.path,
        "metrics_keep": "\n".join(config.metrics.keep),
        "stop_signal": config.stop_signal,
        "role_command": config.role_command,
        "stop_timeout": config.stop_timeout,
        "restart_policy": config.restart_policy,
        "log_driver": config.log_driver,
        "log_options": pairs_shown(dict(config.log_options)),
    }
