"""REST API of a release's record."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema

from builds.git import Revision
from containers.models import ConfirmedPlan
from containers.recorder import effects, export
from containers.recorder.reading import as_json, calls_of
from containers.recorder.views import comparison
from containers.schemas import ConfirmedOut
from containers.views.access import NUMBER_LIMIT, actor_of, get_deployment
from xqplatform.accounts.visibility import get_visible
from xqplatform.errors import Refused

router = Router(tags=["deployments"])


class CallOut(Schema):
    time: datetime
    last: datetime | None
    host: str
    method: str
    path: str
    facts: str
    status: int
    ms: int
    longest_ms: int
    words: str
    count: int


class CallsOut(Schema):
    step: int | None
    number: int | None
    host: str
    left_out: int
    calls: list[CallOut]


@router.get("/deployments/{number}/calls", response=list[CallsOut])
def list_calls(request: HttpRequest, number: int) -> Any:
    """Every call to an engine with its answer, by step and engine; calls of the same kind in a row are one, with `count`.

    `step` is null for what belongs to no single one, such as pulls. `status` 0: nothing came back. `left_out`: calls
    between the first and the last ones of a step that are not kept.
    """
    return [
        {
            "step": group.step.pk if group.step else None,
            "number": group.step.instance.number if group.step else None,
            "host": group.where,
            "left_out": group.left_out,
            "calls": [as_json(one) for one in group.entries],
        }
        for group in calls_of(get_deployment(actor_of(request), max(0, number)))
    ]


@router.get("/deployments/{number}/plan", response=ConfirmedOut)
def show_plan(request: HttpRequest, number: int) -> Any:
    """The plan as it was confirmed, with what was known then; only releases keep one."""
    return get_visible(actor_of(request), ConfirmedPlan, deployment=get_deployment(actor_of(request), max(0, number)))


class EffectOut(Schema):
    metric: str
    unit: str
    before: float | None
    after: float | None
    percent: int | None


class FiredOut(Schema):
    id: int
    rule: str
    severity: str
    about: str
    words: str
    fired: datetime | None
    resolved: datetime | None


class EffectsOut(Schema):
    changes: list[EffectOut]
    alerts: list[FiredOut]


@router.get("/deployments/{number}/effects", response=EffectsOut)
def show_effects(request: HttpRequest, number: int) -> Any:
    """Means of its instances 15 minutes before and after, and the alerts that fired until half an hour after its end."""
    return effects.as_json(get_deployment(actor_of(request), max(0, number)), time.time())


class SideOut(Schema):
    name: str
    left: str
    right: str
    differs: bool
    slower: bool


class SettingChangeOut(Schema):
    setting: str
    before: Any
    after: Any


class CommitOut(Schema):
    revision: str
    author: str
    time: datetime
    subject: str


class FailedOut(Schema):
    number: int
    host: str
    state: str
    reason: str


class CompareOut(Schema):
    left: int
    right: int
    facts: list[SideOut]
    phases: list[SideOut]
    changes: list[SettingChangeOut]
    newer: list[CommitOut]
    older: list[CommitOut]
    failed_left: list[FailedOut]
    failed_right: list[FailedOut]


@router.get("/deployments/{number}/compare", response=CompareOut)
def compare_with(request: HttpRequest, number: int, other: int = Query(alias="with", ge=1, le=NUMBER_LIMIT)) -> Any:
    """The release (right) beside another one of the same service (left, `with`), as its page has it.

    `newer`: commits that only the right one has; `older`: that only the left one has. Values of secrets are in none of it.
    """
    right = get_deployment(actor_of(request), max(0, number))
    left = get_deployment(actor_of(request), other)
    if left.place.service_id != right.place.service_id or left.pk == right.pk:
        raise Refused(_("This service has no other release of this number."), "with", 404)
    found = comparison(left, right)
    lines = {name: [asdict(one) | {"differs": one.differs} for one in found[name]] for name in ("facts", "phases")}
    return lines | {
        "left": left.pk,
        "right": right.pk,
        "changes": [{"setting": name, "before": old, "after": new} for name, old, new in found["changes"]],
        "newer": [_commit(one) for one in found["newer"]],
        "older": [_commit(one) for one in found["older"]],
        "failed_left": found["failed"][0][1],
        "failed_right": found["failed"][1][1],
    }


def _commit(one: Revision) -> dict[str, Any]:
    return {"revision": one.hash, "author": one.author, "time": one.time, "subject": one.title}


@router.get("/deployments/{number}/record", response=dict[str, Any])
def show_record(request: HttpRequest, number: int) -> Any:
    """All of the record in one piece, without secrets and values of variables; logs only for who may read them. An event."""
    return export.exported(actor_of(request), get_deployment(actor_of(request), max(0, number)), "json")
