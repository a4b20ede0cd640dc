"""Who removes data without a page says its name, too; who removes none is asked for nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from containers.models import Deployment, Instance
from tests.factories import make_host, make_instance, make_place, make_service
from xqplatform.accounts.models import Team, Token

pytestmark = pytest.mark.django_db


def test_the_api_asks_for_the_name_where_data_goes(sre: Any, stand: Callable[..., Instance]) -> None:
    stand()
    place = stand().place
    bearer = Client(headers={"Authorization": f"Bearer {Token.make(sre, 'test')[1]}"})
    here = "/api/v1/services/store"

    def removed(url: str, confirm: str = "") -> Any:
        return bearer.delete(f"{url}?confirm={confirm}")

    def scaled(confirm: str = "") -> Any:
        body = {"instances": 1, "confirm": confirm}
        return bearer.post(f"{here}/production/scale", body, "application/json")

    for call, name in (
        (lambda confirm="": removed(here, confirm), "store"),
        (lambda confirm="": removed(f"{here}/production/instances", confirm), "store/production"),
        (scaled, "store/production"),
    ):
        silent, wrong = call(), call("%00x")
        assert silent.status_code == 409
        assert f"«{name}»" in silent.json()["error"]
        assert "xq-vol" in silent.json()["error"] or "volumes not looked at yet" in silent.json()["error"]
        assert "store-production-2 on store-2" in silent.json()["error"]
        assert (wrong.status_code, wrong.json()["field"]) == (400, "confirm")
        assert not Deployment.objects.exists()
        place.service.refresh_from_db()
        assert place.service.removal_asked is None
    assert scaled("store/production").status_code == 202
    Deployment.objects.update(state="succeeded")
    type(place).objects.update(active=None)
    assert removed(here, "store").status_code == 202


def test_nothing_is_asked_where_no_data_goes(sre: Any, team: Team, stand: Callable[..., Instance]) -> None:
    web = make_place(make_service("web", team=team), "production")
    make_instance(web, make_host("w"), 1)
    bearer = Client(headers={"Authorization": f"Bearer {Token.make(sre, 'test')[1]}"})
    assert bearer.delete("/api/v1/services/web").status_code == 202


def test_the_command_line_asks_too(sre: Any, stand: Callable[..., Instance]) -> None:
    stand()
    stand()
    with pytest.raises(CommandError, match="store-production-2 on store-2"):
        call_command("scale", "store", "production", 1, user=sre.username, yes=True)
    with pytest.raises(CommandError, match="not the name"):
        call_command("scale", "store", "production", 1, user=sre.username, yes=True, confirm="store")
    assert not Deployment.objects.exists()
    call_command("scale", "store", "production", 1, user=sre.username, yes=True, confirm="store/production")
    assert Deployment.objects.get().wanted == 1
