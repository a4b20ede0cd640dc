"""What pages show of guardrails: on the version list, on the plan, on a release and on a run page."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from builds.models import Image
from builds.versions import Version
from containers.guardrails import evidence, glass, windows
from containers.guardrails.glass import Glass
from containers.guardrails.rules import rules_of
from containers.guardrails.verdict import Check, Verdict
from containers.models import ServiceEnvironment
from containers.plan import Plan
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import can


def now(place: ServiceEnvironment) -> windows.Now | None:
    """Whether a release may begin there now, and until when."""
    return windows.now(place.environment, time.time())


def proofs(place: ServiceEnvironment, versions: Iterable[Version]) -> dict[int, dict[str, Any]]:
    """The promotion proof of each version's image, by its key; empty where the environment asks for none."""
    rule = rules_of(place.environment).proof
    images = [version.image for version in versions if version.image is not None and version.deployable]
    return evidence.of_versions(place, images, rule, time.time()) if rule is not None and images else {}


def first_line(place: ServiceEnvironment, image: Image) -> str:
    """What a release is for where nobody wrote it: its commit's first line. Nothing, where a person has to say it."""
    if rules_of(place.environment).reason:
        return ""
    message = image.build.commit_message if image.build else ""
    return message.strip().split("\n", 1)[0][:200]


def glass_of(data: Any) -> Glass | None:
    """What a form says of going on in spite of guardrails; None when it does not ask for that."""
    if data.get("break_glass") != "1":
        return None
    texts = [str(data.get(name, "")).replace("\x00", "")[: glass.LONGEST] for name in ("glass_reason", "glass_name")]
    return Glass(*texts)


class Guards:
    """The plan page's card: every guardrail with its numbers, and the way through for who may break the glass."""

    def __init__(self, actor: Actor, place: ServiceEnvironment, plan: Plan | None, data: Any) -> None:
        verdict = Verdict(plan.guards if plan is not None else ())
        self.checks: tuple[Check, ...] = verdict.checks
        self.blocks = not verdict.passes
        self.words = verdict.words
        self.may_break = self.blocks and can(actor, glass.RIGHT, **place.at)
        self.breaks = data.get("break_glass") == "1"
        self.reason = str(data.get("glass_reason", ""))[: glass.LONGEST]
        self.name = str(data.get("glass_name", ""))[:60]
