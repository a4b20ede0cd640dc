"""REST API of guardrails, freeze windows, calendars and broken glass."""

from __future__ import annotations

import time as clock
from datetime import date, datetime, time
from typing import Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema, Status

from containers.as_json import glass_json
from containers.guardrails import approvals, calendars, glass, services, windows
from containers.guardrails.approvals import waiting_for
from containers.models import Approval, BrokenGlass, Calendar, CalendarDay, Environment, Freeze
from containers.views.access import actor_of, get_deployment
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.errors import Refused

router = Router(tags=["guardrails"])


class RulesIn(Schema):
    """What is left out stays as it is; null: no limit."""

    proof: bool | None = None
    proof_from: list[str] | None = Field(None, max_length=50, description="Environments in which an image is proved.")
    proof_minutes: int | None = None
    proof_instances: int | None = None
    reason: bool | None = None
    ticket: str | None = Field(None, max_length=200, description="Such as «OPS-#»; # stands for a number.")
    most_batch: int | None = None
    most_share: int | None = Field(None, description="Percent of the instances that stand.")
    least_healthy: int | None = Field(None, description="Percent that stay healthy during a batch.")
    when_frozen: Literal["hold", "go_on"] | None = None
    approvals: int | None = Field(None, description="So many other people approve a release before it begins; 0: none.")
    approvals_role: Literal["", "sre"] | None = Field(None, description="Only people of this role count.")
    approvals_hours: int | None = Field(None, description="How long an approval holds.")


class FreezeIn(Schema):
    kind: Literal["market", "weekly", "once"]
    reason: str = Field("", max_length=250)
    calendar: str = Field("", max_length=40)
    before: int = Field(0, ge=0, le=1440, description="Minutes before it opens.")
    after: int = Field(0, ge=0, le=1440, description="Minutes after it closes.")
    lunch: bool = Field(True, description="Frozen over its break, too.")
    days: list[int] = Field(default_factory=list, max_length=7, description="0 is Monday.")
    start: time | None = None
    end: time | None = None
    zone: str = Field("", max_length=60)
    starts: datetime | None = None
    ends: datetime | None = None


class FrozenOut(Schema):
    frozen: bool
    until: float | None = Field(description="Unix seconds; null: not known, or not frozen.")
    why: str
    next: float | None = Field(description="When the next freeze begins, within two weeks.")
    words: str


class CalendarIn(Schema):
    title: str | None = Field(None, max_length=80)
    zone: str | None = Field(None, max_length=60)
    days: list[int] | None = Field(None, max_length=7, description="0 is Monday.")
    hours: list[tuple[str, str]] | None = Field(None, max_length=6, description='[["09:00", "12:00"], …]')


class CalendarNew(CalendarIn):
    slug: str = Field("", max_length=40)
    market: str = Field("", max_length=12, description="An exchange's code, such as XSHG.")


class DayIn(Schema):
    opens: time | None = None
    closes: time | None = None
    reason: str = Field("", max_length=250)


class IcsIn(Schema):
    text: str = Field(max_length=600_000, description="The file; empty: what was imported is taken away.")
    means: Literal["closed", "open"] = "closed"


class ReviewIn(Schema):
    comment: str = Field(max_length=2000)


def _clean(text: str) -> str:
    if "\x00" in text:
        raise Refused(_("NUL characters are not allowed."), None, 400)
    return text


def _environment(slug: str) -> Environment:
    return get_object_or_404(Environment, slug=_clean(slug))


@router.get("/environments/{slug}/guardrails", response=dict[str, Any])
def show_guardrails(request: HttpRequest, slug: str) -> Any:
    """The rules that hold, whether somebody set them or they are as they come."""
    return services.shown(_environment(slug))


@router.patch("/environments/{slug}/guardrails", response=dict[str, Any])
def change_guardrails(request: HttpRequest, slug: str, body: RulesIn) -> Any:
    environment, data = _environment(slug), body.dict(exclude_unset=True)
    free = {"most_batch", "most_share", "least_healthy"}
    data = {name: value for name, value in data.items() if value is not None or name in free}
    if "ticket" in data:
        _clean(data["ticket"])
    services.save_rules(actor_of(request), environment, data)
    return services.shown(environment)


