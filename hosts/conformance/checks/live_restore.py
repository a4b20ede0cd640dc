"""Containers outlive their daemon."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Reading, Verdict
from hosts.conformance.daemon_settings import fix_keys
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    # What the running engine says counts: the file may have been changed after it started.
    on = read.flag("engine", "LiveRestoreEnabled")
    wanted = profile.daemon.get("live-restore", on)
    evidence = f"LiveRestoreEnabled = {str(on).lower()} (docker info)"
    if on == wanted:
        return Verdict(
            PASSES,
            evidence,
            _("Containers go on running while the engine is away.") if on else _("As the profile wants it."),
        )
    return Verdict(FAILS, evidence, _("When the engine stops, crashes or is upgraded, all its containers stop."))


CHECK = Check(
    "live_restore",
    gettext_lazy("Containers survive the engine (live-restore)"),
    gettext_lazy(
        "Without live-restore a crash or an upgrade of the daemon takes every service of the machine with it. "
        "With it, containers go on and the new daemon takes them over."
    ),
    judge,
    fix_keys("live-restore"),
    short="live-restore",
)
