"""Between the language of the runtimes (the Engine API's JSON) and LXD's. Pure.

What LXD has no place for (labels, a health check, the name of the image) stands in an instance's own `user.` keys.
Sources: https://documentation.ubuntu.com/lxd/en/latest/reference/instance_options/ and …/reference/devices_nic/
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from hosts.engine_body import ContainerSpec, Limits, _health
from hosts.engine_errors import EngineError
from hosts.engine_specs import NetworkSpec
from hosts.inventory import Space

Json = dict[str, Any]
USER = "user."
OWN = "user.xq.lxd."  # what this module itself keeps in an instance
NETWORK = "user.xq.network."  # of the server: our segments, as JSON
NIC = "eth0"
STATES = {"Running": "running", "Stopped": "exited", "Frozen": "paused", "Error": "dead", "Starting": "restarting"}
# The server's word → the engine's; what an instance is asked for and what it did itself are the same to an inventory.
ACTIONS = {
    "instance-created": "create", "instance-started": "start", "instance-restarted": "restart",
    "instance-stopped": "die", "instance-shutdown": "die", "instance-paused": "pause", "instance-resumed": "unpause",
    "instance-renamed": "rename", "instance-updated": "update", "instance-deleted": "destroy",
    "instance-exec": "exec_create",
}  # fmt: skip
NEVER = "0001-01-01T00:00:00Z"
NAME = re.compile(r"[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30,
         "tib": 1 << 40}  # fmt: skip


def size(text: str) -> int:
    """«64MiB» as bytes; what is no size, a percentage for one, as 0: no limit that can be told."""
    found = re.fullmatch(r"\s*(\d+)\s*([A-Za-z]*)\s*", text or "")
    return int(found[1]) * SIZES.get(found[2].lower(), 0) if found else 0


def quota(allowance: str, cpus: str) -> int:
    """CPU time in µs of each 100 ms, from `limits.cpu.allowance` («50ms/100ms») or `limits.cpu` («2»); 0: no limit."""
    found = re.fullmatch(r"(\d+)ms/(\d+)ms", allowance or "")
    if found and int(found[2]):
        return int(found[1]) * 100_000 // int(found[2])
    return int(cpus) * 100_000 if (cpus or "").isdigit() else 0


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
    check = _health(spec.healthcheck, (9, 9)) if spec.healthcheck else json.loads(image.get("xq.healthcheck") or "{}")
    config = {
        **{f"environment.{name}": value for name, value in own.items()},
        **{f"environment.{name}": value for name, value in spec.env.items()},
        **{f"{USER}{name}": value for name, value in spec.labels.items()},
        **{name: value for name, value in limits_config(spec.limits).items() if value},
        "boot.autostart": str(spec.restart_policy not in {"", "no"}).lower(),
        f"{OWN}image": spec.image,
        f"{OWN}name": spec.hostname or spec.name,
    }
    if spec.privileged:
        config["security.privileged"] = "true"
    if check and check.get("Test") != ["NONE"]:
        config[f"{OWN}health"] = json.dumps(check)
    if spec.stop_timeout is not None:
        config["boot.host_shutdown_timeout"] = str(spec.stop_timeout)
    raw = [f"lxc.uts.name = {spec.hostname}"] if spec.hostname else []
    devices: dict[str, dict[str, str]] = {"root": {"type": "disk", "path": "/", "pool": pool}}
    if network is not None:
        devices[NIC] = {"type": "nic", "nictype": "bridged", "parent": network.bridge, "name": NIC}
        config[f"{OWN}network"] = network.name
        if spec.mac:
            devices[NIC]["hwaddr"] = config[f"{OWN}mac"] = spec.mac
        if network.mtu:
            devices[NIC]["mtu"] = str(network.mtu)
        if spec.ip:
            # No DHCP and nothing inside the image: the address is set before the instance's init starts.
            prefix = ipaddress.ip_network(network.cidr).prefixlen
            raw.append(f"lxc.net.0.ipv4.address = {spec.ip}/{prefix}")
            if network.gateway:
                raw.append(f"lxc.net.0.ipv4.gateway = {network.gateway}")
            config[f"{OWN}ip"] = spec.ip
    for number, volume in enumerate(volumes(spec.binds), 1):
        device = {"type": "disk", "source": volume.source, "path": volume.target}
        if volume.of_pool:
            device["pool"] = pool
        if volume.read_only:
            device["readonly"] = "true"
        devices[f"data{number}"] = device
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
        (any(rate for _key, rate in spec.limits._rates()), _("limits of a disk's rates")),
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


def identity(instance: Mapping[str, Any]) -> str:
    """What stays when it is renamed."""
    return str((instance.get("config") or {}).get("volatile.uuid") or instance.get("name") or "")


def labels_of(instance: Mapping[str, Any]) -> dict[str, str]:
    config = instance.get("config") or {}
    return {
        key.removeprefix(USER): str(value)
        for key, value in config.items()
        if key.startswith(USER) and not key.startswith(OWN)
    }


def image_of(instance: Mapping[str, Any]) -> str:
    """The reference it was made of, else what its image says of itself."""
    config = instance.get("config") or {}
    said = config.get(f"{OWN}image") or config.get("image.description")
    return str(said or str(config.get("volatile.base_image") or "")[:12])


def _networks(instance: Mapping[str, Any]) -> Json:
    config, state = instance.get("expanded_config") or instance.get("config") or {}, instance.get("state") or {}
    found: Json = {}
    for name, device in (instance.get("expanded_devices") or instance.get("devices") or {}).items():
        if device.get("type") != "nic":
            continue
        inner = str(device.get("name") or name)
        seen = (state.get("network") or {}).get(inner) or {}
        addresses = [
            one["address"]
            for one in seen.get("addresses") or []
            if one.get("family") == "inet" and one.get("scope") == "global"
        ]
        fixed = str(config.get(f"{OWN}ip") or device.get("ipv4.address") or "")
        network = str(config.get(f"{OWN}network") or device.get("network") or device.get("parent") or inner)
        mac = (
            config.get(f"{OWN}mac")
            or device.get("hwaddr")
            or config.get(f"volatile.{name}.hwaddr")
            or seen.get("hwaddr")
            or ""
        )
        found[network] = {
            "IPAddress": str(addresses[0]) if addresses else "",
            "MacAddress": str(mac).lower(),
            "IPAMConfig": {"IPv4Address": fixed},
        }
    return found


def _status(instance: Mapping[str, Any]) -> str:
    word = STATES.get(str(instance.get("status") or ""), "restarting")
    used = str(instance.get("last_used_at") or NEVER)
    return "created" if word == "exited" and used.startswith(("0001", "1970")) else word


def inspected(instance: Mapping[str, Any], health: Mapping[str, Any] | None = None) -> Json:
    """An instance (with its state, `recursion=2` or `…/state`) as the Engine API's inspect tells a container."""
    config = instance.get("expanded_config") or instance.get("config") or {}
    state, status = instance.get("state") or {}, _status(instance)
    check = check_of(instance)
    running = status in {"running", "paused"}
    body: Json = {
        "Id": identity(instance),
        "Name": f"/{instance.get('name')}",
        "Created": str(instance.get("created_at") or ""),
        "Image": str(config.get("volatile.base_image") or ""),
        "RestartCount": 0,
        "State": {
            "Status": status, "Running": running, "Paused": status == "paused", "Restarting": status == "restarting",
            "Pid": int(state.get("pid") or 0), "ExitCode": 0, "OOMKilled": False, "Error": "",
            "StartedAt": str(instance.get("last_used_at") or NEVER) if running else NEVER, "FinishedAt": NEVER,
        },
        "Config": {
            "Hostname": instance.get("name"), "Image": image_of(instance), "Labels": labels_of(instance),
            "Env": [f"{key[12:]}={value}" for key, value in config.items() if key.startswith("environment.")],
        },
        "HostConfig": {
            "CpuPeriod": 100_000,
            "CpuQuota": quota(str(config.get("limits.cpu.allowance") or ""), str(config.get("limits.cpu") or "")),
            "Memory": size(str(config.get("limits.memory") or "")),
            "PidsLimit": size(str(config.get("limits.processes") or "")),
            "Privileged": config.get("security.privileged") == "true",
            "RestartPolicy": {"Name": "unless-stopped" if config.get("boot.autostart") == "true" else "no"},
        },
        "NetworkSettings": {"Networks": _networks(instance)},
        "Mounts": [
            {"Type": "volume" if device.get("pool") else "bind", "Name": device.get("source", ""),
             "Source": device.get("source", ""), "Destination": device.get("path"),
             "RW": device.get("readonly") != "true"}
            for device in (instance.get("expanded_devices") or instance.get("devices") or {}).values()
            if device.get("type") == "disk" and device.get("path") != "/"
        ],
    }  # fmt: skip
    if check:
        body["Config"]["Healthcheck"] = check
        if running:
            body["State"]["Health"] = dict(health or {"Status": "starting", "FailingStreak": 0, "Log": []})
    return body


