"""A push that was to be built and could not be begun tells so, to who set it up and to the team."""

from __future__ import annotations

from django.utils.translation import gettext as _

from builds.models import ForgeDelivery
from xqplatform.accounts.actor import Actor
from xqplatform.notices import sources, telling
from xqplatform.notices.kinds import Kind
from xqplatform.notices.models import Notice

SOURCE = "push"


def refused(row: ForgeDelivery, why: str) -> None:
    """In the transaction that ends it; a push that is tried anew and refused again is no news."""
    project = row.forge.project
    telling.tell(
        Kind.BUILD_FAILED,
        key=f"{SOURCE}:{row.pk}",
        source=SOURCE,
        number=row.pk,
        url=f"/builds/projects/{project.name}/forge/",
        actor=Actor.system(),
        author=row.forge.author_id,
        service=project.name,
        team=project.team_id,
        facts={"what": f"{row.name} {row.revision[:8]}", "by": row.sender, "why": why},
    )


def words(notice: Notice) -> sources.Words:
    facts = notice.facts
    title = _("%(what)s: a push of %(name)s was not built")
    said = [str(facts.get("why") or "")]
    if by := facts.get("by"):
        said.append(_("Pushed by %(by)s") % {"by": by})
    return sources.Words(title % {"what": notice.service, "name": facts.get("what") or "–"}, [s for s in said if s])


def register() -> None:
    sources.register(SOURCE, sources.Source(words))
