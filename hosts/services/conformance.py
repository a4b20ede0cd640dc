"""The verbs of conformance: check, preview, put right, take back, waive; and of profiles."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from hosts import daemon, tasks
from hosts.conformance import store
from hosts.conformance.check import Check, Fix
from hosts.conformance.checks import BY_SLUG
from hosts.conformance.daemon_settings import diff
from hosts.conformance.models import THRESHOLDS
from hosts.conformance.profiles import profile_of, role_of
from hosts.conformance.repair import undo_of
from hosts.models import CheckResult, Host, HostFacts, HostGroup, HostOperation, Profile, Waiver
from hosts.operations import KINDS
from hosts.services import operations
from xqplatform import audit, live, work
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

LONGEST = timedelta(days=366)  # that a waiver may hold
OPEN = ("name", "role", "daemon", "thresholds", "off")


@dataclass(frozen=True)
class Preview:
    """What a fix would do, as the page shows it. `blocked`: why it cannot be applied from here (empty: it can)."""

    fix: Fix
    diffs: list[tuple[str, str]] = field(default_factory=list)  # (path, unified diff)
    blocked: str = ""

    @property
    def commands(self) -> list[str]:
        return [shlex.join(argv) for argv in self.fix.commands]

    @property
    def undo(self) -> list[str]:
        return [shlex.join(argv) for argv in self.fix.undo_commands]


def check(actor: Actor, host: Host) -> None:
    """Has the host read and judged now instead of at the next round; nothing of it changes, so there is no event."""
    require(actor, "read", obj=host)
    if host.state == Host.State.RETIRED:
        raise Refused(_("%(host)s is retired.") % {"host": host})
    with transaction.atomic():
        work.enqueue(tasks.check_conformance, host.pk)


def preview_fix(host: Host, slug: str) -> Preview | None:
    """The fix of a failing check by what was read last; None where there is none. Raises Refused for an unknown check."""
    row = HostFacts.objects.filter(host=host).first()
    return preview(host, known(slug), profile_of(host), row.facts if row else {})


def preview(host: Host, one: Check, profile: Profile, facts: Mapping[str, Any]) -> Preview | None:
    fix = one.propose(facts, profile)
    if fix is None:
        return None
    files = facts.get("files") or {}
    old = {**files, str(facts.get("daemon_path") or "/etc/docker/daemon.json"): _daemon_text(facts)}
    diffs = [(path, diff(path, old.get(path), new)) for path, new in fix.files]
    return Preview(fix, diffs, _blocked(host, fix, facts))


def _daemon_text(facts: Mapping[str, Any]) -> str | None:
    file = facts.get("daemon")
    return daemon.dump(file) if isinstance(file, dict) and file else None


def _blocked(host: Host, fix: Fix, facts: Mapping[str, Any]) -> str:
    if fix.by_hand:
        return _("A person has to do this.")
    if facts.get("source") != "ssh":
        return _("Needs SSH access to the machine.")
    if fix.operation and fix.operation not in KINDS:
        return _("The platform cannot do this yet.")
    return ""


def apply_fix(actor: Actor, host: Host, slug: str, reason: str = "") -> HostOperation:
    """Starts the operation that puts a failing check right. Raises Refused where there is nothing to apply."""
    require(actor, "host.operate", obj=host, extra={"check": slug[:40]})
    found = preview_fix(host, slug)
    if found is None:
        raise Refused(_("There is nothing to apply: the check does not fail, or nobody but a person can put it right."))
    if found.blocked:
        raise Refused(f"{found.blocked} {found.fix.words}".strip())
    kind = found.fix.operation or "conformance.fix"
    return operations.start(actor, host, kind, {} if found.fix.operation else {"check": slug}, reason=reason)


def undo_fix(actor: Actor, operation: HostOperation, reason: str = "") -> HostOperation:
    """Starts the operation that takes a fix back. Raises Refused when it cannot be, or was already."""
    require(actor, "host.operate", obj=operation.host)
    plan = undo_of(operation)
    if plan is None:
        raise Refused(_("This cannot be taken back."))
    if last_fix(operation.host, str(operation.params.get("check"))) != operation:
        raise Refused(_("It was taken back already, or put right again since."))
    params = {"check": operation.params.get("check"), "of": operation.pk, "undo": plan}
    return operations.start(actor, operation.host, "conformance.undo", params, reason=reason)


def undo_last(actor: Actor, host: Host, slug: str, reason: str = "") -> HostOperation:
    """Takes back the fix of a check that stands."""
    require(actor, "host.operate", obj=host, extra={"check": slug[:40]})
    found = last_fix(host, slug)
    if found is None:
        raise Refused(_("No fix of this check stands that could be taken back."))
    return undo_fix(actor, found, reason)


def last_fix(host: Host, slug: str) -> HostOperation | None:
    """The fix of a check that stands: the last that succeeded and was not taken back since."""
    return last_fixes(host).get(slug)


def last_fixes(host: Host) -> dict[str, HostOperation]:
    rows = HostOperation.objects.filter(
        host=host, kind__in=["conformance.fix", "conformance.undo"], state=HostOperation.State.SUCCEEDED
    )
    latest: dict[str, HostOperation] = {}
    for row in rows.order_by("pk"):
        slug = str(row.params.get("check"))
        if row.kind == "conformance.undo":
            latest.pop(slug, None)
        elif undo_of(row) is not None:
            latest[slug] = row
    return latest


def waive(actor: Actor, target: Host | HostGroup, slug: str, reason: str, until: date | str) -> Waiver:
    """Tolerates a check on a host or in a group until a day, which still counts. A second one replaces the first."""
    require(actor, "host.manage", obj=target, extra={"check": slug[:40]})
    one, day, reason = known(slug), _day(until), reason.strip()
    if not reason or len(reason) > 500:
        raise Refused(_("Say why, in at most 500 characters."), "reason", 400)
    where = {"host": target, "group": None} if isinstance(target, Host) else {"host": None, "group": target}
    with transaction.atomic():
        old = Waiver.objects.select_for_update().filter(**where, check_slug=one.slug)
        before = [f"{row.reason} ({row.until})" for row in old]
        old.delete()
        row = Waiver.objects.create(**where, check_slug=one.slug, reason=reason, until=day, who=actor.name)
        audit.record(
            actor, "host.waive", target, before={"waiver": before} if before else None,
            after={"check": one.slug, "until": str(day)}, reason=reason,
        )  # fmt: skip
        live.bump(store.TOPIC, *([f"host:{target.pk}"] if isinstance(target, Host) else []))
    return row


def _day(until: date | str) -> date:
    try:
        day = until if isinstance(until, date) else date.fromisoformat(until.strip())
    except ValueError:
        raise Refused(_("A day, such as 2026-12-31."), "until", 400) from None
    today = timezone.localdate()
    if not today <= day <= today + LONGEST:
        raise Refused(_("Between today and a year from now: nothing is waived for ever."), "until", 400)
    return day


def unwaive(actor: Actor, waiver: Waiver) -> None:
    """Ends a waiver before its day."""
    target = waiver.host or waiver.group
    require(actor, "host.manage", obj=target)
    with transaction.atomic():
        deleted, _rows = Waiver.objects.filter(pk=waiver.pk).delete()
        if deleted:
            before = {"check": waiver.check_slug, "until": str(waiver.until), "reason": waiver.reason}
            audit.record(actor, "host.unwaive", target, before=before)
            live.bump(store.TOPIC, *([f"host:{waiver.host_id}"] if waiver.host_id else []))


def save_profile(actor: Actor, data: Mapping[str, Any], profile: Profile | None = None) -> Profile:
    """Makes a profile, or changes what `data` names (OPEN and `group`); its hosts are judged anew. Raises Refused."""
    require(actor, "host.manage", obj=profile if profile is not None and profile.pk else None)
    row = Profile.objects.get(pk=profile.pk) if profile is not None and profile.pk else Profile()
    made = row.pk is None
    if made and "daemon" not in data:
        data = {**data, "daemon": profile_defaults(str(data.get("role", row.role)))}
    before = {} if made else _facts(row)
    _fill(row, data)
    with transaction.atomic():
        try:
            with transaction.atomic():
                row.save()
        except IntegrityError:
            if Profile.objects.exclude(pk=row.pk).filter(name=row.name).exists():
                raise Refused(_("There is a profile of this name already."), "name") from None
            raise Refused(_("There is a profile of this role and group already."), "group") from None
        old, new = audit.changed(before, _facts(row))
        if new:
            audit.record(
                actor, "host.profile.create" if made else "host.profile.change", row, before=old or None, after=new
            )
        work.enqueue(tasks.judge_conformance)
        live.bump(store.TOPIC)
    return row


def profile_defaults(role: str) -> dict[str, Any]:
    from hosts.conformance.models import wanted_daemon

    return wanted_daemon(role) if role in Profile.Role.values else {}


def remove_profile(actor: Actor, profile: Profile) -> None:
    """Removes a profile: the role's general one, or the built-in one, then holds for its hosts."""
    require(actor, "host.manage", obj=profile)
    with transaction.atomic():
        audit.record(actor, "host.profile.remove", profile, before=_facts(profile))
        profile.delete()
        work.enqueue(tasks.judge_conformance)
        live.bump(store.TOPIC)


