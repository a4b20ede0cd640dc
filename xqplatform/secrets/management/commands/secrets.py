"""`manage.py secrets status | rotate | add-key | drop-key ID`: keys of stored secrets, and what is under them."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused
from xqplatform.secrets import keys, rotation, services
from xqplatform.secrets.rotation import BATCH, Outcome, State


def _note(now: State, key_id: str) -> str:
    if not key_id:
        return "name no key (written by an older version)"
    if key_id == now.newest:
        return "encrypts"
    if key_id not in now.keys:
        return "this key is not at hand!"
    return "nothing is left under it: it may be dropped" if now.may_drop(key_id) else ""


class Command(BaseCommand):
    help = (
        "Tells under which keys stored secrets are, moves them under the newest one, adds and drops keys of the file."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("do", choices=["status", "rotate", "add-key", "drop-key"])
        parser.add_argument("key", nargs="?", default="", help="the id of the key to drop")
        parser.add_argument("--batch", type=int, default=BATCH, help="rows that are read at a time")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = Actor.system("command line")
        try:
            match options["do"]:
                case "status":
                    self._status()
                case "rotate":
                    self._rotate(actor, max(1, options["batch"]))
                case "add-key":
                    self.stdout.write(services.add_key(actor))
                case "drop-key":
                    services.drop_key(actor, options["key"])
        except Refused as error:
            raise CommandError(error.message) from None

    def _status(self) -> None:
        now = rotation.state()
        for key_id, count in now.counts.items():
            self.stdout.write(f"{key_id or '-' * 8}  {count:>7}  {_note(now, key_id)}".rstrip())
        for one in now.columns:
            for key_id, count in sorted(one.counts.items()):
                self.stdout.write(f"    {one.column}: {count} under {key_id or 'no named key'}")
        for name in now.strangers:
            self.stdout.write(f"not readable: {name}")
        if keys.readable_by_others():
            self.stdout.write("The file of keys can be read by others than its owner: chmod 600.")
        self.stdout.write(f"{now.done} of {now.total} are under the newest key, {now.left} are left.")

    def _rotate(self, actor: Actor, batch: int) -> None:
        def told(outcome: Outcome) -> None:
            self.stdout.write(f"{outcome.changed} done")
            self.stdout.flush()

        outcome = services.rotate(actor, told, batch)
        for name in outcome.unreadable:
            self.stderr.write(f"not readable: {name}")
        now = rotation.state()
        self.stdout.write(f"{outcome.changed} re-encrypted under {outcome.key}, {now.left} are left.")
        if now.left:
            sys.exit(1)
