"""What was pushed and not released by itself tells so, to who wrote the rule and to the team."""

from __future__ import annotations

from django.utils.translation import gettext as _

from containers.models import AutomaticRelease, AutomaticRule
from xqplatform.accounts.actor import Actor
from xqplatform.notices import sources, telling
from xqplatform.notices.kinds import Kind
from xqplatform.notices.models import Notice

SOURCE = "automatic"


def refused(row: AutomaticRelease, rule: AutomaticRule) -> None:
    """In the transaction that keeps it."""
    place = row.place
    telling.tell(
        Kind.FAILED,
        key=f"{SOURCE}:{row.pk}",
        source=SOURCE,
        number=row.pk,
        url=f"/services/{place.service.slug}/automatic-releases/",
        actor=Actor.system(),
        author=rule.author_id,
        service=place.service.slug,
        environment=place.environment.slug,
        team=place.service.team_id,
        facts={
            "pushed": row.pushed,
            "by": row.delivery.sender if row.delivery is not None else "",
            "who": rule.author_name,
            "why": row.words,
        },
    )


def words(notice: Notice) -> sources.Words:
    facts = notice.facts
    values = {"where": f"{notice.service} · {notice.environment}", "what": facts.get("pushed") or "–"}
    said = [str(facts.get("why") or "")]
    if by := facts.get("by"):
        said.append(_("Pushed by %(by)s") % {"by": by})
    if who := facts.get("who"):
        said.append(_("By the rule of %(who)s") % {"who": who})
    return sources.Words(_("%(where)s: %(what)s was not released by itself") % values, [line for line in said if line])


def register() -> None:
    sources.register(SOURCE, sources.Source(words))
