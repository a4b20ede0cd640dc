"""What is set now, from rows, in the words of a document."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.db.models import Prefetch
from django.utils import timezone

from builds.services import projects
from containers.ascode import parts, rendering
from containers.ascode.merge import AUTOMATIC, settings_of
from containers.ascode.readers import KEPT
from containers.config import Config, parse
from containers.gates import services as gates
from containers.gates import sets
from containers.guardrails import services as guardrails
from containers.hooks import shape
from containers.models import Deployment, Environment, Freeze, Instance, Service, ServiceEnvironment
from containers.services.settings import secrets_of
from xqplatform.errors import Refused

Json = dict[str, Any]


@dataclass(frozen=True)
class Now:
    """A thing as it is. `state` is None where it is not there; `stored`: paths of secrets that have a value;
    `removable`: environments in which instances stand and are not being removed.
    """

    state: Json | None
    row: Service | Environment | None = None
    stored: frozenset[str] = frozenset()
    removable: frozenset[str] = frozenset()


def of(kind: str, name: str) -> Now:
    if kind == "Service":
        service = services().filter(slug=name).first()
        return Now(None) if service is None else of_service(service)
    environment = Environment.objects.select_related("segment").filter(slug=name).first()
    return Now(None) if environment is None else of_environment(environment)


def services() -> Any:
    """Services that are not removed, with all that `of_service` reads."""
    active = Deployment.objects.filter(state__in=Deployment.ACTIVE)
    standing = Instance.objects.filter(removed=None).only("pk", "place_id")
    places = ServiceEnvironment.objects.select_related(
        "environment", "segment", "config", "gates", "automatic", *parts.related()
    ).order_by("environment__position", "environment__slug")
    places = places.prefetch_related(
        Prefetch("deployments", active, to_attr="under_way"), Prefetch("instances", standing, to_attr="standing")
    )
    rows = Service.objects.filter(removed=None).select_related(
        "team", "project__blueprint", "project__registry", "project__forge"
    )
    return rows.prefetch_related(Prefetch("places", places, to_attr="all_places"))


def of_service(row: Any) -> Now:
    """`row`: of `services()`."""
    stored: set[str] = set()
    state: Json = {
        "title": row.title,
        "team": row.team.slug if row.team else "",
        "type": str(row.kind),
        "project": _project(row.project),
        "environments": {},
    }
    stored |= {"project.repository_password"} if row.project.repository_password else set()
    stored |= {f"project.build_secrets.{name}" for name in state["project"]["build_secrets"]}
    removable = set()
    for place in row.all_places:
        slug = place.environment.slug
        state["environments"][slug] = _place(place)
        stored |= {f"environments.{slug}.settings.{name}" for name in _stored(place)}
        leaving = any(one.kind == Deployment.Kind.REMOVE for one in place.under_way)
        removable |= {slug} if place.standing and not leaving else set()
    return Now(state, row, frozenset(stored), frozenset(removable))


def _project(row: Any) -> Json:
    found: Json = {
        "repository": row.repository,
        "repository_user": row.repository_user,
        "default_branch": row.default_branch,
        "subfolder": row.subfolder,
        "dockerfile": row.dockerfile,
        "blueprint": row.blueprint.name if row.blueprint else "",
        "registry": row.registry.name if row.registry else "",
        "network": row.network,
        "build_arguments": dict(row.build_arguments or {}),
        "build_secrets": dict.fromkeys(projects.secrets_of(row), KEPT),
        "forge": {},
    }
    if (forge := getattr(row, "forge", None)) is not None:
        found["forge"] = {name: getattr(forge, name) for name in ("kind", "enabled", "branches", "tags")}
    return found | ({"repository_password": KEPT} if row.repository_password else {})


def _place(place: Any) -> Json:
    return {
        "instances": wanted(place, place.under_way),
        "branch": place.branch,
        "segment": place.segment.slug if place.segment else "",
        "gates": _gates(place),
        "placement": place.placement,
        "automatic": _automatic(place),
        **parts.states(place),
        "settings": settings_of(config_of(place)),
    }


def _automatic(place: Any) -> Json:
    row = getattr(place, "automatic", None)
    return {key: AUTOMATIC[key] if row is None else getattr(row, key) for key in AUTOMATIC}


def _gates(thing: Any) -> Json:
    """Of a place or an environment: what is set there, whether it counts or not; only an environment's can bind."""
    row = getattr(thing, "gates", None)
    found = sets.Rules(sets.MODE.INHERIT) if row is None else sets.of_row(row)
    return {
        key: value for key, value in gates.shown(found).items() if key != "binding" or isinstance(thing, Environment)
    }


def wanted(place: ServiceEnvironment, under_way: Iterable[Deployment]) -> int:
    """How many instances the place is to have: what a change of that number under way leads to, else what is noted."""
    for one in under_way:
        if one.kind == Deployment.Kind.SCALE and one.state != Deployment.State.ROLLING_BACK:
            return one.wanted
    return place.wanted


def config_of(place: ServiceEnvironment) -> Config:
    try:
        return parse(place.config.content) if place.config is not None else Config()
    except Refused:
        return Config()


def _stored(place: Any) -> list[str]:
    names = secrets_of(place.config)
    mark = shape.SECRET
    return [f"hooks.{n.removeprefix(mark)}.secret" if n.startswith(mark) else f"secrets.{n}" for n in names]


def of_environment(row: Environment) -> Now:
    state = {
        "title": row.title,
        "title_zh": row.title_zh,
        "branch": row.branch,
        "colour": row.colour,
        "production": row.production,
        "auto_repair": row.auto_repair,
        "position": row.position,
        "groups": sorted(row.groups.values_list("slug", flat=True)),
        "segment": row.segment.slug if row.segment else "",
        "guardrails": guardrails.shown(row),
        "freezes": [window for _, window in freezes_of(row)],
        "gates": _gates(row),
        "placement": row.placement,
    }
    return Now(state, row)


def freezes_of(row: Environment) -> list[tuple[Freeze, Json]]:
    """The windows that are not over, with what a document says of each."""
    rows = row.freezes.select_related("calendar").exclude(kind=Freeze.Kind.ONCE, ends__lte=timezone.now())
    return [(one, _freeze(one)) for one in rows]


def _freeze(row: Freeze) -> Json:
    found = {key: value for key, value in guardrails.freeze_json(row).items() if key != "id"}
    for name, moment in (("starts", row.starts), ("ends", row.ends)):
        if name in found and moment is not None:
            found[name] = moment.astimezone(UTC).isoformat()
    return found


def text_of(kind: str, name: str) -> str:
    """The thing as a document; empty when it is not there any more."""
    now = of(kind, name)
    return rendering.document(kind, name, now.state) if now.state is not None else ""
