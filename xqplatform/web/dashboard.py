"""The home page's content by role, read from rows in a handful of queries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Count, Q, Sum
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from builds.models import Build
from builds.place import at
from containers.guardrails import approvals, glass
from containers.models import Deployment, Drain, Instance, InstanceEvent, Service, ServiceEnvironment
from containers.services.sample import may_make
from hosts.conformance import matrix
from hosts.models import Address, Host, SegmentNetwork
from hosts.services import certificates
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import can, visible_teams
from xqplatform.accounts.visibility import visible
from xqplatform.alerts import reading as alerts
from xqplatform.audit.models import Event

BAD = ("unhealthy", "missing", "exited", "dead")


def first_url(*names: str) -> str:
    """The address of the first page that this installation has; a plain path counts as itself."""
    for name in names:
        if name.startswith("/"):
            return name
        try:
            return reverse(name)
        except NoReverseMatch:
            continue
    return "/"


def guide(actor: Actor) -> list[dict[str, Any]]:
    """A newcomer's way to a running service; a step is ticked when its rows are there. Empty when all are."""
    host = Host.objects.exclude(state=Host.State.RETIRED).filter(state__in=Host.ANSWERING).exists()
    service = visible(actor, Service).filter(removed=None).order_by("-pk").first()
    build = visible(actor, Build).filter(state=Build.State.SUCCEEDED).exists()
    deployed = visible(actor, Deployment).filter(kind=Deployment.Kind.DEPLOY, state=Deployment.State.SUCCEEDED).exists()
    if host and service and build and deployed:
        return []
    building = visible(actor, Build).filter(state__in=Build.ACTIVE).order_by("-pk").first()
    running = visible(actor, Deployment).filter(state__in=Deployment.ACTIVE).order_by("-pk").first()
    place = visible(actor, ServiceEnvironment).filter(service=service).order_by("environment__position").first()
    its = f"/services/{service.slug}/" if service else "/services/"
    build_url = _page("containers:service_build", slug=service.slug) if service else ""
    steps = [
        {
            "done": host,
            "title": _("Connect a host"),
            "text": _("A machine with a Docker Engine: by local socket, TCP with certificates, or SSH."),
            "url": first_url("hosts:create", "hosts:new", "hosts:add", "/hosts/"),
            "action": _("Connect a host"),
            "may": can(actor, "host.manage"),
        },
        {
            "done": service is not None,
            "title": _("Make the sample service"),
            "text": _("A small web server with its own Git repository; it needs no registry and no internet."),
            "url": "/guide/sample/",
            "post": True,
            "action": _("Make the sample service"),
            "may": service is not None or may_make(actor),
        },
        {
            "done": build,
            "title": _("Build it"),
            "text": _("Makes an image from the newest commit. The log is live."),
            "url": f"/builds/{building.pk}/" if building else build_url or its,
            "post": bool(build_url) and not building,
            "branch": (place.branch or "") if place else "",
            "action": _("See the build") if building else _("Build"),
            "may": service is None or building is not None or can(actor, "build.start", **at(service.project)),
        },
        {
            "done": deployed,
            "title": _("Deploy it"),
            "text": _("Three steps: version, information, nodes. Then it serves."),
            "url": f"/releases/{running.pk}/"
            if running
            else (f"{its}{place.environment.slug}/deploy/" if place else its),
            "action": _("See the release") if running else _("Deploy"),
            "may": True,
        },
    ]
    now = next((step for step in steps if not step["done"]), None)
    if now is not None:
        now["now"] = True
    return steps


def _page(name: str, **arguments: str) -> str:
    """The page's address; empty when there is no such page."""
    try:
        return reverse(name, kwargs=arguments)
    except NoReverseMatch:
        return ""


