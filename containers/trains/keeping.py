"""What a train under way holds: its waiting releases while it is paused (`holds.KEEPS`), its images (`guards`)."""

from __future__ import annotations

from django.utils.translation import gettext as _

from builds.models import Image
from containers.models import Car, Deployment, Train


def keeps(row: Deployment) -> str:
    """While a train is paused, none of its releases begins."""
    train = Train.objects.filter(cars__deployment=row, state=Train.State.PAUSED).first()
    if train is None:
        return ""
    return _("Its train, #%(n)d «%(name)s», is paused.") % {"n": train.pk, "name": train.name}


def keeps_image(image: Image) -> str | None:
    """The image of a release that a train under way has still to make is not discarded."""
    cars = Car.objects.filter(image=image, deployment=None, trouble="", train__state__in=Train.ACTIVE)
    car = cars.select_related("train").first()
    if car is None:
        return None
    return _("The train #%(n)d «%(name)s» is about to release it.") % {"n": car.train.pk, "name": car.train.name}
