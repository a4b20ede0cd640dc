"""The one table of access is in `access/*.txt`: pages by room, `api.txt` for operations, `sockets.txt`. How its lines read:

A line is `METHOD name | arguments | what is sent | a status for each of ROLES`; `login` is the way to the log-in page. Arguments and
fields are `key=value`, quoted as in a shell; `@image` is the key of the world's row of that name, `@release.steps.first.pk` a
way from it, `$FILE` a text of TEXTS. All that a line is about belongs to the team «snow» or to nobody.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from inspect import ismethod
from pathlib import Path
from typing import Any

# anonymous: nobody; own: a developer of the team; foreign: one of another team, while «snow» is open; outsider: the same
# person while it is closed; restart: a reader with an own role in «snow» that may only restart. All others ask while it is
# closed, too; the SRE is an admin besides, as the first person of an installation is.
ROLES = ("anonymous", "own", "foreign", "outsider", "restart", "manager", "auditor", "admin", "sre")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass
class World:
    """Rows that lines are about, and people who ask. `more` is for the apps' own rows."""

    team: Any
    person: Any
    sre: Any
    manager: Any
    developer: Any  # of another team
    own: Any
    restart: Any
    auditor: Any
    admin: Any
    token: Any
    event: Any
    invitation: Any
    robot: Any
    role: Any
    grant: Any
    request: Any
    more: dict[str, Any] = field(default_factory=dict)

    def who(self, role: str) -> Any:
        return {"foreign": self.developer, "outsider": self.developer}.get(role) or getattr(self, role)

    def find(self, way: str) -> Any:
        """What «image» or «release.steps.first.pk» leads to."""
        name, *steps = way.split(".")
        found = self.more[name] if name in self.more else getattr(self, name)
        for step in steps or ["pk"]:
            found = getattr(found, step)
            found = found() if ismethod(found) else found
        return found


@dataclass(frozen=True)
class Line:
    method: str
    name: str
    arguments: str
    sent: str
    wanted: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.name}"

    def args(self, world: World) -> dict[str, Any]:
        return values(world, self.arguments)

    def data(self, world: World) -> dict[str, Any]:
        return values(world, self.sent)

    def status(self, role: str) -> str:
        return self.wanted[ROLES.index(role)]


FOLDER = Path(__file__).with_name("access")
TEXTS = {"FILE": "apiVersion: xqplatform/v1\nkind: Service\nname: flake\n"}


def values(world: World, text: str) -> dict[str, Any]:
    found = {}
    for part in shlex.split(text):
        key, _sign, value = part.partition("=")
        found[key] = world.find(value[1:]) if value[:1] == "@" else TEXTS[value[1:]] if value[:1] == "$" else value
    return found


def read(name: str) -> Iterator[Line]:
    """The lines of a file. Raises ValueError for one that has not a status for each role."""
    for text in (FOLDER / f"{name}.txt").read_text().splitlines():
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        head, arguments, sent, wanted = (part.strip() for part in text.split("|"))
        method, name = head.split()
        statuses = tuple(wanted.split())
        if len(statuses) != len(ROLES):
            raise ValueError(f"«{text}» has {len(statuses)} statuses, not one for each of {', '.join(ROLES)}")
        yield Line(method, name, arguments, sent, statuses)


# Pages by room, sockets beside them; operations of the API have a file of their own.
GROUPS = {
    path.stem: list(read(path.stem)) for path in sorted(FOLDER.glob("*.txt")) if path.stem not in {"api", "sockets"}
}
PAGES = [line for lines in GROUPS.values() for line in lines]
OPERATIONS = list(read("api"))
SOCKETS = list(read("sockets"))
