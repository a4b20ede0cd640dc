"""What is done to an account is told to its person, in the inbox, and to nobody else."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.accounts.signin.parts import sign_in
from xqplatform.accounts import services
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.notices.models import Entry

pytestmark = pytest.mark.django_db


def inbox(user: User) -> str:
    client = Client()
    client.force_login(user)
    return str(client.get("/inbox/").content.decode())


def test_a_person_is_told_of_a_new_address_and_of_a_new_password(actor_sre: Actor, developer: User) -> None:
    sign_in(Client(REMOTE_ADDR="10.0.0.7"), "dan")
    sign_in(Client(REMOTE_ADDR="10.0.0.7"), "dan")
    assert not Entry.objects.exists(), "the first place is nothing new"
    sign_in(Client(REMOTE_ADDR="10.0.0.8"), "dan")
    assert "You signed in from a new address, 10.0.0.8" in inbox(developer)
    sign_in(Client(REMOTE_ADDR="10.0.0.8"), "dan")
    sign_in(Client(REMOTE_ADDR="10.0.0.9"), "dan", "not the password")
    assert Entry.objects.count() == 1
    services.set_password(actor_sre, developer, "a new one, and long enough")
    assert "sara changed your password" in inbox(developer)
    assert not Entry.objects.exclude(user=developer).exists()
