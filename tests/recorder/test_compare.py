"""Two releases of a service side by side."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from builds.git import Revision
from containers.models import Deployment
from containers.recorder.compare import Spread, phases, side_by_side, slower, spread
from tests import factories
from xqplatform.secrets import encrypt


@given(st.lists(st.floats(0, 1000), max_size=30))
def test_a_spread_is_of_what_was_measured(seconds: list[float]) -> None:
    found = spread(seconds)
    if not seconds:
        assert found is None
        return
    assert found is not None
    assert found.count == len(seconds)
    assert found.longest == max(seconds)
    assert sum(s <= found.p50 for s in seconds) * 2 >= len(seconds)


def test_slower_is_what_is_noticed() -> None:
    assert slower(Spread(1, 10, 10), Spread(1, 13, 13))
    assert not slower(Spread(1, 10, 10), Spread(1, 11, 11))
    assert not slower(Spread(1, 0.1, 1), Spread(1, 0.4, 1))
    assert not slower(None, Spread(1, 9, 9))


def test_facts_that_only_one_has_are_there() -> None:
    lines = side_by_side([("a", "1"), ("b", "2")], [("b", "3"), ("c", "4")])
    assert [(one.name, one.left, one.right, one.differs) for one in lines] == [
        ("a", "1", "–", True), ("b", "2", "3", True), ("c", "–", "4", True),
    ]  # fmt: skip


@pytest.fixture
def pair() -> tuple[Deployment, Deployment]:
    place = factories.make_running_place()
    rows = []
    for n in (1, 2):
        config = factories.make_config(place, {"env": {"MODE": f"m{n}"}, "secret_names": ["KEY"]})
        config.secrets = encrypt(f'{{"KEY": "hidden-{n}"}}')
        config.save()
        row = factories.make_deployment(place, config=config, outcome=f"outcome {n}")
        times = {"stop": [0, 1.0 * n], "healthy": [1, 1 + 10.0 * n], "start": [1, None]}
        factories.make_step(
            row, place.instances.all()[0], "failed" if n == 2 else "done", times=times, reason="too slow"
        )
        rows.append(row)
    return rows[0], rows[1]


@pytest.mark.django_db
def test_phases_count_what_has_ended(pair: tuple[Deployment, Deployment]) -> None:
    found = phases(pair[1], list(pair[1].steps.all()))
    assert found["healthy"] == Spread(1, 20.0, 20.0)
    assert found["start"] is None


@pytest.mark.django_db
def test_its_page_says_what_differs_and_hides_secrets(pair: tuple[Deployment, Deployment], client: Client) -> None:
    client.force_login(factories.make_user("mona", "manager"))
    page = reverse("containers:release_compare", args=[pair[1].pk])
    assert f'value="{pair[0].pk}"' in client.get(page).content.decode()
    text = client.get(page, {"with": pair[0].pk}).content.decode()
    for words in ("outcome 1", "outcome 2", "env.MODE", "secret.KEY", "another value", "slower", "too slow"):
        assert words in text
    assert "hidden-" not in text


@pytest.mark.django_db
def test_the_api_says_the_same(
    pair: tuple[Deployment, Deployment], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Revision("a" * 40, "Lin", "Faster\n\nMuch.", timezone.now())
    monkeypatch.setattr("containers.recorder.views.commits", lambda _place, old, _new: [made] if old else [])
    client.force_login(factories.make_user("mona", "manager"))
    here = f"/api/v1/deployments/{pair[1].pk}/compare"
    answer = client.get(here, {"with": pair[0].pk})
    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert (found["left"], found["right"]) == (pair[0].pk, pair[1].pk)
    assert {"name": "Outcome", "left": "outcome 1", "right": "outcome 2", "differs": True, "slower": False} in found[
        "facts"
    ]
    assert [one["name"] for one in found["phases"] if one["slower"]] == ["stop", "get healthy"]
    assert {"setting": "env.MODE", "before": "m1", "after": "m2"} in found["changes"]
    assert [one["reason"] for one in found["failed_right"]] == ["too slow"]
    assert found["failed_left"] == []
    assert [(one["author"], one["subject"]) for one in found["newer"]] == [("Lin", "Faster")]
    assert "hidden-" not in answer.content.decode()
    other = factories.make_deployment(factories.make_running_place("ice", "production", 1))
    for wrong, status in (
        (other.pk, 404),
        (pair[1].pk, 404),
        (9_999_999, 404),
        ("9" * 4301, 422),
        ("x", 422),
        ("", 422),
    ):
        assert client.get(here, {"with": wrong}).status_code == status, str(wrong)[:10]


@pytest.mark.django_db
@pytest.mark.parametrize("asked", ["999999", "x", "-1", "²"])
def test_a_release_that_is_none_of_the_service(pair: tuple[Deployment, Deployment], client: Client, asked: str) -> None:
    client.force_login(factories.make_user("mona", "manager"))
    answer = client.get(reverse("containers:release_compare", args=[pair[1].pk]), {"with": asked})
    assert answer.status_code == 404
    assert "no other release of this number" in answer.content.decode()
