"""The kernel counts and limits memory."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Fix, Reading, Verdict
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    version = read.maybe(read.text, "engine", "CgroupVersion") or read.text("cgroup", "version")
    limits = read.maybe(read.flag, "engine", "MemoryLimit")
    if limits is None:
        limits = read.flag("cgroup", "memory_enabled")
    swap = read.maybe(read.flag, "engine", "SwapLimit")
    if swap is None:
        swap = read.flag("cgroup", "swap_accounting")
    evidence = f"cgroup v{version}, memory = {str(limits).lower()}, swap = {str(swap).lower()}"
    if not limits:
        return Verdict(FAILS, evidence, _("Memory is not accounted: no limit of a container holds."))
    if not swap and read.maybe(read.texts, "swaps") != []:
        return Verdict(
            FAILS, evidence, _("Swap is not accounted: a container that reaches its limit swaps instead of failing.")
        )
    return Verdict(PASSES, evidence, _("Limits of memory hold."))


def fix(read: Reading, profile: Profile) -> Fix:
    return Fix(
        commands=(("grubby", "--update-kernel=ALL", "--args=cgroup_enable=memory swapaccount=1"),),
        by_hand=True,
        needs_restart="machine",
        words=_(
            "A parameter of the kernel's command line (Debian: GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub) and a restart of the machine."
        ),
    )


CHECK = Check(
    "cgroups",
    gettext_lazy("cgroups count and limit memory"),
    gettext_lazy(
        "Every service is promised its memory, which holds only if the kernel accounts it; some distributions switch that off. "
        "Charts and alerts of memory come from the same place."
    ),
    judge,
    fix,
    short="cgroups",
)
