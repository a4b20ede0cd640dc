"""`manage.py keeping VERB …`: snapshots of a place's data, by the same verbs as the page."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from containers.keeping import reading
from containers.keeping.management.finding import labelled, place_of
from containers.keeping.models import Snapshot
from containers.keeping.services import copies, restores, snapshots
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Denied, Refused


class Command(BaseCommand):
    help = "Snapshots of a service's data: list, take, remove, restore, copy. What it begins, workers carry on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True, help="who does it: the rights and the record are this person's")
        parser.add_argument("--reason", default="")
        verbs = parser.add_subparsers(dest="verb", required=True)
        for name in ("list", "take"):
            verb = verbs.add_parser(name)
            verb.add_argument("service")
            verb.add_argument("environment")
            if name == "take":
                verb.add_argument("--instance", type=int, action="append", help="its number (usual: all)")
        for name in ("remove", "restore", "copy"):
            verb = verbs.add_parser(name)
            verb.add_argument("snapshot", help="its name, such as xq-7")
            if name != "remove":
                verb.add_argument("--instance", required=True, help="the instance's name, because data is lost")
                verb.add_argument("--do-not-save", action="store_true", help="keep nothing of what is there now")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no {options['user']}.")
        actor = Actor.person(user)
        try:
            getattr(self, f"do_{options['verb']}")(actor, options)
        except (Refused, Denied) as error:
            raise CommandError(error.message) from error

    def do_list(self, actor: Actor, options: dict[str, Any]) -> None:
        for row in reading.snapshots_of(actor, place_of(actor, options)):
            taken = f"{row.taken:%Y-%m-%d %H:%M:%S}" if row.taken else "–"
            self.stdout.write(f"{row.label}\t{row.instance}\t{taken}\t{row.state}\t{row.why}\t{row.host.name}")

    def do_take(self, actor: Actor, options: dict[str, Any]) -> None:
        for row in snapshots.take(actor, place_of(actor, options), options["instance"], options["reason"]):
            self.stdout.write(f"{row.label} of {row.instance} is being taken.")

    def do_remove(self, actor: Actor, options: dict[str, Any]) -> None:
        row = _snapshot(actor, options["snapshot"])
        snapshots.remove(actor, row, row.label, options["reason"])
        self.stdout.write(f"{row.label} is being removed.")

    def do_restore(self, actor: Actor, options: dict[str, Any]) -> None:
        row = _snapshot(actor, options["snapshot"])
        restores.restore(actor, row, options["instance"], options["reason"], save=not options["do_not_save"])
        self.stdout.write(f"{row.instance} is being put back as it was at {row.label}.")

    def do_copy(self, actor: Actor, options: dict[str, Any]) -> None:
        row = _snapshot(actor, options["snapshot"])
        made = copies.copy(actor, row, options["instance"], options["reason"], save=not options["do_not_save"])
        self.stdout.write(f"{made.instance} gets the data of {row.label}.")


def _snapshot(actor: Actor, name: str) -> Snapshot:
    """Raises CommandError."""
    ways = ("instance__place__service__team", "instance__place__environment", "host")
    return labelled(visible(actor, Snapshot).select_related(*ways), "xq-", name)
