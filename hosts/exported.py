"""What hosts add to /metrics: how many are in which state, how their collectors do, and their labels."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Count

from hosts.models import Collector, Host
from xqplatform.metrics.exporting import sources
from xqplatform.metrics.exporting.names import Family
from xqplatform.metrics.exporting.sources import Rows, Source
from xqplatform.metrics.exporting.text import Labels

FAMILIES = (
    Family("xq_hosts", "Hosts by state."),
    Family("xq_host_seen_timestamp_seconds", "When the host's engine last answered."),
    Family("xq_collectors", "Collectors by state."),
    Family("xq_collector_lag_seconds", "From the collector's last tick to its samples being stored."),
    Family("xq_collector_last_sample_timestamp_seconds", "When the newest sample was taken."),
    Family("xq_collector_lost_ticks_total", "Ticks without samples.", "counter"),
    Family("xq_collector_bad_lines_total", "Lines of the collector that made no sense.", "counter"),
)


def _labels(host: Host) -> Labels:
    return {"host": host.name, "group": host.group.slug if host.group else ""}


def labels() -> Mapping[str, Labels]:
    rows = Host.objects.exclude(state=Host.State.RETIRED).values_list("pk", "name", "group__slug")
    return {f"host:{pk}": {"host": name, "group": group or ""} for pk, name, group in rows}


def read() -> Mapping[str, Rows]:
    states = dict(Host.objects.order_by().values_list("state").annotate(Count("pk")))
    hosts = list(Host.objects.exclude(state=Host.State.RETIRED).select_related("group"))
    rows = Collector.objects.exclude(host__state=Host.State.RETIRED).select_related("host__group")
    collectors = [(_labels(row.host), row) for row in rows]
    kinds = dict(Collector.objects.order_by().values_list("state").annotate(Count("pk")))
    return {
        "xq_hosts": [({"state": state}, float(states.get(state, 0))) for state in Host.State.values],
        "xq_host_seen_timestamp_seconds": [(_labels(h), h.seen.timestamp()) for h in hosts if h.seen is not None],
        "xq_collectors": [({"state": state}, float(kinds.get(state, 0))) for state in Collector.State.values],
        "xq_collector_lag_seconds": [(of, row.lag) for of, row in collectors if row.lag is not None],
        "xq_collector_last_sample_timestamp_seconds": [
            (of, row.last_sample) for of, row in collectors if row.last_sample is not None
        ],
        "xq_collector_lost_ticks_total": [(of, float(row.lost_ticks)) for of, row in collectors],
        "xq_collector_bad_lines_total": [(of, float(row.lines_bad)) for of, row in collectors],
    }


def register() -> None:
    sources.LABELS["host"] = labels
    sources.register(Source("hosts", FAMILIES, read))
