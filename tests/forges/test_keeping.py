"""What forges told goes after a time, and by what stays an event that comes again is known."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from builds import tasks
from builds.forges import keeping, services
from builds.models import Build, Forge, ForgeDelivery, ForgeStatus
from xqplatform.accounts.actor import Actor

pytestmark = pytest.mark.django_db


def came(forge: Forge, name: str, days: int, **fields: Any) -> None:
    received = timezone.now() - timedelta(days=days)
    ForgeDelivery.objects.create(forge=forge, identity=name, name=name, received=received, **fields)


def test_what_is_old_goes_and_what_was_built_stays(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "AT_ONCE", 2)
    build = Build.objects.create(project=forge.project, revision="a" * 40, state="succeeded")
    for n in range(3):
        came(forge, f"forged {n}", 8, signed=False, state="refused")
    came(forge, "forged lately", 6, signed=False, state="refused")
    came(forge, "other", 91, state="nothing")
    came(forge, "other lately", 89, state="nothing")
    came(forge, "built", 900, state="done", kind="push", build=build)
    came(forge, "deleted", 900, state="nothing", kind="deleted")
    came(forge, "open", 91, state="received", kind="push")
    for state, days in (("sent", 91), ("failed", 91), ("waiting", 91), ("sent", 89)):
        row = ForgeStatus.objects.create(forge=forge, revision="a" * 40, context=f"{state}{days}", state=state)
        ForgeStatus.objects.filter(pk=row.pk).update(created=timezone.now() - timedelta(days=days))
    tasks.tidy_forges()
    names = set(forge.deliveries.values_list("name", flat=True))
    assert names == {"forged lately", "other lately", "built", "deleted", "open"}
    assert set(forge.statuses.values_list("context", flat=True)) == {"waiting91", "sent89"}


@pytest.mark.django_db(transaction=True)
def test_a_secret_that_was_made_anew_is_not_written_over(
    forge: Forge, actor_dev: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, there, found = forge.secret, threading.Event(), []
    fill = services.reporting.fill

    def slow(*args: Any, **kwargs: Any) -> None:
        there.set()
        threading.Event().wait(0.5)
        fill(*args, **kwargs)

    monkeypatch.setattr(services.reporting, "fill", slow)

    def save() -> None:
        try:
            services.save(actor_dev, forge.project, {"branches": "main"})
        finally:
            connections.close_all()

    saving = threading.Thread(target=save)
    saving.start()
    assert there.wait(5)
    found.append(services.renew(actor_dev, forge.project))
    saving.join(10)
    now = Forge.objects.get(pk=forge.pk)
    assert (now.secret, now.branches) == (found[0], "main")
    assert now.secret != old
