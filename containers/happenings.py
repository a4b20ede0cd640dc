"""What happens to instances by itself (the kernel kills for lack of memory) or while they run: kept on the instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from containers.config import Config, parse
from containers.models import Container, InstanceEvent
from containers.services.settings import topic
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor

AGAIN = timedelta(minutes=10)  # the same within this is counted, not told anew
RECENT = timedelta(days=1)
OOMS = 20  # of the engine's words that a container keeps: readings are compared with the newest ones


def oom(row: Container, *, code: str = "") -> None:
    """The kernel killed a process of the container because its memory limit was reached."""
    config = parse(row.config.content) if row.config is not None else Config()
    words = _(
        "The kernel killed a process at the memory limit of %(limit).1f MiB. Raise the limit or lower its use."
    ) % {"limit": config.memory / 1024**2}
    if code:
        words = _("%(words)s Exit code %(code)s.") % {"words": words, "code": code}
    now = timezone.now()
    with transaction.atomic():
        heard = Container.objects.select_for_update().values_list("ooms", flat=True).get(pk=row.pk)
        Container.objects.filter(pk=row.pk).update(oom_killed=True, ooms=[*heard, now.timestamp()][-OOMS:])
        known = InstanceEvent.objects.filter(instance=row.instance, kind=InstanceEvent.Kind.OOM, last__gt=now - AGAIN)
        before = known.order_by("-id").first()
        if before is not None:
            InstanceEvent.objects.filter(pk=before.pk).update(count=F("count") + 1, last=now, text=words)
        else:
            _tell(row, InstanceEvent.Kind.OOM, words)
            audit.record(
                Actor.system(), "instance.oom", row.instance, after={"what": words}, parent=row.instance.place.service
            )
        live.bump(f"instance:{row.instance_id}", topic(row.instance.place), "services")


def noticed_oom(engine_id: str, state: Mapping[str, Any]) -> None:
    """An inspection shows it; told only where the engine's event was missed."""
    rows = Container.objects.select_related("instance__place__service", "instance__place__environment", "config")
    row = rows.filter(engine_id=engine_id, oom_killed=False).order_by("-id").first()
    if row is not None:
        oom(row, code=str(state.get("ExitCode", "")))


def restarted(seen: Sequence[tuple[str, str, float]]) -> None:
    """Containers that were measured before and have started anew since: by themselves, or because somebody asked for it."""
    words = _("Its container started again: its process had ended, or somebody restarted it.")
    for subject, life, moment in seen:
        pk, when = int(subject.partition(":")[2]), datetime.fromtimestamp(moment, UTC)
        row = Container.objects.filter(instance=pk, engine_id__startswith=life).order_by("-id").first()
        if row is None:
            continue
        known = InstanceEvent.objects.filter(instance=pk, kind=InstanceEvent.Kind.RESTART, last__gt=when - AGAIN)
        before = known.order_by("-id").first()
        if before is None:
            _tell(row, InstanceEvent.Kind.RESTART, words, when)
        elif before.last < when:
            InstanceEvent.objects.filter(pk=before.pk).update(count=F("count") + 1, last=when)
        live.bump(f"instance:{pk}")


def limits_changed(row: Container, words: str) -> None:
    """Inside the caller's transaction."""
    _tell(row, InstanceEvent.Kind.LIMITS, words)


def _tell(row: Container, kind: InstanceEvent.Kind, text: str, when: datetime | None = None) -> None:
    now = when or timezone.now()
    InstanceEvent.objects.create(instance_id=row.instance_id, container=row, kind=kind, text=text, time=now, last=now)


def recent_ooms(instances: list[int]) -> dict[int, InstanceEvent]:
    """The newest kill of each instance within a day."""
    rows = InstanceEvent.objects.filter(
        instance__in=instances, kind=InstanceEvent.Kind.OOM, last__gt=timezone.now() - RECENT
    )
    return {row.instance_id: row for row in rows.order_by("id")}
