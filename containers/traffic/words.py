"""How traffic is handled in a release, for people. Pure."""

from __future__ import annotations

from django.utils.translation import gettext as _

from containers.traffic.shape import Traffic


def words(traffic: Traffic) -> str:
    """«taken out of nginx «edge», drained for at most 10 s»."""
    seconds = f"{traffic.drain:g}"
    if traffic.way == "nginx":
        return _("taken out of nginx «%(front)s» before the stop, drained for at most %(n)s s") % {
            "front": traffic.front,
            "n": seconds,
        }
    if traffic.way == "hooks":
        return _("taken out by hooks before the stop, drained for %(n)s s") % {"n": seconds}
    return _("not handled: an instance stops while it may still get requests")