def _facts(row: Profile) -> dict[str, Any]:
    return {**{name: getattr(row, name) for name in OPEN}, "group": row.group.slug if row.group else None}


def _fill(row: Profile, data: Mapping[str, Any]) -> None:
    unknown = set(data) - {*OPEN, "group"}
    if unknown:
        raise Refused(_("There is no field «%(field)s».") % {"field": min(unknown)}, min(unknown), 400)
    if "role" in data:
        row.role = str(data["role"])
    if row.role not in Profile.Role.values:
        raise Refused(_("run, build or registry."), "role", 400)
    if "group" in data:
        row.group = _group(data["group"])
    if "name" in data or not row.name:
        row.name = str(data.get("name") or "").strip().replace("\x00", "") or (
            f"{row.role} · {row.group.slug}" if row.group else row.role
        )
        if len(row.name) > 60:
            raise Refused(_("At most 60 characters."), "name", 400)
    if "daemon" in data:
        row.daemon = _daemon(data["daemon"])
    if "thresholds" in data:
        row.thresholds = _thresholds(data["thresholds"])
    if "off" in data:
        row.off = sorted({known(str(slug)).slug for slug in data["off"] or []})


def _group(value: Any) -> HostGroup | None:
    if not value or isinstance(value, HostGroup):
        return value or None
    found = HostGroup.objects.filter(slug=str(value)).first()
    if found is None:
        raise Refused(_("There is no host group «%(group)s».") % {"group": value}, "group", 400)
    return found


