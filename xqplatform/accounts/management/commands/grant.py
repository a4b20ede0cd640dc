"""`manage.py grant USER ROLE`: gives a role from the machine itself, when nobody can on the pages."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team, User
from xqplatform.accounts.roles import grants
from xqplatform.errors import Refused


class Command(BaseCommand):
    help = "Gives a role to a person, without a second person; in the audit log as done alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("role")
        parser.add_argument("--team", default="", help="only on what this team owns")
        parser.add_argument("--service", default="")
        parser.add_argument("--environment", default="")
        parser.add_argument("--reason", default="command line")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        team = Team.objects.filter(slug=options["team"]).first()
        if user is None or (options["team"] and team is None):
            raise CommandError("There is no such person or team.")
        where = {name: options[name] for name in ("service", "environment", "reason")}
        try:
            row = grants.give(Actor.system("command line"), options["role"], user=user, team=team, **where)
        except Refused as refused:
            raise CommandError(refused.message) from None
        self.stdout.write(f"{row}")
