"""`manage.py export service NAME`: a service or an environment as a file, on standard output."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from containers.ascode.state import text_of
from containers.models import Environment, Service

KINDS = {"service": "Service", "environment": "Environment"}


class Command(BaseCommand):
    help = "Writes services or environments as YAML documents. No secret is in them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=[*KINDS, "all"])
        parser.add_argument("names", nargs="*", help="none: all of the kind")

    def handle(self, *args: Any, **options: Any) -> None:
        texts: list[str] = []
        for kind in ["environment", "service"] if options["kind"] == "all" else [options["kind"]]:
            rows = Service.objects.filter(removed=None) if kind == "service" else Environment.objects.all()
            for name in options["names"] or list(rows.values_list("slug", flat=True)):
                text = text_of(KINDS[kind], name)
                if not text:
                    raise CommandError(f"There is no {kind} {name}.")
                texts.append(text)
        self.stdout.write("---\n".join(texts), ending="")
