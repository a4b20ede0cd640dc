"""`manage.py audit verify`: proves that the audit log is as it was written, or names what is not."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from xqplatform.audit.chain.verifying import Report


class Command(BaseCommand):
    help = "The audit log's chain: verify it, or link what waits."
    requires_system_checks: list[str] = []  # verifying a file must not touch a database

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser(
            "verify", help="Finds what was changed, removed, inserted or reordered. Exit code 1 if anything was."
        )
        verbs.add_parser("link", help="Links committed events that wait for it.")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, options["verb"])(options)

    def verify(self, options: dict[str, Any]) -> None:
        from xqplatform.audit.chain import verifying

        self._tell(verifying.database())

    def link(self, options: dict[str, Any]) -> None:
        from xqplatform.audit.chain.linking import link

        self.stdout.write(f"{link()} events linked.")

    def _tell(self, report: Report) -> None:
        for fault in report.faults:
            self.stdout.write(str(fault))
        for note in report.notes:
            self.stdout.write(note)
        waits = f", {report.waiting} wait for their link" if report.waiting else ""
        self.stdout.write(
            f"{report.count} events up to position {report.position} ({report.hash}){waits}, {report.seconds:.1f} s."
        )
        if not report.good:
            raise CommandError(f"The log is not as it was written: {len(report.faults) + report.more} faults.")
        self.stdout.write("Nothing was changed, removed, inserted or reordered.")
