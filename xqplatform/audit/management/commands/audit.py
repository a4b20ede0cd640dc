"""`manage.py audit verify`: proves that the audit log is as it was written, or names what is not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from xqplatform.audit.chain.reports import Report


class Command(BaseCommand):
    help = "The audit log's chain: verify it, here or in a file; export it; what proves it elsewhere."
    requires_system_checks: list[str] = []  # verifying a file must not touch a database

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verify = verbs.add_parser(
            "verify", help="Finds what was changed, removed, inserted or reordered. Exit code 1 if anything was."
        )
        verify.add_argument("--file", type=Path, help="an export or an archive (.jsonl, .jsonl.gz): needs no database")
        verify.add_argument(
            "--checkpoints", type=Path, help="with --file: a file of signed checkpoints to compare with"
        )
        verify.add_argument(
            "--public-key", action="append", default=[], metavar="KEY", help="with --file: what `audit public-key` prints, or a file with it"
        )  # fmt: skip
        verbs.add_parser("link", help="Links committed events that wait for it.")
        verbs.add_parser("checkpoint", help="Signs the chain as it stands.")
        verbs.add_parser("checkpoints", help="Prints all signed checkpoints, one a line.")
        verbs.add_parser("public-key", help="Prints the public keys by which anybody verifies signatures.")
        report = verbs.add_parser("report", help="Counts a month of events, and writes what is to be read of it.")
        report.add_argument("month", help="such as 2026-11, by UTC")
        report.add_argument("--pdf", type=Path, help="the file to write")
        report.add_argument("--csv", type=Path, help="the file to write")
        export = verbs.add_parser("export", help="Prints the log as JSON lines that prove themselves.")
        export.add_argument("--since", type=parse_datetime, help="such as 2026-01-01T00:00:00Z")
        export.add_argument("--until", type=parse_datetime, help="left out itself")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, options["verb"].replace("-", "_"))(options)

    def verify(self, options: dict[str, Any]) -> None:
        if options["file"] is not None:
            self._tell(self._of_file(options))
            return
        from xqplatform.audit.chain import verifying

        self._tell(verifying.database())

    def _of_file(self, options: dict[str, Any]) -> Report:
        from xqplatform.audit.chain import files
        from xqplatform.audit.chain.keys import PublicKeys

        began = time.monotonic()
        try:
            texts = [Path(one).read_text() if Path(one).is_file() else one for one in options["public_key"]]
            public = PublicKeys([word for text in texts for word in text.split()]) if texts else None
            report = files.verify(options["file"], options["checkpoints"], public)
        except (OSError, ValueError) as error:
            raise CommandError(f"It cannot be verified: {error}") from None
        report.seconds = time.monotonic() - began
        return report

    def link(self, options: dict[str, Any]) -> None:
        from xqplatform.audit.chain.linking import link

        self.stdout.write(f"{link()} events linked.")

    def checkpoint(self, options: dict[str, Any]) -> None:
        from xqplatform.audit.chain import checkpoints

        made = checkpoints.make()
        self.stdout.write(made.line if made else "The newest checkpoint has the whole chain.")

    def checkpoints(self, options: dict[str, Any]) -> None:
        from xqplatform.audit.chain import checkpoints

        for text in checkpoints.all_lines():
            self.stdout.write(text)

    def public_key(self, options: dict[str, Any]) -> None:
        from xqplatform.audit.chain import own

        for key in own.keys().values():
            self.stdout.write(key.public)

    def export(self, options: dict[str, Any]) -> None:
        from xqplatform import audit
        from xqplatform.accounts.actor import Actor
        from xqplatform.audit.chain import exporting, linking

        linking.link()
        found = exporting.stretch(options["since"], options["until"])
        if found is None:
            raise CommandError("Nothing was recorded in this time.")
        audit.record(Actor.system("command line"), "audit.export", None, after={"first": found[0], "last": found[1]})
        for text in exporting.lines("export", *found):
            self.stdout.write(text, ending="")

    def report(self, options: dict[str, Any]) -> None:
        from xqplatform.accounts.actor import Actor
        from xqplatform.audit.reports import services
        from xqplatform.errors import Refused

        actor, month = Actor.system("command line"), options["month"]
        try:
            row = services.make_now(actor, month)
            for form in ("pdf", "csv"):
                if options[form] is not None:
                    options[form].write_bytes(services.take(actor, month, form))
        except Refused as refused:
            raise CommandError(refused.message) from None
        except OSError as error:
            raise CommandError(f"It cannot be written: {error}") from None
        self.stdout.write(f"{row.month}: {row.figures['n_events']} events.")

    def _tell(self, report: Report) -> None:
        for fault in report.faults:
            self.stdout.write(str(fault))
        for name in report.unguarded:
            self.stdout.write(f"The database does not refuse changes: the trigger {name} is missing.")
        for words in report.remarks:
            self.stderr.write(words)
        waits = f", {report.waiting} wait for their link" if report.waiting else ""
        self.stdout.write(
            f"{report.count} events up to position {report.position} ({report.hash}), "
            f"{report.checkpoints} checkpoints{waits}, {report.seconds:.1f} s."
        )
        if not report.good:
            raise CommandError(f"The log is not as it was written: {report.found} faults.")
        self.stdout.write("Nothing was changed, removed, inserted or reordered.")
