"""Whether an instance can have another address on its host, and what that means. Pure.

Nothing here reads a row or an engine (see `containers.services.readdress`).
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from containers.plan import Entry, HostView, InstanceView, Plan, Policy
from hosts.addresses import Choice


def mark_of(deployment: int) -> str:
    """The ledger's note on an address that is reserved as long as the change lasts."""
    return f"#{deployment}"


@dataclass(frozen=True)
class Candidate:
    """An instance that shall get another address. `data`: its folder, which stays with the old address."""

    view: InstanceView
    segment: str = ""  # the segment of its address; empty: it has no fixed one
    data: str = ""
    made: bool = True  # there is a release that a container can be made of


def plan_address(one: Candidate, host: HostView, choice: Choice, *, with_data: bool, policy: Policy) -> Plan:
    """The plan: the same host, another address, or why not. `choice`: what was typed, or the first free one."""
    why = _why_not(one, host, choice, with_data=with_data)
    notes = [choice.note] if choice.note else []
    if one.data:
        notes.append(_("its data stays in %(folder)s, and it starts with another folder") % {"folder": one.data})
    entry = Entry(
        one.view.number,
        one.view.pk,
        host.pk,
        host.name,
        "address",
        choice.ip,
        one.view.image,
        one.view.image,
        problem=why,
        note="" if why else _("; ").join(notes),
        chosen=choice.ip,
        needs_reason=choice.rests,
        old_address=one.view.address,
    )
    return Plan("address", (entry,), (), (), 1, policy)


def _why_not(one: Candidate, host: HostView, choice: Choice, *, with_data: bool) -> str:
    if not one.segment:
        return _("It has no address of a segment: its engine gives it one at each start.")
    if not host.reachable:
        return _("%(host)s cannot be reached, so its container cannot be made anew.") % {"host": host.name}
    if not one.made:
        return _("Nothing has been released that it could be made of.")
    if choice.why:
        return choice.why
    if host.missing:
        return "; ".join(host.missing)
    if one.data and not with_data:
        words = _("It has data in %(folder)s, which stays with the old address. Confirm that it starts without it.")
        return words % {"folder": one.data}
    return ""
