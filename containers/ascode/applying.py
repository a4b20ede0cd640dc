"""The verbs: show what a text would change, and apply it. All is written by the verbs that pages call, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.db import transaction
from django.utils.translation import gettext as _

from builds.place import at
from containers.ascode import carrying, parts, plans, state
from containers.ascode.plans import Plan, Target
from containers.ascode.source import Wrong
from containers.automatic import services as automatic
from containers.models import AppliedFile, Environment, Service
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

PLACEHOLDER = "•" * 8  # stands for a secret that is given when it is applied; never stored
RIGHTS = {"instances": "service.scale", "automatic": automatic.RIGHT}  # all else of a place: service.change
LONGEST_REASON = 250


def preview(actor: Actor, text: str, *, prune: bool = False) -> Plan:
    """What applying it would change: it is carried out and taken back, so whatever a verb refuses is refused here.

    Raises Wrong (mistakes in the text), Denied, and Refused with the line and path.
    """
    plan = plans.make(actor, text, prune)
    _require(actor, plan)
    with transaction.atomic():
        carrying.carry_out(actor, plan, dict.fromkeys(plan.needs, PLACEHOLDER), _("applied from a file"))
        transaction.set_rollback(True)
    return plan


def apply(
    actor: Actor,
    text: str,
    *,
    token: str,
    prune: bool = False,
    secrets: Mapping[str, str] | None = None,
    reason: str = "",
) -> list[AppliedFile]:
    """Applies the text whose difference was shown with `token`; one row for each of its documents, in their order.

    `secrets`: values by the names of `Plan.needs`. Raises Wrong, Denied, and Refused: for a world that is not as it was shown
    (it says what moved), for a secret without a value, and for whatever a verb refuses; then nothing at all was changed.
    """
    reason = reason.strip()
    if len(reason) > LONGEST_REASON or "\x00" in reason:
        raise Refused(_("At most %(most)s characters.") % {"most": LONGEST_REASON}, "reason", 400)
    _require(actor, plans.make(actor, text, prune))
    with transaction.atomic():
        plan = _locked(actor, text, prune)
        plans.check_token(plan, token)
        given = _secrets(plan, secrets or {})
        carrying.carry_out(actor, plan, given, reason or _("applied from a file"))
        rows = [_note(actor, target, plan.prune, reason) for target in plan.targets]
        live.bump("services", *(f"service:{row.name}" for row in rows if row.service_id))
    return rows


@contextmanager
def refusing() -> Iterator[None]:
    """Mistakes in the text become a Refused (400), a line each."""
    try:
        yield
    except Wrong as wrong:
        raise Refused("\n".join(map(str, wrong.mistakes)), "text", 400) from wrong


def _locked(actor: Actor, text: str, prune: bool) -> Plan:
    """The plan, worked out anew with the rows of all that it names locked, always in the same order."""
    first = plans.make(actor, text, prune)
    slugs = {
        kind: sorted(t.given.name for t in first.targets if t.given.kind == kind) for kind in ("Environment", "Service")
    }
    list(Environment.objects.select_for_update().filter(slug__in=slugs["Environment"]).order_by("pk"))
    services = list(Service.objects.select_for_update(of=("self",)).filter(slug__in=slugs["Service"]).order_by("pk"))
    for service in services:
        list(service.places.select_for_update(of=("self",)).order_by("pk"))
    return plans.make(actor, text, prune)


def _secrets(plan: Plan, given: Mapping[str, str]) -> dict[str, str]:
    """The values that are needed. Raises Refused for one that is missing, empty, or asked for by nothing."""
    if unknown := sorted(set(given) - set(plan.needs)):
        words = _("No value is needed for «%(name)s»: change a secret on its own page.")
        raise Refused(words % {"name": unknown[0][:200]}, "secrets", 400)
    for name in plan.needs:
        value = given.get(name, "")
        if not value:
            raise Refused(_("The secret «%(name)s» has no value.") % {"name": name}, "secrets", 400)
        if "\x00" in value or len(value) > 32_000:
            raise Refused(_("It is too long or has a zero byte."), "secrets", 400)
    return dict(given)


# --- Rights --------------------------------------------------------------------------------------------------------


def _require(actor: Actor, plan: Plan) -> None:
    """Asks for every right that a verb will ask for, before any transaction: the event of a denied attempt must stay."""
    for target in plan.targets:
        if target.given.kind == "Environment":
            require(actor, "environment.manage", obj=target.now.row, extra={"file": target.given.name})
        else:
            _require_service(actor, target)


def _require_service(actor: Actor, target: Target) -> None:
    wanted = Team.objects.filter(slug=target.wanted["team"]).first() if target.wanted["team"] else None
    service = target.now.row
    extra = {"file": target.given.name}
    if isinstance(service, Service):
        team_id, name = service.team_id, service.slug
        require(actor, "service.change", **service.at, obj=service, extra=extra)
        if any(change.path[0] == "project" for change in target.changes):
            require(actor, "project.change", **at(service.project), obj=service.project, extra=extra)
        if any(change.path == ("team",) for change in target.changes):
            require(actor, "service.change", team_id=wanted.pk if wanted else None, obj=service, extra=extra)
    else:
        team_id, name = (wanted.pk if wanted else None), None
        require(actor, "service.create", team_id=team_id, extra=extra)
        require(actor, "project.change", team_id=team_id, extra=extra)
    for right, environment in sorted({_right(change.path, change.kind) for change in target.changes} - {("", "")}):
        require(actor, right, team_id=team_id, environment=environment, service=name, obj=service, extra=extra)


def _right(path: tuple[str, ...], kind: str) -> tuple[str, str]:
    if path[0] != "environments":
        return "", ""
    if len(path) == 2 and kind == "removed":
        return "service.remove", path[1]
    block = "".join(path[2:3])
    if block in parts.PARTS:
        return parts.PARTS[block].right, path[1]
    return RIGHTS.get(block, "service.change"), path[1]


def _note(actor: Actor, target: Target, prune: bool, reason: str) -> AppliedFile:
    """The row, and its event, of what was applied to one thing."""
    row = state.of(target.given.kind, target.given.name).row
    file = AppliedFile.objects.create(
        service=row if isinstance(row, Service) else None,
        environment=row if isinstance(row, Environment) else None,
        text=target.given.document.text,
        given=target.given.data,
        prune=prune,
        changes=[change.to_json() for change in target.changes],
        reason=reason,
        by=actor.user,
        by_name=actor.name,
        via=actor.via,
    )
    after = {"file": file.pk, "changes": [change.name for change in target.changes][:100]}
    audit.record(actor, "file.apply", row, after=after | ({"prune": True} if prune else {}), reason=reason)
    return file
