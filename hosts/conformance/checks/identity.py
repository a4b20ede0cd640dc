"""No two hosts are taken for one."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts.conformance.check import FAILS, PASSES, Check, Fix, Missing, Reading, Verdict
from hosts.conformance.models import Profile


def twins(read: Reading, kind: str, mine: str) -> list[str]:
    others: Any = read.table("fleet", kind).get(mine)
    return sorted(str(name) for name in others) if isinstance(others, list) else []


def judge(read: Reading, profile: Profile) -> Verdict:
    engine = read.text("engine", "ID")
    same_engine = twins(read, "engine_ids", engine)
    machine = read.maybe(read.text, "machine_id")
    same_machine = twins(read, "machine_ids", machine) if machine else []
    evidence = f"engine {engine}; machine-id {machine or '?'}"
    if same_engine:
        return Verdict(
            FAILS,
            evidence,
            _("%(hosts)s has the same engine id: one engine registered twice, or a cloned disk.")
            % {"hosts": ", ".join(same_engine)},
        )
    if same_machine:
        return Verdict(
            FAILS, evidence, _("%(hosts)s has the same machine-id: a cloned disk.") % {"hosts": ", ".join(same_machine)}
        )
    if machine is None:
        raise Missing(_("Cannot tell: the engine's id is its own, the machine-id needs SSH access."), evidence)
    return Verdict(PASSES, evidence, _("No other host has them."))


def fix(read: Reading, profile: Profile) -> Fix | None:
    machine = read.maybe(read.text, "machine_id")
    if not machine or not twins(read, "machine_ids", machine):
        return None
    return Fix(
        commands=(("rm", "/etc/machine-id"), ("systemd-machine-id-setup",)),
        by_hand=True,
        needs_restart="machine",
        words=_(
            "On the clone only. Leases of DHCP, the journal and agents know the machine by it: do it while the host is drained."
        ),
    )


CHECK = Check(
    "identity",
    gettext_lazy("The host's ids are its own"),
    gettext_lazy(
        "Machines cloned from one disk share ids, and DHCP servers, agents and registries then take them for one machine. "
        "Two rows for one engine make the platform count and place everything twice."
    ),
    judge,
    fix,
    short="ids",
)
