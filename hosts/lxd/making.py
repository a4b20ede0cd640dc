"""From what shall be (`ContainerSpec`) to an LXD instance, and what has to give way when it starts. Pure.

Sources: https://documentation.ubuntu.com/lxd/en/latest/reference/instance_options/ and …/reference/devices_nic/
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from hosts.engine_body import ContainerSpec, Limits, health_body
from hosts.engine_errors import EngineError
from hosts.engine_specs import NetworkSpec
from hosts.labels import INSTANCE, PLATFORM
from hosts.lxd import shape

Json = dict[str, Any]
SAME = (f"{shape.USER}{PLATFORM}", f"{shape.USER}{INSTANCE}")
NAME = re.compile(r"[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def limits_config(limits: Limits) -> dict[str, str]:
    """The keys of an instance that say these limits; empty: none. What LXD has no key for is left out."""
    milliseconds = max(1, round(limits.cpu_quota * 100 / limits.cpu_period)) if limits.cpu_quota else 0
    return {
        "limits.cpu.allowance": f"{milliseconds}ms/100ms" if milliseconds else "",
        "limits.memory": f"{limits.memory}B" if limits.memory else "",
        "limits.memory.swap": "" if limits.swap or not limits.memory else "false",
        "limits.processes": str(limits.pids) if limits.pids else "",
        "limits.disk.priority": str(min(10, limits.io_weight // 100)) if limits.io_weight else "",
    }


@dataclass(frozen=True)
class Volume:
    """A volume of a storage pool, or a path of the host, at a path inside."""

    source: str
    target: str
    read_only: bool = False

    @property
    def of_pool(self) -> bool:
        return not self.source.startswith("/")


def volumes(binds: Iterable[str]) -> list[Volume]:
    found = []
    for bind in binds:
        source, _colon, rest = bind.partition(":")
        target, _colon, options = rest.partition(":")
        found.append(Volume(source, target, "ro" in options.split(",")))
    return found


def create_body(
    spec: ContainerSpec, fingerprint: str, network: NetworkSpec | None, pool: str, image: Mapping[str, str]
) -> Json:
    """The body of the call that makes an instance of an image that is there; `image`: its properties, of which its surroundings
    and its health check hold unless the spec has its own. Raises EngineError for a name LXD cannot take.
    """
    if not NAME.fullmatch(spec.name):
        words = _("«%(name)s» cannot name a system container: letters, digits and -, a letter first, at most 63.")
        raise EngineError("other", spec.name, words % {"name": spec.name})
    own = dict(line.split("=", 1) for line in json.loads(image.get("xq.env") or "[]") if "=" in line)
    check = (
        health_body(spec.healthcheck, (9, 9)) if spec.healthcheck else json.loads(image.get("xq.healthcheck") or "{}")
    )
    config = {
        **{f"environment.{name}": value for name, value in own.items()},
        **{f"environment.{name}": value for name, value in spec.env.items()},
        **{f"{shape.USER}{name}": value for name, value in spec.labels.items()},
        **{name: value for name, value in limits_config(spec.limits).items() if value},
        "boot.autostart": str(spec.restart_policy not in {"", "no"}).lower(),
        f"{shape.OWN}image": spec.image,
        f"{shape.OWN}name": spec.hostname or spec.name,
    }
    if spec.privileged:
        config["security.privileged"] = "true"
    if check and check.get("Test") != ["NONE"]:
        config[f"{shape.OWN}health"] = json.dumps(check)
    if spec.stop_timeout is not None:
        config["boot.host_shutdown_timeout"] = str(spec.stop_timeout)
    raw = [f"lxc.uts.name = {spec.hostname}"] if spec.hostname else []
    devices: dict[str, dict[str, str]] = {"root": {"type": "disk", "path": "/", "pool": pool}}
    if network is not None:
        devices[shape.NIC] = {"type": "nic", "nictype": "bridged", "parent": network.bridge, "name": shape.NIC}
        config[f"{shape.OWN}network"] = network.name
        if spec.mac:
            devices[shape.NIC]["hwaddr"] = config[f"{shape.OWN}mac"] = spec.mac
        if network.mtu:
            devices[shape.NIC]["mtu"] = str(network.mtu)
        if spec.ip:
            # No DHCP and nothing inside the image: the address is set before the instance's init starts.
            prefix = ipaddress.ip_network(network.cidr).prefixlen
            raw.append(f"lxc.net.0.ipv4.address = {spec.ip}/{prefix}")
            if network.gateway:
                raw.append(f"lxc.net.0.ipv4.gateway = {network.gateway}")
            config[f"{shape.OWN}ip"] = spec.ip
    for number, volume in enumerate(volumes(spec.binds), 1):
        device = {"type": "disk", "source": volume.source, "path": volume.target}
        if volume.of_pool:
            device["pool"] = pool
        else:
            device["shift"] = (
                "true"  # users of the host's folder are those inside, whatever numbers the server maps them to
            )
        if volume.read_only:
            device["readonly"] = "true"
        devices[f"data{number}"] = device
    if written := files(spec):
        config[f"{shape.OWN}files"] = json.dumps(written)
    if raw:
        config["raw.lxc"] = "\n".join(raw)
    return {
        "name": spec.name,
        "type": "container",
        "profiles": [],
        "config": config,
        "devices": devices,
        "source": {"type": "image", "fingerprint": fingerprint},
    }


def missing(spec: ContainerSpec) -> list[str]:
    """What the spec asks for and a system container does not have, as sentences."""
    whys = [
        (
            spec.command is not None or spec.entrypoint is not None,
            _("a command of its own: a system container starts its image's init"),
        ),
        (spec.read_only, _("a read-only root file system")),
        (bool(spec.tmpfs), _("tmpfs mounts: the image's init mounts them")),
        (bool(spec.user), _("another user for the first process")),
        (any(rate for _key, rate in spec.limits.rates()), _("limits of a disk's rates")),
        (bool(spec.sysctls), _("kernel settings (sysctls)")),
        (bool(spec.cap_add or spec.cap_drop), _("single capabilities")),
    ]
    return [_("LXD has not: %(what)s") % {"what": why} for wanted_, why in whys if wanted_]


def files(spec: ContainerSpec) -> dict[str, str]:
    """What a Docker Engine mounts over an image's own: the name, the names of others, the resolver. Path → content."""
    found: dict[str, str] = {}
    if spec.hostname:
        found["/etc/hostname"] = f"{spec.hostname}\n"
    if spec.hostname or spec.extra_hosts:
        lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
        lines += [f"{spec.ip} {spec.hostname}"] if spec.ip and spec.hostname else []
        lines += [f"{address} {name}" for name, address in spec.extra_hosts.items()]
        found["/etc/hosts"] = "\n".join(lines) + "\n"
    if spec.dns or spec.dns_search:
        # «.» is the Engine API's word for: no search list.
        search = [one for one in spec.dns_search if one != "."]
        lines = [f"nameserver {one}" for one in spec.dns] + ([f"search {' '.join(search)}"] if search else [])
        found["/etc/resolv.conf"] = "\n".join(lines) + "\n"
    return found


