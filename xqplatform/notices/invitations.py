"""Mails the link of an invitation over the company's account, at least once: what a worker that died had in hand is sent again.

The link is in the row, encrypted, until it has gone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from xqplatform.accounts import invitations
from xqplatform.accounts.models import Invitation
from xqplatform.alerts import child
from xqplatform.alerts.deliver import mail_url
from xqplatform.work import enqueue

LOST = timedelta(seconds=4 * child.LIMIT)  # after so long whoever was sending it is dead


def join() -> None:
    def mail(pk: int) -> None:
        from xqplatform.notices.tasks import mail_invitation

        enqueue(mail_invitation, pk)

    invitations.MAILS.append(mail)


def send(pk: int) -> bool:
    """Sends it once; False: there is nothing to send any more, or it could not be sent (the row says why)."""
    row = _due().filter(pk=pk).first()
    now = timezone.now()
    if row is None or not _due().filter(pk=pk).update(mail="sending", mail_taken=now):
        return False
    path = reverse("accounts:invitation", args=[row.link])
    with translation.override(settings.LANGUAGE_CODE):
        title = _("Invitation to xqplatform")
        text = _("%(who)s invites you. Choose your password here, until %(until)s (UTC):\n\n%(link)s")
        values = {
            "who": row.made_name,
            "until": row.expires.strftime("%Y-%m-%d %H:%M"),
            "link": f"{settings.PUBLIC_URL}{path}",
        }
        body = text % values
    asked = {"do": "apprise", "url": mail_url(row.email), "title": title, "body": body, "level": "info"}
    answer = child.ask(asked)
    # The same link may have been renewed meanwhile: then the row waits with the new one.
    Invitation.objects.filter(pk=pk, mail="sending", mail_taken=now).update(
        mail="sent" if answer["ok"] else "failed",
        mail_words="" if answer["ok"] else str(answer["words"])[:400],
        link="",
    )
    return bool(answer["ok"])


def _due() -> QuerySet[Invitation]:
    """Those to be sent: nobody took them, or whoever did is gone."""
    now = timezone.now()
    gone = Q(mail="sending") & (Q(mail_taken=None) | Q(mail_taken__lt=now - LOST))
    given: dict[str, Any] = {"accepted": None, "withdrawn": None, "expires__gt": now}
    return Invitation.objects.filter(Q(mail="waiting") | gone, **given)


def left() -> list[int]:
    """What was not taken, since the broker was away, or was taken by a worker that died."""
    return list(_due().order_by("pk").values_list("pk", flat=True)[:50])
