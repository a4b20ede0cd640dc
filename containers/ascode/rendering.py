"""A state as the text of a document. Pure."""

from __future__ import annotations

from typing import Any

import yaml

from containers.ascode import parts
from containers.ascode.merge import PLACE
from containers.ascode.reading import VERSION
from containers.config_fields import GIB, MIB
from containers.hooks.shape import Hook

Json = dict[str, Any]
_DEFAULTS = Hook(name="", at="", kind="").to_json()
BREAKS = {
    "\r",
    "\x85",
    "\u2028",
    "\u2029",
    "\ufeff",
}  # other ends of lines: written as escapes, else they become spaces
SIZES = ("memory", "io_read_bps", "io_write_bps")


class _Dumper(yaml.SafeDumper):
    """Lists below their names are indented, long texts are blocks, and nothing is an alias."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> Any:
    style = '"' if BREAKS & set(value) else "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def document(kind: str, name: str, state: Json) -> str:
    """The whole state of a thing as a document, which changes nothing when it is applied."""
    data: Json = {"apiVersion": VERSION, "kind": kind, "name": name} | state
    if kind == "Service":
        data["environments"] = {slug: _place(place) for slug, place in state["environments"].items()}
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110))


def _place(place: Json) -> Json:
    settings = dict(place["settings"])
    for name in SIZES:
        settings[name] = _size(settings[name])
    settings["cpus"] = _short(settings["cpus"])
    settings["health"] = {key: _short(value) for key, value in settings["health"].items()}
    settings["traffic"] = {key: _short(value) for key, value in settings["traffic"].items()}
    settings["hooks"] = [_hook(hook) for hook in settings["hooks"]]
    left_out = {"settings", "instances"} if parts.scaled(place) else {"settings"}  # what a policy decides is in no file
    return {key: place[key] for key in PLACE if key not in left_out} | {"settings": settings}


def _hook(hook: Json) -> Json:
    """What differs from a hook's defaults, its name and point first."""
    return {key: _short(value) for key, value in hook.items() if value != _DEFAULTS[key]}


def _short(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _size(value: int) -> int | str:
    for unit, letter in ((GIB, "g"), (MIB, "m")):
        if value and value % unit == 0:
            return f"{value // unit}{letter}"
    return value
