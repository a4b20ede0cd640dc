"""What the platform knows of itself: whether the disk with its data fills up."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from xqplatform.alerts import sources, subjects

SELF = "platform:1"


def _platform() -> Iterator[subjects.About]:
    yield subjects.About(SELF, "xqplatform", "/alerts/")


def _disk(now: float) -> Iterator[sources.Found]:
    usage = shutil.disk_usage(settings.DATA_DIR)
    full = 100 * (usage.total - usage.free) / usage.total if usage.total else 0.0
    words = _("%(free).1f GiB are free of the disk with the platform's data.") % {"free": usage.free / 1024**3}
    yield sources.Found(SELF, None, words, value=full)


def register() -> None:
    subjects.register("platform", gettext_lazy("Platform"), _platform)
    sources.register(
        "platform.disk", gettext_lazy("Disk with the platform's data, percent full"), "platform", _disk, unit="percent"
    )