@dataclass(frozen=True)
class Change:
    """What an instance gets: another name, or other devices."""

    of: str
    identity: str
    name: str = ""
    devices: Mapping[str, Any] = field(default_factory=dict)


def before_start(instance: Mapping[str, Any], all_of_them: Iterable[Mapping[str, Any]]) -> list[Change]:
    """What has to be changed so that it can start under its own name and with its own MAC address, in this order.

    The server refuses two instances with one MAC address on a bridge, and to rename one that runs. Only what is stopped and was
    made by us for the same name or address gives way: a container that another one replaces, or replaced. Pure.
    """
    name, config = str(instance["name"]), instance.get("config") or {}
    wanted, mac = str(config.get(f"{shape.OWN}name") or name), str(config.get(f"{shape.OWN}mac") or "")
    others = [one for one in all_of_them if one["name"] != name]
    taken = {name, *(str(one["name"]) for one in others)}
    changes: list[Change] = []
    for one in others:
        its, ours = dict(one.get("devices") or {}), one.get("config") or {}
        # Several platforms may share a server: only what the same one made for the same instance gives way.
        same = all(ours.get(label) == config.get(label) for label in SAME)
        stopped = one.get("status") == "Stopped" and f"{shape.OWN}name" in ours and same
        if stopped and mac and (its.get(shape.NIC) or {}).get("hwaddr") == mac:
            its[shape.NIC] = {key: value for key, value in its[shape.NIC].items() if key != "hwaddr"}
            changes.append(Change(str(one["name"]), shape.identity(one), devices=its))
        if stopped and one["name"] == wanted:
            free = next(spare for spare in (f"{wanted[:56]}-prev{n or ''}" for n in range(1000)) if spare not in taken)
            changes.append(Change(wanted, shape.identity(one), name=free))
            taken = (taken - {wanted}) | {free}
    mine = dict(instance.get("devices") or {})
    if mac and mine.get(shape.NIC) and mine[shape.NIC].get("hwaddr") != mac:
        mine[shape.NIC] = {**mine[shape.NIC], "hwaddr": mac}
        changes.append(Change(name, shape.identity(instance), devices=mine))
    if wanted != name and wanted not in taken:
        changes.append(Change(name, shape.identity(instance), name=wanted))
    return changes
