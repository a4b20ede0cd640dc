"""Secrets as a list: what they are of, how often and by whom they were set, how old they are, who uses them. Never a value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Model, Window
from django.db.models.functions import RowNumber
from django.urls import reverse
from django.utils.translation import gettext as _

from builds.models import Forge, Project
from containers.hooks import shape
from containers.models import ConfigVersion, Container, Service, ServiceEnvironment
from containers.reading import places
from containers.secret_versions import Secret, Settings, secrets_in
from containers.services.settings import secrets_of
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team
from xqplatform.accounts.visibility import visible
from xqplatform.audit.models import Event

MOST = 300  # versions of settings that are looked through


@dataclass(frozen=True)
class Row:
    """A secret. `number`: how often it was set; `changed` and `author`: the last time, as far as that is known."""

    name: str
    of: str
    link: str
    number: int | None = None
    changed: datetime | None = None
    author: str = ""
    users: tuple[str, ...] = ()
    outdated: bool = False  # somebody runs with an older value

    def old(self, now: datetime, days: int) -> bool:
        """Whether it has not been changed for so long; not known counts as long."""
        return self.changed is None or now - self.changed > timedelta(days=days)


@dataclass(frozen=True)
class Told:
    """What events say of one secret."""

    number: int | None = None
    changed: datetime | None = None
    author: str = ""


@dataclass
class Place:
    """The secrets of a service in an environment."""

    place: ServiceEnvironment
    secrets: list[Secret] = field(default_factory=list)


def of_places(rows: Iterable[ServiceEnvironment]) -> list[Place]:
    """Works versions and use out of the settings and of what stands there; two queries, however many places."""
    wanted = list(rows)
    newest = Window(RowNumber(), partition_by="place", order_by=F("version").desc())
    configs: dict[int, list[ConfigVersion]] = {}
    versions = ConfigVersion.objects.filter(place__in=wanted).annotate(nth=newest).filter(nth__lte=MOST)
    for config in versions.order_by("place", "version"):
        configs.setdefault(config.place_id, []).append(config)
    running: dict[int, list[tuple[str, int]]] = {}
    standing = Container.objects.filter(instance__place__in=wanted, instance__removed=None, ended=None)
    standing = standing.exclude(config=None).order_by("instance__place", "instance__number")
    for place, number, held in standing.values_list("instance__place", "instance__number", "config"):
        running.setdefault(place, []).append((f"#{number}", held))
    return [_of_place(row, configs.get(row.pk, []), running.get(row.pk, [])) for row in wanted]


def _of_place(place: ServiceEnvironment, rows: list[ConfigVersion], running: list[tuple[str, int]]) -> Place:
    history = [Settings(row.pk, row.version, row.author, row.created, secrets_of(row)) for row in rows]
    found = secrets_in(history, running)
    hooks = {shape.secret_key(one): f"{one.at} · {one.what}" for one in _hooks(rows[-1:]) if one.signed}
    for one in found:
        if one.name in hooks:
            one.signs = hooks[one.name]
            one.users.clear()
    return Place(place, found)


def _hooks(rows: Iterable[Any]) -> list[shape.Hook]:
    return [hook for row in rows for hook in shape.read(row.content.get("hooks"))]


def teams(actor: Actor) -> list[Team]:
    """Those that have services or projects which the actor sees."""
    own = visible(actor, Service.objects.filter(removed=None)).order_by().values_list("team", flat=True)
    built = visible(actor, Project.objects.all()).order_by().values_list("team", flat=True)
    return list(Team.objects.filter(pk__in={*own, *built} - {None}).order_by("slug"))


def of_team(actor: Actor, team: Team) -> list[Row]:
    """Secrets of its services and of its projects."""
    found = []
    for one in of_places(visible(actor, places().filter(service__team=team, service__removed=None))):
        name = f"{one.place.service.slug} · {one.place.environment.slug}"
        link = reverse("containers:secrets", args=[one.place.service.slug])
        found += [
            Row(
                secret.name, name, link, secret.number, secret.set_at, secret.author, _users(secret), secret.outdated
            )
            for secret in one.secrets
        ]  # fmt: skip
    return found + _of_projects(list(visible(actor, Project.objects.filter(team=team)).order_by("name")))


def _users(secret: Secret) -> tuple[str, ...]:
    if secret.signs:
        return (_("hook %(hook)s") % {"hook": secret.signs},)
    text = _("version %(number)s: %(users)s")
    return tuple(text % {"number": number, "users": ", ".join(who)} for number, who in sorted(secret.users.items()))


def _of_projects(projects: list[Project]) -> list[Row]:
    told = Events(Project, projects)
    forges = {row.project_id: row for row in Forge.objects.filter(project__in=projects)}
    serves = dict(Service.objects.filter(project__in=projects, removed=None).values_list("project", "slug"))
    found = []
    for row in projects:
        of, link = _("project %(name)s") % {"name": row.name}, reverse("builds:forge", args=[row.name])
        if row.pk in serves:
            link = reverse("containers:service", args=[serves[row.pk]])
        users = (_("builds of %(name)s") % {"name": serves.get(row.pk, row.name)},)
        if row.repository_password:
            found.append(row_of(_("repository password"), of, link, told.last(row, "repository_password"), users))
        if row.build_secrets:
            found.append(row_of(_("build secrets"), of, link, told.last(row, "build_secrets"), users))
        forge = forges.get(row.pk)
        if forge is not None:
            made = told.last(row, "", {"forge.secret"})
            made = Told(made.number or 1, forge.secret_made, made.author or forge.author_name)
            found.append(row_of(_("secret of the forge"), of, link, made, (forge.get_kind_display(),)))
            if forge.token:
                found.append(
                    row_of(_("token of the forge"), of, link, told.last(row, "token"), (forge.get_kind_display(),))
                )
    return found


class Events:
    """Who set what of these rows, by the audit log; one query."""

    def __init__(self, model: type[Model], rows: Iterable[Model]) -> None:
        kind, keys = model._meta.label_lower, [str(row.pk) for row in rows]
        found = Event.objects.filter(object_type=kind, object_id__in=keys, denied=False).order_by("id")
        self._of: dict[str, list[Any]] = {}
        for event in found.only("time", "actor", "action", "after", "object_id"):
            self._of.setdefault(event.object_id, []).append(event)

    def last(self, row: Model, word: str, actions: set[str] | None = None) -> Told:
        """`word`: what stands in an event that set it; events that made the row set whatever it had."""
        events = [one for one in self._of.get(str(row.pk), []) if self._sets(one, word, actions)]
        return Told(len(events), events[-1].time, events[-1].actor) if events else Told()

    @staticmethod
    def _sets(event: Any, word: str, actions: set[str] | None) -> bool:
        if actions is not None:
            return event.action in actions and (not word or word in (event.after or {}) or not event.before)
        return event.action.endswith(".create") or (bool(word) and word in (event.after or {}))


def row_of(name: str, of: str, link: str, told: Told, users: tuple[str, ...]) -> Row:
    return Row(name, of, link, told.number, told.changed, told.author, users)
