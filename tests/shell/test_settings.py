"""Django's own list for deployments, as the platform runs behind a proxy with TLS."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client


def test_the_deployment_check_finds_nothing(tmp_path: Path) -> None:
    surroundings = {**os.environ, "XQ_TRUSTED_ORIGINS": "https://xq.example.com", "XQ_DATA_DIR": str(tmp_path)}
    surroundings |= {"XQ_ALLOWED_HOSTS": "xq.example.com", "DJANGO_SETTINGS_MODULE": "xqplatform.settings"}
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=settings.BASE_DIR, env=surroundings, check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_cookies_by_tls_are_of_this_host_only(tmp_path: Path) -> None:
    code = (
        "from xqplatform import settings as s;"
        "print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS)"
    )
    surroundings = {**os.environ, "XQ_TLS": "1", "XQ_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.BASE_DIR,
        env=surroundings,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["__Host-xq-session", "__Host-xq-csrf", "True", "True", "31536000"], done.stderr


@pytest.mark.django_db
def test_no_page_of_an_error_has_a_trace_or_a_setting(
    client: Client, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        secret = settings.SECRET_KEY  # noqa: F841  a local of the frame, as debug pages would show it
        raise RuntimeError("canary-4711 in the words of an exception")

    client.raise_request_exception = False
    from tests import factories

    client.force_login(factories.make_user("sre", role="sre"))
    monkeypatch.setattr("xqplatform.web.dashboard.context", breaks, raising=False)
    monkeypatch.setattr("xqplatform.audit.queries.readable", breaks)
    monkeypatch.setattr("hosts.api.counted", breaks)
    for address in ("/audit/", "/api/v1/hosts"):
        answer = client.get(address)
        assert answer.status_code == 500
        text = answer.content.decode()
        assert "canary-4711" not in text
        assert "Traceback" not in text
        assert settings.SECRET_KEY not in text
        assert answer["X-Request-ID"] in text


def test_passwords_are_hashed_slowly() -> None:
    """By what Django takes where nothing else is said (tests take a quick one)."""
    from django.conf import global_settings
    from django.contrib.auth.hashers import PBKDF2PasswordHasher
    from django.utils.module_loading import import_string

    from xqplatform import settings as ours

    assert not hasattr(ours, "PASSWORD_HASHERS")
    hasher = import_string(global_settings.PASSWORD_HASHERS[0])()
    assert isinstance(hasher, PBKDF2PasswordHasher)
    assert hasher.algorithm == "pbkdf2_sha256"
    assert hasher.iterations >= 310_000
    assert len(hasher.salt()) * 5.9 >= 128  # bits
