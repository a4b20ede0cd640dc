"""The fleet in one table: what there is, what is promised, what is used."""

from __future__ import annotations

from django.db.models import Max, Sum
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from containers.capacity.models import Day, HostDay
from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.rights import require

SUMS = (
    "cpus_allocatable", "cpus_committed", "cpu_p50", "cpu_p95", "cpu_max",
    "memory_allocatable", "memory_committed", "memory_p50", "memory_p95", "memory_max",
    "disk_total", "disk_used", "instances",
)  # fmt: skip


@require_GET
def show(request: ActorRequest) -> HttpResponse:
    require(request.actor, "fleet.read")
    last = Day.objects.aggregate(last=Max("day"))["last"]
    rows = HostDay.objects.filter(day=last).values("host__group__slug", "host__group__title")
    groups = rows.annotate(**{f"sum_{name}": Sum(name) for name in SUMS}).order_by("host__group__slug")
    return render(request, "capacity/overview.html", {"day": last, "groups": groups})
