"""Rows as the REST API gives them: plain dictionaries for the schemas."""

from __future__ import annotations

from typing import Any

from containers.models import (
    BrokenGlass,
    ConfigVersion,
    Container,
    Deployment,
    Drain,
    Environment,
    Instance,
    Service,
    Step,
)
from containers.progress import progress
from containers.reading import Standing, places, shown_ip, shown_mac, standings
from containers.rollout import clicks
from containers.services import drains
from containers.stored import view_of
from containers.waiting_words import words_of
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import visible


def _version(row: ConfigVersion | None) -> int | None:
    return row.version if row is not None else None


def environment_json(row: Environment) -> dict[str, Any]:
    names = ("slug", "title", "title_zh", "position", "colour", "production", "branch", "auto_repair", "placement")
    return {name: getattr(row, name) for name in names} | {
        "groups": [g.slug for g in row.groups.all()],
        "segment": row.segment.slug if row.segment else None,
    }


def place_json(s: Standing) -> dict[str, Any]:
    p = s.place
    image = p.current_image
    return {
        "service": p.service.slug,
        "environment": p.environment.slug,
        "state": s.state,
        "instances": s.total,
        "healthy": s.good,
        "wanted": p.wanted,
        "image": image.tag if image else None,
        "digest": image.digest if image else None,
        "revision": image.revision if image else None,
        "config": _version(p.current_config),
        "newest_config": _version(p.config),
        "branch": p.branch or p.environment.branch,
        "segment": p.segment.slug if p.segment else None,
        "active": p.active_id,
    }


def services_json(rows: list[Service]) -> list[dict[str, Any]]:
    of = list(places().select_related("segment").filter(service__in=[r.pk for r in rows]))
    standing = standings(of)
    return [
        {
            "slug": row.slug,
            "title": row.title,
            "kind": row.kind,
            "team": row.team.slug if row.team else None,
            "repository": row.project.repository,
            "created": row.created,
            "places": [place_json(standing[p.pk]) for p in of if p.service_id == row.pk],
        }
        for row in rows
    ]


def deployment_json(row: Deployment) -> dict[str, Any]:
    names = (
        "id", "kind", "state", "asked", "reason", "outcome", "wanted", "policy", "created", "started", "finished",
        "held_until", "held_why", "not_before", "changed",
    )  # fmt: skip
    return {name: getattr(row, name) for name in names} | {
        "waits_for": words_of(row),
        "hold": hold_json(row),
        "switch": row.switch,
        "service": row.place.service.slug,
        "environment": row.place.environment.slug,
        "image": row.image.tag if row.image else None,
        "old_image": row.old_image.tag if row.old_image else None,
        "config": _version(row.config),
        "old_config": _version(row.old_config),
        "by": row.created_name,
        "link": f"/api/v1/deployments/{row.pk}",
    }


def hold_json(row: Deployment) -> dict[str, Any] | None:
    """What it waits for; None when nothing holds it."""
    if not row.hold:
        return None
    return {
        "kind": row.hold,
        "batch": row.hold_batch,
        "since": row.hold_since,
        "until": row.hold_until,
        "why": row.hold_why,
        "clickable": not clicks.proceed(view_of(row)),
    }


def step_json(row: Step) -> dict[str, Any]:
    names = ("id", "batch", "action", "state", "reason", "tries", "log", "times")
    return {name: getattr(row, name) for name in names} | {
        "decided_by": row.asked_by,
        "decided_why": row.asked_why,
        "instance": row.instance_id,
        "number": row.instance.number,
        "host": row.target.name,
        "old_host": row.old_host.name if row.old_host else None,
        "address": shown_ip(row.instance),
    }


def drain_json(actor: Actor, row: Drain) -> dict[str, Any]:
    at = drains.progress(row)
    drains.shown_to(actor, row)
    moving = visible(actor, Deployment).filter(pk__in=[release.pk for release in at.moving]).order_by("pk")
    names = ("state", "reason", "created", "finished", "waits", "blocked")
    return {name: getattr(row, name) for name in names} | {
        "host": row.host.name,
        "by": row.created_name,
        "total": at.total,
        "moved": at.moved,
        "left": at.left,
        "moving": list(moving.values_list("pk", flat=True)),
    }


def full_json(row: Deployment) -> dict[str, Any]:
    steps = list(row.steps.select_related("instance__host", "instance__address", "host", "old_host"))
    p = progress(row, steps)
    return deployment_json(row) | {
        "percent": p.percent,
        "words": p.words,
        "rest": p.rest,
        "pulls": row.pulls,
        "guardrails": row.guard.get("checks", []),
        "broken_glass": [glass_json(one) for one in row.glass.all()],
        "steps": [step_json(s) for s in steps],
    }


def glass_json(row: BrokenGlass) -> dict[str, Any]:
    """Somebody went on in spite of guardrails."""
    names = ("id", "reason", "overridden", "created", "reviewed", "comment")
    return {name: getattr(row, name) for name in names} | {
        "deployment": row.deployment_id,
        "by": row.by_name,
        "reviewed_by": row.reviewed_name,
    }


def instance_json(row: Instance) -> dict[str, Any]:
    shown = row.shown if hasattr(row, "shown") else row.current
    names = ("id", "number", "name", "state", "wanted_state", "status", "drift", "role", "role_asked")
    return {name: getattr(row, name) for name in names} | {
        "host": row.host.name,
        "address": shown_ip(row),
        "mac": shown_mac(row),
        "container": shown.engine_id if shown else None,
        "image": shown.image.tag if shown and shown.image else None,
        "config": _version(shown.config) if shown else None,
        "contract": contract_json(shown),
    }


def contract_json(row: Container | None) -> dict[str, Any] | None:
    """The runtime contract as last verified; None while nobody has looked."""
    if row is None or row.contract_at is None:
        return None
    names = ("items", "problem", "wrote")
    return {"kept": row.contract_ok, "verified": row.contract_at} | {n: row.contract.get(n) for n in names}


def config_json(row: ConfigVersion) -> dict[str, Any]:
    names = ("version", "author", "reason", "created")
    return {name: getattr(row, name) for name in names} | {"settings": row.content}


def folder_json(row: Any) -> dict[str, Any]:
    """A persisted folder as `reading.folders_of` gives it."""
    names = ("id", "path", "ip", "holder", "size", "measured", "removing")
    return {name: getattr(row, name) for name in names} | {
        "host": row.host.name,
        "instance": row.instance.name if row.instance else None,
        "mounted": getattr(row, "mounted", False),
        "note": getattr(row, "note", ""),
    }
