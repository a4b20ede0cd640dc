"""Services and environments: made, changed, removed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from builds.models import Project
from builds.place import at
from containers import confirming
from containers.models import Deployment, Environment, Service, ServiceEnvironment
from containers.placement import stored
from containers.services import holders, queue, releases
from containers.services.planning import standing
from containers.services.settings import topic
from hosts.models import Segment
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team
from xqplatform.accounts.rights import require
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Refused

SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?")
# slug, title, title in Chinese, branch, colour, production
DEFAULTS = (
    ("isolated", "Isolated", "隔离", "sep", "azure", False),
    ("pre-release", "Pre-release", "预发布", "prod", "indigo", False),
    ("grey", "Grey", "灰度", "release", "secondary", False),
    ("production", "Production", "生产", "prod", "red", True),
)


def ensure_defaults() -> None:
    """Makes the four environments where there is none at all; what a person removed stays removed."""
    if Environment.objects.exists():
        return
    Environment.objects.bulk_create(
        [
            Environment(
                slug=slug,
                title=title,
                title_zh=title_zh,
                branch=branch,
                colour=colour,
                production=production,
                position=position,
            )
            for position, (slug, title, title_zh, branch, colour, production) in enumerate(DEFAULTS)
        ],
        ignore_conflicts=True,
    )


def create_service(actor: Actor, data: Mapping[str, Any]) -> Service:
    """Makes a service with its project and its places.

    `data`: slug, title, kind, team (pk or None), environments (slugs; none: all), instances (per place), and of the
    project: repository, repository_user, repository_password, subfolder, dockerfile, blueprint, registry, default_branch;
    or `project` (pk) of one that is there already.
    """
    slug = str(data.get("slug") or "").strip()
    team = _team(data.get("team"))
    require(actor, "service.create", team_id=team.pk if team else None, extra={"slug": slug[:60]})
    if not SLUG.fullmatch(slug):
        raise Refused(_("A name has small letters, digits and «-», at most 50."), "slug", 400)
    kind = data.get("kind") or Service.Kind.STATELESS
    if kind not in Service.Kind.values:
        raise Refused(_("Choose one of: %(choices)s.") % {"choices": ", ".join(Service.Kind.values)}, "kind", 400)
    environments = _environments(data.get("environments"))
    instances = data.get("instances", 1)
    if isinstance(instances, bool) or not isinstance(instances, int) or not 0 <= instances <= releases.MOST_INSTANCES:
        raise Refused(_("A number from 0 to %(most)s.") % {"most": releases.MOST_INSTANCES}, "instances", 400)
    title = str(data.get("title") or "").strip()
    if len(title) > 120:
        raise Refused(_("At most 120 characters."), "title", 400)
    if Service.objects.filter(slug=slug).exists():
        raise Refused(_("This name is taken."), "slug")
    try:
        with transaction.atomic():
            service = Service.objects.create(
                slug=slug, title=title, kind=kind, team=team, project=_project(actor, slug, team, data)
            )
            for environment in environments:
                service.places.create(environment=environment, wanted=instances)
            audit.record(
                actor,
                "service.create",
                service,
                after={"team": str(team or ""), "kind": kind, "environments": [e.slug for e in environments]},
            )
            live.bump("services", f"service:{slug}")
    except IntegrityError:
        raise Refused(_("This name is taken."), "slug") from None
    return service


def _project(actor: Actor, slug: str, team: Team | None, data: Mapping[str, Any]) -> Project:
    from builds.services.projects import save_project

    if data.get("project"):
        project = visible(actor, Project).filter(pk=data["project"], service=None).first()
        if project is None:
            raise Refused(_("This project is not there, or another service has it."), "project", 400)
        require(actor, "project.change", **at(project), obj=project)
        return project
    keys = (
        "repository", "repository_user", "repository_password", "subfolder", "dockerfile", "blueprint", "registry",
        "default_branch",
    )  # fmt: skip
    given = {key: data[key] for key in keys if data.get(key) not in (None, "")}
    return save_project(actor, None, {"name": slug, "team": team, **given})


def _team(value: Any) -> Team | None:
    if value in (None, ""):
        return None
    team = value if isinstance(value, Team) else None
    if team is None:
        by = {"pk": value} if isinstance(value, int) or str(value).isdigit() else {"slug": str(value)}
        team = Team.objects.filter(**by).first()
    if team is None:
        raise Refused(_("There is no such team."), "team", 400)
    return team


def _environments(slugs: Any) -> list[Environment]:
    if not slugs:
        return list(Environment.objects.all())
    if not isinstance(slugs, list | tuple) or not all(isinstance(slug, str) for slug in slugs):
        raise Refused(_("The environments must be a list of names."), "environments", 400)
    found = list(Environment.objects.filter(slug__in=slugs))
    unknown = set(slugs) - {environment.slug for environment in found}
    if unknown:
        raise Refused(_("There is no environment «%(name)s».") % {"name": min(unknown)}, "environments", 400)
    return found


def add_place(actor: Actor, service: Service, environment: Environment, instances: int = 1) -> ServiceEnvironment:
    """Gives the service a place in one more environment; the same again if it has one."""
    require(actor, "service.change", **service.at_in(environment.slug), obj=service)
    with transaction.atomic():
        place, made = service.places.get_or_create(environment=environment, defaults={"wanted": instances})
        if made:
            audit.record(actor, "service.change", service, after={"environment": environment.slug})
            live.bump("services", f"service:{service.slug}")
    return place


def change_service(actor: Actor, service: Service, data: Mapping[str, Any]) -> Service:
    """Changes title or team. Raises Refused with the field."""
    require(actor, "service.change", **service.at, obj=service)
    before = {"title": service.title, "team": str(service.team or "")}
    if "title" in data:
        title = str(data["title"] or "").strip()
        if len(title) > 120:
            raise Refused(_("At most 120 characters."), "title", 400)
        service.title = title
    if "team" in data:
        service.team = _team(data["team"])
        require(actor, "service.change", team_id=service.team_id, obj=service)
    old, new = audit.changed(before, {"title": service.title, "team": str(service.team or "")})
    if new:
        with transaction.atomic():
            service.save(update_fields=["title", "team"])
            audit.record(actor, "service.change", service, before=old, after=new)
            live.bump("services", f"service:{service.slug}")
    return service


def change_place(actor: Actor, place: ServiceEnvironment, data: Mapping[str, Any]) -> ServiceEnvironment:
    """Changes the place's branch, its segment or its rules of placement (for instances that come from now on)."""
    require(actor, "service.change", **place.at, obj=place)
    before = _shown_place(place)
    if "placement" in data:
        place.placement = _placement(actor, data["placement"], place.placement)
    if "branch" in data:
        branch = str(data["branch"] or "").strip()
        if len(branch) > 120 or any(c.isspace() for c in branch):
            raise Refused(_("A branch has no spaces and at most 120 characters."), "branch", 400)
        place.branch = branch
    if "segment" in data:
        value = data["segment"]
        segment = value if isinstance(value, Segment) else None
        if segment is None and value not in (None, ""):
            segment = Segment.objects.filter(slug=str(value)).first()
            if segment is None:
                raise Refused(_("There is no such segment."), "segment", 400)
        place.segment = segment
    old, new = audit.changed(before, _shown_place(place))
    if new:
        with transaction.atomic():
            # Only what was given: what somebody else changed meanwhile stays.
            given = {name: getattr(place, name) for name in ("branch", "segment", "placement") if name in data}
            ServiceEnvironment.objects.filter(pk=place.pk).update(**given)
            audit.record(actor, "service.change", place, before=old, after=new, parent=place.service)
            live.bump(f"service:{place.service.slug}", topic(place))
    return place


