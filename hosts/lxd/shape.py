"""Between the language of the runtimes (the Engine API's JSON) and LXD's. Pure.

What LXD has no place for (labels, a health check, the name of the image) stands in an instance's own `user.` keys.
Sources: https://documentation.ubuntu.com/lxd/en/latest/reference/instance_options/ and …/reference/devices_nic/
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from hosts.engine_specs import NetworkSpec
from hosts.inventory import Space

Json = dict[str, Any]
USER = "user."
OWN = "user.xq.lxd."  # what this module itself keeps in an instance
NETWORK = "user.xq.network."  # of the server: our segments, as JSON
NIC = "eth0"
BRANDS = ("LXD", "Incus")  # whose headers a file has («X-LXD-mode»): a server heeds its own and no others
STATES = {
    "Running": "running",
    "Ready": "running",
    "Stopped": "exited",
    "Frozen": "paused",
    "Error": "dead",
    "Starting": "restarting",
}
# The server's word → the engine's. A shutdown is told of an instance that ended by itself, too; only a forced stop is surely somebody's.
ACTIONS: dict[str, tuple[str, ...]] = {
    "instance-created": ("create",), "instance-started": ("start",), "instance-restarted": ("restart",),
    "instance-stopped": ("die", "stop"), "instance-shutdown": ("die",), "instance-paused": ("pause",),
    "instance-resumed": ("unpause",), "instance-renamed": ("rename",), "instance-updated": ("update",),
    "instance-deleted": ("destroy",), "instance-exec": ("exec_create",),
}  # fmt: skip
NEVER = "0001-01-01T00:00:00Z"
SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30,
         "tib": 1 << 40}  # fmt: skip


def header(headers: Mapping[str, str], name: str) -> str:
    """What is said of a file, by either kind of server; `headers`: whose names' case does not count."""
    return next((headers[f"X-{brand}-{name}"] for brand in BRANDS if f"X-{brand}-{name}" in headers), "")


def size(text: str) -> int:
    """«64MiB» as bytes; what is no size, a percentage for one, as 0: no limit that can be told."""
    found = re.fullmatch(r"\s*(\d{1,18})\s*([A-Za-z]*)\s*", text or "")
    return int(found[1]) * SIZES.get(found[2].lower(), 0) if found else 0


def quota(allowance: str, cpus: str) -> int:
    """CPU time in µs of each 100 ms, from `limits.cpu.allowance` («50ms/100ms») or `limits.cpu` («2»); 0: no limit."""
    found = re.fullmatch(r"(\d+)ms/(\d+)ms", allowance or "")
    if found and int(found[2]):
        return int(found[1]) * 100_000 // int(found[2])
    return int(cpus) * 100_000 if (cpus or "").isdigit() else 0


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


def stats(instance: Mapping[str, Any], state: Mapping[str, Any], now: float) -> Json:
    """An instance's state as the Engine API's stats: CPU in ns, memory in bytes, the network's counters. `now`: Unix time."""
    memory, read = state.get("memory") or {}, datetime.fromtimestamp(now, UTC).isoformat().replace("+00:00", "Z")
    counters = {
        name: {"rx_bytes": int(seen["counters"]["bytes_received"]), "tx_bytes": int(seen["counters"]["bytes_sent"]),
               "rx_packets": int(seen["counters"]["packets_received"]), "tx_packets": int(seen["counters"]["packets_sent"])}
        for name, seen in (state.get("network") or {}).items() if name != "lo"
    }  # fmt: skip
    return {
        "read": read, "cpu_stats": {"cpu_usage": {"total_usage": int((state.get("cpu") or {}).get("usage") or 0)}},
        "memory_stats": {"usage": int(memory.get("usage") or 0), "max_usage": int(memory.get("usage_peak") or 0),
                         "limit": size(str((instance.get("config") or {}).get("limits.memory") or "")) or None},
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


def event(
    said: Mapping[str, Any], action: str, identity: str, known: Mapping[str, str], *, name: str, moment: float
) -> Json:
    """A lifecycle event as the Engine API's of this `action` (one of ACTIONS). `known`: of the instance (labels), `moment`: Unix time."""
    context = (said.get("metadata") or {}).get("context") or {}
    attributes = dict(known)
    if action == "rename":
        attributes["oldName"] = str(context.get("old_name") or "")
    if action == "exec_create":
        action = f"exec_create: {' '.join(str(word) for word in context.get('command') or [])}"
    return told(action, identity, attributes, name, moment)


def told(action: str, identity: str, attributes: Mapping[str, str], name: str, moment: float) -> Json:
    """An event of an instance, in the Engine API's words."""
    return {
        "Type": "container", "Action": action, "time": int(moment), "timeNano": int(moment * 1e9),
        "Actor": {"ID": identity, "Attributes": {**attributes, "name": name}},
    }  # fmt: skip


def is_running(instance: Mapping[str, Any]) -> bool:
    """«Ready» is what an instance says of itself while it runs."""
    return instance.get("status") in {"Running", "Ready"}


def check_of(instance: Mapping[str, Any]) -> Json:
    """Its health check; empty: none, or one that somebody has spoiled."""
    try:
        found = json.loads((instance.get("config") or {}).get(f"{OWN}health") or "{}")
    except ValueError:
        return {}
    return dict(found) if isinstance(found, dict) else {}


def files_of(instance: Mapping[str, Any]) -> dict[str, str]:
    """What is to lie in its root file system before it starts: path → content."""
    try:
        found = json.loads((instance.get("config") or {}).get(f"{OWN}files") or "{}")
    except ValueError:
        return {}
    return {str(path): str(text) for path, text in found.items()} if isinstance(found, dict) else {}


def network_json(spec: NetworkSpec) -> str:
    """A segment as the server keeps it for us."""
    return json.dumps(
        {"cidr": spec.cidr, "gateway": spec.gateway, "driver": spec.driver, "bridge": spec.bridge, "vlan": spec.vlan,
         "mtu": spec.mtu, "labels": dict(spec.labels)}, sort_keys=True,
    )  # fmt: skip


def segments(config: Mapping[str, Any]) -> dict[str, str]:
    """The bridges of the segments that a server keeps for us, by name."""
    found = {}
    for key, text in config.items():
        if key.startswith(NETWORK) and text:
            try:
                found[key.removeprefix(NETWORK)] = str(json.loads(text)["bridge"])
            except (ValueError, KeyError, TypeError):
                found[key.removeprefix(NETWORK)] = ""
    return found


def network_spec(name: str, text: str) -> NetworkSpec:
    return NetworkSpec(name=name, **json.loads(text))
