"""REST API of gates: their rules, and what they said of a release."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema

from containers.gates import services, sets, shape, shown
from containers.gates.sets import Scope
from containers.models import Environment
from containers.views.access import actor_of, get_deployment, get_place
from xqplatform.errors import Refused

router = Router(tags=["gates"])


class GatesIn(Schema):
    """What is left out stays as it is."""

    mode: Literal["inherit", "own", "off"] | None = None
    settle: int | None = Field(None, description="Seconds after a batch that are not measured.")
    binding: bool | None = Field(None, description="An environment's: its services cannot choose others.")
    rules: list[dict[str, Any]] | None = Field(
        None,
        max_length=200,
        description="All of them. A rule: metric; compare (old, past, bound); limit (percent, or the number itself); "
        "margin; worse (above, below); watch (seconds); samples; broken (hold, roll back); missing (hold, pass).",
    )
    reason: str = Field("", max_length=250)


class GatesOut(Schema):
    mode: str
    settle: int
    binding: bool
    rules: list[dict[str, Any]] = Field(description="What is set here, whether it counts or not.")
    counting: list[dict[str, Any]] = Field(description="The rules that count here.")
    source: str = Field(description="Whose rules those are.")


def _clean(text: str) -> str:
    if "\x00" in text:
        raise Refused(_("NUL characters are not allowed."), None, 400)
    return text


def gates_json(scope: Scope) -> dict[str, Any]:
    found = sets.counting(scope)
    return services.shown(sets.at(scope)) | {
        "counting": shape.to_json(found.rules),
        "source": shown.counting_words(found),
    }


def _change(request: HttpRequest, scope: Scope, body: GatesIn) -> dict[str, Any]:
    data = {name: value for name, value in body.dict(exclude_unset=True).items() if value is not None}
    reason = _clean(data.pop("reason", ""))
    services.save(actor_of(request), scope, data, reason)
    return gates_json(scope)


def _environment(slug: str) -> Scope:
    return Scope(environment=get_object_or_404(Environment, slug=_clean(slug)))


@router.get("/gates", response=GatesOut)
def show_platform_gates(request: HttpRequest) -> Any:
    """The platform's own, which count where nobody has others."""
    return gates_json(Scope())


@router.patch("/gates", response=GatesOut)
def change_platform_gates(request: HttpRequest, body: GatesIn) -> Any:
    return _change(request, Scope(), body)


@router.get("/environments/{slug}/gates", response=GatesOut)
def show_environment_gates(request: HttpRequest, slug: str) -> Any:
    return gates_json(_environment(slug))


@router.patch("/environments/{slug}/gates", response=GatesOut)
def change_environment_gates(request: HttpRequest, slug: str, body: GatesIn) -> Any:
    return _change(request, _environment(slug), body)


@router.get("/services/{slug}/{environment}/gates", response=GatesOut)
def show_gates(request: HttpRequest, slug: str, environment: str) -> Any:
    return gates_json(Scope(place=get_place(actor_of(request), _clean(slug), _clean(environment))))


@router.patch("/services/{slug}/{environment}/gates", response=GatesOut)
def change_gates(request: HttpRequest, slug: str, environment: str, body: GatesIn) -> Any:
    return _change(request, Scope(place=get_place(actor_of(request), _clean(slug), _clean(environment))), body)


@router.get("/deployments/{number}/gates", response=list[dict[str, Any]])
def show_verdicts(request: HttpRequest, number: int) -> Any:
    """What the gates measured and said, a batch each, with the rules as they were."""
    return [shown.run_json(run) for run in shown.runs_of(get_deployment(actor_of(request), max(0, number)))]
