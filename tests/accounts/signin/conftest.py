"""A real provider process on loopback, and its row here."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.accounts.signin.parts import LIN, VALUES
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.signin import providers
from xqplatform.accounts.signin.models import Provider


@contextlib.contextmanager
def provider_process() -> Iterator[str]:
    """Its address."""
    path = Path(__file__).parent / "provider_process.py"
    running = subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    try:
        yield f"http://127.0.0.1:{running.stdout.readline().strip()}"
    finally:
        running.kill()
        running.wait()


@pytest.fixture(scope="module")
def process() -> Iterator[str]:
    with provider_process() as address:
        yield address


@pytest.fixture
def tell(process: str) -> Callable[..., None]:
    """Who signs in next at the provider, and what shall be wrong."""

    def say(wrong: str = "", userinfo: Any = None, **claims: Any) -> None:
        body = {"claims": LIN | claims, "wrong": wrong, "userinfo": userinfo or {"sub": (LIN | claims)["sub"]}}
        requests.post(f"{process}/control", json=body, timeout=10)

    say()
    return say


@pytest.fixture
def corp(process: str, actor_admin: Actor, tell: Any) -> Provider:
    return providers.save(actor_admin, Provider(), VALUES | {"issuer": process})


@pytest.fixture
def actor_admin(db: None) -> Actor:
    from tests.conftest import make_person

    return Actor.person(make_person("ada", "admin"))
