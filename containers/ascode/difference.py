"""What differs between two states, field by field, in a stable order. Pure. (Secrets are in no state, so they are in no difference.)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Json = dict[str, Any]
ADDED, CHANGED, REMOVED = "added", "changed", "removed"
ORDER = "(order)"
_NOTHING: Any = object()


@dataclass(frozen=True)
class Change:
    """`path`: names one below the other; `before` and `after` are None where there is nothing."""

    kind: str
    path: tuple[str, ...]
    before: Any = None
    after: Any = None

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def sign(self) -> str:
        return {ADDED: "+", REMOVED: "-"}.get(self.kind, "~")

    @property
    def secret(self) -> bool:
        """Whether it is about a secret: then before and after say only that there is one."""
        return bool({"secrets", "build_secrets"} & set(self.path[:-1])) or self.path[-1] == "repository_password"

    def to_json(self) -> Json:
        return asdict(self) | {"path": self.name}


def changes(before: Json, after: Json) -> list[Change]:
    """From one state of a thing to another. A place that comes is one line, and then what differs from a place as it comes."""
    from containers.ascode.merge import PLACE

    found: list[Change] = []
    old_places, new_places = before.get("environments", {}), after.get("environments", {})
    before, after = ({key: value for key, value in one.items() if key != "environments"} for one in (before, after))
    found += _flat_changes((), before, after)
    for name in sorted({*old_places, *new_places}):
        path = ("environments", name)
        old, new = old_places.get(name), new_places.get(name)
        if new is None:
            found.append(Change(REMOVED, path, {"instances": old["instances"]}))
            continue
        if old is None:
            found.append(Change(ADDED, path, None, {"instances": new["instances"]}))
            old = PLACE | {"instances": new["instances"]}
        found += _flat_changes(path, old, new)
    return found


def _flat_changes(path: tuple[str, ...], before: Json, after: Json) -> list[Change]:
    old, new = dict(_leaves(path, before)), dict(_leaves(path, after))
    found = []
    for key in sorted({*old, *new}):
        one, other = old.get(key, _NOTHING), new.get(key, _NOTHING)
        if key[-1] == ORDER:
            one, other = _common(one, other)
        if one == other:
            continue
        if one is _NOTHING:
            found.append(Change(ADDED, key, None, other))
        elif other is _NOTHING:
            found.append(Change(REMOVED, key, one, None))
        else:
            found.append(Change(CHANGED, key, one, other))
    return found


def _common(one: Any, other: Any) -> tuple[Any, Any]:
    """Two orders of names without those that only one of them has."""
    if one is _NOTHING or other is _NOTHING:
        return None, None
    return [name for name in one if name in other], [name for name in other if name in one]


def _leaves(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each single value below `path`. Hooks and freeze windows are told apart by their names, which are no numbers."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _leaves((*path, str(key)), one)
    elif path and path[-1] == "hooks":
        for hook in value:
            yield from _leaves((*path, hook["name"]), {key: one for key, one in hook.items() if key != "name"})
        yield (*path, ORDER), [hook["name"] for hook in value]
    elif path == ("freezes",):
        for window in value:
            yield (*path, " ".join(str(window[key]) for key in sorted(window) if window[key] != "")), window
    else:
        yield path, value
