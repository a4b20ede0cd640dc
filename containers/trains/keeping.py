"""What keeps a train's waiting releases from beginning (`holds.KEEPS`)."""

from __future__ import annotations

from django.utils.translation import gettext as _

from containers.models import Deployment, Train


def keeps(row: Deployment) -> str:
    """While a train is paused, none of its releases begins."""
    train = Train.objects.filter(cars__deployment=row, state=Train.State.PAUSED).first()
    if train is None:
        return ""
    return _("Its train, #%(n)d «%(name)s», is paused.") % {"n": train.pk, "name": train.name}
