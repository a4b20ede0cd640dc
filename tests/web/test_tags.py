"""How states, times, sizes and names are shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from xqplatform.web.states import SHAPES, STATES
from xqplatform.web.templatetags import xq


def draw(source: str, **context: Any) -> str:
    return Template(source).render(Context(context))


@pytest.mark.parametrize("state", sorted(STATES))
def test_every_state_has_shape_word_and_colour(state: str) -> None:
    look = STATES[state]
    assert look.shape in SHAPES
    assert str(look.word)
    assert look.tone in {"ok", "busy", "warn", "bad", "off"}


def test_a_pill_escapes_and_takes_unknown_words() -> None:
    html = draw("{% pill s %}", s="<b>odd</b>")
    assert "<b>" not in html
    assert "tone-off" in html
    assert "healthy" in draw("{% pill 'healthy' %}")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (64 << 20, "64 MiB"), (3 << 40, "3 TiB"), (None, "–"), ("", "–")],
)
def test_sizes(value: Any, text: str) -> None:
    assert xq.size(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.25, "250 ms"), (1, "1 s"), (12.4, "12 s"), (60, "1 min"), (260, "4 min 20 s"), (11100, "3 h 5 min"),
     (187200, "2 d 4 h"), (timedelta(seconds=5), "5 s"), (None, "–"), (-1, "–")],
)  # fmt: skip
def test_durations(value: Any, text: str) -> None:
    assert xq.duration(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "now"), (42, "42 s ago"), (180, "3 min ago"), (7200, "2 h ago"), (86400, "1 day ago"), (-7200, "in 2 h")],
)
def test_relative_times(seconds: float, text: str) -> None:
    assert xq.ago_words(seconds) == text


def test_a_time_has_the_exact_one_on_hover() -> None:
    html = draw("{% ago t %}", t=timezone.now() - timedelta(hours=4))
    assert "4 h ago" in html
    assert "title=" in html
    assert draw("{% ago t %}", t=None) == "–"


def test_long_names_are_cut_in_the_middle() -> None:
    assert xq.shorten("a" * 30 + "z" * 30, 11) == "aaaaa…zzzzz"
    assert draw("{% short t 10 %}", t="<i>&") == "&lt;i&gt;&amp;"


def test_an_unknown_icon_does_not_break_a_page() -> None:
    assert "<svg" in draw("{% icon '../../../etc/passwd' %}")
    assert "<svg" in draw("{% icon 'no-such-icon' %}")


def test_icons_that_templates_name_exist() -> None:
    import re

    from django.conf import settings

    missing = set()
    for path in (settings.BASE_DIR / "templates").rglob("*.html"):
        for name in re.findall(r"{%\s*(?:icon|empty_state)\s+[\"']([a-z0-9-]+)[\"']", path.read_text()):
            if not (xq.ICONS / f"{name}.svg").is_file():
                missing.add(f"{path.name}: {name}")
    assert not missing


def test_paging_and_sorting_keep_the_filters() -> None:
    request = RequestFactory().get("/x/?q=a&page=3&sort=name")
    html = draw("{% sort_link 'name' 'Name' %}{% query page=4 %}", request=request)
    assert "?q=a&amp;sort=-name" in html
    assert "q=a&amp;sort=name&amp;page=4" in html


def test_an_environment_has_the_colour_that_was_chosen() -> None:
    from containers.models import Environment
    from xqplatform.web.templatetags.xq import env_tone

    tone = lambda slug, colour, production=False: env_tone(  # noqa: E731
        Environment(slug=slug, title=slug, colour=colour, production=production)
    )
    assert tone("isolated", "azure") == "env-isolated"
    assert tone("isolated", "teal") == "env-other env-c-teal"
    assert tone("stage", "pink") == "env-other env-c-pink"
    assert tone("stage", "pink", True) == "env-production"
    assert tone("production", "green") == "env-other env-c-green"
    assert env_tone("production") == "env-production"
    assert tone("stage", 'x" onload') == "env-other"
