"""Reads single fields of settings that came as JSON; raises Refused with the field's name. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from django.utils.translation import gettext as _

from xqplatform.errors import Refused

MIB = 1024 * 1024
GIB = 1024 * MIB
UNITS = {"": 1, "k": 1024, "m": MIB, "g": GIB, "t": 1024 * GIB}


def refuse(field_name: str, message: str) -> Refused:
    return Refused(message, field_name, 400)


def number(data: Mapping[str, Any], name: str, low: float, high: float, default: float) -> float:
    value = data.get(name, default)
    if value is None or value == "":
        return default
    try:
        if isinstance(value, bool):
            raise ValueError
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        raise refuse(name, _("«%(value)s» is not a number.") % {"value": value}) from None
    if not low <= found <= high:
        raise refuse(name, _("It must lie between %(low)g and %(high)g.") % {"low": low, "high": high})
    return found


def whole(data: Mapping[str, Any], name: str, low: int, high: int, default: int) -> int:
    found = number(data, name, low, high, default)
    if found != int(found):
        raise refuse(name, _("It must be a whole number."))
    return int(found)


def parse_bytes(value: Any, name: str = "memory") -> int:
    """«512m», «8 GiB», «8g» or a number of bytes. Raises Refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = re.fullmatch(r"\s*(\d{1,20}(?:\.\d{1,20})?)\s*([kmgt]?)(?:i?b)?\s*", str(value).lower())
    if not found:
        raise refuse(name, _("«%(value)s» is no size: write «512m» or «8g».") % {"value": value})
    return int(float(found[1]) * UNITS[found[2]])


def rate(data: Mapping[str, Any], name: str) -> int:
    """Bytes a second; 0: no limit."""
    value = data.get(name)
    if value in (None, "", 0):
        return 0
    found = parse_bytes(value, name)
    if not 4096 <= found <= 1 << 50:
        raise refuse(name, _("At least 4 KiB a second, or nothing for no limit."))
    return found


def text(data: Mapping[str, Any], name: str, default: str, longest: int = 1000) -> str:
    value = data.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise refuse(name, _("It must be text."))
    if len(value) > longest or "\x00" in value:
        raise refuse(name, _("It is too long or has a zero byte."))
    return value.strip()


def flag(data: Mapping[str, Any], name: str) -> bool:
    value = data.get(name, False)
    if not isinstance(value, bool):
        raise refuse(name, _("It must be true or false."))
    return value


def choice(data: Mapping[str, Any], name: str, choices: Sequence[str], default: str) -> str:
    value = text(data, name, default) or default
    if value not in choices:
        raise refuse(name, _("Choose one of: %(choices)s.") % {"choices": ", ".join(choices)})
    return value


def list_of(data: Mapping[str, Any], name: str, most: int = 100) -> list[Any]:
    value = data.get(name)
    if value is None or value == "":
        return []
    if not isinstance(value, list | tuple) or len(value) > most:
        raise refuse(name, _("It must be a list of at most %(most)s.") % {"most": most})
    return list(value)


def texts(data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = list_of(data, name)
    if not all(isinstance(value, str) and "\x00" not in value and len(value) <= 4000 for value in values):
        raise refuse(name, _("It must be a list of texts."))
    return tuple(values)


def mapping(data: Mapping[str, Any], name: str) -> dict[str, str]:
    value = data.get(name)
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping) or len(value) > 500:
        raise refuse(name, _("It must be an object of names and texts."))
    for key, text in value.items():
        if not isinstance(key, str) or not isinstance(text, str) or "\x00" in text or len(text) > 32_000:
            raise refuse(name, _("The value of «%(name)s» must be text.") % {"name": key})
    return dict(value)


def inside(path: str, name: str) -> str:
    """A path inside the container, in its shortest spelling."""
    if not path.startswith("/") or "\x00" in path or ":" in path or len(path) > 500:
        raise refuse(name, _("«%(path)s» is not an absolute path.") % {"path": path})
    clean = posixpath.normpath(path)
    if clean in {"/", "//"}:
        raise refuse(name, _("The root of the container itself cannot be mounted over."))
    return clean


def known(data: Mapping[str, Any], of: type, prefix: str = "") -> None:
    names = {one.name for one in fields(of)}
    for key in data:
        if key not in names:
            label = f"{prefix}.{key}" if prefix else str(key)
            raise refuse(label, _("There is no setting «%(name)s».") % {"name": label})
