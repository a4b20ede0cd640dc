"""What browsers may load in our pages; nothing in them needs more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from tests.browser import seed
from xqplatform.shares import css, share

PAGES = [
    "/", "/services/", "/services/snow/", "/services/snow/production/", "/services/snow/production/deploy/",
    "/services/snow/production/settings/", "/services/snow/production/logs/", "/releases/", "/hosts/", "/network/",
    "/builds/", "/images/", "/registries/", "/audit/", "/settings/", "/settings/environments/", "/settings/people/",
    "/monitoring/", "/alerts/", "/services/snow/production/charts/", "/capacity/",
]  # fmt: skip


@pytest.mark.django_db
def test_pages_have_neither_scripts_nor_styles_in_their_text(client: Client) -> None:
    from xqplatform.accounts.models import User

    seed.run()
    client.force_login(User.objects.get(username="sara"))
    seen = 0
    for page in PAGES:
        answer = client.get(page)
        policy = answer["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        if answer.status_code != 200:
            continue
        seen += 1
        text = b"".join(answer if answer.streaming else [answer.content]).decode()
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), page
        assert not re.search(r"\s(on[a-z]+|hx-on[:\w-]*)=\"|javascript:", text), page
        assert not re.search(r"\sstyle=\"|<style", text), page
        assert not re.search(r"(src|href)=\"(https?:)?//(?!127)", text), page
    assert seen > 12


def test_no_template_has_a_style_in_its_text() -> None:
    found = [
        f"{path}: {match[0]}"
        for path in Path(settings.BASE_DIR, "templates").rglob("*.html")
        # A release's file is opened from a disk, where no policy of ours holds.
        if path.name != "release_file.html"
        for match in [re.search(r"\sstyle=[\"'][^\"']*|<style", path.read_text())]
        if match
    ]
    assert not found, "Use a class (xq.css), or {% share 'w' percent %} for a length in per cent."


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["/api/docs", "/login/", "/nowhere/", "/healthz"])
def test_no_page_for_strangers_may_do_more(client: Client, page: str) -> None:
    answer: Any = client.get(page)
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]


def test_the_classes_of_shares_are_what_the_file_has() -> None:
    assert Path(settings.BASE_DIR, "static/shares.css").read_text() == css()


@given(st.floats() | st.none(), st.sampled_from("ltwo"))
def test_any_number_has_a_class(value: float | None, kind: str) -> None:
    assert re.fullmatch(rf"x{kind}([0-9]{{1,3}}|1000)", share(kind, value))
