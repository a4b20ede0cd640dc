"""Conformance over the API: checks, verdicts, fixes, waivers, profiles."""

from datetime import date, datetime
from typing import Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema, Status
from ninja.pagination import LimitOffsetPagination, paginate

from hosts.conformance import checks, matrix
from hosts.conformance.check import Check
from hosts.conformance.models import built_in
from hosts.models import Host, HostFacts, HostGroup, HostOperation, Profile, Waiver
from hosts.services import conformance
from hosts.views.conformance import Row, rows_of
from xqplatform.accounts.http import actor_of

router = Router(tags=["conformance"])


class CheckOut(Schema):
    slug: str
    title: str
    why: str
    roles: list[str]

    @staticmethod
    def resolve_title(check: Check) -> str:
        return str(check.title)

    @staticmethod
    def resolve_why(check: Check) -> str:
        return str(check.why)


class FixFileOut(Schema):
    path: str
    diff: str


class FixOut(Schema):
    """What would be done. `blocked`: why it cannot be applied from here; empty when it can."""

    files: list[FixFileOut]
    commands: list[str]
    undo_commands: list[str]
    needs_restart: str
    words: str
    operation: str
    blocked: str


class VerdictOut(Schema):
    """`state`: passes, fails, unknown, or waived (it fails, and a waiver holds)."""

    check: str
    state: str
    evidence: str
    words: str
    seen: datetime | None
    since: datetime | None
    waived_until: date | None
    waiver_reason: str
    fix: FixOut | None
    fixed_by_operation: int | None


class ConformanceOut(Schema):
    host: str
    profile: str
    read: datetime | None
    read_by: str
    note: str
    checks: list[VerdictOut]


class MatrixRowOut(Schema):
    host: str
    fails: int
    unknown: int
    waived: int
    passes: int
    states: dict[str, str]


class MatrixFilter(Schema):
    group: str | None = None
    role: Literal["run", "build", "registry"] | None = None
    state: Literal["passes", "fails", "unknown", "waived"] | None = None
    check: str | None = None


class CheckReasonIn(Schema):
    model_config = {"extra": "forbid"}
    reason: str = ""


class FixStartedOut(Schema):
    """The operation that was started; follow it at `url`."""

    operation: int
    url: str


class WaiverIn(Schema):
    """For one host, or for a whole group; `until` is the last day."""

    model_config = {"extra": "forbid"}
    check: str
    reason: str
    until: date
    host: str | None = None
    group: str | None = None


class WaiverOut(Schema):
    id: int
    check: str
    host: str | None
    group: str | None
    reason: str
    until: date
    who: str
    holds: bool

    @staticmethod
    def resolve_check(row: Waiver) -> str:
        return row.check_slug

    @staticmethod
    def resolve_host(row: Waiver) -> str | None:
        return row.host.name if row.host else None

    @staticmethod
    def resolve_group(row: Waiver) -> str | None:
        return row.group.slug if row.group else None


class ProfileChangeIn(Schema):
    model_config = {"extra": "forbid"}
    name: str | None = None
    role: Literal["run", "build", "registry"] | None = None
    group: str | None = None
    daemon: dict[str, Any] | None = None
    thresholds: dict[str, Any] | None = None
    off: list[str] | None = None


class ProfileIn(ProfileChangeIn):
    role: Literal["run", "build", "registry"]


class ProfileOut(Schema):
    """`id` is empty for a built-in profile, which holds where nobody has saved one."""

    id: int | None
    name: str
    role: str
    group: str | None
    daemon: dict[str, Any]
    thresholds: dict[str, Any]
    off: list[str]

    @staticmethod
    def resolve_group(row: Profile) -> str | None:
        return row.group.slug if row.group else None


def _host(name: str) -> Host:
    return get_object_or_404(Host.objects.select_related("group"), name=name)


def _given(data: Schema) -> dict[str, Any]:
    return {k: v for k, v in data.dict(exclude_unset=True).items() if v is not None or k == "group"}


def _fix(preview: conformance.Preview) -> dict[str, Any]:
    return {
        "files": [{"path": path, "diff": text} for path, text in preview.diffs],
        "commands": preview.commands,
        "undo_commands": preview.undo,
        "needs_restart": preview.fix.needs_restart,
        "words": preview.fix.words,
        "operation": preview.fix.operation,
        "blocked": preview.blocked,
    }


def _verdict(row: Row) -> dict[str, Any]:
    result = row.result
    return {
        "check": row.check.slug,
        "state": row.state,
        "evidence": result.evidence if result else "",
        "words": result.words if result else "",
        "seen": result.seen if result else None,
        "since": result.since if result else None,
        "waived_until": row.waiver.until if row.waiver else None,
        "waiver_reason": row.waiver.reason if row.waiver else "",
        "fix": _fix(row.preview) if row.preview else None,
        "fixed_by_operation": row.fixed.pk if row.fixed else None,
    }


