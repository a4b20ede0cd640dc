"""Bridged frames do not pass the packet filter."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Fix, Reading, Verdict, with_line
from hosts.conformance.models import Profile
from hosts.conformance.script import SYSCTL_FILE

KEYS = (
    "net.bridge.bridge-nf-call-iptables",
    "net.bridge.bridge-nf-call-ip6tables",
    "net.bridge.bridge-nf-call-arptables",
)


def judge(read: Reading, profile: Profile) -> Verdict:
    table = read.table("sysctl")
    if not read.flag("bridge_filter"):
        return Verdict(PASSES, _("/proc/sys/net/bridge is not there"), _("The kernel's bridge filter is not loaded."))
    if KEYS[0] not in table:
        raise read.missing(("sysctl", KEYS[0]))
    values = {key: str(table[key]).strip() for key in KEYS if key in table}
    evidence = ", ".join(f"{key} = {value}" for key, value in values.items())
    if all(value == "0" for value in values.values()):
        return Verdict(PASSES, evidence, _("Bridged frames pass no packet filter."))
    return Verdict(
        FAILS, evidence, _("Frames between containers and the wire pass iptables: a rule of anybody may eat them.")
    )


def fix(read: Reading, profile: Profile) -> Fix:
    table, text = read.table("sysctl"), read.table("files").get(SYSCTL_FILE)
    on = {key: str(table[key]).strip() for key in KEYS if str(table.get(key, "0")).strip() != "0"}
    for key in on:
        text = with_line(text, key, f"{key} = 0")
    return Fix(
        files=((SYSCTL_FILE, str(text)),),
        commands=tuple(("sysctl", "-w", f"{key}=0") for key in on),
        undo_commands=tuple(("sysctl", "-w", f"{key}={value}") for key, value in on.items()),
    )


CHECK = Check(
    "bridge_nf",
    gettext_lazy("Bridged frames pass no iptables (bridge-nf-call)"),
    gettext_lazy(
        "With bridge-nf-call on, every frame on br0 goes through the packet filter and the connection tracker, although it is only "
        "switched. A DROP rule of the engine then silently cuts containers of two hosts off from each other."
    ),
    judge,
    fix,
    short="bridge-nf",
)
