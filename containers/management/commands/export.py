"""`manage.py export service NAME`: a service or an environment as a file, on standard output."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from containers.ascode.exporting import export
from containers.models import Environment, Service
from xqplatform.accounts.actor import Actor

KINDS: dict[str, Callable[[], Iterable[Service | Environment]]] = {
    "service": lambda: Service.objects.filter(removed=None),
    "environment": Environment.objects.all,
}


class Command(BaseCommand):
    help = "Writes services or environments as YAML documents. No secret is in them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=[*KINDS, "all"])
        parser.add_argument("names", nargs="*", help="none: all of the kind")

    def handle(self, *args: Any, **options: Any) -> None:
        texts: list[str] = []
        for kind in ["environment", "service"] if options["kind"] == "all" else [options["kind"]]:
            rows = {row.slug: row for row in KINDS[kind]()}
            for name in options["names"] or rows:
                text = export(Actor.system("command line"), rows[name]) if name in rows else ""
                if not text:
                    raise CommandError(f"There is no {kind} {name}.")
                texts.append(text)
        self.stdout.write("---\n".join(texts), ending="")