@router.get("/environments/{slug}/frozen", response=FrozenOut)
def show_frozen(request: HttpRequest, slug: str, at: float | None = None) -> Any:
    """Whether a release may begin now (or `at`, Unix seconds), and until when."""
    moment = clock.time() if at is None else at
    if not 0 <= moment < 4_000_000_000:
        raise Refused(_("A number is out of range."), "at", 400)
    found = windows.now(_environment(slug), moment)
    frozen = found.frozen if found is not None else None
    return {
        "frozen": frozen is not None,
        "until": frozen.until if frozen is not None else None,
        "why": frozen.why if frozen is not None else "",
        "next": found.next.start if found is not None and found.next is not None else None,
        "words": found.words if found is not None else _("Releases are never frozen here."),
    }


@router.get("/environments/{slug}/freezes", response=list[dict[str, Any]])
def list_freezes(request: HttpRequest, slug: str) -> Any:
    return [services.freeze_json(row) for row in _environment(slug).freezes.select_related("calendar")]


@router.post("/environments/{slug}/freezes", response={201: dict[str, Any]})
def add_freeze(request: HttpRequest, slug: str, body: FreezeIn) -> Any:
    data = body.dict()
    for name in ("reason", "calendar", "zone"):
        _clean(data[name])
    return Status(201, services.freeze_json(services.add_freeze(actor_of(request), _environment(slug), data)))


@router.delete("/environments/{slug}/freezes/{number}", response={204: None})
def remove_freeze(request: HttpRequest, slug: str, number: int) -> Any:
    rows = Freeze.objects.select_related("environment", "calendar")
    services.remove_freeze(actor_of(request), get_object_or_404(rows, environment__slug=_clean(slug), pk=number))
    return Status(204, None)


# --- Calendars ----------------------------------------------------------------------------------------------------


def calendar_json(row: Calendar) -> dict[str, Any]:
    return calendars.shown(row) | {
        "known_from": row.known_from,
        "known_until": row.known_until,
        "computed": row.computed,
        "trouble": row.trouble,
        "imported": len(row.ics_spans),
        "imported_means": row.ics_means,
        "exceptions": [
            {"day": one.day, "opens": one.opens, "closes": one.closes, "reason": one.reason} for one in row.days.all()
        ],
    }


def _calendar(slug: str) -> Calendar:
    return get_object_or_404(Calendar, slug=_clean(slug))


@router.get("/calendars", response=list[dict[str, Any]])
def list_calendars(request: HttpRequest) -> Any:
    return [calendar_json(row) for row in Calendar.objects.prefetch_related("days")]


@router.post("/calendars", response={201: dict[str, Any]})
def create_calendar(request: HttpRequest, body: CalendarNew) -> Any:
    """A market, whose sessions are computed within moments, or one with own hours."""
    data = {name: value for name, value in body.dict().items() if value is not None}
    for name in ("slug", "market", "title", "zone"):
        _clean(str(data.get(name, "")))
    return Status(201, calendar_json(calendars.save_calendar(actor_of(request), None, data)))


@router.get("/calendars/{slug}", response=dict[str, Any])
def show_calendar(request: HttpRequest, slug: str) -> Any:
    row = _calendar(slug)
    return calendar_json(row) | {"sessions": row.sessions}


@router.patch("/calendars/{slug}", response=dict[str, Any])
def change_calendar(request: HttpRequest, slug: str, body: CalendarIn) -> Any:
    data = {name: value for name, value in body.dict(exclude_unset=True).items() if value is not None}
    _clean(str(data.get("title", "")))
    return calendar_json(calendars.save_calendar(actor_of(request), _calendar(slug), data))


@router.delete("/calendars/{slug}", response={204: None})
def remove_calendar(request: HttpRequest, slug: str) -> Any:
    calendars.remove_calendar(actor_of(request), _calendar(slug))
    return Status(204, None)


@router.post("/calendars/{slug}/compute", response={202: dict[str, Any]})
def compute_calendar(request: HttpRequest, slug: str) -> Any:
    calendars.recompute(actor_of(request), _calendar(slug))
    return Status(202, calendar_json(_calendar(slug)))


