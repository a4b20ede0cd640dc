"""A service's settings in an environment: read from JSON with every mistake named, compared, and turned into a container.

Pure. Values of secret variables are not part of a `Config`: it knows their names only.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from django.utils.translation import gettext as _

from containers.hooks import shape as hook_shape
from containers.hooks.shape import Hook
from containers.told.names import MOST as MOST_NAMES
from containers.told.names import wanted
from containers.traffic import shape as traffic_shape
from containers.traffic.shape import Traffic
from xqplatform.errors import Refused

MIB = 1024 * 1024
GIB = 1024 * MIB
HEALTH_KINDS = ("image", "http", "tcp", "command", "none")
RESTART_POLICIES = ("no", "on-failure", "unless-stopped", "always")
INIT_MODES = ("none", "image")
PERSIST_IN = ("volume", "folder")
PERSIST = "/persist"
LOG_DRIVERS = ("json-file", "local", "journald", "syslog", "none")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}")
SIGNAL = re.compile(r"(SIG)?[A-Z0-9+]{2,12}|[0-9]{1,2}")
DEVICE = re.compile(r"/dev/[A-Za-z0-9][A-Za-z0-9/_-]*")
UNITS = {"": 1, "k": 1024, "m": MIB, "g": GIB, "t": 1024 * GIB}
Json = dict[str, Any]


@dataclass(frozen=True)
class Health:
    """How an instance is known to be well. Times in seconds; kind «image»: what the image itself says."""

    kind: str = "image"
    port: int = 80
    path: str = "/"
    command: str = ""
    start_period: float = 5
    interval: float = 5
    timeout: float = 5
    retries: int = 3


@dataclass(frozen=True)
class Told:
    """The application's own Prometheus endpoint, read over plain HTTP at the instance's address; port 0: it has none."""

    port: int = 0
    path: str = "/metrics"
    keep: tuple[str, ...] = ()  # names that are kept: «http_requests_total», «http_requests_total{code="500"}»


@dataclass(frozen=True)
class Volume:
    """`source`: a volume's short name, or a host folder (begins with «/»)."""

    source: str
    target: str
    read_only: bool = False


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
    health: Health = Health()
    stop_signal: str = ""  # empty: the image's
    stop_timeout: int = 10
    restart_policy: str = "unless-stopped"
    log_driver: str = "json-file"
    log_options: Mapping[str, str] = field(default_factory=lambda: {"max-size": "20m", "max-file": "5"})
    persist: bool = False  # something of the instance's own at /persist, which stays when the container goes
    persist_in: str = "volume"  # «volume»: of the engine; «folder»: on the host, named by the instance's address
    logs: str = ""  # the application's folder of logs, which is then /persist/logs; only with a folder on the host
    metrics: Told = Told()
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


def _refuse(field_name: str, message: str) -> Refused:
    return Refused(message, field_name, 400)


def _number(data: Mapping[str, Any], name: str, low: float, high: float, default: float) -> float:
    value = data.get(name, default)
    if value is None or value == "":
        return default
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise _refuse(name, _("«%(value)s» is not a number.") % {"value": value}) from None
    if not low <= number <= high:
        raise _refuse(name, _("It must lie between %(low)g and %(high)g.") % {"low": low, "high": high})
    return number


def _whole(data: Mapping[str, Any], name: str, low: int, high: int, default: int) -> int:
    number = _number(data, name, low, high, default)
    if number != int(number):
        raise _refuse(name, _("It must be a whole number."))
    return int(number)


