"""The copy of a plan that stays with its release."""

from __future__ import annotations

from django.conf import settings
from django.utils import translation

from builds.models import Image
from containers.models import ConfigVersion, ConfirmedPlan, Deployment
from containers.plan import Plan
from containers.preview import gather


def keep(row: Deployment, plan: Plan, image: Image, config: ConfigVersion | None, first: gather.Apart) -> ConfirmedPlan:
    """Keeps it, in the platform's language; in the transaction that makes the release, so one is never without the other.

    `first`: gathered before the place was locked. Values of settings are left out: both versions stay anyway, and who may
    see them is asked when they are shown.
    """
    with translation.override(settings.LANGUAGE_CODE):
        near = gather.near(row.place, plan, image, config, first, own=row.pk)
    near["settings"]["changes"] = [one["setting"] for one in near["settings"]["changes"]]
    content = {"plan": plan.to_json() | {"guardrails": row.guard.get("checks", [])}, **first.to_json(), **near}
    return ConfirmedPlan.objects.create(deployment=row, content=content)
