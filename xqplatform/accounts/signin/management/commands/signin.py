"""`manage.py signin …`: what an SRE does on the pages about signing in, from the machine itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.accounts.sessions import verbs
from xqplatform.accounts.signin import lockout, providers, services
from xqplatform.accounts.signin.models import Provider
from xqplatform.errors import Refused


class Command(BaseCommand):
    help = (
        "Lets somebody sign in again, takes lost second factors, ends sessions, and sets up OpenID Connect providers."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        verb = parser.add_subparsers(dest="verb", required=True)
        verb.add_parser("locked", help="who is locked out now")
        one = verb.add_parser("unlock", help="let a name, or an address, try again")
        one.add_argument("username", nargs="?", default="")
        one.add_argument("--address", default="")
        for name, text in (("reset-factors", "take somebody's second factors"), ("end-sessions", "end all of theirs")):
            verb.add_parser(name, help=text).add_argument("username")
        verb.add_parser("providers", help="list the providers")
        one = verb.add_parser("add-provider", help="set one up")
        one.add_argument("slug")
        one.add_argument("--name", required=True, help="as the log-in page has it")
        one.add_argument("--issuer", required=True)
        one.add_argument("--client-id", required=True)
        one.add_argument("--secret-file", help="a file with the client's secret; «-»: standard input")
        one.add_argument("--scopes", default="openid profile email")
        one.add_argument("--group-claim", default="groups")
        one.add_argument("--domain", action="append", default=[], help="of verified mail addresses (several times)")
        one.add_argument("--group", action="append", default=[], help="of which one must be a member (several times)")
        one.add_argument("--makes-people", action="store_true", help="a first sign-in makes an account")
        one.add_argument("--link-by-name", action="store_true", help="an account of the same name is theirs")
        verb.add_parser("remove-provider", help="nobody signs in by it any more").add_argument("slug")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            for line in getattr(self, options["verb"].replace("-", "_"))(Actor.system("command line"), options):
                self.stdout.write(line)
        except (Refused, OSError, UnicodeDecodeError) as error:
            raise CommandError(str(error)) from None

    def _person(self, options: dict[str, Any]) -> User:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no «{options['username']}».")
        return user

    def locked(self, actor: Actor, options: dict[str, Any]) -> list[str]:
        rows = lockout.locked()
        return [
            f"{r['name'] or '(any name)'} from {r['address']}: {r['count']} attempts, {r['wait']:.0f} s" for r in rows
        ]

    def unlock(self, actor: Actor, options: dict[str, Any]) -> list[str]:
        return [f"{lockout.unlock(actor, options['username'], options['address'])} locks are gone."]

    def reset_factors(self, actor: Actor, options: dict[str, Any]) -> list[str]:
        return [f"{services.reset_factors(actor, self._person(options))} second factors are gone."]

    def end_sessions(self, actor: Actor, options: dict[str, Any]) -> list[str]:
        return [f"{verbs.end_all(actor, self._person(options))} sessions have ended."]

    def providers(self, actor: Actor, options: dict[str, Any]) -> list[str]:
        rows = providers.all_of_them()
        return [f"{p.slug}  {p.name}  {p.issuer}  {'on' if p.enabled else 'off'}" for p in rows]

    def add_provider(self, actor: Actor, options: dict[str, Any]) -> list[str]:
        secret, file = "", options["secret_file"]
        if file:
            secret = (sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")).strip()
        names = ("slug", "name", "issuer", "client_id", "scopes", "group_claim", "makes_people", "link_by_name")
        values = {name: options[name] for name in names}
        values |= {"secret": secret, "enabled": True, "domains": options["domain"], "groups": options["group"]}
        return [f"{providers.save(actor, Provider(), values)} is set up."]

    def remove_provider(self, actor: Actor, options: dict[str, Any]) -> list[str]:
        row = Provider.objects.filter(slug=options["slug"]).first()
        if row is None:
            raise CommandError(f"There is no provider «{options['slug']}».")
        providers.remove(actor, row)
        return [f"{options['slug']} is removed."]
