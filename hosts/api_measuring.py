"""How a host is measured over the API: the choice, and what came of it."""

from typing import Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema

from hosts.models import Host
from hosts.services import collectors
from xqplatform.accounts.http import actor_of

router = Router(tags=["measuring"])


class MeasuringOut(Schema):
    """`way`: what was chosen; `state`, `reason` and `trouble`: what came of it. Times are Unix times, `cpu` is in cores."""

    way: str
    state: str
    reason: str
    trouble: str
    last_sample: float | None
    lag: float | None
    every: float
    containers: int
    stored: int
    lost_ticks: int
    lines_bad: int
    cpu: float | None
    memory: int | None


class MeasuringIn(Schema):
    model_config = {"extra": "forbid"}
    way: Literal["container", "ssh", "off"]
    reason: str = ""


@router.get("/hosts/{name}/measuring", response=MeasuringOut)
def show_measuring(request: HttpRequest, name: str) -> Any:
    """How the host is measured, and how well."""
    return collectors.of(get_object_or_404(Host, name=name))


@router.put("/hosts/{name}/measuring", response=MeasuringOut)
def choose_measuring(request: HttpRequest, name: str, data: MeasuringIn) -> Any:
    """Chooses how: by a container, by a process over SSH (which needs an SSH access), or not at all."""
    return collectors.switch(actor_of(request), get_object_or_404(Host, name=name), data.way, data.reason)
