"""Commit statuses sent back to the forge: noted with what they tell of, sent by a task, never in anybody's way."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from builds.forges import dialects
from builds.forges.receiving import topic
from builds.models import Build, Forge, ForgeStatus, Project
from xqplatform import live
from xqplatform.outgoing import http
from xqplatform.work import enqueue

SECONDS = 15.0  # of one call
CLAIM = timedelta(seconds=60)
MOST_TRIES = 6
PAUSE, GROWS = 10, 4  # seconds before the first further try, and how the pauses grow (10 s to 43 min)
State = ForgeStatus.State
OF_BUILD = {
    Build.State.SUCCEEDED: "success",
    Build.State.FAILED: "failure",
    Build.State.ERRORED: "error",
    Build.State.CANCELLED: "error",
}


def report(project: Project | int | None, revision: str, context: str, state: str, *, words: str, path: str) -> None:
    """Notes what a commit's status is to be; nothing where nobody asked for it, or where it is so already. `path`: of a page."""
    forge = Forge.objects.filter(project=project, report=True).values_list("pk", flat=True).first()
    if project is None or forge is None or len(revision) != 40:
        return
    wanted = {"status": state, "words": words[: dialects.LONGEST], "path": path}
    with transaction.atomic():
        row, made = ForgeStatus.objects.get_or_create(
            forge_id=forge, revision=revision, context=context, defaults=wanted
        )
        if not made:
            same = ForgeStatus.objects.filter(pk=row.pk).filter(**wanted)
            if same.exists():
                return
            again = {"state": State.WAITING, "tries": 0, "due": timezone.now(), "version": F("version") + 1}
            ForgeStatus.objects.filter(pk=row.pk).update(**wanted, **again)
        _enqueue(row.pk)


def _enqueue(pk: int) -> None:
    from builds.tasks import send_status

    enqueue(send_status, pk)


def of_build(build: Build) -> None:
    """In the transaction that changes its state."""
    if build.project_id is None:
        return
    state = OF_BUILD.get(Build.State(build.state), "pending")
    words = f"#{build.pk}: {build.get_state_display()}"
    report(build.project_id, build.revision, "xq/build", state, words=words, path=f"/builds/{build.pk}/")


def due() -> list[int]:
    """Those that somebody has to send."""
    now = timezone.now()
    rows = ForgeStatus.objects.filter(Q(busy_until=None) | Q(busy_until__lte=now), state=State.WAITING, due__lte=now)
    return list(rows.order_by("pk").values_list("pk", flat=True)[:100])


def send(pk: int) -> None:
    """One try. One at a time of a status, so that an older one never comes after a newer one."""
    now = timezone.now()
    mine = ForgeStatus.objects.filter(Q(busy_until=None) | Q(busy_until__lte=now), pk=pk, state=State.WAITING)
    if not mine.filter(due__lte=now).update(busy_until=now + CLAIM, tries=F("tries") + 1):
        return
    row = ForgeStatus.objects.select_related("forge__project").get(pk=pk)
    try:
        sent, words, again = _call(row)
    finally:
        ForgeStatus.objects.filter(pk=pk).update(busy_until=None)
    fields: dict[str, object] = {"answer": words, "state": State.SENT, "sent": timezone.now()}
    if not sent:
        over = not again or row.tries >= MOST_TRIES or not row.forge.report
        pause = timedelta(seconds=PAUSE * GROWS ** (row.tries - 1))
        fields = {"answer": words, "state": State.FAILED if over else State.WAITING, "due": timezone.now() + pause}
    if not ForgeStatus.objects.filter(pk=pk, version=row.version).update(**fields):
        _enqueue(pk)  # it is another one meanwhile
    live.bump(topic(row.forge))


def _call(row: ForgeStatus) -> tuple[bool, str, bool]:
    """Whether it was taken, what was said, whether a further try may help."""
    forge = row.forge
    call = dialects.status(
        forge.kind,
        forge.api,
        forge.repository,
        forge.token,
        revision=row.revision,
        state=row.status,
        context=row.context,
        words=row.words,
        page=f"{settings.PUBLIC_URL}{row.path}" if settings.PUBLIC_URL else "",
    )
    answer = http.call("POST", call.url, call.body, call.headers, SECONDS, public=call.url.startswith("https://"))
    if 200 <= answer.code < 300 or dialects.is_same(forge.kind, answer.code, answer.text):
        return True, "", False
    said = f"{answer.words} {answer.text[:200]}".strip().replace("\0", "")
    said = said.replace(forge.token, "•••") if forge.token else said
    return False, said or _("There was no answer."), answer.again
