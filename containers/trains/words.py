"""Trains in words."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from containers.models import Car
from containers.trains.rows import back_of, release_of

MOST = 3


def name_of(car: Car) -> str:
    return f"{car.place.service.slug}/{car.place.environment.slug}"


def troubles(cars: Sequence[Car]) -> list[str]:
    """Which cars failed, and why; the first few."""
    bad = [car for car in cars if release_of(car) == "bad"]
    said = [f"{name_of(car)}: {trouble(car)}" for car in bad[:MOST]]
    return [*said, _("And %(n)d more.") % {"n": len(bad) - MOST}] if len(bad) > MOST else said


def trouble(car: Car) -> str:
    if car.trouble or car.deployment is None:
        return car.trouble
    outcome = car.deployment.outcome or str(car.deployment.get_state_display())
    return f"#{car.deployment.pk}: {outcome}"


def ended(cars: Sequence[Car]) -> str:
    """What became of it."""
    good = sum(release_of(car) == "good" for car in cars)
    left = sum(release_of(car) == "new" for car in cars)
    words = [_("%(good)d of %(all)d releases succeeded.") % {"good": good, "all": len(cars)}]
    if left:
        words.append(_("%(n)d did not begin.") % {"n": left})
    backs = [back_of(car) for car in cars]
    if any(backs):
        words.append(_("%(n)d were brought back.") % {"n": backs.count("done")})
    for car in [car for car in cars if car.back_trouble][:MOST]:
        words.append(f"{name_of(car)}: {car.back_trouble}")
    return " ".join([*words, *troubles(cars)])
