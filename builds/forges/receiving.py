"""A forge's call as it comes in: proved, judged, kept once however often it comes, and handed to a worker."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from builds.forges import events, noting
from builds.forges.events import Event, Headers, Nonsense
from builds.models import Forge, ForgeDelivery
from xqplatform import live
from xqplatform.work import enqueue

LARGEST = 5 << 20  # bytes of a body
MOST_A_MINUTE = 120  # events of a project that are taken
MOST_FORGED = 10  # calls without a good signature that are noted in a minute; all are refused
OLDEST = 3 * 86_400.0  # seconds: GitHub lets people send an event again for so long
EARLY = 600.0  # seconds that a forge's clock may be ahead
State, Kind = ForgeDelivery.State, ForgeDelivery.Kind


@dataclass(frozen=True)
class Reply:
    """What the forge is told. `status` is HTTP's."""

    status: int
    words: str
    delivery: int | None = None


def receive(forge: Forge, headers: Headers, body: bytes, ip: str = "") -> Reply:
    """Judges a call and keeps it; what is taken is an event, and what is refused. Never raises for what it says."""
    reply = _received(forge, headers, body, ip)
    if reply.status >= 400:
        noting.turned_away(forge, reply.status, reply.words, ip)
    return reply


def _received(forge: Forge, headers: Headers, body: bytes, ip: str) -> Reply:
    if not forge.enabled:
        return Reply(403, _("This project takes no pushes: they are switched off."))
    if not headers.get(events.EVENT[forge.kind]):
        words = _("This is no event of %(kind)s: there is no header %(header)s.")
        return Reply(400, words % {"kind": forge.get_kind_display(), "header": events.EVENT[forge.kind]})
    digest = hashlib.sha256(body).hexdigest()
    row = ForgeDelivery(
        forge=forge,
        digest=digest,
        identity=events.identity(forge.kind, headers, digest),
        event=events.clean(headers.get(events.EVENT[forge.kind], ""), 60),
    )
    if not events.is_signed(forge.kind, forge.secret, headers, body):
        return _forged(row)
    with transaction.atomic():
        Forge.objects.select_for_update().get(pk=forge.pk)  # the same event at the same moment: one after the other
        known = _known(row)
        if known is not None:
            return _again(known)
        minute = timezone.now() - timedelta(minutes=1)
        if forge.deliveries.filter(received__gt=minute, signed=True).count() >= MOST_A_MINUTE:
            return Reply(429, _("Too many events: at most %(n)d a minute are taken.") % {"n": MOST_A_MINUTE})
        try:
            event = events.read(forge.kind, headers, body)
        except Nonsense as error:
            row.state, row.words = State.REFUSED, str(error)
            return _keep(row, 400)
        reply = _keep(row, _judge(row, event))
        if row.state == State.RECEIVED:
            noting.taken(row, ip)
        return reply


def _judge(row: ForgeDelivery, event: Event) -> int:
    """Fills the row; the status for the forge."""
    forge = row.forge
    row.kind, row.name, row.revision = event.kind, event.name, event.revision
    row.sender, row.commits = event.sender, event.commits
    if event.at is not None and not time.time() - OLDEST <= event.at <= time.time() + EARLY:
        row.state, row.words = State.REFUSED, _("It is too old: it happened more than three days ago.")
        if event.at > time.time():
            row.words = _("Its time lies in the future: a clock is wrong.")
        return 400
    if row.kind in {Kind.PUSH, Kind.TAG}:
        wanted = forge.branches if row.kind == Kind.PUSH else forge.tags
        if events.matches(wanted, row.name):
            return 202
        row.words = _("No pattern of branches or tags that are built fits «%(name)s».") % {"name": row.name}
    elif row.kind == Kind.DELETED:
        row.words = _("It was deleted: there is nothing to build.")
    else:
        row.words = _("Only pushes of branches and tags are built.")
    row.state = State.NOTHING
    return 200


def _keep(row: ForgeDelivery, status: int) -> Reply:
    from builds.tasks import take_delivery

    # What was refused must not stand in the way of the same event when it comes as it should.
    if row.state == State.REFUSED:
        row.identity = f"refused:{row.digest[:32]}:{time.time_ns()}"
    row.save()
    if row.state == State.RECEIVED:
        enqueue(take_delivery, row.pk)
    live.bump(topic(row.forge))
    return Reply(status, row.words or _("It is taken."), row.pk)


def _known(row: ForgeDelivery) -> ForgeDelivery | None:
    """The same event, if it came already: by its id, or by its content, since nobody signs ids."""
    rows = row.forge.deliveries.filter(signed=True).exclude(identity__startswith="refused:")
    found = rows.filter(identity=row.identity).first() or rows.filter(digest=row.digest).first()
    if found is None or row.forge.kind != Forge.Kind.GITLAB or found.identity == row.identity:
        return found
    # GitLab's pushes carry no time: there and back and there again are the same bytes, and not the same event.
    later = rows.filter(kind=found.kind, name=found.name, pk__gt=found.pk)
    return None if later.exclude(digest=row.digest).exists() else found


def _again(row: ForgeDelivery) -> Reply:
    from builds.tasks import take_delivery

    mine = ForgeDelivery.objects.filter(pk=row.pk)
    mine.update(times=F("times") + 1, last=timezone.now())
    live.bump(topic(row.forge))
    if row.state == State.REFUSED:  # nothing came of it: somebody who put right what was wrong sends it again
        mine.update(state=State.RECEIVED, tries=0, due=timezone.now())
        enqueue(take_delivery, row.pk)
        return Reply(202, _("It was refused before, and is tried anew."), row.pk)
    return Reply(200, _("This event came already: nothing is begun anew."), row.pk)


def _forged(row: ForgeDelivery) -> Reply:
    words = _("The signature is wrong: the secret here and at the forge differ, or it is not the forge that calls.")
    minute = timezone.now() - timedelta(minutes=1)
    if row.forge.deliveries.filter(received__gt=minute, signed=False).count() >= MOST_FORGED:
        return Reply(401, words)
    row.signed, row.state, row.words = False, State.REFUSED, words
    return Reply(401, words, _keep(row, 401).delivery)


def topic(forge: Forge) -> str:
    """What pages of the forge's deliveries listen to."""
    return f"forge:{forge.project_id}"
