"""Containers may open enough files."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Reading, Verdict, limit
from hosts.conformance.daemon_settings import fix_keys, setting, shown
from hosts.conformance.models import Profile


def hard(value: object) -> int:
    """The hard limit of open files: of daemon.json ({"Hard": n}) or of a flag («soft:hard»); 0 if none is set."""
    if isinstance(value, dict):
        found = value.get("Hard", value.get("hard"))
        return found if isinstance(found, int) and not isinstance(found, bool) else 0
    last = str(value).rpartition(":")[2]
    return int(last) if last.isascii() and last.isdigit() else 0


def judge(read: Reading, profile: Profile) -> Verdict:
    limits, source = setting(read, "default-ulimits")
    evidence = f"default-ulimits = {shown(limits)} ({source})"
    nofile = hard(limits.get("nofile")) if isinstance(limits, dict) else 0
    wanted = limit(profile, "nofile")
    if nofile >= wanted:
        return Verdict(PASSES, evidence, _("%(n)s open files a container.") % {"n": nofile})
    if not nofile:
        return Verdict(FAILS, evidence, _("No limit of open files is set: it is whatever the daemon was started with."))
    return Verdict(
        FAILS, evidence, _("%(n)s open files are fewer than the wanted %(wanted)d.") % {"n": nofile, "wanted": wanted}
    )


CHECK = Check(
    "default_ulimits",
    gettext_lazy("Containers may open enough files (default-ulimits)"),
    gettext_lazy(
        "A service that runs out of file descriptors refuses connections while it looks healthy. "
        "Without a default the limit depends on how the daemon was started, and differs from host to host."
    ),
    judge,
    fix_keys("default-ulimits"),
    short="ulimits",
)
