"""A place that runs, a new image for it (see tests/waiting), and the tasks that carry notices on."""

from __future__ import annotations

from typing import Any

from tests.waiting.conftest import yard  # noqa: F401  a fixture
from xqplatform.notices.models import Entry, Notice
from xqplatform.notices.tasks import resume


def inbox(person: Any) -> list[str]:
    """The kinds in somebody's inbox, the oldest first, once all that is left was spread."""
    resume()
    return list(Entry.objects.filter(user=person).order_by("pk").values_list("notice__kind", flat=True))


def kinds() -> list[str]:
    return list(Notice.objects.order_by("pk").values_list("kind", flat=True))
