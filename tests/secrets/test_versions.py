"""Versions of secrets: who set which when, and who runs with which; no value is shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from containers.secret_versions import Settings, secrets_in
from tests import factories
from xqplatform.secrets import encrypt

T0 = datetime(2026, 11, 29, tzinfo=UTC)
content = st.dictionaries(st.sampled_from("ABC"), st.sampled_from(["x", "y"]))


def history(*values: dict[str, str]) -> list[Settings]:
    return [Settings(n, n, f"p{n}", T0 + timedelta(days=n), one) for n, one in enumerate(values, 1)]


def test_a_new_value_is_a_new_version_and_whoever_runs_with_the_old_one_is_named() -> None:
    a, b = secrets_in(
        history({"A": "x"}, {"A": "x", "B": "1"}, {"A": "y", "B": "1"}), [("#1", 2), ("#2", 3), ("#3", 99)]
    )
    assert (a.name, a.number, a.since, a.author, a.users, a.outdated) == (
        "A", 2, 3, "p3", {1: ["#1"], 2: ["#2"]}, True,
    )  # fmt: skip
    assert (b.number, b.since, b.users, b.outdated) == (1, 2, {1: ["#1", "#2"]}, False)


@given(values=st.lists(content, max_size=6), running=st.lists(st.integers(1, 6), max_size=4))
def test_the_newest_settings_decide_what_there_is(values: list[dict[str, str]], running: list[int]) -> None:
    found = secrets_in(history(*values), [(f"#{pk}", pk) for pk in running])
    assert [one.name for one in found] == sorted(values[-1] if values else {})
    for one in found:
        assert values[one.since - 1][one.name] == values[-1][one.name]
        assert all(1 <= number <= one.number for number in one.users)
        assert "x" not in repr(one.users)


@pytest.mark.django_db
def test_the_page_names_them_and_shows_no_value(client: Client, sre: Any) -> None:
    place = factories.make_running_place("snow", "production", 1)
    old = factories.make_config(place, {"secret_names": ["DB"]}, secrets=encrypt(json.dumps({"DB": "zebra-old"})))
    place.config = factories.make_config(
        place, {"secret_names": ["DB"]}, secrets=encrypt(json.dumps({"DB": "zebra-new"})), author="carla"
    )
    place.save()
    place.instances.get().containers.update(config=old)
    client.force_login(sre)
    page = client.get("/services/snow/secrets/").content.decode()
    assert "zebra" not in page
    assert "carla" in page
    assert "version 1: #1" in " ".join(page.replace("\n", " ").split())
    assert "an older value" in page
