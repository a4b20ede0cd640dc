"""What becomes of a push: a build, and when that is good, whatever apps above make of it. By a worker; safe to repeat."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from builds import git
from builds.forges import notices, noting, seams
from builds.forges.receiving import topic
from builds.models import Build, ForgeDelivery, ForgeStatus, Image
from builds.place import at
from builds.services.builds import start_build
from builds.services.projects import source_of
from xqplatform import live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.accounts.rights import require
from xqplatform.audit.tidying import tidied
from xqplatform.errors import Denied, Refused
from xqplatform.work import enqueue

VIA = "forge"
CLAIM = timedelta(seconds=60)  # a worker that died with it is followed by another one then
MOST_TRIES = 6
KEPT = timedelta(days=90)
State, Kind = ForgeDelivery.State, ForgeDelivery.Kind


def person(user: User | None, name: str) -> Actor:
    """Whose right stands behind what a push begins: who is gone has none."""
    return Actor(name=user.get_username() if user is not None else name, via=VIA, user=user)


def due() -> list[int]:
    """Deliveries that somebody has to go on with: new ones, and those whose build is over."""
    built = Q(state=State.BUILDING) & ~Q(build__state__in=Build.ACTIVE)
    rows = ForgeDelivery.objects.filter(Q(state=State.RECEIVED) | built, due__lte=timezone.now())
    return list(rows.order_by("pk").values_list("pk", flat=True)[:100])


def go_on(pk: int) -> None:
    """One step of a delivery: from the event to its build, or from the build to what follows."""
    now = timezone.now()
    mine = ForgeDelivery.objects.filter(pk=pk, state__in=ForgeDelivery.OPEN, due__lte=now)
    if not mine.update(due=now + CLAIM, tries=F("tries") + 1):
        return
    row = ForgeDelivery.objects.select_related("forge__project", "forge__author", "build").get(pk=pk)
    if row.tries > MOST_TRIES:
        _end(row, State.REFUSED, row.words or _("It was tried %(n)d times in vain.") % {"n": MOST_TRIES})
    elif row.state == State.RECEIVED:
        _build(row)
    elif row.build is None:
        _end(row, State.FAILED, _("The build is gone."))
    elif not row.build.active:
        _follow(row, row.build)
    else:
        _write(row, due=now, tries=0)


def _build(row: ForgeDelivery) -> None:
    actor = person(row.forge.author, row.forge.author_name)
    try:
        build = _start(actor, row)
    except Denied:
        words = _("%(who)s, who set this up, may not build here (any more): somebody who may has to save it anew.")
        _end(row, State.REFUSED, words % {"who": actor.name or _("nobody")})
    except Refused as refused:
        if refused.code == 409 and row.tries < MOST_TRIES:  # what may go away: a repository that does not answer
            _write(row, words=refused.message, due=timezone.now() + timedelta(seconds=5 * 2**row.tries))
        else:
            _end(row, State.REFUSED, refused.message)
    else:
        words = _("Build #%(n)d") % {"n": build.pk}
        _write(row, state=State.BUILDING, build=build, words=words, due=timezone.now(), tries=0)
        build.refresh_from_db()
        if not build.active:
            tell(build)


def _start(actor: Actor, row: ForgeDelivery) -> Build:
    project = row.forge.project
    if row.kind == Kind.TAG:
        # What is tagged was often built when it was pushed: the same image goes on, with all that is proved of it.
        require(actor, "build.start", **at(project), obj=project)
        same = Build.objects.filter(project=project, revision=row.revision).order_by("-pk")
        found = same.filter(state=Build.State.SUCCEEDED, image__state=Image.State.DEPLOYABLE).first()
        found = found or same.filter(state__in=Build.ACTIVE, cancel_requested=False).first()
        if found is not None:
            return found
    return start_build(actor, project, row.name, row.revision)


def _follow(row: ForgeDelivery, build: Build) -> None:
    image = Image.objects.filter(build=build, state=Image.State.DEPLOYABLE).first()
    words = _("Build #%(n)d") % {"n": build.pk}
    if build.state != Build.State.SUCCEEDED or image is None:
        values = {"n": build.pk, "state": build.get_state_display(), "why": build.reason}
        return _end(row, State.FAILED, _("Build #%(n)d: %(state)s. %(why)s") % values)
    newer = _newer(row)
    if newer:
        return _end(row, State.DONE, f"{words}. {newer}")
    began = [one for release in seams.RELEASES for one in release(row, image)]
    row.began = [{"words": one.words, "url": one.url} for one in began]
    return _end(row, State.DONE, words)


def _newer(row: ForgeDelivery) -> str:
    """Why nothing is released by itself: the branch or tag is at another commit by now. Empty when it is not."""
    rows = row.forge.deliveries.filter(kind__in=[row.kind, Kind.DELETED], name=row.name, pk__gt=row.pk)
    later = rows.exclude(state=State.REFUSED).exclude(revision=row.revision).order_by("-pk").first()
    if later is not None:
        words = _("Nothing is released by itself: «%(name)s» was pushed anew (or deleted) meanwhile.")
        return words % {"name": row.name}
    if row.kind == Kind.PUSH:
        try:
            head = git.Repository(source_of(row.forge.project)).branches().get(row.name, "")
        except (git.GitError, Refused) as error:
            return _("Nothing is released by itself: %(why)s") % {"why": error.message}
        if head != row.revision:
            words = _("Nothing is released by itself: «%(name)s» is at %(head)s now.")
            return words % {"name": row.name, "head": head[:8] or "–"}
    return ""


def _write(row: ForgeDelivery, **fields: object) -> None:
    ForgeDelivery.objects.filter(pk=row.pk).update(**fields)
    live.bump(topic(row.forge))


def _end(row: ForgeDelivery, state: str, words: str) -> None:
    with transaction.atomic():
        _write(row, state=state, words=words, began=row.began)
        if state == State.REFUSED:
            notices.refused(row, words)
            noting.refused(row.forge, words, row)


def tidy() -> None:
    """Forgets what began nothing, and old statuses. What began something stays known: it may be sent again at any time. So
    does what was deleted: the same bytes after it are another event (`receiving._known`).
    """
    before = timezone.now() - KEPT
    nothing = ForgeDelivery.objects.filter(state__in=[State.NOTHING, State.REFUSED], last__lt=before)
    statuses = ForgeStatus.objects.filter(created__lt=before).exclude(state=ForgeStatus.State.WAITING)
    with transaction.atomic():
        tidied(
            "deliveries of forges", nothing.exclude(signed=True, kind=Kind.DELETED).delete()[1], statuses.delete()[1]
        )


def tell(build: Build) -> None:
    """Has those looked at that wait for a build; called when its state changes, in that transaction."""
    from builds.tasks import take_delivery

    if not build.active:
        for pk in ForgeDelivery.objects.filter(build=build, state=State.BUILDING).values_list("pk", flat=True):
            enqueue(take_delivery, pk)