def build(actor: Actor) -> dict[str, Any]:
    """What the home page shows. Developers: their own services; SREs and managers: the fleet."""
    mine = visible_teams(actor)
    fleet = can(actor, "fleet.read")
    places = visible(actor, ServiceEnvironment).filter(service__removed=None)
    instances = visible(actor, Instance).filter(removed=None)
    deployments = visible(actor, Deployment).select_related("place__service", "place__environment", "image")
    if not fleet:
        places = places.filter(service__team__in=mine)
        instances = instances.filter(place__service__team__in=mine)
        deployments = deployments.filter(place__service__team__in=mine)
    counts = instances.aggregate(
        total=Count("pk"),
        fine=Count("pk", filter=Q(state__in=["running", "healthy"])),
        bad=Count("pk", filter=Q(state__in=BAD, wanted_state="running")),
        drift=Count("pk", filter=Q(drift_since__isnull=False)),
    )
    services = (
        places.select_related("service", "environment", "current_image", "active")
        .annotate(
            n=Count("instances", filter=Q(instances__removed=None)),
            fine=Count("instances", filter=Q(instances__removed=None, instances__state__in=["running", "healthy"])),
        )
        .order_by("service__slug", "environment__position")[:60]
    )
    found = alerts.by_place((p.service.slug, p.environment.slug) for p in services)
    for p in services:
        p.alerts = found.get((p.service.slug, p.environment.slug), 0)  # type: ignore[attr-defined]
    today = timezone.now() - timedelta(days=1)
    return {
        "guide": guide(actor),
        "fleet": fleet,
        "counts": counts,
        "alerts": alerts.counts(alerts.mine(actor)),
        "hosts": Host.objects.exclude(state=Host.State.RETIRED).aggregate(
            total=Count("pk"),
            ready=Count("pk", filter=Q(state="ready")),
            cpus=Sum("cpus"),
            memory=Sum("memory"),
        ),
        "bad_hosts": Host.objects.filter(state__in=["unreachable", "degraded"])[:8] if fleet else [],
        # Those that do not end by themselves: something does not move, or waits.
        "drains": Drain.objects.filter(state=Drain.State.ACTIVE).exclude(blocked=[]).select_related("host")[:8]
        if fleet
        else [],
        "certificates": list(certificates.warnings()[:500]) if fleet else [],
        "unshaped": dict(zip(("checks", "hosts"), matrix.failing(), strict=True)) if fleet else {},
        "approvals": [row for row, _missing, why_not in approvals.waiting_for(actor, 50) if not why_not],
        "glass": glass.open_ones().filter(deployment__place__in=places)[:8],
        "conflicts": Address.objects.exclude(conflict="").select_related("segment")[:8] if fleet else [],
        "kills": visible(actor, InstanceEvent)
        .filter(kind="oom", last__gte=today, instance__in=instances)
        .select_related("instance__place__environment", "instance__place__service", "instance__host")
        .order_by("-last")[:8],
        "wrong_networks": SegmentNetwork.objects.filter(
            state__in=["differs", "no_interface"], host__state__in=Host.ANSWERING
        ).select_related("segment", "host")[:8]
        if fleet
        else [],
        "bad_instances": instances.filter(
            Q(state__in=BAD, wanted_state="running") | Q(drift_since__isnull=False)
        ).select_related("place__service", "place__environment", "host")[:10],
        "active": deployments.filter(state__in=Deployment.ACTIVE)[:10],
        "waiting": deployments.filter(state=Deployment.State.WAITING).order_by("not_before", "place", "turn")[:10],
        "recent": deployments.filter(state__in=Deployment.TERMINAL)[:8],
        "failed_today": deployments.filter(
            state__in=[Deployment.State.FAILED, Deployment.State.ROLLED_BACK], finished__gte=today
        ).count(),
        "builds": visible(actor, Build).filter(state__in=Build.ACTIVE).select_related("project")[:8],
        "places": services,
        "events": Event.objects.exclude(action__in=["login", "logout"])[:8] if can(actor, "audit.read") else [],
    }
