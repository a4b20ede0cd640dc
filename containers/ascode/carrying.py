"""A plan carried out: each change by the verb that the page of that setting calls, environments before services."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, time
from typing import Any

from django.utils.translation import gettext as _

from builds.forges import services as forges
from builds.models import Blueprint, Registry
from builds.services.projects import save_project
from containers.ascode import parts, state
from containers.ascode.merge import content_of
from containers.ascode.plans import Plan, Target, within
from containers.ascode.source import Path
from containers.automatic import services as automatic
from containers.gates import services as gates
from containers.gates.sets import Scope
from containers.guardrails import services as guardrails
from containers.hooks.shape import SECRET
from containers.models import Environment, Service, ServiceEnvironment
from containers.services import catalog, releases
from containers.services.settings import save_config
from hosts.models import HostGroup, Segment
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused

Json = dict[str, Any]
WORDS = {"wanted": "instances"}  # verbs' names of fields that are called otherwise in a document
OWN = ("title", "title_zh", "branch", "colour", "production", "auto_repair", "position", "groups", "segment")


def carry_out(actor: Actor, plan: Plan, secrets: Mapping[str, str], reason: str) -> None:
    """`secrets`: by the names of `Plan.needs`. Raises Refused with line and path; call it in a transaction.

    Rules of placement come when all is there that they may name.
    """
    environments = [target for target in plan.targets if target.given.kind == "Environment"]
    services = []
    for target in environments:
        _environment(actor, target, reason)
    for target in plan.targets:
        if target.given.kind != "Environment":
            mark = f"{target.given.key}:"
            own = {name.removeprefix(mark): value for name, value in secrets.items() if name.startswith(mark)}
            services.append(_Service(actor, target, own, reason))
    for one in services:
        one.make()
    for target in environments:
        _placement(actor, target)
    for one in services:
        one.carry_out()


@contextmanager
def at(target: Target, *path: str | int) -> Iterator[None]:
    """What a verb refuses in here is about this part of the document."""
    try:
        yield
    except Refused as refused:
        field = refused.field if refused.field and path[-1:] != (WORDS.get(refused.field, refused.field),) else None
        raise target.refused(refused, (*path, *field.split(".")) if field else path) from refused


def _named(model: Any, name: str, field: str | None, key: str = "slug") -> Any:
    """The row that a document names; None for no name. Raises Refused."""
    if not name:
        return None
    row = model.objects.filter(**{key: name}).first()
    if row is None:
        raise Refused(_("There is no «%(name)s».") % {"name": name}, field, 400)
    return row


# --- Environments --------------------------------------------------------------------------------------------------


def _environment(actor: Actor, target: Target, reason: str) -> None:
    changed = {change.path[0] for change in target.changes}
    row = target.now.row if isinstance(target.now.row, Environment) else None
    own = {name: target.wanted[name] for name in OWN if name in changed or row is None}
    with at(target):
        if "segment" in own:
            own["segment"] = _named(Segment, own["segment"], "segment")
        if "groups" in own:
            own["groups"] = [_named(HostGroup, name, "groups") for name in own["groups"]]
        if own:
            row = catalog.save_environment(actor, row, own | {"slug": target.given.name})
    assert row is not None
    rules = {change.path[1] for change in target.changes if change.path[0] == "guardrails"}
    if target.new and target.given.data.get("guardrails") is not None:
        rules = set(target.wanted["guardrails"])  # against what holds for a new one, which may be more than nothing
    if rules:
        with at(target, "guardrails"):
            data = {name: target.wanted["guardrails"][name] for name in rules}
            guardrails.save_rules(actor, row, data, reason)
    _freezes(actor, target, row, reason)
    _gates(actor, target, Scope(environment=row), (), reason)


def _gates(actor: Actor, target: Target, scope: Scope, path: Path, reason: str) -> None:
    """Rules are given with the mode, so that own ones begin with what was shown."""
    at_ = len(path)
    changed = {one.path[at_ + 1] for one in target.changes if one.path[: at_ + 1] == (*path, "gates")}
    if changed:
        found: Any = target.wanted
        for part in path:
            found = found[part]
        with at(target, *path, "gates"):
            names = changed | ({"rules"} if "mode" in changed else set())
            gates.save(actor, scope, {name: found["gates"][name] for name in names}, reason)


def _freezes(actor: Actor, target: Target, row: Environment, reason: str) -> None:
    wanted, given = target.wanted["freezes"], target.given.data.get("freezes") or []
    standing = state.freezes_of(row)
    for freeze, window in standing:
        if window not in wanted:
            guardrails.remove_freeze(actor, freeze, reason)
    for window in wanted:
        if window not in [one for _row, one in standing]:
            with at(target, "freezes", given.index(window)):
                guardrails.add_freeze(actor, row, _window(window))


def _window(window: Json) -> Json:
    """As the verb takes it: with times and moments."""
    clock = {name: time.fromisoformat(window[name]) for name in ("start", "end") if name in window}
    moments = {name: datetime.fromisoformat(window[name]) for name in ("starts", "ends") if name in window}
    return window | clock | moments


def _placement(actor: Actor, target: Target) -> None:
    if any(change.path[0] == "placement" for change in target.changes):
        row = Environment.objects.get(slug=target.given.name)
        with at(target):
            catalog.save_environment(actor, row, {"placement": target.wanted["placement"]})


# --- Services ------------------------------------------------------------------------------------------------------


class _Service:
    """One service's document; `secrets`: values by their paths."""

    def __init__(self, actor: Actor, target: Target, secrets: Mapping[str, str], reason: str) -> None:
        self.actor, self.target, self.secrets, self.reason = actor, target, secrets, reason
        self.wanted = target.wanted
        self.made: Service | None = None

    def make(self) -> None:
        """The service itself, where there is none yet."""
        row = self.target.now.row
        self.made = row if isinstance(row, Service) else self.new()

    def carry_out(self) -> None:
        service = self.made
        assert service is not None
        self.project(service)
        for change in self.changes_of_places("added"):
            if not self.target.new:
                self.add(service, change)
        places = {
            p.environment.slug: p for p in service.places.select_related("service", "environment", "config", "segment")
        }
        for name in sorted({change.path[1] for change in self.target.changes if change.path[0] == "environments"}):
            self.place(places[name], {change.path[2] for change in self.of_place(name)})
        for change in self.changes_of_places("removed"):
            with at(self.target, "environments"):
                releases.remove_place(self.actor, places[change.path[1]], self.reason)
        own = {change.path[0] for change in self.target.changes} & {"title", "team"}
        if own and not self.target.new:  # last: the team decides who may do the rest
            with at(self.target):
                catalog.change_service(self.actor, service, {name: self.wanted[name] for name in own})

    def changes_of_places(self, kind: str) -> list[Any]:
        return [
            one
            for one in self.target.changes
            if one.kind == kind and len(one.path) == 2 and one.path[0] == "environments"
        ]

    def of_place(self, name: str) -> list[Any]:
        return [one for one in self.target.changes if one.path[:2] == ("environments", name) and len(one.path) > 2]

    def new(self) -> Service:
        data = {name: self.wanted[name] for name in ("title", "team")} | {"slug": self.target.given.name}
        data |= {"kind": self.wanted["type"], "environments": list(self.wanted["environments"])}
        with at(self.target):
            service = catalog.create_service(self.actor, data)
        for name, place in self.wanted["environments"].items():
            if place["instances"] != 1:
                with at(self.target, "environments", name, "instances"):
                    releases.scale(self.actor, self.place_of(service, name), place["instances"], self.reason)
        return service

    def place_of(self, service: Service, name: str) -> ServiceEnvironment:
        return service.places.select_related("service", "environment").get(environment__slug=name)

    def project(self, service: Service) -> None:
        changed = {change.path[1] for change in self.target.changes if change.path[0] == "project"}
        wanted = self.wanted["project"]
        data: Json = {name: wanted[name] for name in changed - {"forge"} if name in wanted}
        if "forge" in changed:
            self.forge(service)
        if "project.repository_password" in self.secrets:
            data["repository_password"] = self.secrets["project.repository_password"]
        else:
            data.pop("repository_password", None)
        if "build_secrets" in data:
            names = wanted["build_secrets"]
            data["build_secrets"] = {name: self.secrets.get(f"project.build_secrets.{name}", "") for name in names}
        if not data:
            return
        with at(self.target, "project"):
            for name, model in (("blueprint", Blueprint), ("registry", Registry)):
                if name in data:
                    data[name] = _named(model, data[name], name, "name")
            save_project(self.actor, service.project, data)

    def forge(self, service: Service) -> None:
        with at(self.target, "project", "forge"):
            if forges.of(service.project) is None:
                raise Refused(_("Set up the forge on its page first: its secret is shown there, once."))
            forges.save(self.actor, service.project, self.wanted["project"]["forge"])

    def add(self, service: Service, change: Any) -> None:
        name = change.path[1]
        with at(self.target, "environments", name):
            environment = _named(Environment, name, None)
            catalog.add_place(self.actor, service, environment, change.after["instances"])

    def place(self, place: ServiceEnvironment, changed: set[str]) -> None:
        name = place.environment.slug
        wanted = self.wanted["environments"].get(name)
        if wanted is None:
            return
        with at(self.target, "environments", name):
            if named := changed & {"branch", "segment", "placement"}:
                catalog.change_place(self.actor, place, {key: wanted[key] for key in named})
        _gates(self.actor, self.target, Scope(place=place), ("environments", name), self.reason)
        if "automatic" in changed:
            with at(self.target, "environments", name, "automatic"):
                automatic.save(self.actor, place, wanted["automatic"])
        for key in sorted(changed & parts.PARTS.keys()):
            with at(self.target, "environments", name, key):
                parts.PARTS[key].save(self.actor, place, wanted[key], self.reason)
        if "settings" in changed:
            self.settings(place, wanted["settings"])
        if "instances" in changed:
            with at(self.target, "environments", name, "instances"):
                releases.scale(self.actor, place, wanted["instances"], self.reason)

    def settings(self, place: ServiceEnvironment, wanted: Json) -> None:
        path: Path = ("environments", place.environment.slug, "settings")
        base = ".".join(map(str, path))
        values = {
            name: self.secrets[f"{base}.secrets.{name}"]
            for name in wanted["secrets"]
            if f"{base}.secrets.{name}" in self.secrets
        }
        for hook in wanted["hooks"]:
            if f"{base}.hooks.{hook['name']}.secret" in self.secrets:
                values[f"{SECRET}{hook['name']}"] = self.secrets[f"{base}.hooks.{hook['name']}.secret"]
        try:
            save_config(self.actor, place, content_of(wanted) | {"secrets": values}, self.reason)
        except Refused as refused:
            parts = (refused.field or "").split(".")
            found = within(self.target.given, place.environment.slug, wanted, parts)
            raise self.target.refused(refused, path + found) from refused
