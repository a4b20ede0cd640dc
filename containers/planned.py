"""What a plan was when somebody confirmed it, and what of it is not so any more, in words. Pure."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from containers.models import ConfigVersion, ServiceEnvironment
from containers.plan import Plan


def mark_of(plan: Plan, place: ServiceEnvironment, config: ConfigVersion | None) -> dict[str, Any]:
    """What a plan was, so that a later one can be told from it."""
    version = config or place.config
    return {
        "config": version.version if version else 0,
        "current": place.current_image.tag if place.current_image else "",
        "entries": {
            str(e.number): [e.action, e.host_name, "" if e.action == "add" else e.address, e.old] for e in plan.entries
        },
    }


def stale(shown: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What changed between the plan that was shown and the one made now, in words."""
    words = []
    if shown.get("config") != now["config"]:
        words.append(_("the settings are v%(b)s, not v%(a)s") % {"a": shown.get("config"), "b": now["config"]})
    if shown.get("current") != now["current"]:
        words.append(_("%(b)s runs now, not %(a)s") % {"a": shown.get("current") or "–", "b": now["current"] or "–"})
    before, after = shown.get("entries") or {}, now["entries"]
    for number in sorted({*before, *after}, key=int):
        old, new = before.get(number), after.get(number)
        if old == new:
            continue
        if old is None:
            words.append(_("#%(n)s came") % {"n": number})
        elif new is None:
            words.append(_("#%(n)s went") % {"n": number})
        else:
            pairs = [f"{a or '–'} → {b or '–'}" for a, b in zip(old, new, strict=False) if a != b]
            words.append(f"#{number}: {', '.join(pairs)}")
    return words
