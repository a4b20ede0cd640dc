"""The time range of a page: what an address may ask for, and what is said about the rest."""

from __future__ import annotations

import contextlib
import zoneinfo

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from xqplatform.errors import Refused
from xqplatform.metrics import ranges

NOW = 1_764_400_000.0


def test_nothing_asked_is_the_last_hour() -> None:
    span = ranges.parse({}, NOW)
    assert (span.start, span.end, span.key, span.live) == (NOW - 3600, NOW, "1h", True)


@pytest.mark.parametrize("key", ranges.PRESETS)
def test_a_preset_ends_now_and_its_address_says_its_name(key: str) -> None:
    span = ranges.parse({"range": key}, NOW)
    assert span.end == NOW
    assert span.query == f"range={key}"


def test_own_times_are_in_the_viewers_zone() -> None:
    with timezone.override(zoneinfo.ZoneInfo("Asia/Shanghai")):
        span = ranges.parse({"from": "2025-11-29T08:00", "to": "2025-11-29T09:00"}, NOW)
    assert (span.start, span.end, span.live) == (1_764_374_400.0, 1_764_378_000.0, False)
    assert span.query == "from=1764374400&to=1764378000"  # the same moments for whoever gets the link


def test_only_from_goes_till_now() -> None:
    assert ranges.parse({"from": str(NOW - 500)}, NOW).end == NOW


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"range": "5h"}, "range"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2025-13-45T08:00"}, "to"),
        ({"from": "-1", "to": "5"}, "from"),
        ({"from": "1e300"}, "from"),
        ({"from": str(NOW), "to": str(NOW)}, "from"),
        ({"from": str(NOW - 10), "to": str(NOW - 3600)}, "from"),
        ({"from": str(NOW + 3600), "to": str(NOW + 7200)}, "from"),
        ({"from": "0", "to": str(NOW)}, "from"),
        ({"from": "9999-12-31T23:59"}, "from"),
    ],
)
def test_nonsense_is_refused_with_its_field(query: dict[str, str], field: str) -> None:
    with pytest.raises(Refused) as caught:
        ranges.parse(query, NOW)
    assert caught.value.code == 400
    assert caught.value.field == field


@given(st.dictionaries(st.sampled_from(["range", "from", "to"]), st.text(max_size=30)))
def test_any_text_gives_a_range_or_a_reason(query: dict[str, str]) -> None:
    with contextlib.suppress(Refused):
        span = ranges.parse(query, NOW)
        assert ranges.SHORTEST <= span.seconds <= ranges.LONGEST


def test_the_page_shows_the_default_and_says_what_was_wrong() -> None:
    control = ranges.control({"from": "soon"}, NOW)
    assert "soon" in control.error
    assert control.range.key == "1h"
    assert control.first == "soon"  # nothing typed is lost


def test_earlier_later_and_wider_keep_to_what_has_been() -> None:
    live = ranges.control({"range": "1h"}, NOW)
    assert live.later == ""
    assert ranges.parse(dict(p.split("=") for p in live.earlier.split("&")), NOW).seconds == 3600
    past = ranges.control({"from": str(NOW - 7200), "to": str(NOW - 3600)}, NOW)
    assert ranges.parse(dict(p.split("=") for p in past.later.split("&")), NOW).end == NOW - 1800
    assert ranges.parse(dict(p.split("=") for p in past.wider.split("&")), NOW).seconds == 7200


@given(st.floats(1e9, 2e9), st.floats(60, 60 * 86400))
def test_an_axis_has_few_round_moments_inside(start: float, length: float) -> None:
    with timezone.override(zoneinfo.ZoneInfo("Asia/Kolkata")):  # half an hour off
        found = ranges.ticks(start, start + length)
    assert len(found) <= 8
    assert all(start <= t <= start + length for t in found)
    assert all((t + 19800) % 10 == pytest.approx(0, abs=1e-3) for t in found)
