"""Verifications of the log over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema, Status

from xqplatform.accounts.rights import require
from xqplatform.audit.models import Verification
from xqplatform.audit.proof import verifications

router = Router(tags=["audit"])


class FaultOut(Schema):
    kind: str = Field(description="changed, removed, inserted or reordered")
    position: int | None
    event: int | None
    words: str


class VerificationOut(Schema):
    id: int
    state: str = Field(description="running, succeeded or failed")
    by: str
    began: datetime
    ended: datetime | None
    done: int
    total: int
    position: int
    hash: str
    checkpoints: int
    found: int = Field(description="Faults altogether; the first of them are in `faults`.")
    faults: list[FaultOut]
    problem: str

    @staticmethod
    def resolve_faults(row: Verification) -> list[dict[str, Any]]:
        return [dict(zip(("kind", "position", "event", "words"), fault, strict=True)) for fault in row.faults]


@router.post("/audit/verifications", response={202: VerificationOut}, summary="Verify the whole log")
def verify(request: HttpRequest) -> Status:
    """Begins one, or gives the one that runs."""
    return Status(202, verifications.start(request.actor))  # type: ignore[attr-defined]


@router.get("/audit/verifications/latest", response=VerificationOut, summary="The newest verification")
def latest(request: HttpRequest) -> Verification:
    require(request.actor, verifications.RIGHT)  # type: ignore[attr-defined]
    return get_object_or_404(Verification.objects.all()[:1])
