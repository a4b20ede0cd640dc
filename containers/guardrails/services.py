"""The verbs of an environment's guardrails: rules and freeze windows. Each leaves before and after in the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any
from zoneinfo import available_timezones

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from containers.guardrails import limits
from containers.guardrails.rules import Rules, rules_of
from containers.models import Calendar, Environment, Freeze, Guardrails
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

RIGHT = "environment.manage"
# Highest numbers: minutes in two weeks, instances, percent.
MOST = {"proof_minutes": 20_160, "proof_instances": 500, "most_batch": 500, "most_share": 100, "least_healthy": 100}
MOST |= {"approvals": 5, "approvals_hours": 720}
NEVER_EMPTY = {"proof_minutes", "proof_instances", "approvals", "approvals_hours"}
LONGEST_AROUND = 1440  # minutes before and after


def save_rules(actor: Actor, environment: Environment, data: Mapping[str, Any], reason: str = "") -> Rules:
    """Changes what `data` names of: proof, proof_from (slugs), proof_minutes, proof_instances, reason, ticket, most_batch,
    most_share, least_healthy, when_frozen, approvals, approvals_role, approvals_hours. Raises Refused with the field.
    """
    require(actor, RIGHT, obj=environment)
    before = shown(environment)
    fields = _read_rules(data)
    from_ = _environments(environment, data["proof_from"]) if "proof_from" in data else None
    with transaction.atomic():
        row = _row(environment)
        for name, value in fields.items():
            setattr(row, name, value)
        row.save()
        if from_ is not None:
            row.proof_from.set(from_)
        if row.proof and not row.proof_from.exists():
            raise Refused(_("Choose at least one environment in which an image is proved."), "proof_from", 400)
        old, new = audit.changed(before, shown(environment))
        if new:
            audit.record(actor, "environment.guardrails", environment, before=old, after=new, reason=reason)
            live.bump("services", f"guardrails:{environment.slug}")
    return rules_of(environment)


def _row(environment: Environment) -> Guardrails:
    """The environment's row, made of the defaults that held until now where there is none."""
    rules = rules_of(environment)
    row, made = Guardrails.objects.get_or_create(environment=environment, defaults={"proof": rules.proof is not None})
    if made and rules.proof is not None:
        row.proof_from.set(Environment.objects.filter(slug__in=rules.proof.environments))
    return row


