"""What a container shall be, and the create call that says so to an engine of a given API version. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

SECOND = 1_000_000_000  # the engine counts health times in nanoseconds
Json = dict[str, Any]


def version_tuple(api_version: str) -> tuple[int, int]:
    """`1.41` as (1, 41); what is not a version counts as the oldest."""
    major, _dot, minor = api_version.partition(".")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else (0, 0)


@dataclass(frozen=True)
class Healthcheck:
    """`test` as the engine wants it: ["CMD", …], ["CMD-SHELL", line] or ["NONE"]. Times in seconds."""

    test: tuple[str, ...]
    interval: float = 5
    timeout: float = 5
    start_period: float = 0
    retries: int = 3


@dataclass(frozen=True)
class Limits:
    """What a container may use. CPU as quota of a period in µs, memory in bytes; 0: no limit."""

    cpu_quota: int = 0
    cpu_period: int = 100_000
    memory: int = 0
    swap: bool = False  # off: an OOM fails fast
    pids: int = 0
    io_weight: int = 0  # 10 to 1000, against the other containers of the host
    io_device: str = ""  # the disk that the four rates below are of: «/dev/sda»; several stand apart by spaces
    io_read_bps: int = 0  # bytes a second
    io_write_bps: int = 0
    io_read_iops: int = 0  # operations a second
    io_write_iops: int = 0

    @classmethod
    def of(cls, cpus: float, memory: int, pids: int = 0, *, swap: bool = False) -> Limits:
        return cls(cpu_quota=round(cpus * 100_000), memory=memory, pids=pids, swap=swap)

    def body(self) -> Json:
        """The engine's fields, as create's HostConfig and update take them."""
        body: Json = {}
        if self.cpu_quota:
            body |= {"CpuPeriod": self.cpu_period, "CpuQuota": self.cpu_quota}
        if self.memory:
            # MemorySwap is memory and swap together: equal means none, -1 without end.
            body |= {"Memory": self.memory, "MemorySwap": -1 if self.swap else self.memory}
        if self.pids:
            body["PidsLimit"] = self.pids
        if self.io_weight:
            body["BlkioWeight"] = self.io_weight
        for key, rate in self.rates():
            if rate and self.io_device:
                body[key] = [{"Path": path, "Rate": rate} for path in self.io_device.split()]
        return body

    def rates(self) -> tuple[tuple[str, int], ...]:
        return (
            ("BlkioDeviceReadBps", self.io_read_bps),
            ("BlkioDeviceWriteBps", self.io_write_bps),
            ("BlkioDeviceReadIOps", self.io_read_iops),
            ("BlkioDeviceWriteIOps", self.io_write_iops),
        )

    def update_body(self) -> Json:
        """What a running container takes: all but the rates of a device. Left out would mean «as it is», so no limit is
        said as such.
        """
        body = {key: value for key, value in self.body().items() if not key.startswith("BlkioDevice")}
        return {"PidsLimit": -1, **body}

    def cgroup(self, version: str) -> dict[str, str]:
        """The files of the container's cgroup that these limits stand in, with what they then say: what an operator would
        read on the host. `version`: the host's, «1» or «2».
        """
        pids = str(self.pids) if self.pids else "max"
        if version == "2":
            found = {"pids.max": pids}
            if self.cpu_quota:
                found["cpu.max"] = f"{self.cpu_quota} {self.cpu_period}"
            if self.memory:
                found |= {"memory.max": str(self.memory), "memory.swap.max": "max" if self.swap else "0"}
            if self.io_weight:
                # The scale of version 1 (10 to 1000) stretched over that of version 2 (1 to 10000).
                found["io.weight"] = f"default {1 + (self.io_weight - 10) * 9999 // 990}"
            return found
        found = {"pids.max": pids}
        if self.cpu_quota:
            found |= {"cpu.cfs_quota_us": str(self.cpu_quota), "cpu.cfs_period_us": str(self.cpu_period)}
        if self.memory:
            found["memory.limit_in_bytes"] = str(self.memory)
            if not self.swap:
                found["memory.memsw.limit_in_bytes"] = str(self.memory)
        if self.io_weight:
            found["blkio.weight"] = str(self.io_weight)
        return found


@dataclass(frozen=True)
class ContainerSpec:
    """A container as it shall be made. Empty or None: the image's or the engine's own default."""

    name: str
    image: str
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    hostname: str = ""
    user: str = ""
    working_dir: str = ""
    network: str = ""
    ip: str = ""
    mac: str = ""
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    extra_hosts: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()
    read_only: bool = False
    tmpfs: Mapping[str, str] = field(default_factory=dict)  # path → options
    binds: tuple[str, ...] = ()  # «source:target[:ro]», source a path or a volume's name
    healthcheck: Healthcheck | None = None
    stop_signal: str = ""
    stop_timeout: int | None = None  # seconds
    restart_policy: str = ""  # no, always, unless-stopped, on-failure
    restart_retries: int = 0
    log_driver: str = ""
    log_opts: Mapping[str, str] = field(default_factory=dict)
    init: bool = False
    privileged: bool = False
    pid_mode: str = ""
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    security_opt: tuple[str, ...] = ()
    host_cgroups: bool = False  # no name space of its own for cgroups (only version 2 has one by default)


def health_body(check: Healthcheck, api: tuple[int, int]) -> Json:
    if check.test == ("NONE",):
        return {"Test": ["NONE"]}
    body: Json = {
        "Test": list(check.test),
        "Interval": round(check.interval * SECOND),
        "Timeout": round(check.timeout * SECOND),
        "Retries": check.retries,
    }
    if api >= (1, 29):
        body["StartPeriod"] = round(check.start_period * SECOND)
    return body


def _host_config(spec: ContainerSpec, api: tuple[int, int]) -> Json:
    body: Json = {**spec.limits.body(), "Privileged": spec.privileged, "ReadonlyRootfs": spec.read_only}
    if spec.network:
        body["NetworkMode"] = spec.network
    if spec.restart_policy:
        body["RestartPolicy"] = {"Name": spec.restart_policy}
        if spec.restart_policy == "on-failure":
            body["RestartPolicy"]["MaximumRetryCount"] = spec.restart_retries
    if spec.log_driver or spec.log_opts:
        body["LogConfig"] = {"Type": spec.log_driver or "json-file", "Config": dict(spec.log_opts)}
    if spec.init and api >= (1, 25):
        body["Init"] = True
    if spec.host_cgroups and api >= (1, 41):
        body["CgroupnsMode"] = "host"
    for key, value in (
        ("Dns", list(spec.dns)),
        ("DnsSearch", list(spec.dns_search)),
        ("ExtraHosts", [f"{name}:{address}" for name, address in spec.extra_hosts.items()]),
        ("Tmpfs", dict(spec.tmpfs)),
        ("Binds", list(spec.binds)),
        ("PidMode", spec.pid_mode),
        ("CapAdd", list(spec.cap_add)),
        ("CapDrop", list(spec.cap_drop)),
        ("SecurityOpt", list(spec.security_opt)),
        ("Sysctls", dict(spec.sysctls)),
    ):
        if value:
            body[key] = value
    return body


def create_body(spec: ContainerSpec, api_version: str) -> Json:
    """The JSON body of the create call (the name goes into its query). What the API lacks is left out."""
    api = version_tuple(api_version)
    body: Json = {"Image": spec.image, "HostConfig": _host_config(spec, api)}
    if spec.command is not None:
        body["Cmd"] = list(spec.command)
    if spec.entrypoint is not None:
        body["Entrypoint"] = list(spec.entrypoint)
    for key, value in (
        ("Env", [f"{name}={value}" for name, value in spec.env.items()]),
        ("Labels", dict(spec.labels)),
        ("Hostname", spec.hostname),
        ("User", spec.user),
        ("WorkingDir", spec.working_dir),
        ("StopSignal", spec.stop_signal),
    ):
        if value:
            body[key] = value
    if spec.stop_timeout is not None and api >= (1, 25):
        body["StopTimeout"] = spec.stop_timeout
    if spec.healthcheck:
        body["Healthcheck"] = health_body(spec.healthcheck, api)
    endpoint: Json = {}
    if spec.ip:
        endpoint["IPAMConfig"] = {"IPv4Address": spec.ip}
    if spec.mac:
        # From 1.44 on the address belongs to the endpoint; at the top level it is then deprecated, later refused.
        if api >= (1, 44) and spec.network:
            endpoint["MacAddress"] = spec.mac
        else:
            body["MacAddress"] = spec.mac
    if endpoint and spec.network:
        body["NetworkingConfig"] = {"EndpointsConfig": {spec.network: endpoint}}
    return body


def missing_features(spec: ContainerSpec, api_version: str) -> list[str]:
    """What the spec asks for and an engine with this API cannot do, as sentences; empty: all is well."""
    api = version_tuple(api_version)
    wants: list[tuple[bool, tuple[int, int], str]] = [
        (spec.healthcheck is not None, (1, 24), _("health checks")),
        (spec.stop_timeout is not None, (1, 25), _("a stop timeout of the container's own")),
        (spec.init, (1, 25), _("an init process that reaps children")),
        (bool(spec.healthcheck and spec.healthcheck.start_period), (1, 29), _("a start period of the health check")),
        (bool(spec.limits.pids), (1, 23), _("a limit of processes")),
        (any(rate for _key, rate in spec.limits.rates()), (1, 22), _("limits of a disk's rates")),
        (bool(spec.sysctls), (1, 23), _("kernel settings (sysctls)")),
        (bool(spec.tmpfs), (1, 22), _("tmpfs mounts")),
    ]
    return [
        _("%(what)s: needs API %(needs)s, the engine has %(has)s")
        % {"what": what, "needs": f"{needs[0]}.{needs[1]}", "has": api_version}
        for wanted, needs, what in wants
        if wanted and api < needs
    ]
