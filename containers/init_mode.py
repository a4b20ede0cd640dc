"""Init mode: a container that behaves like a small machine, with the image's own `/sbin/init` as its first process. Pure.

What it takes, from each init's own sources:

* systemd: halts on SIGRTMIN+3 (systemd(1), «SIGNALS»), wants `container` in its environment, tmpfs on /run and a writable
  cgroup tree of its own (https://systemd.io/CONTAINER_INTERFACE/).
* busybox: powers off on SIGUSR2 (`check_delayed_sigs` in init/init.c). It ends by reboot(2), which inside a process name
  space only ends that name space (reboot(2), «Behavior inside PID namespaces»), but needs CAP_SYS_BOOT.
* sysvinit, upstart and others: SIGPWR, as LXC sends it (`lxc.signal.halt` in lxc.container.conf(5)).
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils.translation import gettext as _

INIT, START_LIST = "/sbin/init", "/etc/rc.local"
SIGNALS = {"systemd": "SIGRTMIN+3", "busybox": "SIGUSR2"}
OTHERS = "SIGPWR"
MARKS = ((b"systemd", "systemd"), (b"upstart", "upstart"), (b"BusyBox", "busybox"), (b"sysvinit", "sysvinit"))


@dataclass(frozen=True)
class Facts:
    """What was seen of an image. `init` and `start_list`: «missing», «not executable», «folder» or «fine»."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    stop_signal: str = ""
    user: str = ""
    init: str = "missing"
    init_target: str = ""  # where the link /sbin/init ends
    kind: str = ""  # systemd, busybox, sysvinit, upstart, other; empty without an init
    start_list: str = "missing"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Facts:
        known: dict[str, Any] = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        values: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in known.items()}
        return cls(**values)


@dataclass(frozen=True)
class Needs:
    """What the engine is asked for beside the settings."""

    stop_signal: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    binds: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    host_cgroups: bool = False


def problems(facts: Facts) -> list[str]:
    """Which of the four rules the image breaks, as sentences; none: it can run in init mode."""
    found: list[str] = []
    if facts.init != "fine":
        words = {
            "missing": _("The image has no %(path)s."),
            "not executable": _("%(path)s of the image is not executable."),
            "folder": _("%(path)s of the image is no file."),
        }
        found.append(words.get(facts.init, "%(path)s: " + facts.init) % {"path": INIT})
    if facts.entrypoint != (INIT,):
        words_ = _("The image's entrypoint must be %(init)s alone; it is %(is)s.")
        found.append(words_ % {"init": INIT, "is": " ".join(facts.entrypoint) or _("not set")})
    if facts.command:
        found.append(_("The image must have no CMD; it has %(cmd)s.") % {"cmd": " ".join(facts.command)})
    if facts.start_list != "fine":
        words = {
            "missing": _("The image has no start list %(path)s."),
            "not executable": _("The start list %(path)s of the image is not executable."),
            "folder": _("The start list %(path)s of the image is no file."),
        }
        found.append(words.get(facts.start_list, "%(path)s: " + facts.start_list) % {"path": START_LIST})
    return found


def kind_of(target: str, head: bytes) -> str:
    """Which init it is, by where its link ends and, if that says nothing, by what its program contains."""
    name = posixpath.basename(target)
    if name in {"systemd", "busybox", "upstart"}:
        return name
    return next((kind for mark, kind in MARKS if mark in head), "other")


def needs(kind: str, cgroup_version: str, stop_signal: str = "") -> Needs:
    """What an init of this kind needs; `stop_signal`: the image's, which counts for an init that nobody here knows. No privileged mode: systemd gets its cgroup tree by a mount."""
    signal = SIGNALS.get(kind) or stop_signal or OTHERS
    if kind == "systemd":
        # Version 1: the mount of the whole tree is read-only, the hierarchies below it stay writable where their owner is
        # root. Version 2: without a name space of its own the engine does not mount the tree read-only.
        writable = str(cgroup_version).strip() == "2"
        return Needs(
            stop_signal=signal,
            env={"container": "docker"},
            tmpfs={"/run": "mode=755", "/run/lock": "", "/tmp": "mode=1777"},  # noqa: S108
            binds=(f"/sys/fs/cgroup:/sys/fs/cgroup:{'rw' if writable else 'ro'}",),
            host_cgroups=writable,
        )
    if kind == "busybox":
        return Needs(stop_signal=signal, cap_add=("SYS_BOOT",))
    return Needs(stop_signal=signal, env={"container": "docker"})
