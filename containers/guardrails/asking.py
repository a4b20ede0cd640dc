"""The one question: may this release begin? Page, API and command line get the same words, and each look is made anew."""

from __future__ import annotations

import time
from datetime import UTC

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from builds.models import Image
from containers.guardrails import approvals, evidence, limits, windows
from containers.guardrails.rules import Rules, rules_of
from containers.guardrails.verdict import Check, Verdict
from containers.models import ConfigVersion, Deployment, ServiceEnvironment
from containers.plan import Plan


def ask(
    place: ServiceEnvironment,
    plan: Plan,
    image: Image,
    config: ConfigVersion | None,
    reason: str,
    *,
    at: float | None = None,
    row: Deployment | None = None,
) -> Verdict:
    """What every guardrail of the environment says of this release now (`at`, epoch seconds). `row`: the one that waits, with its approvals."""
    at = time.time() if at is None else at
    rules = rules_of(place.environment)
    back = way_back(place, image, config)
    checks = [
        *_proof(place, image, rules, at, back),
        *_freeze(place, back, at),
        *_reason(rules, reason),
        *_limits(place, plan, rules),
        *approvals.check(row, rules.approvals, at, back=back),
    ]
    return Verdict(tuple(checks), back)


def ask_for_the_record(
    place: ServiceEnvironment,
    plan: Plan,
    image: Image,
    config: ConfigVersion | None,
    reason: str,
    *,
    at: float | None = None,
) -> Verdict:
    """The same in the words that rows keep, whoever asks: the platform's language, and UTC."""
    with translation.override(settings.LANGUAGE_CODE), timezone.override(UTC):
        return ask(place, plan, image, config, reason, at=at)


def way_back(place: ServiceEnvironment, image: Image, config: ConfigVersion | None) -> bool:
    """Whether it brings back exactly what the newest successful release replaced."""
    rows = place.deployments.filter(kind=Deployment.Kind.DEPLOY, state=Deployment.State.SUCCEEDED)
    last = rows.order_by("-id").first()
    if last is None or last.old_image_id is None or config is None or place.current_image_id != last.image_id:
        return False
    return (last.old_image_id, last.old_config_id) == (image.pk, config.pk)


def _proof(place: ServiceEnvironment, image: Image, rules: Rules, at: float, back: bool) -> list[Check]:
    return [evidence.check(place, image, rules.proof, at, back=back)] if rules.proof is not None else []


def _freeze(place: ServiceEnvironment, back: bool, at: float) -> list[Check]:
    found = windows.now(place.environment, at)
    if found is None:
        return []
    if found.frozen is not None and back:
        words = _("The way back to what ran before is not held up by a freeze. %(frozen)s")
        return [Check("freeze", True, words % {"frozen": found.words})]
    frozen = found.frozen
    return [Check("freeze", frozen is None, found.words, frozen.until if frozen is not None else None)]


def _reason(rules: Rules, reason: str) -> list[Check]:
    checks = [limits.reason(reason)] if rules.reason else []
    return checks + ([limits.ticket(reason, rules.ticket)] if rules.ticket else [])


def _limits(place: ServiceEnvironment, plan: Plan, rules: Rules) -> list[Check]:
    if rules.most_batch is None and rules.most_share is None and rules.least_healthy is None:
        return []
    states = list(place.instances.filter(removed=None).values_list("state", flat=True))
    changed = [
        sum(e.action in {"replace", "remove"} and e.batch == n for e in plan.entries) for n in range(plan.batches)
    ]
    size = max(changed, default=0)
    checks = limits.batch(size, len(states), rules.most_batch, rules.most_share)
    if rules.least_healthy is not None:
        well = sum(state in evidence.WELL for state in states)
        first = plan.policy.order == "start-first"
        checks.append(limits.healthy(size, len(states), well, rules.least_healthy, first))
    return checks
