"""`manage.py apply FILE --user NAME`: shows what a file would change, asks, and applies it."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from containers.ascode import applying, source
from containers.ascode.plans import Plan, warnings_of
from containers.ascode.source import Wrong
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.errors import Denied, Refused

DIFFERS = 2  # exit code of --plan when something would change


class Command(BaseCommand):
    help = (
        "Applies a YAML file of services and environments, after its difference was shown. With --plan it ends there."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="- reads standard input")
        parser.add_argument("--user", required=True, help="who applies it: the rights and the record are this person's")
        parser.add_argument("--prune", action="store_true", help="also remove what the file's blocks do not name")
        parser.add_argument(
            "--plan", action="store_true", help=f"only show; ends with {DIFFERS} when something differs"
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--reason", default="")
        parser.add_argument("--secrets", help="a JSON file {name: value} with the values that the plan says it needs")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no {options['user']}.")
        actor, prune = Actor.person(user), bool(options["prune"])
        try:
            text = read(options["file"])
            plan = applying.preview(actor, text, prune=prune)
            self.show(plan)
            if options["plan"]:
                if plan.count:
                    sys.exit(DIFFERS)
                return
            if not options["yes"] and input("Apply it? Type yes: ").strip() != "yes":
                raise CommandError("Nothing was changed.")
            rows = applying.apply(
                actor,
                text,
                token=plan.token,
                prune=prune,
                secrets=secrets_of(options["secrets"]),
                reason=options["reason"],
            )
        except Wrong as wrong:
            raise CommandError("\n".join(map(str, wrong.mistakes))) from wrong
        except (Refused, Denied) as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"Applied: {sum(len(row.changes) for row in rows)} changes.")

    def show(self, plan: Plan) -> None:
        for target in plan.targets:
            self.stdout.write(f"{target.given.kind} {target.given.name}{' (new)' if target.new else ''}")
            for change in target.changes:
                self.stdout.write(f"  {change.sign} {change.name}: {shown(change.before)} → {shown(change.after)}")
        for words in warnings_of(plan):
            self.stdout.write(f"! {words}")
        for name in plan.needs:
            self.stdout.write(f"? needs a value: {name}")
        self.stdout.write(f"{plan.count} changes.")


def read(name: str) -> str:
    """Raises Wrong for what is no text, CommandError for what cannot be read."""
    most = source.LONGEST * 4 + 1
    try:
        if name == "-":
            return source.decode(sys.stdin.buffer.read(most))
        with Path(name).open("rb") as file:
            return source.decode(file.read(most))
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}") from error


def secrets_of(name: str | None) -> Mapping[str, str]:
    if not name:
        return {}
    try:
        found = json.loads(Path(name).read_text())
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(f"{name} is no JSON.") from error
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise CommandError(f"{name} must be an object of names and texts.")
    return found


def shown(value: Any) -> str:
    return "–" if value in (None, "", [], {}) else str(value)
