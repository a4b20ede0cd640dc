"""Releases over half a year with the commits they brought, and how available their places were: what the scorecard counts."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.bench.rows import put

if TYPE_CHECKING:
    from builds.models import Image
    from containers.models import ServiceEnvironment

MESSAGES = ["keep the last price", "fetch in one query", "read settings once", "longer names", "fewer log lines",
            "retry on a lost connection", "round as the exchange does", "newer driver"]  # fmt: skip
GOOD, FAILED, ROLLED_BACK = "succeeded", "failed", "rolled_back"


def releases(
    dice: random.Random, place: ServiceEnvironment, who: str, until: datetime, days: int, count: int, bad: float
) -> None:
    """`count` good releases on working days up to `until`; the share `bad` of them came after one that went wrong."""
    from containers.models import Deployment

    first, old = until - timedelta(days=days), None
    moments = [(_at_work(first + timedelta(days=days * dice.random()), dice), GOOD) for _n in range(count)]
    wrong = [
        (when - timedelta(minutes=dice.uniform(15, 150)), dice.choice([FAILED, ROLLED_BACK]))
        for when, _state in moments
        if dice.random() < bad
    ]
    moments = sorted(moments + wrong)
    rows = []
    images = _images(dice, place, [when for when, _state in moments])
    for (when, state), image in zip(moments, images, strict=True):
        began = when - timedelta(minutes=dice.uniform(2, 9))
        rows.append(Deployment(
            place=place, state=state, image=image, old_image=old, config=place.config, old_config=place.config, started=began,
            finished=when, wanted=place.wanted, old_wanted=place.wanted, created_name=who, reason=_message(image), policy={},
        ))  # fmt: skip
        old = image if state == GOOD else old
    made = Deployment.objects.bulk_create(rows)
    for row in made:
        row.created = row.started or row.created
    Deployment.objects.bulk_update(made, ["created"])


def _images(dice: random.Random, place: ServiceEnvironment, moments: Sequence[datetime]) -> list[Image]:
    """One a moment, each of a commit some hours before; no registry has them."""
    from builds.models import Build, Image

    project, revisions = place.service.project, []
    builds = []
    for n, when in enumerate(moments):
        revision = hashlib.sha1(f"{place.pk} {n}".encode()).hexdigest()  # as Git names commits
        commit = when - timedelta(hours=min(90.0, dice.lognormvariate(1.6, 1.1)))
        revisions.append(revision)
        builds.append(Build(
            project=project, revision=revision, branch="prod", state="succeeded", commit_time=commit, commit_author="Lin Wei",
            commit_message=dice.choice(MESSAGES).capitalize(), started=commit + timedelta(minutes=3),
            finished=commit + timedelta(minutes=4), tag=f"{int(commit.timestamp())}_{revision[:8]}_prod_busybox",
        ))  # fmt: skip
    made = Build.objects.bulk_create(builds)
    images = Image.objects.bulk_create(
        Image(
            project=project, build=build, repository=project.name, tag=build.tag, revision=revision, branch="prod", base="busybox",
            digest="sha256:" + hashlib.sha256(revision.encode()).hexdigest(), state=Image.State.DISCARDED, discarded=build.finished,
        )
        for build, revision in zip(made, revisions, strict=True)
    )  # fmt: skip
    for row, build in zip(images, made, strict=True):
        row.created = build.created = build.finished
    Build.objects.bulk_update(made, ["created"])
    Image.objects.bulk_update(images, ["created"])
    return images


def _message(image: Image) -> str:
    return str(image.build.commit_message) if image.build else ""


def _at_work(when: datetime, dice: random.Random) -> datetime:
    """The same day, or the Friday before, between 01:00 and 09:00 UTC: a day's work in Beijing."""
    back = max(0, when.weekday() - 4)
    return (when - timedelta(days=back)).replace(hour=dice.randrange(1, 9), minute=dice.randrange(60))


def health(dice: random.Random, places: Iterable[ServiceEnvironment], days: Sequence[date], least: int = 1) -> None:
    """Each day whole: most without a second that was lost, now and then some minutes."""
    from containers.capacity.models import HealthDay

    def row(place: Any, day: date) -> HealthDay:
        lost = dice.choice([0] * 24 + [60, 180, 420])
        return HealthDay(day=day, place=place, good=86400 - lost, bad=lost, unknown=0, least=least, until=86400)

    held = list(places)
    put(HealthDay, (row(place, day) for day in days for place in held))
