"""What somebody else did to how one signs in: told to that person alone, whatever they chose to hear of."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.accounts.signin import services
from xqplatform.notices import sources
from xqplatform.notices.kinds import Kind
from xqplatform.notices.models import Entry, Notice
from xqplatform.notices.telling import line

SOURCE = "account"


def tell(user: User, actor: Actor, what: str) -> None:
    """In the transaction of the change. It is spread already: nobody else is worked out for it."""
    now = timezone.now()
    notice = Notice.objects.create(
        key=f"{SOURCE}:{user.pk}:{what}:{now.timestamp()}",
        kind=Kind.ACCOUNT,
        source=SOURCE,
        number=user.pk,
        url="/account/signing-in/",
        actor=actor.user,
        author=user,
        facts={"what": what, "by": line(actor.name)},
        spread=now,
    )
    Entry.objects.create(user=user, notice=notice, relation="mine")


def words(notice: Notice) -> sources.Words:
    by = {"by": notice.facts.get("by") or "–"}
    return sources.Words(
        _("%(by)s took your second factors away") % by,
        [_("You sign in by password alone now. Set up a new second factor; if you did not ask for this, tell an SRE.")],
    )


def join() -> None:
    sources.register(SOURCE, sources.Source(words))
    services.TELLS.append(tell)
