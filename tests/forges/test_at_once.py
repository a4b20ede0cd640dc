"""Two who change a forge at the same moment."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connections

from builds.forges import services
from builds.models import Forge
from xqplatform.accounts.actor import Actor


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
