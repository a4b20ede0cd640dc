"""The machine's clock agrees with the platform's."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Fix, Reading, Verdict, limit
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    allowed = limit(profile, "skew_seconds")
    if read.has("clock"):
        low, high = read.number("clock", "low"), read.number("clock", "high")
        if low > high:
            low, high = high, low  # one of the clocks was set in the middle of the reading
        evidence = _("%(low)+.2f to %(high)+.2f s against the platform's clock, the round trip taken into account") % {
            "low": low,
            "high": high,
        }
        off = low if low > 0 else high if high < 0 else 0.0  # the least that it must be off
    else:
        off = read.number("host", "clock_skew")
        evidence = _("%(off)+.2f s against the platform's clock, as the engine's time says") % {"off": off}
    if abs(off) <= allowed:
        return Verdict(PASSES, evidence, _("Within %(limit)g s.") % {"limit": allowed})
    return Verdict(FAILS, evidence, _("More than %(limit)g s off.") % {"limit": allowed})


def fix(read: Reading, profile: Profile) -> Fix:
    return Fix(
        commands=(("timedatectl", "set-ntp", "true"),),
        undo_commands=(("timedatectl", "set-ntp", "false"),),
        words=_("The clock is moved by the time service within a minute; until then the check still fails."),
        by_hand=True,
    )


CHECK = Check(
    "clock",
    gettext_lazy("The clock agrees with the platform's"),
    gettext_lazy(
        "Logs of two hosts can be laid side by side only when their clocks agree, and certificates and tokens are refused when they do not. "
        "A clock that runs away is the first sign of a time service that died."
    ),
    judge,
    fix,
    short="clock",
)
