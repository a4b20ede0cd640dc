"""What the operations of services, deployments and instances have in common."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Status

from containers.as_json import deployment_json
from containers.models import Deployment, ServiceEnvironment
from containers.reading import Standing, standings
from containers.schemas import DeployIn, Paged, ReasonIn, ScaleIn
from containers.views.access import get_place
from xqplatform.accounts.http import actor_of
from xqplatform.errors import Refused

NO_REASON = ReasonIn.model_validate({})
SHOWN = ("place__service", "place__environment", "image", "old_image", "config", "old_config")


def accepted(response: HttpResponse, row: Deployment) -> Status[dict[str, Any]]:
    """202 with the address where the work can be followed."""
    response["Location"] = f"/api/v1/deployments/{row.pk}"
    made = Deployment.objects.select_related(*SHOWN)  # visible: who made it may see it
    return Status(202, deployment_json(made.get(pk=row.pk)))


def page(rows: QuerySet[Any], paged: Paged) -> list[Any]:
    return list(rows[paged.offset : paged.offset + paged.limit])


def clean(text: str) -> str:
    if "\x00" in text:
        raise Refused(_("NUL characters are not allowed."), None, 400)
    return text


def place_of(request: HttpRequest, slug: str, environment: str) -> ServiceEnvironment:
    return get_place(actor_of(request), clean(slug), clean(environment))


def standing_of(request: HttpRequest, slug: str, environment: str) -> Standing:
    place = place_of(request, slug, environment)
    return standings([place])[place.pk]


def chosen_addresses(body: DeployIn | ScaleIn) -> dict[int, str]:
    return {number: clean(ip)[:45] for number, ip in body.addresses.items()}


def chosen_hosts(body: DeployIn | ScaleIn) -> dict[int, str]:
    return {number: clean(names)[:400] for number, names in body.hosts.items()}
