"""From stored settings to the container that an engine is asked for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from containers.config import PERSIST, Config
from containers.config_health import health_command
from containers.init_mode import Needs
from hosts.engine import ContainerSpec, Healthcheck, Limits, missing_features
from hosts.labels import DEPLOYMENT, ENVIRONMENT, INSTANCE, PLATFORM, SERVICE

NOTHING = Needs()
STEP, CONFIG = "xq.step", "xq.config"  # beside those in hosts.labels: which step made it, and of which settings


@dataclass(frozen=True)
class Place:
    """Where a container stands: its instance, and the network it is on («» : the engine's bridge)."""

    service: str
    environment: str
    number: int
    instance: int
    network: str = ""
    ip: str = ""
    mac: str = ""
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    folder: str = ""  # its own on the host, named by its address; empty: none can be
    init: Needs = NOTHING  # of the image's init, in init mode

    @property
    def name(self) -> str:
        return f"{self.service}-{self.environment}-{self.number}"


def limits_of(config: Config) -> Limits:
    """The limits among the settings, as the engine takes them."""
    names = ("io_weight", "io_device", "io_read_bps", "io_write_bps", "io_read_iops", "io_write_iops")
    io = {name: getattr(config, name) for name in names}
    return replace(Limits.of(config.cpus, config.memory, config.pids), **io)


def container_spec(
    place: Place,
    config: Config,
    secrets: Mapping[str, str],
    image: str,
    *,
    platform: str,
    deployment: int,
    step: str,
    config_version: int = 0,
    name: str = "",
) -> ContainerSpec:
    """What the engine shall make. `step` marks which step made it, so that a restarted runner finds its own work."""
    binds, init = _binds(place, config), place.init
    test = health_command(config.health)
    health = config.health
    return ContainerSpec(
        name=name or place.name,
        image=image,
        command=config.command or None,
        env={
            **init.env,
            **config.env,
            **{secret: secrets.get(secret, "") for secret in config.secret_names},
            "XQ_SERVICE": place.service,
            "XQ_ENVIRONMENT": place.environment,
            "XQ_INSTANCE": str(place.number),
        },
        labels={
            PLATFORM: platform,
            SERVICE: place.service,
            ENVIRONMENT: place.environment,
            INSTANCE: str(place.instance),
            DEPLOYMENT: str(deployment),
            STEP: step,
            CONFIG: str(config_version),
        },
        hostname=place.name,
        network=place.network,
        ip=place.ip,
        mac=place.mac,
        dns=place.dns,
        dns_search=place.dns_search,
        limits=limits_of(config),
        read_only=config.read_only,
        tmpfs=dict(init.tmpfs)
        | {path: options for path, _colon, options in (entry.partition(":") for entry in config.tmpfs)},
        binds=(*binds, *init.binds),
        cap_add=init.cap_add,
        host_cgroups=init.host_cgroups,
        healthcheck=None
        if test is None
        else Healthcheck(test, health.interval, health.timeout, health.start_period, health.retries),
        stop_signal=config.stop_signal or init.stop_signal,
        stop_timeout=config.stop_timeout,
        restart_policy=config.restart_policy,
        log_driver=config.log_driver,
        log_opts=dict(config.log_options),
    )


def _binds(place: Place, config: Config) -> list[str]:
    binds = [_bind(place, source=v.source, target=v.target, read_only=v.read_only) for v in config.volumes]
    if config.persist and config.persist_in == "folder" and place.folder:
        # A second mount does what a link would, also where the image has no place for a link and on a read-only root.
        binds.append(f"{place.folder}:{PERSIST}")
        if config.logs:
            binds.append(f"{place.folder}/logs:{config.logs}")
    elif config.persist:
        binds.append(f"xq-vol-{place.name}.persist:{PERSIST}")
    return binds


def volumes(place: Place, config: Config) -> dict[str, list[str]]:
    """Its volumes by name, with the paths inside at which they can be written to; what lies in folders of the host is none."""
    found: dict[str, list[str]] = {}
    for bind in _binds(place, config):
        name, target, *options = bind.split(":")
        if not name.startswith("/"):
            found.setdefault(name, []).extend([] if "ro" in options else [target])
    return found


def _bind(place: Place, *, source: str, target: str, read_only: bool) -> str:
    if not source.startswith("/"):
        source = f"xq-vol-{place.service}.{place.environment}.{source}"
    return f"{source}:{target}{':ro' if read_only else ''}"


def missing(config: Config, speaks: str) -> list[str]:
    """What a runtime lacks of what the settings want, as sentences. `speaks`: `Host.speaks`."""
    place = Place("x", "x", 1, 1)
    return missing_features(container_spec(place, config, {}, "x", platform="x", deployment=1, step="x"), speaks)
