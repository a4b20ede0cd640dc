"""Versions of a place's secrets, worked out of its settings: who gave which its value when, and who runs with which. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Settings:
    """A version of settings with the secrets in it."""

    pk: int
    version: int
    author: str
    created: datetime
    secrets: Mapping[str, str] = field(repr=False)


@dataclass
class Secret:
    """One secret by its name, never its value. `number` counts its values; `since`: the settings that brought the newest."""

    name: str
    number: int
    since: int
    author: str
    set_at: datetime
    users: dict[int, list[str]] = field(default_factory=dict)  # number of a value → who runs with it
    signs: str = ""  # the hook whose calls it signs; containers do not get it then

    @property
    def outdated(self) -> bool:
        """Whether somebody runs with an older value."""
        return any(number != self.number for number in self.users)


def secrets_in(history: Iterable[Settings], running: Iterable[tuple[str, int]]) -> list[Secret]:
    """What the newest settings hold, by name. `history`: the oldest first; `running`: (instance's name, key of its settings)."""
    current: dict[str, Secret] = {}
    counted: dict[str, int] = {}
    values: dict[str, str] = {}
    numbers: dict[int, dict[str, int]] = {}
    for one in history:
        for name, value in one.secrets.items():
            if name not in current or values[name] != value:
                counted[name] = counted.get(name, 0) + 1
                current[name] = Secret(name, counted[name], one.version, one.author, one.created)
                values[name] = value
        for gone in current.keys() - one.secrets.keys():
            del current[gone]
        numbers[one.pk] = {name: secret.number for name, secret in current.items()}
    for who, pk in running:
        for name, number in numbers.get(pk, {}).items():
            if name in current:
                current[name].users.setdefault(number, []).append(who)
    return [current[name] for name in sorted(current)]
