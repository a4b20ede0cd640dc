"""`manage.py run_in INSTANCE --user NAME -- PROGRAM …`: a one-off command in an instance, its output here as it comes."""

from __future__ import annotations

import sys
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from containers.models import CommandRun, Instance
from containers.terminal import commands
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.errors import Denied, Refused

NOT_ENDED = 125  # exit code where the command has none: it could not run, took too long or was cancelled


class Command(BaseCommand):
    help = "Runs a command once in an instance (such as snow-production-3); ends with its exit code. Ctrl-C cancels it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("instance", help="its name, SERVICE-ENVIRONMENT-NUMBER, or its id")
        parser.add_argument("argv", nargs="+", help="the program and its arguments, after --")
        parser.add_argument("--user", required=True, help="who runs it: the right and the record are this person's")
        parser.add_argument("--reason", default="")
        parser.add_argument("--timeout", type=int, default=commands.USUAL, help="seconds")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no {options['user']}.")
        actor, instance = Actor.person(user), found(options["instance"])
        try:
            run = commands.start(actor, instance, options["argv"], options["timeout"], options["reason"], here=True)
        except (Refused, Denied) as error:
            raise CommandError(error.message) from error
        self.follow(actor, run)
        run.refresh_from_db()
        if run.words or run.exit_code is None:
            self.stderr.write(run.words or run.get_state_display())
        sys.exit(NOT_ENDED if run.exit_code is None else run.exit_code)

    def follow(self, actor: Actor, run: CommandRun) -> None:
        """Carries it out in a thread, so that Ctrl-C is heard."""

        def told(text: str) -> None:
            self.stdout.write(text, ending="")
            self.stdout.flush()

        worker = threading.Thread(target=commands.carry_out, args=(run.pk, told, run.lease), daemon=True)
        worker.start()
        while worker.is_alive():
            try:
                worker.join(0.2)
            except KeyboardInterrupt:
                self.stderr.write("Cancelling…")
                try:
                    commands.cancel(actor, run)
                except Refused:
                    continue


def found(name: str) -> Instance:
    """Raises CommandError."""
    rows = Instance.objects.select_related("place__service__team", "place__environment", "host").filter(removed=None)
    if name.isdigit():
        one = rows.filter(pk=int(name)).first()
    else:
        place, _dash, number = name.rpartition("-")
        wanted = (
            [row for row in rows.filter(number=int(number)) if row.name == name] if place and number.isdigit() else []
        )
        one = wanted[0] if wanted else None
    if one is None:
        raise CommandError(f"There is no instance {name}.")
    return one
