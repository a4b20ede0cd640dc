"""Monthly reports over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import require
from xqplatform.audit.reports import services
from xqplatform.audit.reports.downloads import answer
from xqplatform.audit.reports.models import MonthlyReport

router = Router(tags=["audit"])
Month = Annotated[str, Field(min_length=7, max_length=7, description="such as 2026-11, by UTC")]


class ReportIn(Schema):
    month: Month


class ReportOut(Schema):
    month: str
    state: str = Field(description="queued, succeeded or failed")
    asked: datetime
    asked_name: str
    made: datetime | None = Field(
        None, description="When it was counted last; what was counted then can be taken along."
    )
    problem: str


@router.get("/audit-reports", response=list[ReportOut], summary="Monthly reports that were made, the newest first")
def reports(request: HttpRequest) -> Any:
    require(actor_of(request), services.RIGHT)
    return MonthlyReport.objects.defer("figures")


@router.post("/audit-reports", response={202: ReportOut}, summary="Have a month counted (anew) by a worker")
def make(request: HttpRequest, data: ReportIn) -> Any:
    return Status(202, services.ask(actor_of(request), data.month))


@router.get(
    "/audit-reports/{month}/{form}",
    response={200: str},
    openapi_extra={"responses": {"200": {"content": {one: {} for one in services.TYPES.values()}}}},
    summary="The report as PDF or CSV",
)
def take(request: HttpRequest, month: Month, form: services.Form) -> Any:
    return answer(services.take(actor_of(request), month, form), month, form)
