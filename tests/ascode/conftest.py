"""A running service with settings, secrets and hooks."""

from __future__ import annotations

from typing import Any

import pytest

from containers.services.settings import save_config
from tests import factories


@pytest.fixture
def place(actor_sre: Any, team: Any) -> Any:
    place = factories.make_running_place("snow", "production", 2, team=team)
    settings = {
        "env": {"MODE": "fast", "YES": "on"}, "secrets": {"KEY": "hunter2"}, "memory": "1g",
        "hooks": [
            {"name": "tell", "at": "release.after", "kind": "http", "url": "http://10.1.2.9/x", "signed": True},
            {"name": "warm", "at": "start.after", "kind": "command", "command": ["sh", "-c", "echo 'a b'\n"]},
        ],
    }  # fmt: skip
    save_config(actor_sre, place, settings | {"secrets": {"KEY": "hunter2", "hook:tell": "sign4"}})
    return place
