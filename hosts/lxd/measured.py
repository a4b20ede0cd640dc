"""An LXD server's numbers as the collector's readings. Pure.

Sources: https://documentation.ubuntu.com/lxd/en/latest/reference/provided_metrics/ and …/api/ (`/1.0/instances` with states)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from hosts.collector.protocol import Disk, HostReading, Number, Reading, Traffic
from hosts.inventory import Space
from hosts.lxd import shape

Json = dict[str, Any]
NANO, KIB, PERIOD = 1e9, 1024.0, 100_000.0
LOOPBACK = "lo"
BRANDS = ("lxd_", "incus_")
Samples = dict[str, list[tuple[dict[str, str], float]]]  # of one instance: name without the brand → labels, value


class Nonsense(ValueError):
    """It is no text of metrics."""


def samples_of(text: str) -> dict[str, Samples]:
    """The server's `/1.0/metrics` by the names of instances. Raises Nonsense."""
    found: dict[str, Samples] = defaultdict(lambda: defaultdict(list))
    try:
        for family in text_string_to_metric_families(text):
            for one in family.samples:
                brand = next((brand for brand in BRANDS if one.name.startswith(brand)), None)
                if brand is not None and one.labels.get("name") and one.value >= 0 and one.value != float("inf"):
                    found[one.labels["name"]][one.name.removeprefix(brand)].append((dict(one.labels), float(one.value)))
    except (ValueError, KeyError, IndexError) as error:
        raise Nonsense(str(error)[:200]) from error
    return found


def _sum(samples: Samples, name: str, wanted: Callable[[Mapping[str, str]], bool] = lambda _labels: True) -> Number:
    """None where there is none of it."""
    values = [value for labels, value in samples.get(name, ()) if wanted(labels)]
    return sum(values) if values else None


def _real(labels: Mapping[str, str]) -> bool:
    return labels.get("device") != LOOPBACK


def _limits(instance: Mapping[str, Any]) -> tuple[Number, Number, Number]:
    """CPU quota (µs a period), period, memory (bytes); None: no limit."""
    config = instance.get("expanded_config") or instance.get("config") or {}
    quota = shape.quota(str(config.get("limits.cpu.allowance") or ""), str(config.get("limits.cpu") or ""))
    memory = shape.size(str(config.get("limits.memory") or ""))
    return (float(quota), PERIOD, float(memory) or None) if quota else (None, None, float(memory) or None)


def _reading(instance: Mapping[str, Any], at: float, **known: Any) -> Reading:
    quota, period, limit = _limits(instance)
    nothing = dict.fromkeys(Reading._fields)
    values = {
        "at": at,
        "started": str(instance.get("last_used_at") or ""),
        "quota": quota,
        "period": period,
        "limit": limit,
    }
    return Reading(**{**nothing, **values, **known})  # type: ignore[arg-type]


def of_metrics(instance: Mapping[str, Any], samples: Samples, at: float) -> Reading:
    """A running instance by the server's metrics."""
    cpu = _sum(samples, "cpu_seconds_total", lambda labels: labels.get("mode") in {"user", "system"})
    total, free = _sum(samples, "memory_MemTotal_bytes"), _sum(samples, "memory_MemFree_bytes")
    return _reading(
        instance,
        at,
        cpu=None if cpu is None else cpu * NANO,
        usage=None if total is None or free is None else max(0.0, total - free),
        cache=_sum(samples, "memory_Cached_bytes"),
        inactive=_sum(samples, "memory_Inactive_file_bytes"),
        oom_kills=kills_of(samples),
        processes=_sum(samples, "procs_total"),
        network=Traffic(
            *[
                _sum(samples, f"network_{way}_{what}_total", _real)
                for way in ("receive", "transmit")
                for what in ("bytes", "packets", "errs", "drop")
            ]
        ),
        disks=_disks(samples),
        filesystems=_filesystems(samples),
    )


def kills_of(samples: Samples) -> Number:
    """How often the kernel killed for lack of memory; None: this server does not count it."""
    return _sum(samples, "memory_OOM_kills_total")


def _disks(samples: Samples) -> dict[str, Disk] | None:
    names = (
        "disk_read_bytes_total",
        "disk_written_bytes_total",
        "disk_reads_completed_total",
        "disk_writes_completed_total",
    )
    devices = sorted({labels.get("device", "") for name in names for labels, _value in samples.get(name, ())})
    found = {
        device[:40]: Disk(
            *[_sum(samples, name, lambda labels, d=device: labels.get("device") == d) or 0.0 for name in names]  # type: ignore[misc]
        )
        for device in devices
    }
    return found or None


def _filesystems(samples: Samples) -> dict[str, tuple[float, ...]]:
    """What is mounted from the pool: the root, volumes."""
    found: dict[str, tuple[float, ...]] = {}
    for labels, size in samples.get("filesystem_size_bytes", ()):
        mount = labels.get("mountpoint", "")
        here = [
            _sum(samples, name, lambda labels, m=mount: labels.get("mountpoint") == m)  # type: ignore[misc]
            for name in ("filesystem_free_bytes", "filesystem_avail_bytes")
        ]
        if mount and size and None not in here:
            free, usable = (value or 0.0 for value in here)
            found[mount[:200]] = (1.0, size, free, usable, 0.0, 0.0)
    return found


def of_state(instance: Mapping[str, Any], at: float) -> Reading:
    """The same where a server has no metrics, by its state (`recursion=2`)."""
    state = instance.get("state") or {}
    cards = [seen.get("counters") or {} for name, seen in (state.get("network") or {}).items() if name != LOOPBACK]
    names = ("bytes_received", "packets_received", "errors_received", "packets_dropped_inbound", "bytes_sent", "packets_sent",
             "errors_sent", "packets_dropped_outbound")  # fmt: skip
    used = (state.get("memory") or {}).get("usage")
    return _reading(
        instance,
        at,
        cpu=float((state.get("cpu") or {}).get("usage") or 0) or None,
        usage=None if used is None else float(used),
        processes=float(state["processes"]) if int(state.get("processes") or 0) > 0 else None,
        network=Traffic(*[float(sum(int(card.get(name) or 0) for card in cards)) if cards else None for name in names]),
    )


def machine(resources: Mapping[str, Any], mount: str, space: Space | None) -> HostReading:
    """What the server tells of its machine: memory, and the room of the pool. It does not tell how busy its CPUs are."""
    memory, found = resources.get("memory") or {}, HostReading()
    total, used = int(memory.get("total") or 0), int(memory.get("used") or 0)
    if total:
        found.memory = (total / KIB, max(0, total - used) / KIB, *(None,) * 6)
    if space is not None:
        free = float(space.free)
        found.filesystems[mount[:200]] = (
            1.0,
            float(space.total),
            free,
            free,
            float(space.inodes or 0),
            float(space.inodes_free or 0),
        )
    return found
