"""What metrics of the store are called for Prometheus: `cpu.cores` of an instance is `xq_instance_cpu_cores`. Pure.

Base units, with the unit at the end; percentages become ratios. What is of a device has a name of its own (`xq_host_mount_used_bytes`),
so that sums over a name never count a whole and its parts. What applications tell is one name with the label `name`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from django.utils import translation

from xqplatform.metrics import catalogue
from xqplatform.metrics.catalogue import Metric

KINDS = ("instance", "host")
STATES = frozenset({"health", "up"})  # 1 or 0, no share of anything
_ENDS = {
    "cores": "_cores",
    "bytes": "_bytes",
    "bytes/s": "_bytes_per_second",
    "packets/s": "_per_second",
    "ops/s": "_per_second",
    "per s": "_per_second",
    "percent": "_ratio",
    "seconds": "_seconds",
    "ratio": "_ratio",
    "count": "",
}


@dataclass(frozen=True, slots=True)
class Family:
    """What has one name. `factor`: what stored values are multiplied with. `label`, `device`: one that not all series of a subject have."""

    name: str
    help: str
    type: str = "gauge"
    factor: float = 1.0
    label: str = ""
    device: str = ""


def family(kind: str, name: str) -> Family:
    """What a stored metric of a kind of subject is for Prometheus."""
    if name.startswith(catalogue.APP):
        return Family(f"xq_{kind}_app", APP_HELP, label="name", device=name.removeprefix(catalogue.APP))
    base, device = catalogue.split(name)
    metric = catalogue.find(base)
    label = (metric.device or "device") if device else ""
    return Family(_name(kind, metric, label), _help(metric), "gauge", _factor(metric), label, device)


APP_HELP = "What the application itself tells, by its name."


def _factor(metric: Metric) -> float:
    return 0.01 if metric.unit == "percent" else 1.0


def _name(kind: str, metric: Metric, label: str) -> str:
    stem = metric.name
    if label:
        stem = f"{label}.{stem.partition('.')[2] or stem}"
    elif metric.device and stem.startswith(f"{metric.device}."):
        stem = f"{metric.device}s.{stem.partition('.')[2]}"  # all of them together
    stem = re.sub(r"[^a-zA-Z0-9]", "_", stem)
    if metric.name in STATES:
        return f"xq_{kind}_{stem}"
    end = _ENDS[metric.unit]
    for said in ("_percent", "_bytes", "_ratio", "_cores"):
        stem = stem.removesuffix(said)
    if metric.unit == "percent" and metric.name.startswith("pressure."):
        stem += "_waiting"
    return f"xq_{kind}_{stem}{end}"


def _help(metric: Metric) -> str:
    with translation.override("en"):
        text = str(metric.title)
    return text.replace("percent", "share").replace("\\", "\\\\").replace("\n", " ") + "."


@lru_cache(maxsize=20_000)
def known(kind: str, name: str) -> Family:
    """`family`, remembered: thousands of subjects have the same."""
    return family(kind, name)


def catalogue_families() -> Iterator[Family]:
    """All that subjects of the store can have, whole and by device."""
    for kind in KINDS:
        for metric in catalogue.of(kind):
            yield family(kind, metric.name)
            if metric.device:
                yield family(kind, f"{metric.name}[x]")
        yield Family(f"xq_{kind}_sample_timestamp_seconds", "When the newest sample was taken.")
    yield Family("xq_instance_app", APP_HELP, label="name")
