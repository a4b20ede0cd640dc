"""What a plan was when somebody looked at it, and what of it is not so any more, in words. Pure, but for the seal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from builds.models import Image
from containers.guardrails.verdict import Check
from containers.models import ConfigVersion, ServiceEnvironment
from containers.plan import Plan
from xqplatform import secrets
from xqplatform.errors import Refused

Mark = dict[str, Any]
MOST_WORDS = 20
PURPOSE = "plan of a release"


class Stale(Refused):
    """The plan that was looked at is not the one that would be carried out; `changed` says why, in words."""

    def __init__(self, changed: list[str]) -> None:
        self.changed = changed
        words = _("Since the plan was shown, this changed: %(what)s. Look at it again.")
        super().__init__(words % {"what": "; ".join(shortened(changed))}, "mark")


def mark_of(
    plan: Plan,
    place: ServiceEnvironment,
    config: ConfigVersion | None,
    image: Image | None,
    checks: Iterable[Check] | None = None,
) -> Mark:
    """What a plan was, so that a later one can be told from it.

    `config`: the settings chosen; None: the newest. `checks`: what guardrails said; None: they were not asked.
    """
    version = config or place.config
    runs = place.current_config
    guards = {} if checks is None else {"guards": {check.name: check.passes for check in checks}}
    return guards | {
        "config": version.version if version else 0,
        "current": place.current_image.tag if place.current_image else "",
        "current_config": runs.version if runs else 0,
        "image": [image.tag, image.digest or image.image_id] if image is not None else ["", ""],
        "wanted": place.wanted,
        "size": plan.batch_size,
        "entries": {
            str(e.number): [e.action, e.host_name, "" if e.action == "add" else e.address, e.old] for e in plan.entries
        },
        "batches": {str(e.number): e.batch + 1 for e in plan.entries},
    }


def stale(shown: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What changed between the plan that was shown and the one made now, in words. What one of them does not say (a mark
    of an older version of the platform) is not compared.
    """
    entries = _entries(shown.get("entries") or {}, now["entries"])
    return [*_facts(shown, now), *entries, *_order(shown, now), *_guards(shown, now)]


def _facts(shown: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    words = []
    if shown.get("config") != now["config"]:
        words.append(_("the settings are v%(b)s, not v%(a)s") % {"a": shown.get("config"), "b": now["config"]})
    if shown.get("current") != now["current"]:
        words.append(_("%(b)s runs now, not %(a)s") % {"a": shown.get("current") or "–", "b": now["current"] or "–"})
    if _differ("current_config", shown, now):
        values = {"a": shown["current_config"], "b": now["current_config"]}
        words.append(_("what runs has the settings v%(b)s, not v%(a)s") % values)
    if _differ("image", shown, now):
        (old, was), (new, digest) = shown["image"], now["image"]
        if old == new:
            words.append(_("%(tag)s is another image now: %(b)s, not %(a)s") % {"tag": new, "a": was, "b": digest})
        else:
            words.append(_("the image is %(b)s, not %(a)s") % {"a": old, "b": new})
    if _differ("wanted", shown, now):
        words.append(_("%(b)s instances are wanted, not %(a)s") % {"a": shown["wanted"], "b": now["wanted"]})
    if _differ("size", shown, now):
        words.append(_("%(b)s go at a time, not %(a)s") % {"a": shown["size"], "b": now["size"]})
    return words


def _differ(name: str, shown: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    return name in shown and name in now and shown[name] != now[name]


def _entries(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    words = []
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


def _order(shown: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Who goes in another batch, of those that are in both; in one sentence, since one that is ill moves many."""
    before, after = shown.get("batches"), now.get("batches")
    if before is None or after is None:
        return []
    moved = [n for n in sorted(before.keys() & after.keys(), key=int) if before[n] != after[n]]
    if not moved:
        return []
    pairs = ", ".join(f"#{n}: {before[n]} → {after[n]}" for n in moved[:8]) + (" …" if len(moved) > 8 else "")
    return [_("the order: batch of %(pairs)s") % {"pairs": pairs}]


def _guards(shown: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Those that stand in the way now and did not; one that has gone away is no reason to look again."""
    if "guards" not in shown or "guards" not in now:
        return []
    passed = shown["guards"]
    blocking = [name for name, passes in sorted(now["guards"].items()) if not passes and passed.get(name, True)]
    return [_("the guardrail «%(name)s» stands in the way now") % {"name": name} for name in blocking]


def shortened(changed: list[str]) -> list[str]:
    """For a row or a sentence: the first ones, and how many more."""
    if len(changed) <= MOST_WORDS:
        return changed
    return [*changed[:MOST_WORDS], _("and %(count)s more") % {"count": len(changed) - MOST_WORDS}]


def seal(mark: Mark, place: ServiceEnvironment) -> str:
    """The mark as a text that only the platform can have made."""
    return secrets.seal(PURPOSE, json.dumps(mark | {"place": place.pk}))


def unseal(text: str, place: ServiceEnvironment) -> Mark:
    """The mark that somebody sends back. Raises Stale for one that is not of this place, or is nonsense."""
    try:
        data = json.loads(secrets.unseal(PURPOSE, text, secrets.PLAN_FOR))
    except ValueError:
        data = None
    if not isinstance(data, dict) or data.get("place") != place.pk:
        raise Stale([_("the plan was not shown here")])
    return data
