"""The copy of a plan that stays with its release."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import translation

from builds.models import Image
from containers.models import ConfigVersion, ConfirmedPlan, Deployment, ServiceEnvironment
from containers.plan import Plan
from containers.preview import gather


def before(place: ServiceEnvironment, image: Image) -> dict[str, Any]:
    """What the copy needs and may take a while: asked for before the place is locked."""
    return gather.apart(place, image)


def keep(
    row: Deployment, plan: Plan, image: Image, config: ConfigVersion | None, apart: dict[str, Any]
) -> ConfirmedPlan:
    """Keeps it, in the platform's language; in the transaction that makes the release, so one is never without the other.

    Values of settings are left out: both versions stay anyway, and who may see them is asked when they are shown.
    """
    with translation.override(settings.LANGUAGE_CODE):
        near = gather.near(row.place, plan, image, config, apart.get("cores"))
    near["settings"]["changes"] = [one["setting"] for one in near["settings"]["changes"]]
    content = {"plan": plan.to_json() | {"guardrails": row.guard.get("checks", [])}, **apart, **near}
    return ConfirmedPlan.objects.create(deployment=row, content=content)