def listed(seen: Mapping[str, Any], status: str, created: int) -> Json:
    """What `inspected` told, as the Engine API's list has it. `status`: the words of people («Up 4 hours»), `created`: Unix time."""
    return {
        "Id": seen["Id"], "Names": [seen["Name"]], "Image": seen["Config"]["Image"], "ImageID": seen["Image"],
        "State": seen["State"]["Status"], "Status": status, "Created": created, "Labels": seen["Config"]["Labels"],
        "NetworkSettings": seen["NetworkSettings"], "Mounts": seen["Mounts"],
    }  # fmt: skip


@dataclass(frozen=True)
class Change:
    """What an instance gets: another name, or other devices."""

    of: str
    name: str = ""
    devices: Mapping[str, Any] = field(default_factory=dict)


def before_start(instance: Mapping[str, Any], all_of_them: Iterable[Mapping[str, Any]]) -> list[Change]:
    """What has to be changed so that it can start under its own name and with its own MAC address, in this order.

    The server refuses two instances with one MAC address on a bridge, and to rename one that runs. Only what is stopped and was
    made by us for the same name or address gives way: a container that another one replaces, or replaced. Pure.
    """
    name, config = str(instance["name"]), instance.get("config") or {}
    wanted, mac = str(config.get(f"{OWN}name") or name), str(config.get(f"{OWN}mac") or "")
    others = [one for one in all_of_them if one["name"] != name]
    taken = {str(one["name"]) for one in others}
    changes: list[Change] = []
    for one in others:
        its, ours = dict(one.get("devices") or {}), one.get("config") or {}
        stopped = one.get("status") == "Stopped" and f"{OWN}name" in ours
        if stopped and mac and (its.get(NIC) or {}).get("hwaddr") == mac:
            its[NIC] = {key: value for key, value in its[NIC].items() if key != "hwaddr"}
            changes.append(Change(str(one["name"]), devices=its))
        if stopped and one["name"] == wanted:
            free = next(spare for spare in (f"{wanted[:56]}-prev{n or ''}" for n in range(1000)) if spare not in taken)
            changes.append(Change(wanted, name=free))
            taken = (taken - {wanted}) | {free}
    mine = dict(instance.get("devices") or {})
    if mac and mine.get(NIC) and mine[NIC].get("hwaddr") != mac:
        mine[NIC] = {**mine[NIC], "hwaddr": mac}
        changes.append(Change(name, devices=mine))
    if wanted != name and wanted not in taken:
        changes.append(Change(name, name=wanted))
    return changes