def _started(row: HostOperation) -> Any:
    return Status(202, {"operation": row.pk, "url": row.get_absolute_url()})


@router.get("/conformance/checks", response=list[CheckOut])
@paginate(LimitOffsetPagination)
def list_checks(request: HttpRequest) -> Any:
    return list(checks.CHECKS)


@router.get("/conformance", response=list[MatrixRowOut])
@paginate(LimitOffsetPagination)
def show_matrix(request: HttpRequest, f: Query[MatrixFilter]) -> Any:
    """Each host's states by check."""
    rows = Host.objects.exclude(state=Host.State.RETIRED).select_related("group").order_by("name")
    found = matrix.hosts_by_state() if f.state or f.check else {}
    for wanted in (f.state, f.check):
        if wanted:
            rows = rows.filter(pk__in=found.get(wanted, set()))
    if f.group:
        rows = rows.filter(group__slug=f.group)
    if f.role:
        rows = rows.filter(**{f"role_{f.role}": True})
    lines = matrix.build(list(rows)).lines
    return [
        {
            "host": line.host.name,
            **line.counts,
            "states": {check.slug: cell.state for check, cell in line.pairs if cell},
        }
        for line in lines
    ]


@router.get("/hosts/{name}/conformance", response=ConformanceOut)
def show_conformance(request: HttpRequest, name: str) -> Any:
    host = _host(name)
    facts = HostFacts.objects.filter(host=host).first()
    read = facts.facts if facts else {}
    return {
        "host": host.name,
        "profile": conformance.profile_of(host).name,
        "read": facts.taken if facts else None,
        "read_by": str(read.get("source", "")),
        "note": facts.note if facts else "",
        "checks": [_verdict(row) for row in rows_of(host, read)],
    }


@router.post("/hosts/{name}/conformance/check", response={202: None})
def check_host(request: HttpRequest, name: str) -> Any:
    """Has the host read now; look at `read`."""
    conformance.check(actor_of(request), _host(name))
    return Status(202, None)


@router.post("/hosts/{name}/conformance/{check}/fix", response={202: FixStartedOut})
def fix(request: HttpRequest, name: str, check: str, data: CheckReasonIn) -> Any:
    """Puts a failing check right, as `fix` of it says."""
    return _started(conformance.apply_fix(actor_of(request), _host(name), check, data.reason))


@router.post("/hosts/{name}/conformance/{check}/undo", response={202: FixStartedOut})
def undo(request: HttpRequest, name: str, check: str, data: CheckReasonIn) -> Any:
    """Takes back the fix of a check that stands."""
    return _started(conformance.undo_last(actor_of(request), _host(name), check, data.reason))


@router.get("/conformance/waivers", response=list[WaiverOut])
@paginate(LimitOffsetPagination)
def list_waivers(request: HttpRequest) -> Any:
    return Waiver.objects.select_related("host", "group")


@router.post("/conformance/waivers", response={201: WaiverOut})
def waive(request: HttpRequest, data: WaiverIn) -> Any:
    if data.group:
        target: Host | HostGroup = get_object_or_404(HostGroup, slug=data.group)
    else:
        target = _host(data.host or "")
    return Status(201, conformance.waive(actor_of(request), target, data.check, data.reason, data.until))


@router.delete("/conformance/waivers/{waiver}", response={204: None})
def unwaive(request: HttpRequest, waiver: int) -> Any:
    conformance.unwaive(actor_of(request), get_object_or_404(Waiver.objects.select_related("host", "group"), pk=waiver))
    return Status(204, None)


@router.get("/conformance/profiles", response=list[ProfileOut])
@paginate(LimitOffsetPagination)
def list_profiles(request: HttpRequest) -> Any:
    saved = list(Profile.objects.select_related("group"))
    general = {row.role for row in saved if row.group_id is None}
    return [*(built_in(role) for role in Profile.Role.values if role not in general), *saved]


@router.post("/conformance/profiles", response={201: ProfileOut})
def create_profile(request: HttpRequest, data: ProfileIn) -> Any:
    return Status(201, conformance.save_profile(actor_of(request), _given(data)))


@router.patch("/conformance/profiles/{profile}", response=ProfileOut)
def change_profile(request: HttpRequest, profile: int, data: ProfileChangeIn) -> Any:
    return conformance.save_profile(actor_of(request), _given(data), get_object_or_404(Profile, pk=profile))


@router.delete("/conformance/profiles/{profile}", response={204: None})
def remove_profile(request: HttpRequest, profile: int) -> Any:
    conformance.remove_profile(
        actor_of(request), get_object_or_404(Profile.objects.select_related("group"), pk=profile)
    )
    return Status(204, None)
