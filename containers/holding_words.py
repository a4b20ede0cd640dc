"""What holds a release, in words, and what can be asked of it and of its steps now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers.models import Deployment, Step
from containers.rollout import StepView, clicks
from containers.stored import view_of

HOLD = Deployment.Hold


@dataclass(frozen=True)
class Held:
    """`go_on`: the word of the button that lets it go on; empty: nobody can. `bad`: something went wrong."""

    kind: str
    title: str
    text: str
    since: datetime | None
    until: datetime | None
    go_on: str
    bad: bool


def held(row: Deployment, steps: Sequence[Step]) -> Held | None:
    """What holds it now; None: nothing does."""
    if not row.hold or not row.is_active:
        return None
    title, text = _words(row, steps)
    go_on = "" if clicks.proceed(view_of(row)) else _button(row)
    bad = row.hold in {HOLD.FAILED, HOLD.SWITCH_FAILED}
    return Held(row.hold, title, text, row.hold_since, row.hold_until, go_on, bad)


def _words(row: Deployment, steps: Sequence[Step]) -> tuple[str, str]:
    done = sum(step.state == Step.State.DONE for step in steps)
    rest = sum(step.state == Step.State.WAITING for step in steps)
    if row.hold == HOLD.CANARY:
        title = ngettext("%(n)d instance is new, and it holds", "%(n)d instances are new, and it holds", done)
        text = ngettext("%(n)d is still as it was.", "%(n)d are still as they were.", rest)
        return title % {"n": done}, text % {"n": rest}
    said: dict[str, tuple[str, str]] = {
        HOLD.MEASURING: (_("The gate measures"), row.hold_why),
        HOLD.GATE: (_("The gate holds it: you decide"), row.hold_why),
        HOLD.FREEZE: (_("Held: nothing new begins"), row.hold_why),
        HOLD.APPROVAL: (_("An approval was withdrawn: nothing new begins"), row.hold_why),
        HOLD.FAILED: (
            _("An instance failed, and the release waits for you"),
            _("Try it again, leave it out, or roll back."),
        ),
        HOLD.SWITCH: (
            _("All new instances are healthy, and nobody is sent to them yet"),
            _("The click sends the traffic to the new ones, all at once.")
            if _sends(row)
            else _("Send the traffic to the new ones, then say so here."),
        ),
        HOLD.SWITCH_FAILED: (
            _("The traffic could not be switched"),
            " ".join([row.hold_why, _("Resume tries it again; roll back removes the new ones.")]).strip(),
        ),
        HOLD.SWITCH_BACK: (
            _("All old instances serve again"),
            _("The click sends the traffic back to them, all at once; then the new ones are removed.")
            if _sends(row)
            else _("Send the traffic back to the old ones, then say so here. Then the new ones are removed."),
        ),
        HOLD.KEEP: (_("The traffic is switched; the old instances are kept for the way back"), ""),
    }
    return said[row.hold]


def _sends(row: Deployment) -> bool:
    """Whether the platform itself sends the traffic, as the settings say."""
    content = row.config.content if row.config is not None else {}
    return (content.get("traffic") or {}).get("way", "none") != "none"


def _button(row: Deployment) -> str:
    words = {
        HOLD.SWITCH: _("Switch the traffic") if _sends(row) else _("The traffic is switched"),
        HOLD.SWITCH_BACK: _("Switch the traffic back") if _sends(row) else _("The traffic is switched back"),
        HOLD.KEEP: _("Remove the old ones now"),
    }
    return str(words.get(HOLD(row.hold), _("Go on")))


def mark_asks(row: Deployment, steps: Sequence[Step]) -> None:
    """On each step whether it can be left out (`may_skip`), or tried again (`may_retry`)."""
    view = view_of(row)
    for step in steps:
        one = StepView(step.pk, 0, step.batch, step.position, step.state, bool(step.times), step.asked)
        step.may_skip = not clicks.skip(view, one)  # type: ignore[attr-defined]
        step.may_retry = not clicks.retry(view, one)  # type: ignore[attr-defined]


def sides(row: Deployment, steps: Sequence[Step]) -> dict[str, Any] | None:
    """Blue/green: the addresses of both sides, and where the traffic is."""
    if row.policy.get("strategy") != "blue-green":
        return None
    new = [step for step in steps if step.action == Step.Action.ADD]
    old = [step for step in steps if step.action != Step.Action.ADD]
    return {"new": _ips(new), "old": _ips(old), "on_new": row.switch in {"switched"}, "switch": row.switch}


def _ips(steps: Sequence[Step]) -> list[str]:
    return [step.instance.address.ip if step.instance.address else step.instance.ip for step in steps]
