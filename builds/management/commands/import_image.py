"""`manage.py import_image FILE --project NAME`: a tarball on this machine becomes an image."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from builds.imports import packed, work
from builds.models import Blueprint, ImageImport, Project
from builds.services import imports
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused


class Command(BaseCommand):
    help = "Imports a root file system, a unified LXD image or what `docker save` wrote as an image of the registry."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        target = parser.add_mutually_exclusive_group(required=True)
        target.add_argument("--project", help="whose image it becomes")
        target.add_argument("--base-image", help="the blueprint whose base image it becomes")
        parser.add_argument("--note", default="", help="why, or where from")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        rows: Any = Project.objects if options["project"] else Blueprint.objects.filter(base=True)
        target = rows.filter(name=options["project"] or options["base_image"]).first()
        if target is None:
            raise CommandError(f"There is no «{options['project'] or options['base_image']}».")
        actor = Actor.system("command line")
        try:
            with file.open("rb") as source:
                row = imports.announce(actor, target, file.name, file.stat().st_size, note=options["note"])
                offset = 0
                while piece := source.read(packed.PIECE * 8):
                    row = imports.receive(actor, row, offset, piece)
                    offset += len(piece)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        # A worker may have it already; without one it is done here.
        while row.open:
            if not work.run(row.pk):
                time.sleep(0.3)
            row = ImageImport.objects.select_related("image").get(pk=row.pk)
            if row.reason and row.open:
                self.stdout.write(row.reason)
        if row.image is None:
            raise CommandError(row.reason)
        self.stdout.write(row.image.reference)
