"""`manage.py create_token USER`: a bearer token of the API, shown once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from xqplatform.accounts import services
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.errors import Refused


class Command(BaseCommand):
    help = "Makes a bearer token for the API and prints it. It is not shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--label", default="command line", help="what the token is for")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user = User.objects.get(username=options["username"])
        except User.DoesNotExist:
            names = ", ".join(User.objects.values_list("username", flat=True)[:10])
            raise CommandError(f"There is no user «{options['username']}». There are: {names or 'none'}.") from None
        try:
            _, raw = services.create_token(Actor.system("command line"), user, options["label"])
        except Refused as error:
            raise CommandError(error.message) from None
        self.stdout.write(raw)
