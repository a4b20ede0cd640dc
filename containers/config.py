"""A service's settings in an environment: read from JSON with every mistake named, compared, and turned into a container.

Pure. Values of secret variables are not part of a `Config`: it knows their names only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from containers import config_fields as read
from containers.config_fields import GIB, MIB
from containers.config_health import Health, read_health
from containers.config_told import Told, read_told
from containers.config_volumes import Volume, read_volumes
from containers.hooks import shape as hook_shape
from containers.hooks.shape import Hook
from containers.traffic import shape as traffic_shape
from containers.traffic.shape import Traffic
from xqplatform.errors import Refused

RESTART_POLICIES = ("no", "on-failure", "unless-stopped", "always")
INIT_MODES = ("none", "image")
PERSIST_IN = ("volume", "folder")
PERSIST = "/persist"
LOG_DRIVERS = ("json-file", "local", "journald", "syslog", "none")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SIGNAL = re.compile(r"(SIG)?[A-Z0-9+]{2,12}|[0-9]{1,2}")
DEVICE = re.compile(r"/dev/[A-Za-z0-9][A-Za-z0-9/_-]*")
Json = dict[str, Any]


@dataclass(frozen=True)
class Config:
    """The settings. CPUs are given by period and quota, memory in bytes, times in seconds; swap is always off."""

    cpus: float = 4.0
    memory: int = 8 * GIB
    pids: int = 0  # 0: no limit
    io_weight: int = 0  # of the disk's time, 10 to 1000 against the others on the host; 0: the engine's own
    io_device: str = ""  # the disk that the rates are of: «/dev/sda»
    io_read_bps: int = 0  # bytes a second; 0: no limit
    io_write_bps: int = 0
    io_read_iops: int = 0  # operations a second; 0: no limit
    io_write_iops: int = 0
    read_only: bool = False
    tmpfs: tuple[str, ...] = ()  # «/tmp» or «/tmp:size=64m»
    volumes: tuple[Volume, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    secret_names: tuple[str, ...] = ()
    command: tuple[str, ...] = ()  # empty: the image's
    health: Health = field(default_factory=Health)
    stop_signal: str = ""  # empty: the image's
    stop_timeout: int = 10
    restart_policy: str = "unless-stopped"
    log_driver: str = "json-file"
    log_options: Mapping[str, str] = field(default_factory=lambda: {"max-size": "20m", "max-file": "5"})
    persist: bool = False  # something of the instance's own at /persist, which stays when the container goes
    persist_in: str = "volume"  # «volume»: of the engine; «folder»: on the host, named by the instance's address
    logs: str = ""  # the application's folder of logs, which is then /persist/logs; only with a folder on the host
    metrics: Told = field(default_factory=Told)
    init: str = "none"  # «image»: a small machine, whose first process is the image's own /sbin/init
    # Not of the container, but of what is done around it; a release goes by those of its own settings.
    role_command: str = (
        ""  # run inside each instance before each batch: says primary or replica; empty: nobody is asked
    )
    hooks: tuple[Hook, ...] = ()
    traffic: Traffic = field(default_factory=Traffic)

    def to_json(self) -> Json:
        """Plain JSON: what a row stores, a form shows, and `parse` reads again."""
        data = asdict(self)
        for key in ("tmpfs", "secret_names", "command", "volumes"):
            data[key] = list(data[key])
        data["metrics"]["keep"] = list(self.metrics.keep)
        data["env"], data["log_options"] = dict(self.env), dict(self.log_options)
        data["hooks"] = [hook.to_json() for hook in self.hooks]
        return data


def parse(data: Any) -> Config:
    """The settings in `data` (what is left out: the default). Raises Refused with the field."""
    if not isinstance(data, Mapping):
        raise Refused(_("The settings must be an object."), None, 400)
    read.known(data, Config)
    memory = read.parse_bytes(data["memory"]) if data.get("memory") not in (None, "") else 8 * GIB
    if not 6 * MIB <= memory <= 64 * 1024 * GIB:
        raise read.refuse("memory", _("At least 6 MiB."))
    env = read.mapping(data, "env")
    secret_names = read.texts(data, "secret_names")
    for name, where in [*((n, "env") for n in env), *((n, "secret_names") for n in secret_names)]:
        if not VARIABLE.fullmatch(name):
            raise read.refuse(where, _("«%(name)s» is no name of a variable.") % {"name": name})
    both = set(env) & set(secret_names)
    if both:
        raise read.refuse("env", _("«%(name)s» is both a plain and a secret variable.") % {"name": min(both)})
    tmpfs = read.texts(data, "tmpfs")
    for entry in tmpfs:
        read.inside(entry.partition(":")[0], "tmpfs")
    stop_signal = read.text(data, "stop_signal", "").upper()
    if stop_signal and not SIGNAL.fullmatch(stop_signal):
        raise read.refuse("stop_signal", _("«%(value)s» is no signal.") % {"value": stop_signal})
    log_options = read.mapping(data, "log_options") if "log_options" in data else Config().log_options
    log_driver = read.choice(data, "log_driver", LOG_DRIVERS, "json-file")
    if log_driver not in {"json-file", "local"} and "log_options" not in data:
        log_options = {}
    return Config(
        cpus=read.number(data, "cpus", 0.01, 512, 4.0),
        memory=memory,
        pids=read.whole(data, "pids", 0, 4_000_000, 0),
        **_io(data),
        read_only=read.flag(data, "read_only"),
        tmpfs=tmpfs,
        volumes=read_volumes(data),
        env=env,
        secret_names=tuple(dict.fromkeys(secret_names)),
        command=read.texts(data, "command"),
        health=read_health(data),
        stop_signal=stop_signal,
        stop_timeout=read.whole(data, "stop_timeout", 0, 3600, 10),
        restart_policy=read.choice(data, "restart_policy", RESTART_POLICIES, "unless-stopped"),
        log_driver=log_driver,
        log_options=log_options,
        persist=read.flag(data, "persist"),
        persist_in=read.choice(data, "persist_in", PERSIST_IN, "volume"),
        logs=_logs(data),
        metrics=read_told(data),
        init=_init(data),
        role_command=read.text(data, "role_command", "", 4000),
        hooks=hook_shape.read(data.get("hooks")),
        traffic=_traffic(data),
    )


def _io(data: Mapping[str, Any]) -> Json:
    """The settings of block I/O. A rate is of a device, so one must be named."""
    weight = read.whole(data, "io_weight", 0, 1000, 0)
    if 0 < weight < 10:
        raise read.refuse("io_weight", _("A weight lies between 10 and 1000; 0 leaves the engine's own."))
    device = read.text(data, "io_device", "", 100)
    if device and not DEVICE.fullmatch(device):
        raise read.refuse("io_device", _("«%(path)s» is no disk: write its path, such as /dev/sda.") % {"path": device})
    found: Json = {name: read.rate(data, name) for name in ("io_read_bps", "io_write_bps")}
    found |= {name: read.whole(data, name, 0, 1_000_000_000, 0) for name in ("io_read_iops", "io_write_iops")}
    limited = next((name for name, rate in found.items() if rate), None)
    if limited and not device:
        raise read.refuse("io_device", _("Rates are of a disk: say of which, such as /dev/sda."))
    return {"io_weight": weight, "io_device": device, **found}


def _logs(data: Mapping[str, Any]) -> str:
    text = read.text(data, "logs", "", 500)
    if not text:
        return ""
    path = read.inside(text, "logs")
    if path == PERSIST or path.startswith(f"{PERSIST}/"):
        raise read.refuse("logs", _("Give the application's own folder; what is in it is then in /persist/logs."))
    if not read.flag(data, "persist") or read.choice(data, "persist_in", PERSIST_IN, "volume") != "folder":
        raise read.refuse("logs", _("Only with a host folder at /persist."))
    if path in {volume.target for volume in read_volumes(data)}:
        raise read.refuse("logs", _("A volume has this target already."))
    return path


def _init(data: Mapping[str, Any]) -> str:
    mode = read.choice(data, "init", INIT_MODES, "none")
    if mode == "image" and read.texts(data, "command"):
        raise read.refuse(
            "command", _("In init mode the image's /sbin/init is the only program: leave the command empty.")
        )
    return mode


def _traffic(data: Mapping[str, Any]) -> Traffic:
    found = traffic_shape.read(data.get("traffic"))
    at = {hook.at for hook in hook_shape.read(data.get("hooks"))}
    if found.way == "hooks" and "traffic.out" not in at:
        raise read.refuse("traffic.way", _("Make a hook at traffic.out first: it is what takes an instance out."))
    if found.way == "none" and at & {"traffic.out", "traffic.in"}:
        raise read.refuse(
            "traffic.way", _("There are hooks at traffic.out or traffic.in: say that hooks, or nginx, do it.")
        )
    return found


def difference(old: Config, new: Config) -> list[tuple[str, Any, Any]]:
    """(setting, before, after) of what differs, with a dot for what lies deeper: «health.port», «env.DEBUG».

    What is empty on both sides, such as the address of a new hook that is a command, is no difference.
    """
    before, after = _flat(old.to_json()), _flat(new.to_json())
    found = [(k, before.get(k), after.get(k)) for k in sorted({*before, *after})]
    return [(name, was, now) for name, was, now in found if was != now and not (_empty(was) and _empty(now))]


def _empty(value: Any) -> bool:
    return value is None or value in ("", [], {}, ())


def _flat(data: Json) -> Json:
    flat: Json = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{inner}": one for inner, one in value.items()}
        elif key == "hooks":
            flat |= {f"hooks.{h['name']}.{inner}": one for h in value for inner, one in h.items() if inner != "name"}
        else:
            flat[key] = value
    return flat
