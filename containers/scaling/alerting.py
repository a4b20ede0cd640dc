"""States of policies that alert rules may be made of."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext_lazy

from containers.scaling import words
from containers.scaling.models import ScalingPolicy
from containers.scaling.shape import Reason
from xqplatform.alerts import sources
from xqplatform.alerts.sources import Found


def _short(now: float) -> Iterator[Found]:
    for row in ScalingPolicy.evaluated().exclude(short_since=None):
        since = row.short_since.timestamp() if row.short_since else None
        yield Found(f"place:{row.place_id}", since, words.say(Reason.of(row.now.get("short", {}))))


def _blind(now: float) -> Iterator[Found]:
    for row in ScalingPolicy.evaluated().exclude(blind_since=None):
        blind = [one.get("reason", {}) for one in row.now.get("wishes", []) if one.get("blind")]
        since = row.blind_since.timestamp() if row.blind_since else None
        why = row.now.get("problem") or "; ".join(words.say(Reason.of(one)) for one in blind)
        yield Found(f"place:{row.place_id}", since, why)


def register() -> None:
    sources.register("place.scaling_short", gettext_lazy("Autoscaling cannot reach its target"), "place", _short)
    sources.register("place.scaling_blind", gettext_lazy("Autoscaling has no data"), "place", _blind)
