"""Tokens and marks: each says its key, opens for its purpose only, and old ones go on being read."""

from __future__ import annotations

import base64
import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.test import override_settings
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from xqplatform import secrets
from xqplatform.secrets import installation, keys
from xqplatform.secrets.keyring import UNMARKED, BadSeal, Key, Keyring, Undecryptable, key_of

names = st.text(min_size=1, max_size=20)


def of_older_version(key: str, text: str) -> str:
    """As the platform wrote tokens when it had one key."""
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())).encrypt(text.encode()).decode()


@limits(max_examples=50, deadline=None)
@given(texts=st.lists(names, min_size=1, max_size=4, unique=True), value=st.text())
def test_what_any_key_wrote_is_read_while_it_is_at_hand(texts: list[str], value: str) -> None:
    ring = Keyring(texts)
    for text in texts:
        token = Keyring([text]).encrypt(value)
        assert ring.decrypt(token) == value
        assert ring.decrypt(of_older_version(text, value)) == value
        assert not value or key_of(token) == Key.of(text).id
    assert ring.newest == Key.of(texts[0]).id
    assert key_of(ring.encrypt("x")) == ring.newest
    assert key_of(of_older_version(texts[0], "x")) == UNMARKED


def test_a_key_that_is_not_at_hand_is_named() -> None:
    token = Keyring(["old"]).encrypt("x")
    with pytest.raises(Undecryptable, match=Key.of("old").id):
        Keyring(["new"]).decrypt(token)
    for damaged in (token[:-4], Key.of("new").id + ":nonsense", "nonsense", "\x00", "é"):
        with pytest.raises(Undecryptable):
            Keyring(["new"]).decrypt(damaged)


@limits(max_examples=50, deadline=None)
@given(purpose=names, other=names, value=st.text())
def test_a_mark_opens_for_its_purpose_only(purpose: str, other: str, value: str) -> None:
    ring = Keyring(["new", "old"])
    mark = ring.seal(purpose, value)
    assert ring.unseal(purpose, mark, 60) == value
    assert Keyring(["newer", "new"]).unseal(purpose, mark, 60) == value
    if other != purpose:
        with pytest.raises(BadSeal):
            ring.unseal(other, mark, 60)
    with pytest.raises(Undecryptable):
        ring.decrypt(mark)
    for stored in (ring.encrypt("x"), ring.encrypt("x").partition(":")[2], of_older_version("new", "x"), "", "é"):
        with pytest.raises(BadSeal):
            ring.unseal(purpose, stored, 60)


def test_a_mark_has_an_age(monkeypatch: pytest.MonkeyPatch) -> None:
    mark = secrets.seal("x", "y")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 59)
    assert secrets.unseal("x", mark, 60) == "y"
    monkeypatch.setattr(time, "time", lambda: now + 62)
    with pytest.raises(BadSeal):
        secrets.unseal("x", mark, 60)


def test_keys_come_from_the_environment_and_a_file_the_newest_first(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# ours\nthird\n\nsecond\n")
    with override_settings(ENCRYPTION_KEYS=["fourth"], ENCRYPTION_KEY_FILE=str(file), ENCRYPTION_KEY="first"):
        assert [key.id for key in keys.ring().keys] == [Key.of(t).id for t in ("fourth", "third", "second", "first")]
        assert installation.made_of(keys.oldest_text()) == installation.made_of("first")
    with override_settings(ENCRYPTION_KEYS=[], ENCRYPTION_KEY_FILE="", ENCRYPTION_KEY=""), pytest.raises(ValueError):
        keys.ring()


@pytest.fixture
def file(tmp_path: Path) -> Any:
    path = tmp_path / "keys"
    path.write_text("first\n")
    path.chmod(0o600)
    with override_settings(ENCRYPTION_KEYS=[], ENCRYPTION_KEY_FILE=str(path), ENCRYPTION_KEY=""):
        yield path


def test_a_key_added_to_the_file_is_used_at_once_and_the_file_stays_its_owners(file: Path) -> None:
    token = secrets.encrypt("x")
    added = keys.add_to_file()
    assert key_of(secrets.encrypt("y")) == added != key_of(token)
    assert secrets.decrypt(token) == "x"
    assert file.stat().st_mode & 0o777 == 0o600
    assert not keys.readable_by_others()
    keys.drop_from_file(Key.of("first").id)
    assert [key.id for key in keys.ring().keys] == [added]
    file.chmod(0o644)
    assert keys.readable_by_others()


def test_a_file_that_is_away_for_a_moment_stops_nothing(file: Path) -> None:
    token = secrets.encrypt("x")
    os.rename(file, file.with_name("aside"))
    assert secrets.decrypt(token) == "x"
    file.write_text("")
    assert secrets.decrypt(token) == "x"
