"""The packet filter is neither in the kernel nor able to come back."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Fix, Reading, Verdict
from hosts.conformance.models import Profile
from hosts.conformance.script import MODPROBE_FILE

FILTER = re.compile(
    r"x_tables|xt_\w+|nf_\w+|nft_\w+|iptable_\w+|ip_tables|ip6table_\w+|ip6_tables|ipt_\w+|br_netfilter"
)
# What the engine and iptables load by name: these must be on the blacklist.
BARRED = (
    "x_tables", "ip_tables", "iptable_filter", "iptable_nat", "iptable_mangle", "iptable_raw", "nf_conntrack", "nf_nat",
    "xt_conntrack", "xt_MASQUERADE", "xt_addrtype", "br_netfilter",
)  # fmt: skip


def loaded(read: Reading) -> list[str]:
    return [name for name in read.texts("modules", "loaded") if FILTER.fullmatch(name)]


def unloadable(read: Reading, names: list[str]) -> list[str]:
    """In the order in which they can go: whatever uses a module goes before it."""
    users = read.maybe(read.table, "modules", "users") or {}
    ordered: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in ordered or name in path:
            return
        above = users.get(name)
        for user in above if isinstance(above, list) else []:
            if user in names:
                visit(user, (*path, name))
        ordered.append(name)

    for name in names:
        visit(name, ())
    return ordered


def judge(read: Reading, profile: Profile) -> Verdict:
    if read.has("modules") and read.maybe(read.texts, "modules", "loaded") is None:
        built_in = read.texts("modules", "built_in")
        if not built_in:
            return Verdict(
                PASSES,
                _("The kernel has no modules"),
                _("No packet filter is built into the kernel, and none can be loaded."),
            )
        return Verdict(
            FAILS, _("Built in: %(names)s") % {"names": ", ".join(built_in)},
            _("The packet filter is built into the kernel: only another kernel takes it away."),
        )  # fmt: skip
    here = loaded(read)
    if here:
        return Verdict(
            FAILS,
            _("Loaded: %(names)s") % {"names": " ".join(here)},
            _("%(n)d modules of the packet filter are loaded.") % {"n": len(here)},
        )
    open_ = [name for name in BARRED if name not in set(read.texts("blacklist"))]
    if open_:
        return Verdict(
            FAILS, _("Loaded: none. Not on the blacklist: %(names)s") % {"names": " ".join(open_)},
            _("None is loaded now, but the next one who calls iptables loads them."),
        )  # fmt: skip
    return Verdict(PASSES, _("Loaded: none; all are on the blacklist"), _("The packet filter is out, and stays out."))


def fix(read: Reading, profile: Profile) -> Fix | None:
    if read.maybe(read.texts, "modules", "loaded") is None:
        return None
    here = loaded(read)
    lines = ["# Kept by the platform: no packet filter on this host."]
    for name in sorted({*BARRED, *here}):
        lines += [f"blacklist {name}", f"install {name} /bin/true"]
    return Fix(
        files=((MODPROBE_FILE, "\n".join(lines) + "\n"),),
        # What somebody uses stays, modprobe says so, and the fix is undone.
        commands=(("modprobe", "-r", *unloadable(read, here)),) if here else (),
        undo_commands=(("modprobe", "-a", *here),) if here else (),
        words=_("Rules that stand in the tables keep a module in use: flush them first (iptables-save shows them)."),
    )


CHECK = Check(
    "netfilter_modules",
    gettext_lazy("The packet filter's modules are out (x_tables, xt_*, nf_*, iptable_*)"),
    gettext_lazy(
        "As soon as nf_conntrack is loaded every packet is tracked, in a table that overflows under load and then drops new "
        "connections. A blacklist keeps the modules from coming back with the next call of iptables."
    ),
    judge,
    fix,
    roles=("run",),
    short="nf modules",
)
