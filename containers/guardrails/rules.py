"""The rules of an environment, as its row says, or as they are where nobody set any."""

from __future__ import annotations

from dataclasses import dataclass, field

from containers.guardrails.approving import Asked
from containers.guardrails.proof import Rule
from containers.models import Environment, Guardrails

PROVED_IN = ("pre-release", "grey")  # what production asks for by default, as far as these environments exist


@dataclass(frozen=True)
class Rules:
    """Numbers are None where there is no rule. `row` is False for the defaults."""

    proof: Rule | None = None
    reason: bool = False
    ticket: str = ""
    most_batch: int | None = None
    most_share: int | None = None
    least_healthy: int | None = None
    when_frozen: str = Guardrails.Frozen.HOLD
    approvals: Asked = field(default_factory=Asked)
    row: bool = False


def rules_of(environment: Environment) -> Rules:
    row = Guardrails.objects.filter(environment=environment).first()
    if row is None:
        return defaults(environment)
    rule = None
    if row.proof:
        names = tuple(row.proof_from.order_by("position", "slug").values_list("slug", flat=True))
        rule = Rule(names, row.proof_minutes * 60, max(1, row.proof_instances))
    return Rules(
        rule,
        row.reason,
        row.ticket,
        row.most_batch,
        row.most_share,
        row.least_healthy,
        row.when_frozen,
        approvals=Asked(row.approvals, row.approvals_role, row.approvals_hours),
        row=True,
    )


def defaults(environment: Environment) -> Rules:
    """Production asks for proof from pre-release or grey; anything else is set by somebody, or not at all."""
    if not environment.production:
        return Rules()
    rows = Environment.objects.filter(slug__in=PROVED_IN).exclude(pk=environment.pk)
    names = tuple(rows.order_by("position", "slug").values_list("slug", flat=True))
    return Rules(Rule(names)) if names else Rules()
