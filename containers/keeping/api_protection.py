"""REST API of how data is protected."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from containers.keeping.protecting import Line
from containers.keeping.protection_words import said
from containers.keeping.views.protection import lines_of
from xqplatform.accounts.http import actor_of

router = Router(tags=["data"])


class DataRiskOut(Schema):
    kind: str = Field(
        description="unprotected, nobody, cannot, overdue, failed, drill_failed, drill_overdue or snapshots"
    )
    instance: int | None = Field(description="Its number; null: all of the place")
    since: datetime
    words: str


class ProtectionOut(Schema):
    service: str
    environment: str
    state: str = Field(description="unprotected, at_risk, first_due (set up, no backup yet) or protected")
    store: str = Field(description="Where its scheduled backups go; empty: there are none")
    last_backup: datetime | None = Field(
        description="Of all instances that are backed up the oldest; null: one has none"
    )
    last_drill: datetime | None = Field(description="When a drill passed last, of all instances the longest ago")
    risks: list[DataRiskOut]


def _shown(line: Line) -> dict[str, Any]:
    risks = [
        {"kind": risk.kind.value, "instance": risk.number or None, "since": risk.since, "words": said(risk)}
        for risk in line.found.risks
    ]
    return {
        "service": line.service, "environment": line.environment, "state": line.state.value, "store": line.target,
        "last_backup": line.good, "last_drill": line.drilled, "risks": risks,
    }  # fmt: skip


@router.get("/protection", response=list[ProtectionOut], summary="How data is protected, the worst first")
def list_protection(request: HttpRequest) -> Any:
    """All stateful services that have instances."""
    return [_shown(line) for line in lines_of(actor_of(request))]
