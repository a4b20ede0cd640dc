"""`manage.py scale SERVICE ENVIRONMENT NUMBER --user NAME`: shows what would come or go, asks, and does it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from containers.models import ServiceEnvironment
from containers.plan import Plan
from containers.services import releases
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Denied, Refused


class Command(BaseCommand):
    help = "Brings a service in an environment to so many instances, after what would come or go was shown."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("service")
        parser.add_argument("environment")
        parser.add_argument("instances", type=int)
        parser.add_argument("--user", required=True, help="who does it: the rights and the record are this person's")
        parser.add_argument(
            "--on",
            action="append",
            default=[],
            metavar="NUMBER=HOST[,HOST]",
            help="the new instance of that number goes to that host, or to one of these",
        )
        parser.add_argument("--plan", action="store_true", help="only show")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument(
            "--confirm", default="", metavar="SERVICE/ENVIRONMENT", help="the name, where data goes with instances"
        )
        parser.add_argument("--reason", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no {options['user']}.")
        actor, wanted, hosts = Actor.person(user), options["instances"], chosen(options["on"])
        rows = visible(actor, ServiceEnvironment).select_related("service", "environment")
        place = rows.filter(service__slug=options["service"], environment__slug=options["environment"]).first()
        if place is None:
            raise CommandError(f"There is no {options['service']}/{options['environment']}.")
        try:
            plan = releases.preview_scale(actor, place, wanted, hosts=hosts)
            self.show(plan)
            if options["plan"]:
                return
            if not plan.fits:
                raise CommandError("It does not fit: nothing was changed.")
            if not options["yes"] and input("Do it? Type yes: ").strip() != "yes":
                raise CommandError("Nothing was changed.")
            row = releases.scale(actor, place, wanted, options["reason"], hosts=hosts, confirm=options["confirm"])
        except (Refused, Denied) as error:
            raise CommandError(error.message) from error
        self.stdout.write("Noted." if row is None else f"#{row.pk} began.")

    def show(self, plan: Plan) -> None:
        for entry in plan.entries:
            parts = (entry.problem and f"! {entry.problem}", entry.note, entry.why)
            words = "; ".join(part for part in parts if part)
            self.stdout.write(f"{entry.action} #{entry.number} {entry.host_name or '–'}  {words}".rstrip())
        for problem in plan.problems:
            self.stdout.write(f"! {problem}")


def chosen(given: list[str]) -> dict[int, str]:
    """`4=h1` → {4: "h1"}. Raises CommandError."""
    found = {}
    for text in given:
        number, equals, names = text.partition("=")
        if not (equals and names and number.isascii() and number.isdigit() and len(number) < 7):
            raise CommandError(f"--on {text[:60]}: write NUMBER=HOST, such as 4=h1.")
        found[int(number)] = names
    return found