def _shown_place(place: ServiceEnvironment) -> dict[str, Any]:
    return {"branch": place.branch, "segment": str(place.segment or ""), "placement": place.placement}


def _placement(actor: Actor, data: Any, before: stored.Stored) -> stored.Stored:
    """Raises Refused, also for a service that the actor knows nothing of."""
    found = stored.parse(data)
    names = stored.named([found]) - stored.named([before])
    if unknown := names - set(visible(actor, Service).filter(slug__in=names).values_list("slug", flat=True)):
        raise Refused(_("There is no service «%(name)s».") % {"name": min(unknown)}, "placement.avoid", 400)
    return found


def remove_service(actor: Actor, service: Service, reason: str = "", *, confirm: str | None = None) -> list[Deployment]:
    """Starts a removal in each place where instances stand; the service counts as removed when the last has ended. `confirm`: its name,
    where data goes with them (None: whoever calls has asked for it).

    Raises Refused, before anything is begun, while a change is active in one of its places.
    """
    places = list(service.places.select_related("service", "environment"))
    for place in places:
        require(actor, "service.remove", **place.at, obj=service)
    require(actor, "service.remove", **service.at, obj=service)
    for place in places:
        holder = holders.held_by(place)
        if holder:
            raise Refused(f"{place.environment}: {holder}")
    with transaction.atomic():
        if confirm is not None:
            confirming.data_goes([one for place in places for one in standing(place)], service.slug, confirm)
        Service.objects.filter(pk=service.pk, removed=None).update(removal_asked=timezone.now())
        started = [
            releases.remove_place(actor, place, reason)
            for place in places
            if place.instances.filter(removed=None).exists()
        ]
        if not started:
            audit.record(actor, "service.remove", service, reason=reason)
        settle_removal(service)
        live.bump("services", f"service:{service.slug}")
    service.refresh_from_db()
    return started


