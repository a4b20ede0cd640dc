"""What browsers may load in our pages; nothing in them needs more."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from tests.browser import seed

pytestmark = pytest.mark.django_db
PAGES = [
    "/", "/services/", "/services/snow/", "/services/snow/production/", "/services/snow/production/deploy/",
    "/services/snow/production/settings/", "/services/snow/production/logs/", "/releases/", "/hosts/", "/network/",
    "/builds/", "/images/", "/registries/", "/audit/", "/settings/", "/settings/environments/", "/settings/people/",
]  # fmt: skip


def test_pages_run_no_script_of_their_own_text(client: Client) -> None:
    from xqplatform.accounts.models import User

    seed.run()
    client.force_login(User.objects.get(username="sara"))
    seen = 0
    for page in PAGES:
        answer = client.get(page)
        policy = answer["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "script-src" not in policy
        if answer.status_code != 200:
            continue
        seen += 1
        text = answer.content.decode()
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), page
        assert not re.search(r"\s(on[a-z]+|hx-on[:\w-]*)=\"|javascript:", text), page
        assert not re.search(r"(src|href)=\"(https?:)?//(?!127)", text), page
    assert seen > 10


def test_the_reference_of_the_api_may_start_itself(client: Client) -> None:
    answer: Any = client.get("/api/docs")
    assert answer.status_code == 200
    assert "script-src 'self' 'unsafe-inline'" in answer["Content-Security-Policy"]
