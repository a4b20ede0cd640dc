"""What of a change of settings a running container can take, and what needs a new container. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from containers.config import Config, difference
from hosts.engine import version_tuple

LIVE = ("cpus", "memory", "pids", "io_weight")
RATES = ("io_device", "io_read_bps", "io_write_bps", "io_read_iops", "io_write_iops")
ASIDE = ("hooks", "traffic")  # not of the container at all: what is done around it
PIDS_API = (1, 40)  # before it, an engine changes no limit of processes


@dataclass(frozen=True)
class Change:
    """One setting that differs; `live`: a running container can take it; else `why` not."""

    setting: str
    before: Any
    after: Any
    live: bool
    why: str = ""


def changes(old: Config, new: Config, api_version: str = "") -> list[Change]:
    """Every setting that differs, with whether a running container can take it. `api_version`: `Host.speaks`."""
    return [_judged(name, before, after, api_version) for name, before, after in difference(old, new)]


def _judged(name: str, before: Any, after: Any, api_version: str) -> Change:
    if name in RATES:
        return Change(name, before, after, False, _("an engine cannot change a disk's rates of a running container"))
    if name == "io_weight" and not after:
        return Change(name, before, after, False, _("a weight can be changed, but not taken away again"))
    if name == "pids" and "." in api_version and version_tuple(api_version) < PIDS_API:
        words = _("needs API %(needs)s, the engine has %(has)s") % {"needs": "1.40", "has": api_version}
        return Change(name, before, after, False, words)
    if name in LIVE or name.split(".", maxsplit=1)[0] in ASIDE:
        return Change(name, before, after, True)
    return Change(name, before, after, False, _("it is part of what a container is made of"))


def aside(found: Iterable[Change]) -> list[str]:
    """Which of hooks and traffic are changed, too: what is done around a container is no limit of it."""
    names = {one.setting.split(".", maxsplit=1)[0] for one in found}
    return [name for name in ASIDE if name in names]


def applied(running: Config, new: Config, found: Iterable[Change]) -> Config:
    """The settings that a container has after its live changes."""
    names = {one.setting.split(".")[0] for one in found if one.live}
    return replace(running, **{name: getattr(new, name) for name in names})


def refusal(found: list[Change]) -> str:
    """Why this change needs new containers, in one sentence; empty when all of it can be taken live."""
    stuck = [one for one in found if not one.live]
    if not stuck:
        return ""
    named = "; ".join(f"{one.setting}: {one.why}" for one in stuck[:4])
    return _("This needs new containers, by a release: %(what)s.") % {"what": named}


def too_small(new: Config, used: int | None) -> str:
    """Why the memory limit cannot be set now: under what is in use the kernel kills (cgroup v2) or refuses (v1)."""
    if used is None or used <= new.memory:
        return ""
    return _(
        "It uses %(used).1f MiB now, which is more than the new limit of %(limit).1f MiB; nothing was changed."
    ) % {
        "used": used / 1024**2,
        "limit": new.memory / 1024**2,
    }


def words(found: Iterable[Change]) -> str:
    """«memory: 32.0 MiB → 64.0 MiB, cpus: 1 → 2»."""
    return ", ".join(
        f"{one.setting}: {_shown(one.setting, one.before)} → {_shown(one.setting, one.after)}" for one in found
    )


def _shown(setting: str, value: Any) -> str:
    if setting == "memory":
        return f"{value / 1024**2:g} MiB"
    if not value:
        return _("no limit")
    return f"{value:g}" if isinstance(value, float) else str(value)
