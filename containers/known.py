"""What must not be seen of a place: secrets of the settings that run there or may, beside the platform's own."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from containers.models import ConfigVersion, Container, Instance
from xqplatform.secrets import known
from xqplatform.secrets.known import Stored
from xqplatform.secrets.masking import Masker

COLUMN = "containers.configversion.secrets"
NEWEST = 30  # versions; of older ones only those that something still runs with
known.SCOPED[COLUMN] = known.values_of_json


def of_place(place: int) -> Masker:
    """Of a place, by its key. Asks the database, at most every two seconds."""
    return known.scoped(f"place:{place}", lambda: _stored(place))


def of_instance(instance: int) -> Masker:
    """Of the place that an instance belongs to, by the instance's key."""
    place = Instance.objects.filter(pk=instance).values_list("place", flat=True).first()
    return of_place(place) if place is not None else known.platform()


def _stored(place: int) -> Iterator[Stored]:
    rows = ConfigVersion.objects.filter(place=place).order_by()
    newest = list(rows.order_by("-version").values_list("pk", flat=True)[:NEWEST])
    running = Container.objects.filter(instance__place=place, ended=None, config__isnull=False).values("config")
    found = rows.filter(Q(pk__in=newest) | Q(pk__in=running)).exclude(secrets="")
    for token in found.values_list("secrets", flat=True).distinct():
        yield COLUMN, token
