"""What the platform knows of itself: whether the disk with its data fills up, how its audit log is, who knocks again and again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from xqplatform.alerts import sources, subjects
from xqplatform.audit import refused
from xqplatform.audit.proof import verifications

SELF = "platform:1"


def _platform() -> Iterator[subjects.About]:
    yield subjects.About(SELF, "xqplatform", "/alerts/")


def _disk(now: float) -> Iterator[sources.Found]:
    usage = shutil.disk_usage(settings.DATA_DIR)
    full = 100 * (usage.total - usage.free) / usage.total if usage.total else 0.0
    words = _("%(free).1f GiB are free of the disk with the platform's data.") % {"free": usage.free / 1024**3}
    yield sources.Found(SELF, None, words, value=full)


def _audit(now: float) -> Iterator[sources.Found]:
    for key, words in verifications.troubles().items():
        yield sources.Found(SELF, None, words, device=key)


def _refused(now: float) -> Iterator[sources.Found]:
    for one in refused.often(datetime.fromtimestamp(now, UTC)):
        said = {"count": one.count, "name": one.name, "minutes": refused.WINDOW.seconds // 60}
        words = (
            _("%(count)s wrong log-ins or tokens came from %(name)s within %(minutes)s minutes.") % said
            if one.unknown
            else _("%(name)s was refused %(count)s times within %(minutes)s minutes.") % said
        )
        yield sources.Found(SELF, None, words, device=one.name[:120])


def register() -> None:
    subjects.register("platform", gettext_lazy("Platform"), _platform)
    sources.register(
        "platform.disk", gettext_lazy("Disk with the platform's data, percent full"), "platform", _disk, unit="percent"
    )
    sources.register("platform.audit", gettext_lazy("The audit log is not as it should be"), "platform", _audit)
    sources.register("platform.refused", gettext_lazy("Somebody is refused again and again"), "platform", _refused)
