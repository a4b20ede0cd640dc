"""`manage.py create_token USER`: a bearer token of the API, shown once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from xqplatform.accounts import tokens
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.accounts.scopes import READ, READING
from xqplatform.errors import Refused


class Command(BaseCommand):
    help = "Makes a bearer token for the API and prints it. It is not shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--label", default="command line", help="what the token is for")
        parser.add_argument("--days", type=int, default=tokens.DAYS, help="how long it works (at most a year)")
        parser.add_argument("--read-only", action="store_true", help="may change nothing")
        parser.add_argument("--right", action="append", default=[], help="may read, and this (several times)")
        parser.add_argument("--service", action="append", default=[], help="only for this service (several times)")
        parser.add_argument("--environment", action="append", default=[], help="only in this one (several times)")
        parser.add_argument("--team", default="", help="only for what this team owns")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user = User.objects.get(username=options["username"])
        except User.DoesNotExist:
            names = ", ".join(User.objects.values_list("username", flat=True)[:10])
            raise CommandError(f"There is no user «{options['username']}». There are: {names or 'none'}.") from None
        try:
            rights = (
                sorted(READING) if options["read_only"] else [READ, *options["right"]] if options["right"] else None
            )
            places = {"services": options["service"], "environments": options["environment"], "team": options["team"]}
            _, raw = tokens.create_token(
                Actor.system("command line"), user, options["label"], days=options["days"], rights=rights, **places
            )
        except Refused as error:
            raise CommandError(error.message) from None
        self.stdout.write(raw)
