"""Who removes instances that have data says so by the name of what goes: what the pages ask for, for whoever calls without a page."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from containers import gone
from containers.models import Instance
from xqplatform.errors import Refused


def data_goes(instances: Iterable[Instance], name: str, confirm: str) -> None:
    """Raises Refused that tells what data goes, unless `confirm` is the name. Without data nothing is asked."""
    losses = gone.losses(instances)
    if not losses or confirm.strip() == name:
        return
    if confirm.strip():
        raise Refused(_("That is not the name. It is «%(name)s».") % {"name": name}, "confirm", 400)
    words = _("Data goes with it, so say «confirm» with the name «%(name)s». %(losses)s")
    raise Refused(words % {"name": name, "losses": " ".join(losses)}, "confirm")
