"""`manage.py backups VERB …`: backups of a place's data and drills of them, by the same verbs as the page."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from containers.keeping import reading_backups
from containers.keeping.management.finding import labelled, place_of
from containers.keeping.models import Backup
from containers.keeping.services import backups, drills
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Denied, Refused


class Command(BaseCommand):
    help = "Backups of a service's data: list, take, drill, remove. What it begins, workers carry on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", required=True, help="who does it: the rights and the record are this person's")
        parser.add_argument("--reason", default="")
        verbs = parser.add_subparsers(dest="verb", required=True)
        for name in ("list", "take"):
            verb = verbs.add_parser(name)
            verb.add_argument("service")
            verb.add_argument("environment")
            if name == "take":
                verb.add_argument("store", help="the name of a store of backups")
                verb.add_argument("--instance", type=int, action="append", help="its number (usual: all)")
        for name in ("drill", "remove"):
            verb = verbs.add_parser(name)
            verb.add_argument("backup", help="its name, such as backup-7")
            if name == "drill":
                verb.add_argument("--host", default="", help="usual: another one than the data's own")

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
        for row in reading_backups.backups_of(actor, place_of(actor, options)):
            taken = f"{row.taken:%Y-%m-%d %H:%M:%S}" if row.taken else "–"
            drill = next((one.state for one in row.drills.all()), "–")
            self.stdout.write(
                f"{row.label}\t{row.instance}\t{taken}\t{row.state}\t{row.target}\t{row.size or '–'}\t{drill}"
            )

    def do_take(self, actor: Actor, options: dict[str, Any]) -> None:
        place = place_of(actor, options)
        for row in backups.take(actor, place, options["store"], options["instance"], options["reason"]):
            self.stdout.write(f"{row.label} of {row.instance} is being taken.")

    def do_drill(self, actor: Actor, options: dict[str, Any]) -> None:
        row = drills.drill(actor, _backup(actor, options["backup"]), options["host"])
        self.stdout.write(f"{options['backup']} is being tried on {row.host}.")

    def do_remove(self, actor: Actor, options: dict[str, Any]) -> None:
        backups.remove(actor, _backup(actor, options["backup"]), options["backup"], options["reason"])
        self.stdout.write(f"{options['backup']} is being removed.")


def _backup(actor: Actor, name: str) -> Backup:
    """Raises CommandError."""
    return labelled(visible(actor, Backup).select_related(*reading_backups.ROWS), "backup-", name)
