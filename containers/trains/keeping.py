"""What a train under way holds: its releases that wait while they must not begin (`holds.KEEPS`), its images (`guards`)."""

from __future__ import annotations

from django.db.models import Q
from django.utils.translation import gettext as _

from builds.models import Image
from containers.models import Car, Deployment, Train

State = Train.State


def keeps(row: Deployment) -> str:
    """While a train is paused, none of its releases begins; nor does one that it is about to cancel, as it stops or goes back."""
    stops = Q(cars__deployment=row, state__in=(State.STOPPING, State.ROLLING_BACK)) | Q(
        cars__back=row, state=State.STOPPING
    )
    train = Train.objects.filter(Q(cars__deployment=row, state=State.PAUSED) | stops).first()
    if train is None:
        return ""
    names = {"n": train.pk, "name": train.name}
    if train.state == State.PAUSED:
        return _("Its train, #%(n)d «%(name)s», is paused.") % names
    return _("Its train, #%(n)d «%(name)s», is being stopped.") % names


def keeps_image(image: Image) -> str | None:
    """The image of a release that a train under way has still to make is not discarded."""
    cars = Car.objects.filter(image=image, deployment=None, trouble="", train__state__in=Train.ACTIVE)
    car = cars.select_related("train").first()
    if car is None:
        return None
    return _("The train #%(n)d «%(name)s» is about to release it.") % {"n": car.train.pk, "name": car.train.name}
