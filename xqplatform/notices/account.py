"""What was done to one's account: told to that person alone, whatever they chose to hear of."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from xqplatform.accounts import telling
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
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
        facts={"what": what, "by": line(actor.name), "ip": actor.ip or "–"},
        spread=now,
    )
    Entry.objects.create(user=user, notice=notice, relation="mine")


def words(notice: Notice) -> sources.Words:
    facts = {name: notice.facts.get(name) or "–" for name in ("by", "ip")}
    match notice.facts.get("what"):
        case "password":
            title = _("%(by)s changed your password") % facts
            text = _("From %(ip)s. All other sessions have ended. If this was not you, tell an SRE at once.") % facts
        case "place":
            title = _("You signed in from a new address, %(ip)s") % facts
            text = _(
                "If this was not you: change your password, end the session under «Where I am signed in», tell an SRE."
            )
        case _:
            title = _("%(by)s took your second factors away") % facts
            text = _(
                "You sign in by password alone now. Set up a new second factor; if you did not ask for this, tell an SRE."
            )
    return sources.Words(title, [text])


def join() -> None:
    sources.register(SOURCE, sources.Source(words))
    telling.TELLS.append(tell)