@router.put("/calendars/{slug}/days/{day}", response=dict[str, Any])
def set_day(request: HttpRequest, slug: str, day: date, body: DayIn) -> Any:
    """An exception; without times: closed all day."""
    row = _calendar(slug)
    _clean(body.reason)
    calendars.set_day(actor_of(request), row, body.dict() | {"day": day})
    return calendar_json(row)


@router.delete("/calendars/{slug}/days/{day}", response={204: None})
def remove_day(request: HttpRequest, slug: str, day: date) -> Any:
    rows = CalendarDay.objects.select_related("calendar")
    calendars.remove_day(actor_of(request), get_object_or_404(rows, calendar__slug=_clean(slug), day=day))
    return Status(204, None)


@router.put("/calendars/{slug}/ics", response=dict[str, Any])
def import_ics(request: HttpRequest, slug: str, body: IcsIn) -> Any:
    calendars.import_ics(actor_of(request), _calendar(slug), body.text.encode(), body.means)
    return calendar_json(_calendar(slug))


# --- Approvals ----------------------------------------------------------------------------------------------------


class CommentIn(Schema):
    reason: str = Field("", max_length=2000)


NO_COMMENT = CommentIn(reason="")


@router.get("/approvals", response=list[dict[str, Any]])
def list_approvals(request: HttpRequest) -> Any:
    """Releases that wait for approvals, those first that you can approve."""
    return [
        {"deployment": row.pk, "service": row.place.service.slug, "environment": row.place.environment.slug}
        | {"missing": lacks, "why_not": why}
        for row, lacks, why in waiting_for(actor_of(request))
    ]


@router.get("/deployments/{number}/approvals", response=list[dict[str, Any]])
def show_approvals(request: HttpRequest, number: int) -> Any:
    return [approval_json(row) for row in get_deployment(actor_of(request), max(0, number)).approvals.all()]


@router.post("/deployments/{number}/approve", response=dict[str, Any])
def approve(request: HttpRequest, number: int, body: CommentIn = NO_COMMENT) -> Any:
    """You, who did not decide it, say that it may begin."""
    return approval_json(
        approvals.approve(actor_of(request), get_deployment(actor_of(request), max(0, number)), _clean(body.reason))
    )


@router.post("/deployments/{number}/withdraw", response=dict[str, Any])
def withdraw(request: HttpRequest, number: int, body: CommentIn = NO_COMMENT) -> Any:
    """You take your approval back; a release under way begins no further batch."""
    return approval_json(
        approvals.withdraw(actor_of(request), get_deployment(actor_of(request), max(0, number)), _clean(body.reason))
    )


def approval_json(row: Approval) -> dict[str, Any]:
    names = ("id", "given", "expires", "comment", "withdrawn", "withdrawn_why")
    return {name: getattr(row, name) for name in names} | {"deployment": row.deployment_id, "by": row.by_name}


# --- Broken glass -------------------------------------------------------------------------------------------------


@router.get("/broken-glass", response=list[dict[str, Any]])
def list_glass(request: HttpRequest, reviewed: bool = False) -> Any:
    """Where somebody went on in spite of guardrails, the newest first; without those that were reviewed, if not asked for."""
    rows = visible(actor_of(request), BrokenGlass)
    rows = rows if reviewed else rows.filter(reviewed=None)
    return [glass_json(row) for row in rows[:200]]


@router.post("/broken-glass/{number}/review", response=dict[str, Any])
def review_glass(request: HttpRequest, number: int, body: ReviewIn) -> Any:
    rows = BrokenGlass.objects.select_related("deployment__place__service", "deployment__place__environment")
    row = get_visible(actor_of(request), rows, pk=number)
    return glass_json(glass.review(actor_of(request), row, _clean(body.comment)))


class GoOnIn(Schema):
    reason: str = Field(max_length=2000)
    service: str = Field(max_length=50, description="The service's name, typed again.")


@router.post("/deployments/{number}/go-on", response=dict[str, Any])
def go_on(request: HttpRequest, number: int, body: GoOnIn) -> Any:
    """A release that a freeze holds goes on in spite of it."""
    given = glass.Glass(_clean(body.reason), _clean(body.service))
    return glass_json(glass.go_on(actor_of(request), get_deployment(actor_of(request), max(0, number)), given))