def _daemon(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = daemon.parse(value)
        except ValueError as error:
            raise Refused(str(error), "daemon", 400) from error
    if not isinstance(value, dict):
        raise Refused(_("daemon.json must be one JSON object."), "daemon", 400)
    wrong = daemon.mistakes({key: one for key, one in value.items() if one is not None})
    if wrong:
        raise Refused(" ".join(wrong), "daemon", 400)
    return value


def _thresholds(value: Any) -> dict[str, Any]:
    """Limits that differ from the built-in ones, each of the kind that the built-in one is of."""
    if not isinstance(value, dict):
        raise Refused(_("Names and values."), "thresholds", 400)
    found: dict[str, Any] = {}
    for name, one in value.items():
        if name not in THRESHOLDS:
            raise Refused(_("There is no limit «%(name)s».") % {"name": name}, "thresholds", 400)
        default = THRESHOLDS[name]
        if isinstance(default, list):
            good = (
                isinstance(one, list)
                and bool(one)
                and all(isinstance(part, str) and part and len(part) < 60 for part in one)
            )
        elif isinstance(default, str):
            good = isinstance(one, str) and 0 < len(one) < 250
        else:
            good = isinstance(one, int | float) and not isinstance(one, bool) and 0 <= one < 1e9
        if not good:
            raise Refused(
                _("«%(name)s» must be like %(example)s.") % {"name": name, "example": default}, "thresholds", 400
            )
        if one != default:
            found[name] = one
    return found


def known(slug: str) -> Check:
    found = BY_SLUG.get(slug)
    if found is None:
        raise Refused(_("There is no check «%(check)s».") % {"check": slug[:40]}, "check", 400)
    return found


def counts(host: Host) -> dict[str, int]:
    """How many checks of a host are shown in which state."""
    found = {"fails": 0, "unknown": 0, "waived": 0, "passes": 0}
    waived = waived_slugs(host)
    for slug, state in CheckResult.objects.filter(host=host).values_list("check_slug", "state"):
        found["waived" if state == "fails" and slug in waived else state] += 1
    return found


def waived_slugs(host: Host) -> set[str]:
    rows = Waiver.holding()
    return {w.check_slug for w in rows if w.host_id == host.pk or (w.group_id and w.group_id == host.group_id)}


def hosts_of(profile: Profile) -> list[Host]:
    """The hosts that a profile holds for."""
    rows = Host.objects.exclude(state=Host.State.RETIRED).select_related("group")
    return [host for host in rows if role_of(host) == profile.role and profile_of(host) == profile]