def stats(state: Mapping[str, Any], now: float) -> Json:
    """An instance's state as the Engine API's stats: CPU in ns, memory in bytes, the network's counters. `now`: Unix time."""
    memory, read = state.get("memory") or {}, datetime.fromtimestamp(now, UTC).isoformat().replace("+00:00", "Z")
    counters = {
        name: {"rx_bytes": int(seen["counters"]["bytes_received"]), "tx_bytes": int(seen["counters"]["bytes_sent"]),
               "rx_packets": int(seen["counters"]["packets_received"]), "tx_packets": int(seen["counters"]["packets_sent"])}
        for name, seen in (state.get("network") or {}).items() if name != "lo"
    }  # fmt: skip
    return {
        "read": read, "cpu_stats": {"cpu_usage": {"total_usage": int((state.get("cpu") or {}).get("usage") or 0)}},
        "memory_stats": {"usage": int(memory.get("usage") or 0), "max_usage": int(memory.get("usage_peak") or 0)},
        "pids_stats": {"current": int(state.get("processes") or 0)}, "networks": counters,
    }  # fmt: skip


def wanted(mine: Mapping[str, str], marks: Iterable[str]) -> bool:
    """Whether labels have all the marks (`key`, `key=value`)."""
    return all((mine.get(key) == value if equals else key in mine) for key, equals, value in
               (mark.partition("=") for mark in marks))  # fmt: skip


