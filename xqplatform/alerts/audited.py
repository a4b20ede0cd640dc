"""Alerts and events belong together: what fired around an event, and what was done before an alert."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import visible
from xqplatform.alerts.models import Alert
from xqplatform.audit.hooks import Around, Beside
from xqplatform.audit.models import Event, Indexed

MOST = 20
BEFORE = timedelta(hours=1)


def around(actor: Actor, event: Event, place: Indexed | None, minutes: int) -> Around | None:
    """Alerts that fired within so many minutes of the event on its host, its instance or its service's place."""
    same = Q(pk=None)
    if place is not None and place.host:
        same |= Q(host=place.host)
    if place is not None and place.instance:
        same |= Q(subject=f"instance:{place.instance}")
    if place is not None and place.service:
        here = {"environment": place.environment} if place.environment else {}
        same |= Q(service=place.service, **here)
    if same == Q(pk=None):
        return None
    width = timedelta(minutes=minutes)
    rows = (
        visible(actor, Alert)
        .filter(same, fired__gte=event.time - width, fired__lte=event.time + width)
        .order_by("fired")
    )
    items = [
        Beside(row.fired, f"{row.rule_name}: {row.name}", row.get_absolute_url(), row.severity)
        for row in rows[:MOST]
        if row.fired is not None
    ]
    return Around(_("Alerts around it"), _("No alert fired near it."), items)


def searches(alert: Alert) -> list[dict[str, Any]]:
    """Addresses of the log: events of the hour before the alert, where it fired."""
    bad: datetime = alert.started
    times = {
        "since": _text(bad - BEFORE),
        "until": _text((alert.fired or bad) + timedelta(minutes=1)),
    }
    places = []
    if alert.service:
        where = f'service:"{alert.service}"' + (f' env:"{alert.environment}"' if alert.environment else "")
        places.append((" · ".join(filter(None, (alert.service, alert.environment))), where))
    if alert.host:
        places.append((alert.host, f'host:"{alert.host}"'))
    return [{"text": text, "url": "/audit/?" + urlencode({"q": where, **times})} for text, where in places]


def _text(moment: datetime) -> str:
    return timezone.localtime(moment).replace(tzinfo=None).isoformat(timespec="seconds")
