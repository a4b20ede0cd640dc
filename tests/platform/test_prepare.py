"""The first log-in, the commands, and the docs of settings."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from xqplatform.accounts.models import Token, User
from xqplatform.audit.models import Event
from xqplatform.run import prepare


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XQ_DATA_DIR", str(tmp_path))
    return tmp_path


def test_the_generated_password_is_kept_until_it_is_changed(db: None, folder: Path) -> None:
    password, created = prepare.first_admin()
    assert created
    admin = User.objects.get()
    assert admin.check_password(password)
    assert admin.role == "sre"
    assert Event.objects.filter(action="person.create", actor="platform").exists()
    assert prepare.first_admin() == (password, False)
    admin.set_password("another one")
    admin.save()
    assert prepare.first_admin() == ("", False)
    assert not (folder / "admin-password").exists()


def test_a_chosen_password_is_not_written_down(db: None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XQ_ADMIN_PASSWORD", "chosen")
    assert prepare.first_admin() == ("chosen", True)
    assert not (folder / "admin-password").exists()
    assert prepare.first_admin() == ("", False)


def test_create_token_prints_a_token_that_works(developer: User) -> None:
    output = io.StringIO()
    call_command("create_token", "dan", stdout=output)
    token = Token.objects.get(digest=Token.hash(output.getvalue().strip()))
    assert token.user == developer
    assert Event.objects.filter(action="token.create").exists()


def test_create_token_names_those_who_exist(developer: User) -> None:
    with pytest.raises(CommandError, match=r"no user «nobody».*dan"):
        call_command("create_token", "nobody")


def test_create_admin_opens_the_door_again(developer: User) -> None:
    output = io.StringIO()
    call_command("create_admin", "dan", stdout=output)
    developer.refresh_from_db()
    assert developer.role == "sre"
    assert developer.check_password(output.getvalue().split()[-1])