def info(server: Mapping[str, Any], resources: Mapping[str, Any], instances: int) -> Json:
    """What the server and its machine are, as the Engine API's info tells it."""
    environment = server.get("environment") or {}
    warnings = []
    if environment.get("server_clustered"):
        warnings.append(_("It is a member of a cluster: the platform knows only what stands on this member."))
    return {
        "ID": str(environment.get("certificate_fingerprint") or ""),
        "Name": str(environment.get("server_name") or ""),
        "ServerVersion": str(environment.get("server_version") or ""),
        "OperatingSystem": f"{environment.get('os_name', '')} {environment.get('os_version', '')}".strip(),
        "KernelVersion": str(environment.get("kernel_version") or ""),
        "Architecture": str(environment.get("kernel_architecture") or ""),
        "NCPU": int((resources.get("cpu") or {}).get("total") or 0),
        "MemTotal": int((resources.get("memory") or {}).get("total") or 0),
        "Driver": str(environment.get("storage") or "").partition(" | ")[0],
        "DockerRootDir": "",
        # Instances are processes of their own monitors: a restart of the server leaves them alone.
        "LiveRestoreEnabled": True,
        "CgroupVersion": "2" if (environment.get("lxc_features") or {}).get("cgroup2") == "only" else "",
        "Containers": instances,
        "Warnings": warnings,
    }


def space(resources: Mapping[str, Any]) -> Space | None:
    """A storage pool's room; None where the server does not tell it."""
    room, inodes = resources.get("space") or {}, resources.get("inodes") or {}
    total = int(room.get("total") or 0)
    if not total:
        return None
    counted = int(inodes.get("total") or 0)
    return Space(total, total - int(room.get("used") or 0), counted, counted - int(inodes.get("used") or 0))


def event(said: Mapping[str, Any], known: Mapping[str, str], name: str, moment: float) -> Json | None:
    """A lifecycle event as the Engine API's; None for what it has no word for. `known`: of the instance (labels), `moment`: Unix time."""
    metadata = said.get("metadata") or {}
    action = ACTIONS.get(str(metadata.get("action") or ""))
    if action is None:
        return None
    context = metadata.get("context") or {}
    attributes = dict(known)
    if action == "rename":
        attributes["oldName"] = str(context.get("old_name") or "")
    if action == "exec_create":
        action = f"exec_create: {' '.join(str(word) for word in context.get('command') or [])}"
    return told(action, "", attributes, name, moment)


def told(action: str, identity: str, attributes: Mapping[str, str], name: str, moment: float) -> Json:
    """An event of an instance, in the Engine API's words."""
    return {
        "Type": "container", "Action": action, "time": int(moment), "timeNano": int(moment * 1e9),
        "Actor": {"ID": identity, "Attributes": {**attributes, "name": name}},
    }  # fmt: skip


def check_of(instance: Mapping[str, Any]) -> Json:
    """Its health check; empty: none."""
    return dict(json.loads((instance.get("config") or {}).get(f"{OWN}health") or "{}"))


def network_json(spec: NetworkSpec) -> str:
    """A segment as the server keeps it for us."""
    return json.dumps(
        {"cidr": spec.cidr, "gateway": spec.gateway, "driver": spec.driver, "bridge": spec.bridge, "vlan": spec.vlan,
         "mtu": spec.mtu, "labels": dict(spec.labels)}, sort_keys=True,
    )  # fmt: skip


def network_spec(name: str, text: str) -> NetworkSpec:
    return NetworkSpec(name=name, **json.loads(text))
