"""What a car takes along: the newest built image of its place, and how the last release there went."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from builds.models import Image
from containers.models import ServiceEnvironment
from containers.plan import Policy
from containers.services.planning import last_policy
from xqplatform.errors import Refused

DEFAULTS: dict[str, Any] = {"batch": "25%"}
LOOKED_AT = 500  # images of a project, the newest first


def newest(place: ServiceEnvironment) -> Image | None:
    """The newest deployable image of the branch that the place, or its environment, is built from."""
    pattern = place.branch or place.environment.branch
    rows = Image.objects.filter(project=place.service.project_id, state=Image.State.DEPLOYABLE)
    known = rows.order_by("-id").values_list("pk", "branch")[:LOOKED_AT]  # (whole rows are large)
    found = next((pk for pk, branch in known if not pattern or fnmatchcase(branch, pattern)), None)
    return Image.objects.select_related("build").get(pk=found) if found is not None else None


def named(place: ServiceEnvironment, text: str) -> Image:
    """The image of the service that a tag, a digest, a number, or the beginning of a revision names. Raises Refused."""
    rows = Image.objects.filter(project=place.service.project_id).exclude(state=Image.State.DISCARDED).order_by("-id")
    asked = Q(tag=text) | Q(digest=text)
    if len(text) >= 7:
        asked |= Q(revision__startswith=text.lower())
    if text.isascii() and text.isdigit() and len(text) < 12:
        asked |= Q(pk=int(text))
    found = rows.filter(asked).first()
    if found is None:
        words = _("%(service)s has no image «%(image)s».")
        raise Refused(words % {"service": place.service.slug, "image": text[:120]}, "version", 400)
    return found


def usual(place: ServiceEnvironment) -> dict[str, Any]:
    """The policy of the place's last release: how the next one goes unless somebody says otherwise."""
    return Policy.parse(DEFAULTS | last_policy(place)).to_json()


def way_back(policy: dict[str, Any]) -> dict[str, Any]:
    """How a car is brought back: batch after batch without a hold, and one that fails is left for a person to see."""
    strategy = policy.get("strategy")
    return {**policy, "strategy": "recreate" if strategy == "recreate" else "rolling", "on_failure": "stop"}
