"""How a change goes, in words: its policy, and its batches with what each of them promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers.models import Deployment
from containers.plan import Plan
from xqplatform.web.templatetags.xq import duration


@dataclass(frozen=True)
class BatchRow:
    """A batch of a plan. `least`: healthy instances promised at least meanwhile; `after`: what it waits for then."""

    number: int
    names: str
    least: int
    lost: bool
    after: str


def strategy_word(name: str) -> str:
    words = {
        "rolling": _("rolling"),
        "canary": _("canary"),
        "recreate": _("recreate"),
        "blue-green": _("blue/green"),
    }
    return str(words.get(name, name))


def policy_words(policy: Mapping[str, Any], kind: str) -> list[tuple[str, str]]:
    """How it goes (or went), as (name, value) for people."""
    strategy = str(policy.get("strategy", "rolling"))
    found = [(_("Strategy"), strategy_word(strategy))] if kind == Deployment.Kind.DEPLOY else []
    if strategy == "canary":
        found.append((_("First"), str(policy.get("canary", 1))))
        found.append((_("Then it holds"), _for(policy.get("hold"))))
    if strategy == "blue-green":
        by_click = policy.get("switch", "click") == "click"
        found.append((_("Switched"), _("by a click") if by_click else _("by itself")))
        found.append((_("Old ones kept"), _kept(policy)))
    if strategy in {"rolling", "canary"}:
        found += _batches(policy)
        if policy.get("order") and kind == Deployment.Kind.DEPLOY:
            found.append((_("Order"), _("start first") if policy["order"] == "start-first" else _("stop first")))
    if isinstance(policy.get("deadline"), int | float):
        found.append((_("Healthy within"), duration(policy["deadline"])))
    if policy.get("on_failure"):
        found.append((_("On failure"), failure_word(str(policy["on_failure"]))))
    return found


def failure_word(name: str) -> str:
    words = {"rollback": _("roll all back"), "stop": _("stop"), "hold": _("wait for a person")}
    return str(words.get(name, name))


def _batches(policy: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    if "batch" in policy:
        size, batch = policy.get("size"), policy["batch"]
        found.append((_("At a time"), f"{batch} ({size})" if size and size != batch else str(batch)))
    if isinstance(policy.get("pause"), int | float):
        found.append((_("Pause"), duration(policy["pause"]) if policy["pause"] else _("none")))
    return found


def _for(seconds: Any) -> str:
    return duration(seconds) if seconds else _("until somebody lets it go on")


def _kept(policy: Mapping[str, Any]) -> str:
    keep = policy.get("keep")
    if not keep:
        return _("not at all")
    how = _("running") if policy.get("keep_running") is not False else _("stopped")
    return _("%(time)s, %(how)s") % {"time": duration(keep), "how": how}


def batch_rows(plan: Plan | None) -> list[BatchRow]:
    """The batches in their order."""
    if plan is None:
        return []
    rows = []
    most = max(plan.least, default=0)
    for batch, least in zip(sorted({e.batch for e in plan.entries}), plan.least, strict=False):
        mine = [e for e in plan.entries if e.batch == batch and not e.problem]
        names = ", ".join(f"#{e.number}" for e in mine[:12]) + (" …" if len(mine) > 12 else "")
        lost = least < most or (not least and any(e.action in {"replace", "remove"} for e in mine))
        rows.append(BatchRow(batch + 1, names, least, lost, _after(plan, batch)))
    return rows


def _after(plan: Plan, batch: int) -> str:
    policy = plan.policy
    if batch == plan.hold_after and policy.strategy == "canary":
        if policy.hold:
            return _("then it holds for %(time)s") % {"time": duration(policy.hold)}
        return _("then it holds until somebody lets it go on")
    if batch == plan.hold_after:
        return _("then the traffic is switched; the old ones: %(kept)s") % {"kept": _kept(policy.to_json())}
    if policy.pause and batch < plan.batches - 1 and policy.strategy in {"rolling", "canary"}:
        return _("then a pause of %(time)s") % {"time": duration(policy.pause)}
    return ""


def stops_all(plan: Plan | None) -> str:
    """What has to be confirmed before everything stops; empty where nothing does."""
    if plan is None or plan.policy.strategy != "recreate":
        return ""
    count = sum(e.action in {"replace", "remove"} for e in plan.entries)
    words = ngettext(
        "Stops the only instance before the new one starts.",
        "Stops all %(n)d instances before the first new one starts.",
        count,
    )
    return words % {"n": count} if count else ""
