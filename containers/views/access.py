"""Finding the row a page is about (404 when there is none), and what its viewer may do with it."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from builds.place import at
from containers.models import Deployment, Instance, Service, ServiceEnvironment
from containers.reading import places
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.http import actor_of as actor_of  # noqa: PLC0414  (views take it from here)
from xqplatform.accounts.rights import can, somewhere
from xqplatform.accounts.visibility import get_visible
from xqplatform.errors import Refused

RIGHTS = (
    "deploy", "scale", "restart", "operate", "change", "secrets", "remove", "logs", "terminal", "command",
)  # fmt: skip
NUMBER_LIMIT = 2**31


def get_service(actor: Actor, slug: str) -> Service:
    return get_visible(actor, Service.objects.select_related("team", "project__blueprint"), slug=slug, removed=None)


def get_place(actor: Actor, slug: str, environment: str) -> ServiceEnvironment:
    return get_visible(actor, places(), service__slug=slug, environment__slug=environment)


def get_deployment(actor: Actor, number: int) -> Deployment:
    rows = Deployment.objects.select_related(
        "place__service__team", "place__environment", "image__build", "old_image", "config", "old_config", "drain__host"
    )
    return get_visible(actor, rows, pk=min(number, NUMBER_LIMIT))


def get_instance(actor: Actor, number: int) -> Instance:
    rows = Instance.objects.select_related("place__service__team", "place__environment", "host", "address__segment")
    return get_visible(actor, rows, pk=min(number, NUMBER_LIMIT))


def may(actor: Actor, service: Service, environment: str | None = None) -> dict[str, bool]:
    """What the viewer may do there (without an environment: in any), for showing buttons; the verb asks again."""
    asks = partial(somewhere, actor) if environment is None else partial(can, actor, environment=environment)
    return {name: asks(f"service.{name}", **service.at) for name in RIGHTS} | {
        "build": can(actor, "build.start", **at(service.project))
    }


def numbers_of(values: list[str]) -> list[int]:
    """Ticked instance numbers. Raises Refused when nothing, or nonsense, is ticked."""
    found = sorted({int(v) for v in values if v.isascii() and v.isdigit() and len(v) < 10})
    if not found or len(found) != len(set(values)):
        raise Refused(_("Tick the instances first."), "instances", 400)
    return found


def reason_of(data: Any) -> str:
    return str(data.get("reason", "")).strip()[:2000]
