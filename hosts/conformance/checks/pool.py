"""There is a storage pool that roots and volumes lie in."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, SERVER, Check, Fix, Reading, Verdict, tool
from hosts.conformance.models import Profile


def judge(read: Reading, profile: Profile) -> Verdict:
    name, pools = read.text("server", "pool"), read.table("server", "pools")
    evidence = ", ".join(sorted(pools)) or "–"
    if not name:
        return Verdict(FAILS, evidence, _("There is no storage pool: nothing can be made there."))
    if name not in pools:
        words = _("The default profile puts roots into the pool %(name)s, which does not exist.")
        return Verdict(FAILS, evidence, words % {"name": name})
    status = read.text("server", "pools", name, "status")
    evidence = f"{name}: {read.text('server', 'pools', name, 'driver')}, {status}"
    if status not in {"", "Created"}:
        words = _("The pool %(name)s is not in use: look at its disk, and at the server's log.")
        return Verdict(FAILS, evidence, words % {"name": name})
    return Verdict(PASSES, evidence, _("Roots and volumes lie in it."))


def fix(read: Reading, profile: Profile) -> Fix | None:
    name = read.text("server", "pool") or "default"
    if name in read.table("server", "pools"):
        return None
    commands = (
        (tool(read), "storage", "create", name, "btrfs"),
        (tool(read), "profile", "device", "add", "default", "root", "disk", "path=/", f"pool={name}"),
    )
    return Fix(
        commands=commands,
        by_hand=True,
        words=_("Shown only: which disk it lies on is for a person to say (source=/dev/…)."),
    )


CHECK = Check(
    "pool",
    gettext_lazy("There is a storage pool"),
    gettext_lazy(
        "Roots and volumes of all instances lie in the pool that the default profile names. "
        "Without it nothing can be made, and when its disk is away everything that runs there stands still."
    ),
    judge,
    fix,
    families=SERVER,
    short="pool",
)