def _read_rules(data: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name in ("proof", "reason"):
        if name in data:
            fields[name] = data[name] is True
    for name, most in MOST.items():
        if name in data:
            fields[name] = _number(name, data[name], most)
    if "ticket" in data:
        fields["ticket"] = ", ".join(limits.patterns(str(data["ticket"] or "")))
        if len(fields["ticket"]) > 120:
            raise Refused(_("At most 120 characters."), "ticket", 400)
    if "approvals_role" in data:
        if data["approvals_role"] not in Guardrails.Approver.values:
            words = _("Choose one of: %(choices)s.") % {"choices": ", ".join(Guardrails.Approver.values)}
            raise Refused(words, "approvals_role", 400)
        fields["approvals_role"] = data["approvals_role"]
    if "when_frozen" in data:
        if data["when_frozen"] not in Guardrails.Frozen.values:
            words = _("Choose one of: %(choices)s.") % {"choices": ", ".join(Guardrails.Frozen.values)}
            raise Refused(words, "when_frozen", 400)
        fields["when_frozen"] = data["when_frozen"]
    return fields


def _number(name: str, value: Any, most: int) -> int | None:
    if value in (None, "") and name not in NEVER_EMPTY:
        return None
    low = 0 if name in {"proof_minutes", "approvals"} else 1
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= most:
        raise Refused(_("A number from %(low)s to %(most)s.") % {"low": low, "most": most}, name, 400)
    return value


def _environments(environment: Environment, slugs: Any) -> list[Environment]:
    wanted = {str(slug) for slug in slugs or []}
    rows = list(Environment.objects.filter(slug__in=wanted).exclude(pk=environment.pk))
    if unknown := wanted - {row.slug for row in rows}:
        words = _("«%(name)s» cannot prove an image for this environment.")
        raise Refused(words % {"name": min(unknown)}, "proof_from", 400)
    return rows


def shown(environment: Environment) -> dict[str, Any]:
    """The rules in the names of the verb and of the API."""
    rules = rules_of(environment)
    proof = rules.proof
    return {
        "proof": proof is not None,
        "proof_from": list(proof.environments) if proof else [],
        "proof_minutes": int(proof.seconds // 60) if proof else 0,
        "proof_instances": proof.instances if proof else 1,
        "reason": rules.reason,
        "ticket": rules.ticket,
        "most_batch": rules.most_batch,
        "most_share": rules.most_share,
        "least_healthy": rules.least_healthy,
        "approvals": rules.approvals.count,
        "approvals_role": str(rules.approvals.role),
        "approvals_hours": rules.approvals.hours,
        "when_frozen": str(rules.when_frozen),
    }


# --- Freeze windows -----------------------------------------------------------------------------------------------


def add_freeze(actor: Actor, environment: Environment, data: Mapping[str, Any]) -> Freeze:
    """A new window. `data`: kind and reason; of a market calendar (slug), before, after (minutes), lunch; weekly days (0 =
    Monday), start, end (times), zone; once starts, ends (moments). Raises Refused with the field.
    """
    require(actor, RIGHT, obj=environment)
    kind = data.get("kind")
    readers = {Freeze.Kind.MARKET: _market, Freeze.Kind.WEEKLY: _weekly, Freeze.Kind.ONCE: _once}
    if kind not in readers:
        raise Refused(_("Choose one of: %(choices)s.") % {"choices": ", ".join(Freeze.Kind.values)}, "kind", 400)
    reason = " ".join(str(data.get("reason") or "").split())
    if len(reason) > 250:
        raise Refused(_("At most 250 characters."), "reason", 400)
    fields = readers[Freeze.Kind(kind)](data)
    if kind == Freeze.Kind.ONCE and not reason:
        raise Refused(_("Say why nothing is released then."), "reason", 400)
    with transaction.atomic():
        row = Freeze.objects.create(
            environment=environment, kind=kind, reason=reason, created_name=actor.name, **fields
        )
        audit.record(actor, "environment.freeze", environment, after=freeze_json(row), reason=reason)
        live.bump("services", f"guardrails:{environment.slug}")
    return row


def remove_freeze(actor: Actor, row: Freeze, reason: str = "") -> None:
    """The window is gone; a release that it holds goes on within moments."""
    environment = row.environment
    require(actor, RIGHT, obj=environment)
    with transaction.atomic():
        before = freeze_json(row)
        if Freeze.objects.filter(pk=row.pk).delete()[0]:
            audit.record(actor, "environment.unfreeze", environment, before=before, reason=reason)
            live.bump("services", f"guardrails:{environment.slug}")


def _market(data: Mapping[str, Any]) -> dict[str, Any]:
    calendar = Calendar.objects.filter(slug=str(data.get("calendar") or "")).first()
    if calendar is None:
        raise Refused(_("Choose a calendar."), "calendar", 400)
    found: dict[str, Any] = {"calendar": calendar, "lunch": data.get("lunch", True) is True}
    for name in ("before", "after"):
        value = data.get(name) or 0
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LONGEST_AROUND:
            raise Refused(_("A number from %(low)s to %(most)s.") % {"low": 0, "most": LONGEST_AROUND}, name, 400)
        found[name] = value
    return found


def _weekly(data: Mapping[str, Any]) -> dict[str, Any]:
    days = data.get("days") or []
    if not days or not all(isinstance(day, int) and 0 <= day <= 6 for day in days):
        raise Refused(_("Choose the days of the week."), "days", 400)
    start, end = data.get("start"), data.get("end")
    for name, value in (("start", start), ("end", end)):
        if not isinstance(value, time):
            raise Refused(_("A time, such as 09:15."), name, 400)
    zone = str(data.get("zone") or "")
    if zone not in available_timezones():
        raise Refused(_("There is no such time zone."), "zone", 400)
    return {"days": sorted(set(days)), "start": start, "end": end, "zone": zone}


def _once(data: Mapping[str, Any]) -> dict[str, Any]:
    starts, ends = data.get("starts"), data.get("ends")
    for name, value in (("starts", starts), ("ends", ends)):
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise Refused(_("A day and a time."), name, 400)
    assert isinstance(starts, datetime)
    assert isinstance(ends, datetime)
    if ends <= starts:
        raise Refused(_("The end must be later than the start."), "ends", 400)
    if ends <= timezone.now():
        raise Refused(_("This is over already."), "ends", 400)
    return {"starts": starts, "ends": ends}


def freeze_json(row: Freeze) -> dict[str, Any]:
    """A window in the names of the verb and of the API: only what its kind has."""
    found: dict[str, Any] = {"id": row.pk, "kind": str(row.kind), "reason": row.reason}
    if row.kind == Freeze.Kind.MARKET:
        calendar = row.calendar.slug if row.calendar else ""
        return found | {"calendar": calendar, "before": row.before, "after": row.after, "lunch": row.lunch}
    if row.kind == Freeze.Kind.WEEKLY:
        times = {"start": _clock(row.start), "end": _clock(row.end)}
        return found | {"days": row.days, **times, "zone": row.zone}
    return found | {
        "starts": row.starts.isoformat() if row.starts else "",
        "ends": row.ends.isoformat() if row.ends else "",
    }


def _clock(value: time | None) -> str:
    return value.isoformat("minutes") if value is not None else ""
