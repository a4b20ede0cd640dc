"""The sample service: what a newcomer builds and releases first."""

from __future__ import annotations

from builds.sample import make_sample_repository
from containers.models import Environment, Service
from containers.services.catalog import create_service, ensure_defaults
from containers.services.settings import save_config
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team
from xqplatform.accounts.rights import can

NAME = "hello"


def may_make(actor: Actor) -> bool:
    """For showing the button; the verb asks again."""
    team = Team.objects.order_by("pk").first()
    return can(actor, "service.create", team_id=team.pk if team else None)


def make_sample(actor: Actor) -> Service:
    """Makes the sample's repository and the service `hello` in the first environment; the same again if it is there.

    Raises Refused when this machine has no static busybox.
    """
    there = Service.objects.filter(slug=NAME, removed=None).first()
    if there is not None:
        return there
    repository = make_sample_repository()
    ensure_defaults()
    environment = Environment.objects.filter(slug="isolated").first() or Environment.objects.first()
    team = Team.objects.order_by("pk").first()
    service = create_service(
        actor,
        {
            "slug": NAME,
            "title": "Hello",
            "team": team.pk if team else None,
            "repository": repository,
            "default_branch": "main",
            "environments": [environment.slug] if environment else None,
            "instances": 2,
        },
    )
    for place in service.places.all():
        place.branch = "main"
        place.save(update_fields=["branch"])
        save_config(actor, place, {"cpus": 1, "memory": "64m", "stop_timeout": 5}, "sample")
    return service
