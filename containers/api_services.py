"""REST API of services: their places in environments, versions of their images, and settings."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Router, Status

from builds.versions import versions
from containers.api_shared import clean, page, place_of, standing_of
from containers.as_json import config_json, deployment_json, place_json, services_json
from containers.models import ConfigVersion, Environment, Service
from containers.schemas import (
    MOST,
    ChangeOut,
    ConfigIn,
    ConfigOut,
    DeploymentOut,
    Paged,
    PlaceOut,
    ServiceChange,
    ServiceNew,
    ServiceOut,
    VersionOut,
)
from containers.services import catalog
from containers.services import settings as settings_verbs
from containers.views.access import get_deployment, get_service
from containers.views.settings import changes
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Refused

router = Router(tags=["services"])


@router.get("/services", response=list[ServiceOut])
def list_services(request: HttpRequest, paged: Query[Paged], team: str = "") -> Any:
    rows = visible(actor_of(request), Service).filter(removed=None).select_related("team", "project").order_by("slug")
    if paged.q:
        rows = rows.filter(slug__icontains=clean(paged.q))
    if team:
        rows = rows.filter(team__slug=clean(team))
    return services_json(page(rows, paged))


@router.post("/services", response={201: ServiceOut})
def create_service(request: HttpRequest, body: ServiceNew) -> Any:
    row = catalog.create_service(actor_of(request), body.dict())
    return Status(201, services_json([row])[0])


@router.get("/services/{slug}", response=ServiceOut)
def show_service(request: HttpRequest, slug: str) -> Any:
    return services_json([get_service(actor_of(request), clean(slug))])[0]


@router.patch("/services/{slug}", response=ServiceOut)
def change_service(request: HttpRequest, slug: str, body: ServiceChange) -> Any:
    row = catalog.change_service(
        actor_of(request), get_service(actor_of(request), clean(slug)), body.dict(exclude_unset=True)
    )
    return services_json([row])[0]


@router.delete("/services/{slug}", response={202: list[DeploymentOut]})
def remove_service(request: HttpRequest, slug: str, reason: str = "", confirm: str = "") -> Any:
    """Starts a removal in each environment where instances stand; none: it is gone at once. Where data goes with it, `confirm` is the
    service's name, else it is refused with what would go.
    """
    service = get_service(actor_of(request), clean(slug))
    started = catalog.remove_service(actor_of(request), service, clean(reason)[:2000], confirm=clean(confirm))
    return Status(202, [deployment_json(get_deployment(actor_of(request), row.pk)) for row in started])


@router.put("/services/{slug}/{environment}", response={201: PlaceOut})
def add_place(request: HttpRequest, slug: str, environment: str) -> Any:
    """Gives the service a place in one more environment."""
    found = get_object_or_404(Environment, slug=clean(environment))
    place = catalog.add_place(actor_of(request), get_service(actor_of(request), clean(slug)), found)
    return Status(201, place_json(standing_of(request, place.service.slug, environment)))


@router.get("/services/{slug}/{environment}", response=PlaceOut)
def show_place(request: HttpRequest, slug: str, environment: str) -> Any:
    return place_json(standing_of(request, slug, environment))


@router.get("/services/{slug}/{environment}/versions", response=list[VersionOut], tags=["versions"])
def list_versions(
    request: HttpRequest, slug: str, environment: str, all: bool = False, limit: int = Query(50, ge=1, le=MOST)
) -> Any:
    """The version list of the environment's branch (or of all branches), newest commit first."""
    place = place_of(request, slug, environment)
    branch = "" if all else place.branch or place.environment.branch
    return [
        {
            "image": v.image.pk if v.image else None,
            "tag": v.image.tag if v.image else None,
            "digest": v.image.digest if v.image else None,
            "build": v.build.pk if v.build else None,
        }
        | {n: getattr(v, n) for n in ("revision", "branch", "status", "time", "author", "message", "base", "running")}
        for v in versions(place.service.project, branch, limit=limit)
    ]


@router.get("/services/{slug}/{environment}/settings", response=list[ConfigOut], tags=["settings"])
def list_settings(request: HttpRequest, slug: str, environment: str) -> Any:
    """The settings versions, newest first. Values of secrets are never shown."""
    return [config_json(row) for row in place_of(request, slug, environment).configs.all()[:MOST]]


@router.post("/services/{slug}/{environment}/settings", response={201: ConfigOut}, tags=["settings"])
def save_settings(request: HttpRequest, slug: str, environment: str, body: ConfigIn) -> Any:
    """Saves a new version; it takes effect with the next release. The same as the newest: that one is returned."""
    if "secrets" in body.settings:
        raise Refused(_("Secrets stand beside `settings`, not in them."), "settings", 400)
    place = place_of(request, slug, environment)
    data = body.settings | {"secrets": body.secrets}
    row = settings_verbs.save_config(actor_of(request), place, data, clean(body.reason))
    return Status(201, config_json(visible(actor_of(request), ConfigVersion).get(pk=row.pk)))


@router.get("/services/{slug}/{environment}/settings/diff", response=list[ChangeOut], tags=["settings"])
def diff_settings(
    request: HttpRequest,
    slug: str,
    environment: str,
    a: int = Query(ge=1, le=10_000_000),
    b: int = Query(ge=1, le=10_000_000),
) -> Any:
    place = place_of(request, slug, environment)
    old = get_object_or_404(place.configs, version=a)
    new = get_object_or_404(place.configs, version=b)
    return [{"setting": name, "before": before, "after": after} for name, before, after in changes(old, new)]
