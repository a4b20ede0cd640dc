"""Reasons as sentences, in the reader's language. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers.guardrails.windows import moment_words
from containers.scaling.shape import Reason
from xqplatform.metrics import catalogue

Data = Mapping[str, Any]


def say(reason: Reason) -> str:
    """What a reason means; one that is not known any more says its code."""
    found = _SAID.get(reason.code)
    return found(reason.data) if found is not None else reason.code


def source(kind: str, name: str) -> str:
    """What a wish comes from."""
    if kind == "load":
        return _("load: %(metric)s") % {"metric": metric(name)}
    if kind == "market":
        return _("calendar %(name)s") % {"name": name}
    if kind == "forecast":
        return _("forecast: %(metric)s") % {"metric": metric(name)}
    return _("times of the week")


def metric(name: str) -> str:
    return str(catalogue.find(name).title)


def _up(data: Data) -> str:
    return _because(_("from %(from)s to %(to)s instances"), data)


def _because(words: str, data: Data) -> str:
    text = words % {"from": data.get("from"), "to": data.get("to")}
    if data.get("to") != data.get("wanted"):
        text += " " + _("(a step on the way to %(wanted)s)") % {"wanted": data.get("wanted")}
    if "source" in data:
        text += ": " + source(str(data["source"]), str(data.get("name", "")))
    if "least" in data:
        text += "; " + _("the bounds are %(least)s to %(most)s") % {"least": data["least"], "most": data["most"]}
    return text


def _failed(data: Data) -> str:
    words = ngettext(
        "%(failed)s new instance did not get healthy; unless it does, it goes at %(until)s",
        "%(failed)s new instances did not get healthy; unless they do, they go at %(until)s",
        int(data.get("failed", 0)),
    )
    return words % _until(data)


def _tidy(data: Data) -> str:
    words = ngettext(
        "from %(from)s to %(to)s instances: %(failed)s new one did not get healthy and goes",
        "from %(from)s to %(to)s instances: %(failed)s new ones did not get healthy and go",
        int(data.get("failed", 0)),
    )
    return words % data


def _room(data: Data) -> str:
    return _("%(asked)s are wanted, %(after)s can be had: %(why)s") % data


def _until(data: Data) -> dict[str, Any]:
    return dict(data) | {
        "until": moment_words(float(data.get("until", 0))),
        "since": moment_words(float(data.get("since", 0))),
    }


def _load(data: Data) -> str:
    values = {key: f"{float(data.get(key, 0)):.4g}" for key in ("mean", "target")}
    return _("the mean is %(mean)s, the target %(target)s; %(measured)s of %(of)s instances measured") % (
        dict(data) | values
    )


def _window(data: Data) -> str:
    return _("%(need)s would do; it shrinks only after a whole window of that, not before %(until)s") % _until(data)


def _missing(data: Data) -> str:
    return _("only %(measured)s of %(of)s instances are measured, so nothing is changed by it") % data


_SAID: dict[str, Callable[[Data], str]] = {
    "off": lambda data: _("the policy is switched off"),
    "nothing-stands": lambda data: _("nothing runs here: the first instances are started by people"),
    "release": lambda data: _("%(who)s has %(kind)s #%(number)s under way") % data,
    "enough": lambda data: _("as many as are needed"),
    "least": lambda data: _("no fewer than %(least)s") % data,
    "most": lambda data: _("%(wanted)s are wanted, no more than %(most)s are allowed") % data,
    "beyond": lambda data: _("It would take %(need)s instances; the policy's most is %(most)s.") % data,
    "pause": lambda data: _("%(wanted)s are wanted; the last change did not come to pass, the next try is at %(until)s") % _until(data),
    "up": _up,
    "down": _up,
    "failed": _failed,
    "tidy": _tidy,
    "room": _room,
    "load": _load,
    "window": _window,
    "missing": _missing,
    "settling": lambda data: _("just changed: its load counts from %(until)s on") % _until(data),
    "market": lambda data: _("holds since %(since)s") % _until(data),
    "assumed": lambda data: _("holds since %(since)s (the calendar does not know this day: an ordinary one is assumed)") % _until(data),
    "week": lambda data: _("holds since %(since)s") % _until(data),
    "no-point": lambda data: _("none of its moments has come yet"),
    "no-calendar": lambda data: _("the calendar %(calendar)s is gone or has no data, so nothing shrinks") % data,
    "too-few-weeks": lambda data: _("cannot tell: %(weeks)s of %(of)s weeks are known") % data,
    "forecast": lambda data: _("the median of %(weeks)s weeks for the next %(minutes)s min, and %(margin)s%% more") % data,
}  # fmt: skip
