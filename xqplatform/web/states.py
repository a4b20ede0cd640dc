"""The state words: few, the same everywhere, each with a shape and a colour, so that no one needs to see colours."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Look(NamedTuple):
    """How one state is shown: its word, its tone (a CSS class) and its shape (a key of SHAPES)."""

    word: str | Promise
    tone: str
    shape: str


# Drawn in a 12 × 12 box; `currentColor` takes the tone.
SHAPES: dict[str, str] = {
    "dot": '<circle cx="6" cy="6" r="4" fill="currentColor"/>',
    "ring": '<circle cx="6" cy="6" r="3.5" fill="none" stroke="currentColor" stroke-width="2"/>',
    "half": '<circle cx="6" cy="6" r="3.5" fill="none" stroke="currentColor" stroke-width="1.5"/>'
    '<path d="M6 2.5a3.5 3.5 0 0 1 0 7z" fill="currentColor"/>',
    "check": '<path d="M2 6.5 5 9.5 10.5 3" fill="none" stroke="currentColor" stroke-width="2.2"/>',
    "cross": '<path d="M2.5 2.5l7 7M9.5 2.5l-7 7" fill="none" stroke="currentColor" stroke-width="2.2"/>',
    "triangle": '<path d="M6 1.5 11 10.5H1z" fill="currentColor"/>',
    "square": '<rect x="2.5" y="2.5" width="7" height="7" rx="1" fill="currentColor"/>',
    "frame": '<rect x="2.5" y="2.5" width="7" height="7" rx="1" fill="none" stroke="currentColor" stroke-width="2"/>',
    "diamond": '<path d="M6 1 11 6 6 11 1 6z" fill="currentColor"/>',
    "dash": '<path d="M2 6h8" stroke="currentColor" stroke-width="2.4"/>',
    "bars": '<path d="M4 2.5v7M8 2.5v7" stroke="currentColor" stroke-width="2.4"/>',
    "spin": '<path class="xq-spin" d="M6 1.8A4.2 4.2 0 1 1 1.8 6" fill="none" stroke="currentColor" stroke-width="2"/>',
    "dashed": '<circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" stroke-width="1.8" stroke-dasharray="2 2"/>',
    "back": '<path d="M5 2 2 5l3 3M2 5h5a3 3 0 0 1 0 6H5" fill="none" stroke="currentColor" stroke-width="1.8"/>',
}

STATES: dict[str, Look] = {
    # instances and containers
    "healthy": Look(_("healthy"), "ok", "dot"),
    "running": Look(_("running"), "ok", "ring"),
    "starting": Look(_("starting"), "busy", "half"),
    "unhealthy": Look(_("unhealthy"), "bad", "triangle"),
    "stopped": Look(_("stopped"), "off", "square"),
    "exited": Look(_("exited"), "bad", "square"),
    "missing": Look(_("missing"), "bad", "dashed"),
    "drift": Look(_("drift"), "warn", "diamond"),
    "restarting": Look(_("restarting"), "busy", "spin"),
    "created": Look(_("created"), "off", "ring"),
    "dead": Look(_("dead"), "bad", "square"),
    "empty": Look(_("empty"), "off", "dashed"),
    "planned": Look(_("planned"), "off", "dashed"),
    "removed": Look(_("removed"), "off", "dash"),
    "removing": Look(_("removing"), "busy", "spin"),
    # snapshots
    "putting": Look(_("being put back"), "busy", "spin"),
    "taking": Look(_("being taken"), "busy", "spin"),
    "dropping": Look(_("being removed"), "busy", "spin"),
    # restore drills
    "trying": Look(_("under way"), "busy", "spin"),
    "starts": Look(_("starts"), "ok", "check"),
    # how data is protected
    "unprotected": Look(_("not protected"), "bad", "cross"),
    "at_risk": Look(_("at risk"), "bad", "triangle"),
    "first_due": Look(_("first backup is due"), "busy", "half"),
    "protected": Look(_("protected"), "ok", "check"),
    "unknown": Look(_("unknown"), "off", "dashed"),
    # what use says of limits
    "oom": Look(_("killed for lack of memory"), "bad", "cross"),
    "throttled": Look(_("throttled"), "bad", "triangle"),
    "tight": Look(_("tight"), "warn", "diamond"),
    "idle": Look(_("idle"), "off", "square"),
    "oversized": Look(_("oversized"), "busy", "frame"),
    "fits": Look(_("fits"), "ok", "check"),
    "short": Look(_("too little known"), "off", "dashed"),
    # gates: their verdicts, and what each rule found
    "measuring": Look(_("measuring"), "busy", "spin"),
    "continue": Look(_("goes on"), "ok", "check"),
    "hold": Look(_("hold"), "warn", "bars"),
    "roll_back": Look(_("roll back"), "bad", "back"),
    "not_judged": Look(_("not judged"), "off", "dash"),
    "waits": Look(_("waits"), "off", "half"),
    "broken": Look(_("broken"), "bad", "cross"),
    "alone": Look(_("nothing to compare"), "off", "dash"),
    # hooks and traffic
    "holds": Look(_("holds"), "warn", "bars"),
    "passed": Look(_("went on without it"), "warn", "triangle"),
    "in": Look(_("in traffic"), "ok", "dot"),
    "leaving": Look(_("is taken out"), "warn", "half"),
    "out": Look(_("out of traffic"), "off", "frame"),
    # what people are told of
    "begun": Look(_("begun"), "busy", "ring"),
    "wants_approval": Look(_("wants approval"), "warn", "half"),
    "approved": Look(_("approved"), "ok", "check"),
    "withdrawn": Look(_("withdrawn"), "warn", "cross"),
    "glass": Look(_("glass broken"), "bad", "triangle"),
    # work: builds, releases, steps
    "queued": Look(_("queued"), "off", "ring"),
    "pending": Look(_("pending"), "off", "ring"),
    "active": Look(_("running"), "busy", "spin"),
    "working": Look(_("running"), "busy", "spin"),
    "paused": Look(_("paused"), "warn", "bars"),
    "pausing": Look(_("pausing"), "warn", "bars"),
    "waiting": Look(_("waiting"), "off", "half"),
    "succeeded": Look(_("succeeded"), "ok", "check"),
    "done": Look(_("done"), "ok", "check"),
    "failed": Look(_("failed"), "bad", "cross"),
    "errored": Look(_("errored"), "bad", "triangle"),
    "rolling_back": Look(_("rolling back"), "warn", "spin"),
    "rolled_back": Look(_("rolled back"), "warn", "back"),
    "cancelled": Look(_("cancelled"), "off", "dash"),
    "cancelling": Look(_("cancelling"), "warn", "spin"),
    "undoing": Look(_("rolling back"), "warn", "spin"),
    "undone": Look(_("rolled back"), "warn", "back"),
    "undo_fail": Look(_("not brought back"), "bad", "cross"),
    "skipped": Look(_("skipped"), "off", "dash"),
    "preparing": Look(_("preparing"), "busy", "spin"),
    "building": Look(_("building"), "busy", "spin"),
    "pushing": Look(_("pushing"), "busy", "spin"),
    "pulling": Look(_("pulling"), "busy", "spin"),
    "pulled": Look(_("pulled"), "busy", "check"),
    "stopping": Look(_("stopping"), "busy", "spin"),
    "halting": Look(_("stopping"), "busy", "spin"),
    "creating": Look(_("creating"), "busy", "spin"),
    "checking": Look(_("checking"), "busy", "half"),
    # pushes that a forge told of
    "receiving": Look(_("receiving"), "busy", "spin"),
    "received": Look(_("received"), "busy", "half"),
    "nothing": Look(_("nothing to do"), "off", "dash"),
    "refused": Look(_("refused"), "bad", "triangle"),
    # images
    "deployable": Look(_("deployable"), "ok", "ring"),
    "deployed": Look(_("deployed"), "ok", "dot"),
    "built": Look(_("built"), "ok", "check"),
    "compile_failed": Look(_("compile failed"), "bad", "cross"),
    "build_failed": Look(_("build failed"), "bad", "cross"),
    "push_failed": Look(_("push failed"), "bad", "cross"),
    "discarded": Look(_("discarded"), "off", "dash"),
    "reviewed": Look(_("reviewed"), "ok", "check"),
    "verified": Look(_("verified"), "ok", "check"),
    # hosts, registries, addresses
    "ready": Look(_("ready"), "ok", "dot"),
    "ok": Look(_("fine"), "ok", "check"),
    "up": Look(_("up"), "ok", "dot"),
    "down": Look(_("down"), "bad", "triangle"),
    "degraded": Look(_("degraded"), "warn", "triangle"),
    "unreachable": Look(_("unreachable"), "bad", "cross"),
    "cordoned": Look(_("cordoned"), "warn", "frame"),
    "draining": Look(_("draining"), "warn", "half"),
    "retired": Look(_("retired"), "off", "dash"),
    "new": Look(_("new"), "off", "ring"),
    "free": Look(_("free"), "off", "ring"),
    "no_interface": Look(_("no such interface"), "bad", "cross"),
    "held": Look(_("held"), "ok", "dot"),
    "reserved": Look(_("reserved"), "off", "frame"),
    "quarantine": Look(_("quarantine"), "warn", "half"),
    "quarantined": Look(_("quarantined"), "warn", "half"),
    # checks of hosts («cannot tell» is how a check's «unknown» is shown)
    "passes": Look(_("passes"), "ok", "check"),
    "fails": Look(_("fails"), "bad", "cross"),
    "cannot_tell": Look(_("cannot tell"), "off", "dashed"),
    "waived": Look(_("waived"), "warn", "frame"),
    "kept": Look(_("kept"), "ok", "check"),
    "back": Look(_("in use again"), "ok", "back"),
    "differs": Look(_("differs"), "bad", "triangle"),
    # alerts and deliveries
    "firing": Look(_("firing"), "bad", "triangle"),
    "resolved": Look(_("resolved"), "ok", "check"),
    "critical": Look(_("critical"), "bad", "triangle"),
    "warning": Look(_("warning"), "warn", "diamond"),
    "held_back": Look(_("held back"), "off", "bars"),
    "silenced": Look(_("silenced"), "off", "bars"),
    "off": Look(_("off"), "off", "dash"),
    "on": Look(pgettext_lazy("switched", "on"), "ok", "dot"),
    "sending": Look(_("sending"), "busy", "spin"),
    "sent": Look(_("sent"), "ok", "check"),
    # people, tokens, audit
    "enabled": Look(_("active"), "ok", "dot"),
    "deactivated": Look(_("deactivated"), "off", "dash"),
    "revoked": Look(_("revoked"), "off", "dash"),
    "expired": Look(_("expired"), "warn", "diamond"),
    "accepted": Look(_("accepted"), "ok", "check"),
    "unending": Look(_("active, without end"), "warn", "triangle"),
    "denied": Look(_("denied"), "bad", "cross"),
}


def look(state: str) -> Look:
    """How to show a state; one that nobody registered is shown by its own word, in grey."""
    key = str(state or "unknown").lower().replace(" ", "_").replace("-", "_")
    return STATES.get(key) or Look(key.replace("_", " "), "off", "ring")


def title(state: str) -> str:
    """The state's word with a capital, for headings."""
    return capfirst(str(look(state).word))
