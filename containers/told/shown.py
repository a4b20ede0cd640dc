"""What the instance's page says of what its application tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.conf import settings

from containers.config import Config
from containers.config_told import Told
from containers.models import Ear, Endpoint, Instance
from containers.told.ears import STATSD
from xqplatform import metrics
from xqplatform.metrics import catalogue

WITHIN = 300.0  # seconds


@dataclass
class Shown:
    """`values`: name, newest value, unit. `statsd`: the port on which the platform hears, 0 for none; `deaf`: why it does not."""

    endpoint: Told
    row: Endpoint | None = None
    addressed: bool = True
    values: list[tuple[str, float, str]] = field(default_factory=list)
    at: datetime | None = None
    statsd: int = 0
    deaf: str = ""

    @property
    def url(self) -> str:
        return f":{self.endpoint.port}{self.endpoint.path}"

    @property
    def any(self) -> bool:
        """Whether there is something to say."""
        return bool(self.endpoint.port or self.values)


def told_of(instance: Instance, config: Config) -> Shown:
    subject = f"instance:{instance.pk}"
    at, values = metrics.latest([subject], within=WITHIN).get(subject, (0.0, {}))
    own = {name: value for name, value in values.items() if name.startswith(catalogue.APP)}
    shown = Shown(
        config.metrics,
        addressed=instance.address is not None,
        values=[(name.removeprefix(catalogue.APP), own[name], catalogue.find(name).unit) for name in sorted(own)],
        at=datetime.fromtimestamp(at, UTC) if own else None,
        statsd=settings.STATSD_PORT,
    )
    if config.metrics.port:
        shown.row = getattr(instance, "endpoint", None)
    if settings.STATSD_PORT:
        shown.deaf = next(iter(Ear.objects.filter(name=STATSD).values_list("trouble", flat=True)), "")
    return shown
