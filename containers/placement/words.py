"""Refusals in words: what would make it fit, the least work first."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers.placement.model import Lack, Refusal, Remedy

GIB = 1024**3
SHOWN = 3  # remedies in one sentence


def words(refusal: Refusal) -> str:
    """«No host has room for 1 of 3. It would fit with one of these: h1 (room A): 2.0 GiB more memory; …»"""
    said = []
    if refusal.addresses:
        text = ngettext(
            "%(count)s more free address in segment %(segment)s is needed.",
            "%(count)s more free addresses in segment %(segment)s are needed.",
            refusal.addresses,
        )
        said.append(text % {"count": refusal.addresses, "segment": refusal.segment_name})
    if refusal.remedies:
        ways = ngettext(
            "It would fit with one of these: %(ways)s.",
            "One more would fit with one of these: %(ways)s.",
            refusal.missing,
        )
        said.append(ways % {"ways": ways_in(refusal)})
    if refusal.nowhere:
        said.append(_("There is no host for it: add one to the environment's host groups and to its segment."))
    count = {"missing": refusal.missing, "asked": refusal.asked}
    first = _("No room for %(missing)s of %(asked)s.") % count if refusal.asked > 1 else _("No room.")
    return " ".join([first, *said])


def ways_in(refusal: Refusal, most: int = SHOWN) -> str:
    """What hosts lack, the least first: «h1 (Room A): 2.0 GiB more memory (…); h2: cordoned: disk»."""
    shown = [remedy_words(one) for one in refusal.remedies[:most]]
    more = len(refusal.remedies) - len(shown)
    if more > 0:
        text = ngettext("%(count)s other host lacks more", "%(count)s other hosts lack more", more)
        shown.append(text % {"count": more})
    return "; ".join(shown)


def remedy_words(remedy: Remedy) -> str:
    """What one host lacks: «2.0 GiB more memory on h1 (room A)»."""
    name = f"{remedy.host_name} ({remedy.room_name})" if remedy.room_name else remedy.host_name
    return _("%(host)s: %(lacks)s") % {"host": name, "lacks": ", ".join(lack_words(one) for one in remedy.lacks)}


def lack_words(lack: Lack) -> str:
    """One lack, with what would end it."""
    match lack.kind:
        case "memory":
            text = _("%(more)s GiB more memory (%(needed)s GiB would be promised, %(has)s GiB may be)")
            return text % {"more": _gib(lack.amount, up=True), "needed": _gib(lack.needed), "has": _gib(lack.has)}
        case "cpus":
            text = _("%(more)s more CPU (%(needed)s would be promised, %(has)s may be)")
            return text % {"more": f"{lack.amount:g}", "needed": f"{lack.needed:g}", "has": f"{lack.has:g}"}
        case "state" | "missing":
            return lack.name
        case "group":
            return _("not in the environment's host groups")
        case "segment":
            return _("not on the segment %(segment)s") % {"segment": lack.name}
        case "label":
            return _("without the label %(label)s") % {"label": lack.name}
        case "unlabel":
            return _("has the label %(label)s") % {"label": lack.name}
        case "architecture":
            return _("another kind of machine (%(kind)s)") % {"kind": lack.name}
        case "avoid":
            return _("a service stands there that must not be on one host with it")
        case "per_host":
            return _("%(count)s of it stand there, as many as its rule allows on a host") % {"count": f"{lack.has:g}"}
    return _("%(count)s of it stand in that room, as many as its rule allows in a room") % {"count": f"{lack.has:g}"}


def broken_words(kind: str) -> str:
    """What an instance that stands somewhere stands against."""
    return {
        "label": _("its host lacks a label"),
        "unlabel": _("its host has a label that it must not have"),
        "group": _("its host is in no group of the environment"),
        "avoid": _("a service that it must not be with stands there"),
        "per_host": _("too many of it on that host"),
        "per_room": _("too many of it in that room"),
    }[kind]


def _gib(amount: float, *, up: bool = False) -> str:
    """GiB with one decimal, or two below one tenth; a lack is rounded up, so that what is said is enough."""
    digits = 1 if amount >= GIB / 10 else 3
    scaled = amount / GIB * 10**digits
    return f"{(-(-scaled // 1) if up else round(scaled)) / 10**digits:.{digits}f}"
