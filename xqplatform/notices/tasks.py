"""What workers do for notices. Each task calls one verb."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

log = logging.getLogger(__name__)


@shared_task(name="notices.tasks.spread", ignore_result=True)
def spread(notice: int) -> None:
    """Works out who hears of it."""
    from xqplatform.notices import spreading

    spreading.spread(notice)


@shared_task(name="notices.tasks.mail_invitation", ignore_result=True)
def mail_invitation(invitation: int) -> None:
    from xqplatform.notices import invitations

    invitations.send(invitation)


@shared_task(name="notices.tasks.resume", ignore_result=True)
def resume() -> None:
    """Makes up for what was left, then sends what is due. What cannot be done for one holds up no other."""
    from xqplatform.notices import gathering, invitations, spreading

    for pk in invitations.left():
        mail_invitation(pk)
    for pk in spreading.left():
        try:
            spreading.spread(pk)
        except Exception:  # whatever a source met; it is tried again with the next sweep
            log.exception("Notice %s could not be spread", pk)
    now = timezone.now()
    for channel in gathering.waiting(now):
        try:
            gathering.gather(channel, now)
        except Exception:
            log.exception("No message could be made for channel %s", channel)


@shared_task(name="notices.tasks.tidy", ignore_result=True)
def tidy() -> None:
    """Once an hour: tells of tokens that end soon, and forgets what is old."""
    from xqplatform.notices import spreading, tokens

    tokens.tell_ending()
    spreading.tidy()
