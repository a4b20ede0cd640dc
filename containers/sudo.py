"""Which uses of these addresses are dangerous (`xqplatform.accounts.sudo`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from containers.models import Instance
from containers.views.access import NUMBER_LIMIT
from xqplatform.accounts import sudo


def breaks_glass(request: HttpRequest, kwargs: Mapping[str, Any]) -> bool:
    return request.POST.get("break_glass") == "1"


def production(request: HttpRequest, kwargs: Mapping[str, Any]) -> bool:
    number = min(int(kwargs["number"]), NUMBER_LIMIT)
    return Instance.objects.filter(pk=number, place__environment__production=True).exists()


def join() -> None:
    sudo.WHEN["containers:deploy"] = breaks_glass
    sudo.WHEN["containers:terminal_new"] = production
    sudo.WHEN["containers:command_new"] = production
