"""Mails the link of an invitation over the company's account. The link is in the row, encrypted, until it has gone."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from xqplatform.accounts import invitations
from xqplatform.accounts.models import Invitation
from xqplatform.alerts import child
from xqplatform.alerts.deliver import mail_url
from xqplatform.work import enqueue


def join() -> None:
    def mail(pk: int) -> None:
        from xqplatform.notices.tasks import mail_invitation

        enqueue(mail_invitation, pk)

    invitations.MAILS.append(mail)


def send(pk: int) -> bool:
    """Sends it once; False: there is nothing to send any more, or it could not be sent (the row says why)."""
    waiting = Invitation.objects.filter(pk=pk, mail="waiting", accepted=None, withdrawn=None)
    row = waiting.filter(expires__gt=timezone.now()).first()
    if row is None or not waiting.update(mail="sending"):
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
    Invitation.objects.filter(pk=pk, mail="sending").update(
        mail="sent" if answer["ok"] else "failed",
        mail_words="" if answer["ok"] else str(answer["words"])[:400],
        link="",
    )
    return bool(answer["ok"])


def left() -> list[int]:
    """Those that wait and were not taken: the broker was away."""
    return list(Invitation.objects.filter(mail="waiting").values_list("pk", flat=True)[:50])
