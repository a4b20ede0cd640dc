"""`manage.py create_admin USER`: an SRE account that is an admin, too, or a new password for one: the way back in."""

from __future__ import annotations

import getpass
import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from xqplatform import env
from xqplatform.accounts import services
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Role, User
from xqplatform.accounts.roles import grants
from xqplatform.errors import Refused


class Command(BaseCommand):
    help = "Makes a person who is an SRE and an admin, or makes an existing one that with a new password."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", nargs="?", default="admin")
        parser.add_argument("--ask", action="store_true", help="ask for the password")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = getpass.getpass("Password: ") if options["ask"] else env.text("XQ_ADMIN_PASSWORD")
        password = chosen or secrets.token_urlsafe(9)
        actor = Actor.system("command line")
        user = User.objects.filter(username=options["username"]).first()
        try:
            with transaction.atomic():
                if user is None:
                    user = services.create_person(actor, options["username"], password, role=Role.SRE)
                else:
                    services.set_password(actor, user, password)
                    teams = {m.team_id: m.environments for m in user.memberships.all()}
                    name = user.display_name
                    services.change_person(actor, user, role=Role.SRE, display_name=name, active=True, teams=teams)
                grants.give(actor, Role.ADMIN, user=user, reason="command line")
        except Refused as error:
            raise CommandError(error.message) from None
        self.stdout.write(
            f"{user.username} is an SRE and an admin" + ("." if chosen else f" with the password {password}")
        )