def settle_removal(service: Service) -> None:
    """Marks the service as removed once nobody of it stands any more, if that was asked for."""
    still = ServiceEnvironment.objects.filter(service=service, instances__removed=None, instances__isnull=False)
    if still.exists():
        return
    changed = Service.objects.filter(pk=service.pk, removed=None, removal_asked__isnull=False)
    if changed.update(removed=timezone.now()):
        for place in service.places.select_related("service", "environment"):
            queue.end_all(place)
        live.bump("services", f"service:{service.slug}")


ENVIRONMENT_FIELDS = ("title", "title_zh", "branch", "colour", "production", "auto_repair", "position")


def save_environment(actor: Actor, environment: Environment | None, data: Mapping[str, Any]) -> Environment:
    """Makes (None) or changes an environment. `groups`: HostGroup rows, `segment`: a Segment row or None."""
    require(actor, "environment.manage", obj=environment)
    row = environment or Environment(slug=str(data.get("slug") or "").strip())
    if environment is None and (not SLUG.fullmatch(row.slug) or len(row.slug) > 40):
        raise Refused(_("A name has small letters, digits and «-», at most 40."), "slug", 400)
    if environment is None and "--" in row.slug:  # else «a--b» in «c» and «a» in «b--c» were one name at an nginx front
        raise Refused(_("A name has no two «-» one after the other."), "slug", 400)
    if environment is None and Environment.objects.filter(slug=row.slug).exists():
        raise Refused(_("There is an environment «%(slug)s» already.") % {"slug": row.slug}, "slug")
    before = _shown(environment) if environment is not None else {}
    for name in ENVIRONMENT_FIELDS:
        if name in data:
            setattr(row, name, data[name])
    if not row.title:
        row.title = row.slug
    if "segment" in data:
        row.segment = data["segment"]
    if "placement" in data:
        row.placement = _placement(actor, data["placement"], row.placement)
    with transaction.atomic():
        try:
            with transaction.atomic():
                row.save()
        except IntegrityError:  # another one of the name was made this moment
            raise Refused(_("There is an environment «%(slug)s» already.") % {"slug": row.slug}, "slug") from None
        if "groups" in data:
            row.groups.set(data["groups"])
        old, new = audit.changed(before, _shown(row))
        if new:
            action = "environment.create" if environment is None else "environment.change"
            audit.record(actor, action, row, before=old or None, after=new)
            live.bump("services")
    return row


def _shown(row: Environment) -> dict[str, Any]:
    return {
        **{name: getattr(row, name) for name in ENVIRONMENT_FIELDS},
        "segment": str(row.segment or ""),
        "placement": row.placement,
        "groups": sorted(str(group) for group in row.groups.all()),
    }


def remove_environment(actor: Actor, environment: Environment) -> None:
    """Removes an environment where no service has instances or a history."""
    require(actor, "environment.manage", obj=environment)
    if environment.places.filter(deployments__isnull=False).exists():
        raise Refused(_("Services were released in %(environment)s: its history stays.") % {"environment": environment})
    with transaction.atomic():
        environment.places.all().delete()
        audit.record(actor, "environment.remove", environment, before=_shown(environment))
        environment.delete()
        live.bump("services")
