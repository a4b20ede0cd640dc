"""What services add to /metrics: deployments and instances by state, what is read and heard of applications, and instances' labels."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Count, Q
from django.utils import timezone

from containers.models import Deployment, Ear, Endpoint, Instance
from containers.told.ears import BEAT, STATSD
from xqplatform.metrics.exporting import sources
from xqplatform.metrics.exporting.names import Family
from xqplatform.metrics.exporting.sources import Rows, Source
from xqplatform.metrics.exporting.text import Labels

FAMILIES = (
    Family("xq_deployments", "Deployments by state, of all time."),
    Family("xq_deployments_active", "Deployments that are queued, run, rest or roll back."),
    Family("xq_instances", "Instances by state."),
    Family("xq_instances_drifted", "Instances that differ from what is stored."),
    Family("xq_beat_timestamp_seconds", "When a worker last carried out a tick of the schedule."),
    Family("xq_endpoints", "Applications' endpoints by how the last reading went."),
    Family("xq_statsd_up", "Whether a process hears StatsD datagrams (1)."),
    Family(
        "xq_statsd_datagrams_total", "Datagrams since the listening process began, by what became of them.", "counter"
    ),
    Family("xq_statsd_lines_lost_total", "Lines that made no sense or were beyond the bounds.", "counter"),
)
STATES = ("running", "healthy", "starting", "unhealthy", "stopped", "missing")


def labels() -> Mapping[str, Labels]:
    rows = Instance.objects.filter(removed=None).values_list(
        "pk",
        "number",
        "place__service__slug",
        "place__environment__slug",
        "address__ip",
        "ip",
        "host__name",
        "host__group__slug",
    )
    return {
        f"instance:{pk}": {
            "service": service,
            "environment": environment,
            "instance": f"{service}-{environment}-{number}",
            "address": address or ip,
            "host": host,
            "group": group or "",
        }
        for pk, number, service, environment, address, ip, host, group in rows.order_by().iterator(5000)
    }


def read() -> Mapping[str, Rows]:
    standing = Instance.objects.filter(removed=None).order_by()
    states = dict(Deployment.objects.order_by().values_list("state").annotate(Count("pk")))
    instances = dict(standing.values_list("state").annotate(Count("pk")))
    endpoints = Endpoint.objects.filter(instance__removed=None)
    read = endpoints.aggregate(answered=Count("pk", filter=Q(trouble="")), failed=Count("pk", filter=~Q(trouble="")))
    ears = {row.name: row for row in Ear.objects.filter(name__in=[BEAT, STATSD])}
    beat, statsd = ears.get(BEAT), ears.get(STATSD)
    found: dict[str, Rows] = {
        "xq_deployments": [({"state": state}, float(states.get(state, 0))) for state in Deployment.State.values],
        "xq_deployments_active": [({}, float(sum(states.get(state, 0) for state in Deployment.ACTIVE)))],
        "xq_instances": [
            ({"state": state}, float(instances.get(state, 0))) for state in (*STATES, *sorted({*instances} - {*STATES}))
        ],
        "xq_instances_drifted": [({}, float(standing.exclude(drift_since=None).count()))],
        "xq_endpoints": [({"outcome": outcome}, float(count)) for outcome, count in sorted(read.items())],
    }
    if beat is not None and beat.at is not None:
        found["xq_beat_timestamp_seconds"] = [({}, beat.at.timestamp())]
    if statsd is not None:
        held = statsd.lease_until is not None and statsd.lease_until > timezone.now()
        counts = statsd.counts
        found["xq_statsd_up"] = [({}, float(held and not statsd.trouble))]
        found["xq_statsd_datagrams_total"] = [
            ({"outcome": name}, float(counts.get(name, 0))) for name in ("heard", "unknown", "flooded")
        ]
        found["xq_statsd_lines_lost_total"] = [
            ({"reason": name}, float(counts.get(name, 0))) for name in ("bad", "dropped")
        ]
    return found


def register() -> None:
    sources.LABELS["instance"] = labels
    sources.register(Source("services", FAMILIES, read))
