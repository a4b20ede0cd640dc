"""What a wave of builds does next. Pure: from how each of its builds stands to one action, or to none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Standing = Literal["new", "open", "good", "bad", "left"]


@dataclass(frozen=True)
class Item:
    """`after`: the item whose image it is built on; None: one that is there already."""

    pk: int
    after: int | None = None
    build: Standing = "new"


@dataclass(frozen=True)
class Action:
    """`build` and `leave` (it is not built) are of an item; `end` puts the wave into `state`."""

    kind: Literal["build", "leave", "end"]
    item: int = 0
    state: str = ""


def decide(state: str, items: Sequence[Item]) -> Action | None:
    """The next action; None: it waits for builds, or is over. Nothing is built before what it stands on."""
    if state not in {"building", "stopping"}:
        return None
    standing = {item.pk: item.build for item in items}
    for item in items:
        if item.build != "new":
            continue
        below = standing[item.after] if item.after is not None else "good"
        if state == "stopping" or below in {"bad", "left"}:
            return Action("leave", item.pk)
        if below == "good":
            return Action("build", item.pk)
    if any(build in {"new", "open"} for build in standing.values()):
        return None
    if all(build == "good" for build in standing.values()):
        return Action("end", state="succeeded")
    return Action("end", state="cancelled" if state == "stopping" else "failed")
