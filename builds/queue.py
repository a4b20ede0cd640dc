"""The queue: which build comes next, and where. Each host has as many slots as its row says."""

from __future__ import annotations

from collections import Counter

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from builds.models import Build
from builds.outcomes import Wait
from hosts.models import Host


def place(build: Build, only: Host | None = None) -> Host:
    """Takes a slot for the build: it is running on the host then. Raises Wait with the reason when none is free.

    `only`: the one host that has the parent image, which lies in no registry.
    """
    with transaction.atomic():
        hosts = list(Host.objects.select_for_update().filter(role_build=True).exclude(state=Host.State.RETIRED))
        if not hosts:
            raise Wait(_("No host has the role «build»: give it to one."), 5, quiet=True)
        if only is not None:
            hosts = [host for host in hosts if host.pk == only.pk]
            if not hosts:
                raise Wait(_("The parent image lies on %s only, which builds nothing.") % only, 10, quiet=True)
        ready = [h for h in hosts if h.state in Host.ANSWERING and not h.cordoned and not h.draining]
        if not ready:
            names = ", ".join(f"{host.name} ({host.shown_state})" for host in hosts[:5])
            raise Wait(_("No build host is ready: %s.") % names, 3, quiet=True)
        busy = Counter(
            Build.objects.filter(Q(lease_until__gt=timezone.now()), state__in=Build.ACTIVE, host__in=ready)
            .exclude(pk=build.pk)
            .values_list("host_id", flat=True)
        )
        free = {host: host.build_slots - busy[host.pk] for host in ready}
        slots = sum(max(0, n) for n in free.values())
        before = earlier(build)
        if slots <= 0:
            raise Wait(_("Waiting for a free build host (%s at work).") % sum(busy.values()), 3, quiet=True)
        if only is None and slots <= before:
            text = ngettext("Waiting for %s build before it.", "Waiting for %s builds before it.", before)
            raise Wait(text % before, 1, quiet=True)
        host = max(ready, key=lambda h: (free[h], -h.pk))
        if free[host] <= 0:
            raise Wait(_("Waiting for a free build host (%s at work).") % sum(busy.values()), 3, quiet=True)
        Build.objects.filter(pk=build.pk, lease=build.lease).update(host=host, state=Build.State.RUNNING)
        build.state = Build.State.RUNNING
    return host


def earlier(build: Build) -> int:
    """How many older builds are due and not yet taken up."""
    due = Q(retry_at=None) | Q(retry_at__lte=timezone.now())
    return Build.objects.filter(
        due, pk__lt=build.pk, state=Build.State.QUEUED, lease="", cancel_requested=False
    ).count()


def waiting() -> list[Build]:
    """Builds that nobody works on and that are due: queued, or left by a process that went away; the oldest first."""
    now = timezone.now()
    free = Q(lease="") | Q(lease_until__lt=now)
    due = Q(retry_at=None) | Q(retry_at__lte=now)
    return list(Build.objects.filter(free, due, state__in=Build.ACTIVE).order_by("pk")[:100])