def parse_bytes(value: Any, name: str = "memory") -> int:
    """«512m», «8 GiB», «8g» or a number of bytes. Raises Refused."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = re.fullmatch(r"\s*(\d{1,20}(?:\.\d{1,20})?)\s*([kmgt]?)(?:i?b)?\s*", str(value).lower())
    if not found:
        raise _refuse(name, _("«%(value)s» is no size: write «512m» or «8g».") % {"value": value})
    return int(float(found[1]) * UNITS[found[2]])


def _rate(data: Mapping[str, Any], name: str) -> int:
    """Bytes a second; 0: no limit."""
    value = data.get(name)
    if value in (None, "", 0):
        return 0
    rate = parse_bytes(value, name)
    if not 4096 <= rate <= 1 << 50:
        raise _refuse(name, _("At least 4 KiB a second, or nothing for no limit."))
    return rate


def _io(data: Mapping[str, Any]) -> Json:
    """The settings of block I/O. A rate is of a device, so one must be named."""
    weight = _whole(data, "io_weight", 0, 1000, 0)
    if 0 < weight < 10:
        raise _refuse("io_weight", _("A weight lies between 10 and 1000; 0 leaves the engine's own."))
    device = _text(data, "io_device", "", 100)
    if device and not DEVICE.fullmatch(device):
        raise _refuse("io_device", _("«%(path)s» is no disk: write its path, such as /dev/sda.") % {"path": device})
    found: Json = {name: _rate(data, name) for name in ("io_read_bps", "io_write_bps")}
    found |= {name: _whole(data, name, 0, 1_000_000_000, 0) for name in ("io_read_iops", "io_write_iops")}
    limited = next((name for name, rate in found.items() if rate), None)
    if limited and not device:
        raise _refuse("io_device", _("Rates are of a disk: say of which, such as /dev/sda."))
    return {"io_weight": weight, "io_device": device, **found}


def _text(data: Mapping[str, Any], name: str, default: str, longest: int = 1000) -> str:
    value = data.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise _refuse(name, _("It must be text."))
    if len(value) > longest or "\x00" in value:
        raise _refuse(name, _("It is too long or has a zero byte."))
    return value.strip()


def _flag(data: Mapping[str, Any], name: str) -> bool:
    value = data.get(name, False)
    if not isinstance(value, bool):
        raise _refuse(name, _("It must be true or false."))
    return value


def _choice(data: Mapping[str, Any], name: str, choices: Sequence[str], default: str) -> str:
    value = _text(data, name, default) or default
    if value not in choices:
        raise _refuse(name, _("Choose one of: %(choices)s.") % {"choices": ", ".join(choices)})
    return value


def _list(data: Mapping[str, Any], name: str, most: int = 100) -> list[Any]:
    value = data.get(name)
    if value is None or value == "":
        return []
    if not isinstance(value, list | tuple) or len(value) > most:
        raise _refuse(name, _("It must be a list of at most %(most)s.") % {"most": most})
    return list(value)


def _texts(data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = _list(data, name)
    if not all(isinstance(value, str) and "\x00" not in value and len(value) <= 4000 for value in values):
        raise _refuse(name, _("It must be a list of texts."))
    return tuple(values)


def _mapping(data: Mapping[str, Any], name: str) -> dict[str, str]:
    value = data.get(name)
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping) or len(value) > 500:
        raise _refuse(name, _("It must be an object of names and texts."))
    for key, text in value.items():
        if not isinstance(key, str) or not isinstance(text, str) or "\x00" in text or len(text) > 32_000:
            raise _refuse(name, _("The value of «%(name)s» must be text.") % {"name": key})
    return dict(value)


def _inside(path: str, name: str) -> str:
    """A path inside the container, in its shortest spelling."""
    if not path.startswith("/") or "\x00" in path or ":" in path or len(path) > 500:
        raise _refuse(name, _("«%(path)s» is not an absolute path.") % {"path": path})
    clean = posixpath.normpath(path)
    if clean in {"/", "//"}:
        raise _refuse(name, _("The root of the container itself cannot be mounted over."))
    return clean


def _volumes(data: Mapping[str, Any]) -> tuple[Volume, ...]:
    found: list[Volume] = []
    for item in _list(data, "volumes", 30):
        if not isinstance(item, Mapping):
            raise _refuse("volumes", _("A volume has a source and a target."))
        source, target = item.get("source", ""), item.get("target", "")
        if not isinstance(source, str) or not isinstance(target, str):
            raise _refuse("volumes", _("A volume has a source and a target."))
        if source.startswith("/"):
            source = _inside(source, "volumes")
        elif not VOLUME_NAME.fullmatch(source):
            raise _refuse("volumes", _("«%(name)s» is no name of a volume.") % {"name": source})
        found.append(Volume(source, _inside(target, "volumes"), bool(item.get("read_only", False))))
    targets = [volume.target for volume in found]
    if len(set(targets)) != len(targets):
        raise _refuse("volumes", _("Two volumes have the same target."))
    return tuple(found)


def check_folders(config: Config, service: str, roots: Sequence[str]) -> None:
    """Raises Refused when a host folder lies outside ROOT/SERVICE/… of all roots."""
    for volume in config.volumes:
        if not volume.source.startswith("/"):
            continue
        if not any(volume.source.startswith(f"{root.rstrip('/')}/{service}/") for root in roots):
            allowed = ", ".join(f"{root.rstrip('/')}/{service}/…" for root in roots)
            raise _refuse(
                "volumes",
                _("The host folder %(path)s cannot be mounted; allowed are: %(allowed)s.")
                % {"path": volume.source, "allowed": allowed},
            )


def _health(data: Mapping[str, Any]) -> Health:
    value = data.get("health")
    if value is None:
        return Health()
    if not isinstance(value, Mapping):
        raise _refuse("health", _("The health check must be an object."))
    _known(value, Health, "health")
    try:
        kind = _choice(value, "kind", HEALTH_KINDS, "image")
        health = Health(
            kind=kind,
            port=_whole(value, "port", 1, 65535, 80),
            path=_text(value, "path", "/") or "/",
            command=_text(value, "command", "", 4000),
            start_period=_number(value, "start_period", 0, 3600, 5),
            interval=_number(value, "interval", 0.1, 3600, 5),
            timeout=_number(value, "timeout", 0.1, 3600, 5),
            retries=_whole(value, "retries", 1, 100, 3),
        )
    except Refused as refused:
        refused.field = f"health.{refused.field}"
        raise
    if kind == "command" and not health.command:
        raise _refuse("health.command", _("Say which command is run."))
    if kind == "http" and not re.fullmatch(r"/[^\s'\"\\`$]*", health.path):
        raise _refuse("health.path", _("The path begins with «/» and has no spaces or quotes."))
    return health


def _told(data: Mapping[str, Any]) -> Told:
    value = data.get("metrics")
    if value is None:
        return Told()
    if not isinstance(value, Mapping):
        raise _refuse("metrics", _("The endpoint must be an object."))
    _known(value, Told, "metrics")
    try:
        port = _whole(value, "port", 0, 65535, 0)
        path = _text(value, "path", "/metrics", 500) or "/metrics"
        if not re.fullmatch(r"/[!-~]*", path):
            raise _refuse("path", _("The path begins with «/» and has no spaces or quotes."))
        keep = tuple(dict.fromkeys(text.strip() for text in _texts(value, "keep") if text.strip()))
        for entry in keep:
            if wanted(entry) is None:
                words = _(
                    '«%(name)s» is no name of a metric: write http_requests_total or http_requests_total{code="500"}.'
                )
                raise _refuse("keep", words % {"name": entry[:100]})
        if len(keep) > MOST_NAMES:
            raise _refuse("keep", _("At most %(most)s names are kept.") % {"most": MOST_NAMES})
        if port and not keep:
            raise _refuse("keep", _("Say which names are kept."))
    except Refused as refused:
        refused.field = f"metrics.{refused.field}"
        raise
    return Told(port, path, keep)


def _known(data: Mapping[str, Any], of: type, prefix: str = "") -> None:
    names = {one.name for one in fields(of)}
    for key in data:
        if key not in names:
            label = f"{prefix}.{key}" if prefix else str(key)
            raise _refuse(label, _("There is no setting «%(name)s».") % {"name": label})


def parse(data: Any) -> Config:
    """The settings in `data` (what is left out: the default). Raises Refused with the field."""
    if not isinstance(data, Mapping):
        raise Refused(_("The settings must be an object."), None, 400)
    _known(data, Config)
    memory = parse_bytes(data["memory"]) if data.get("memory") not in (None, "") else 8 * GIB
    if not 6 * MIB <= memory <= 64 * 1024 * GIB:
        raise _refuse("memory", _("At least 6 MiB."))
    env = _mapping(data, "env")
    secret_names = _texts(data, "secret_names")
    for name, where in [*((n, "env") for n in env), *((n, "secret_names") for n in secret_names)]:
        if not VARIABLE.fullmatch(name):
            raise _refuse(where, _("«%(name)s» is no name of a variable.") % {"name": name})
    both = set(env) & set(secret_names)
    if both:
        raise _refuse("env", _("«%(name)s» is both a plain and a secret variable.") % {"name": min(both)})
    tmpfs = _texts(data, "tmpfs")
    for entry in tmpfs:
        _inside(entry.partition(":")[0], "tmpfs")
    stop_signal = _text(data, "stop_signal", "").upper()
    if stop_signal and not SIGNAL.fullmatch(stop_signal):
        raise _refuse("stop_signal", _("«%(value)s» is no signal.") % {"value": stop_signal})
    log_options = _mapping(data, "log_options") if "log_options" in data else Config().log_options
    log_driver = _choice(data, "log_driver", LOG_DRIVERS, "json-file")
    if log_driver not in {"json-file", "local"} and "log_options" not in data:
        log_options = {}
    return Config(
        cpus=_number(data, "cpus", 0.01, 512, 4.0),
        memory=memory,
        pids=_whole(data, "pids", 0, 4_000_000, 0),
        **_io(data),
        read_only=_flag(data, "read_only"),
        tmpfs=tmpfs,
        volumes=_volumes(data),
        env=env,
        secret_names=tuple(dict.fromkeys(secret_names)),
        command=_texts(data, "command"),
        health=_health(data),
        stop_signal=stop_signal,
        stop_timeout=_whole(data, "stop_timeout", 0, 3600, 10),
        restart_policy=_choice(data, "restart_policy", RESTART_POLICIES, "unless-stopped"),
        log_driver=log_driver,
        log_options=log_options,
        persist=_flag(data, "persist"),
        persist_in=_choice(data, "persist_in", PERSIST_IN, "volume"),
        logs=_logs(data),
        metrics=_told(data),
        init=_init(data),
        role_command=_text(data, "role_command", "", 4000),
        hooks=hook_shape.read(data.get("hooks")),
        traffic=_traffic(data),
    )


def _traffic(data: Mapping[str, Any]) -> Traffic:
    found = traffic_shape.read(data.get("traffic"))
    at = {hook.at for hook in hook_shape.read(data.get("hooks"))}
    if found.way == "hooks" and "traffic.out" not in at:
        raise _refuse("traffic.way", _("Make a hook at traffic.out first: it is what takes an instance out."))
    if found.way == "none" and at & {"traffic.out", "traffic.in"}:
        raise _refuse(
            "traffic.way", _("There are hooks at traffic.out or traffic.in: say that hooks, or nginx, do it.")
        )
    return found


def _init(data: Mapping[str, Any]) -> str:
    mode = _choice(data, "init", INIT_MODES, "none")
    if mode == "image" and _texts(data, "command"):
        raise _refuse("command", _("In init mode the image's /sbin/init is the only program: leave the command empty."))
    return mode


def _logs(data: Mapping[str, Any]) -> str:
    text = _text(data, "logs", "", 500)
    if not text:
        return ""
    path = _inside(text, "logs")
    if path == PERSIST or path.startswith(f"{PERSIST}/"):
        raise _refuse("logs", _("Give the application's own folder; what is in it is then in /persist/logs."))
    if not _flag(data, "persist") or _choice(data, "persist_in", PERSIST_IN, "volume") != "folder":
        raise _refuse("logs", _("Only with a host folder at /persist."))
    if path in {volume.target for volume in _volumes(data)}:
        raise _refuse("logs", _("A volume has this target already."))
    return path


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


def health_command(health: Health) -> tuple[str, ...] | None:
    """The check as the engine runs it; None leaves the image's own. Uses what small images have (wget or curl, nc)."""
    if health.kind == "none":
        return ("NONE",)
    if health.kind == "command":
        return ("CMD-SHELL", health.command)
    if health.kind == "http":
        url = f"http://127.0.0.1:{health.port}{health.path}"
        return (
            "CMD-SHELL",
            f"if command -v wget >/dev/null 2>&1; then wget -q -O /dev/null '{url}'; "
            f"else curl -fsS -o /dev/null '{url}'; fi || exit 1",
        )
    if health.kind == "tcp":
        return (
            "CMD-SHELL",
            f"if command -v nc >/dev/null 2>&1; then nc -z 127.0.0.1 {health.port}; "
            f"else bash -c '</dev/tcp/127.0.0.1/{health.port}'; fi || exit 1",
        )
    return None
