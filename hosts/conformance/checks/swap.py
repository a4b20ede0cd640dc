"""No swap: what is out of memory shall fail fast."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Fix, Reading, Verdict
from hosts.conformance.models import Profile

LINE = r"[^#[:space:]][^[:space:]]*[[:space:]]+[^[:space:]]+[[:space:]]+swap[[:space:]]"


def judge(read: Reading, profile: Profile) -> Verdict:
    swaps = read.texts("swaps")
    if not swaps:
        return Verdict(
            PASSES, _("/proc/swaps is empty"), _("A service that is out of memory is killed at once, and seen.")
        )
    return Verdict(
        FAILS, ", ".join(swaps), _("A machine that swaps becomes slow instead of failing: dead is better than slow.")
    )


def fix(read: Reading, profile: Profile) -> Fix:
    return Fix(
        commands=(("swapoff", "-a"), ("sed", "-i", "-E", f"s/^({LINE})/#xq# \\1/", "/etc/fstab")),
        undo_commands=(("sed", "-i", "s/^#xq# //", "/etc/fstab"), ("swapon", "-a")),
        words=_("Needs as much free memory as is swapped out now."),
    )


CHECK = Check(
    "swap",
    gettext_lazy("Swap is off"),
    gettext_lazy(
        "A swapping machine answers, but ten times slower, and every service on it suffers for the one that took too much. "
        "Without swap the culprit is killed at once, restarted, and named in an event."
    ),
    judge,
    fix,
    short="swap",
)
