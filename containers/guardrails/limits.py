"""Rules that one look at the plan decides: a ticket or a reason, how many at a time, how many stay healthy. Pure."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _

from containers.guardrails.verdict import Check
from xqplatform.errors import Refused

MOST_PATTERNS = 10


def patterns(text: str) -> list[str]:
    """«OPS-#, INC-#»: words in which # stands for a number. Raises Refused for what cannot be one."""
    found = [one for one in re.split(r"[,\s]+", text.strip()) if one]
    if len(found) > MOST_PATTERNS:
        raise Refused(_("At most %(n)s patterns.") % {"n": MOST_PATTERNS}, "ticket", 400)
    for one in found:
        if not re.fullmatch(r"[\w#./:+-]{2,40}", one) or "#" not in one:
            words = _("«%(pattern)s» is no pattern: write one such as OPS-#, in which # stands for a number.")
            raise Refused(words % {"pattern": one}, "ticket", 400)
    return found


def ticket_in(text: str, pattern: str) -> str:
    """The first ticket in the text that one of the patterns matches; empty when there is none."""
    for one in patterns(pattern):
        regex = re.escape(one).replace(r"\#", "[0-9]{1,18}").replace("#", "[0-9]{1,18}")
        if found := re.search(rf"(?<![\w-]){regex}(?![\w-])", text):
            return found[0]
    return ""


def ticket(reason: str, pattern: str) -> Check:
    found = ticket_in(reason, pattern)
    if found:
        return Check("ticket", True, _("The ticket is %(ticket)s.") % {"ticket": found})
    return Check("ticket", False, _("The reason must name a ticket (%(pattern)s).") % {"pattern": pattern})


def reason(text: str) -> Check:
    if text.strip():
        return Check("reason", True, _("A reason is given."))
    return Check("reason", False, _("Say why: releases here need a reason."))


def batch(size: int, standing: int, most: int | None, share: int | None) -> list[Check]:
    """How many are changed at a time. `share` in percent of those that stand; at least one may always be changed."""
    checks = []
    values = {"size": size, "most": most, "share": share, "of": standing}
    if most is not None:
        words = _("%(size)s at a time, at most %(most)s are allowed.")
        checks.append(Check("batch", size <= most, words % values))
    if share is not None:
        allowed = max(1, standing * share // 100)
        words = _("%(size)s of %(of)s at a time, at most %(share)s percent (%(allowed)s) are allowed.")
        checks.append(Check("share", not standing or size <= allowed, words % (values | {"allowed": allowed})))
    return checks


def healthy(size: int, standing: int, well: int, least: int, start_first: bool) -> Check:
    """How many stay healthy while a batch is changed: `least` percent of those that stand.

    A place that is below it already passes: a release may be what cures it, and those that are ill go first.
    """
    left = well if start_first else max(0, well - size)
    values = {"left": left, "of": standing, "least": least, "well": well}
    if not standing:
        return Check("healthy", True, _("Nothing runs here yet, so nothing becomes unhealthy."))
    if well * 100 < least * standing:
        words = _(
            "%(well)s of %(of)s are healthy, fewer than the %(least)s percent that shall stay so: a release may cure it."
        )
        return Check("healthy", True, words % values)
    words = _("%(left)s of %(of)s stay healthy during a batch, at least %(least)s percent must.")
    return Check("healthy", left * 100 >= least * standing, words % values)
