"""Which rows of this app, and of those below that name services, teams own (`xqplatform.accounts.visibility`)."""

from __future__ import annotations

from django.db.models import Model, Q

from builds import models as builds
from containers import models
from xqplatform.accounts.visibility import NAMES, TOPICS, owned, owned_if
from xqplatform.alerts.models import Silence
from xqplatform.notices.models import Subscription

OF_PLACE = "place__service__team"
OF_RELEASE = "deployment__place__service__team"
OF_INSTANCE = "instance__place__service__team"
PATHS: dict[type[Model], str] = {
    models.Service: "team",
    models.ServiceEnvironment: "service__team",
    models.ConfigVersion: OF_PLACE,
    models.Deployment: OF_PLACE,
    models.Step: OF_RELEASE,
    models.GateRules: OF_PLACE,
    models.GateRun: OF_RELEASE,
    models.Instance: OF_PLACE,
    models.InstanceEvent: OF_INSTANCE,
    models.Container: OF_INSTANCE,
    models.PersistedFolder: OF_INSTANCE,
    models.Serving: OF_INSTANCE,
    models.Upstream: OF_PLACE,
    models.AutomaticRule: OF_PLACE,
    models.AutomaticRelease: OF_PLACE,
    models.Endpoint: OF_INSTANCE,
    models.AppliedFile: "service__team",
    models.ConfirmedPlan: OF_RELEASE,
    models.CallBlock: OF_RELEASE,
    models.HookRun: OF_PLACE,
    models.Terminal: OF_INSTANCE,
    models.TerminalPiece: "terminal__instance__place__service__team",
    models.CommandRun: OF_INSTANCE,
    models.CommandPiece: "run__instance__place__service__team",
    models.KeptLog: OF_INSTANCE,
    models.MovedVolume: OF_INSTANCE,
    models.BrokenGlass: OF_RELEASE,
    models.Approval: OF_RELEASE,
    # One car of a closed team hides the whole train: its order and its times tell of it.
    models.Train: "cars__place__service__team",
    models.Car: OF_PLACE,
}


def _of_services(teams: frozenset[int]) -> Q:
    """What names a service as text."""
    return Q(service__in=models.Service.objects.filter(team__in=teams).values("slug"))


def _templates(teams: frozenset[int]) -> Q:
    """A template names the services of its cars in its content: those of few rows."""
    slugs = set(models.Service.objects.filter(team__in=teams).values_list("slug", flat=True))
    rows = models.TrainTemplate.objects.values_list("pk", "content")
    found = [pk for pk, content in rows if any(car.get("service") in slugs for car in content.get("cars", []))]
    return Q(pk__in=found)


def _names(teams: frozenset[int]) -> list[str]:
    return list(models.Service.objects.filter(team__in=teams).values_list("slug", flat=True))


def register() -> None:
    NAMES.append(_names)
    for topic in ("service", "run", "automatic"):
        TOPICS[topic] = (models.Service, "slug")
    TOPICS["release"] = (models.Deployment, "pk")
    TOPICS["instance"] = (models.Instance, "pk")
    TOPICS["terminal"] = (models.Terminal, "pk")
    TOPICS["command"] = (models.CommandRun, "pk")
    TOPICS["train"] = (models.Train, "pk")
    for model, path in PATHS.items():
        owned(model, path)
    owned_if(models.TrainTemplate, _templates)
    owned_if(Silence, _of_services)
    owned_if(Subscription, _of_services)
    # A service may have been given to another team than its project.
    owned(builds.Project, "service__team")
    for model in (builds.Build, builds.Image, builds.Forge, builds.Badge, builds.WaveItem):
        owned(model, "project__service__team")
    for model in (builds.ForgeDelivery, builds.ForgeStatus):
        owned(model, "forge__project__service__team")
    owned(builds.BuildLine, "build__project__service__team")
