"""A company's rows and people's clients for the pages of services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests import factories
from tests.browser import seed


@pytest.fixture
def rows(db: None) -> dict[str, int]:
    """Everything that the seeding script makes: healthy, ill, long names, an active and a failed release."""
    return seed.run()


@pytest.fixture
def as_(db: None) -> Callable[[str], Client]:
    """`as_("sara")`: a client signed in as this person of the seeding script."""
    from xqplatform.accounts.models import User

    def signed_in(username: str) -> Client:
        seed.people()
        client = Client(raise_request_exception=True)
        client.force_login(User.objects.get(username=username))
        return client

    return signed_in


@pytest.fixture
def sara(as_: Any) -> Client:
    return as_("sara")


@pytest.fixture
def place(db: None) -> Any:
    """«snow» in production: four instances on three hosts with fixed addresses."""
    return factories.make_running_place("snow", "production", 4)
