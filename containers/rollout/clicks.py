"""Which clicks come in time. Each function answers "" when it does, else why not, as one of the words below."""

from __future__ import annotations

from typing import Literal

from containers.rollout.views import StepView, View

Why = Literal[
    "",
    "ended",
    "leaving",
    "paused",
    "nothing",
    "freeze",
    "approval",
    "measuring",
    "under way",
    "settled",
    "together",
    "not failed",
]
# What somebody may let go on. A freeze is a guardrail's, and a failed instance is retried, skipped or brought back.
CLICKS = frozenset({"canary", "gate", "switch", "switch_back", "keep"})
GOES = frozenset({"running", "paused"})


def proceed(view: View) -> Why:
    """«Continue»: it goes on after what holds it."""
    if view.state == "rolling_back" and view.noted is not None and view.noted.kind == "switch_back":
        return ""
    if view.state not in {"queued", *GOES}:
        return "leaving" if view.state == "rolling_back" else "ended"
    if view.asked in {"cancel", "rollback"}:
        return "leaving"
    if view.state == "paused":
        return "paused"
    if view.noted is not None and view.noted.kind in {"freeze", "approval"}:
        return "freeze" if view.noted.kind == "freeze" else "approval"
    if view.noted is not None and view.noted.kind == "measuring":
        return "measuring"
    return "" if view.noted is not None and view.noted.kind in CLICKS else "nothing"


def skip(view: View, step: StepView) -> Why:
    """An instance is left out: one that waits stays as it is, one that failed is brought back to what it was, and one that
    could not be brought back stays out of service.
    """
    gone = _gone(view)
    if gone:
        return gone
    if view.strategy in {"recreate", "blue-green"}:
        return "together"
    if step.state == "waiting" and not step.touched:
        return ""
    if (step.state == "failed" and not step.asked) or step.lost:
        return ""
    return "under way" if step.state not in {"done", "skipped", "undone", "undo_fail"} else "settled"


def retry(view: View, step: StepView) -> Why:
    """A failed instance is tried once more, or brought back once more if that is what failed."""
    gone = _gone(view)
    if gone:
        return gone
    if step.lost:
        return ""
    if view.on_failure != "hold" or step.state != "failed" or step.asked:
        return "not failed"
    return ""


def _gone(view: View) -> Why:
    if view.asked in {"cancel", "rollback"} or view.state == "rolling_back":
        return "leaving"
    return "" if view.state in {"queued", *GOES} else "ended"
