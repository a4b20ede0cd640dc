"""Builds that failed tell so, to who started them and to whoever wants to hear of it."""

from __future__ import annotations

from django.utils.translation import gettext as _

from builds.models import Build
from xqplatform.accounts.actor import Actor
from xqplatform.notices import sources, telling
from xqplatform.notices.kinds import Kind
from xqplatform.notices.models import Notice

SOURCE = "build"


def failed(build: Build, reason: str) -> None:
    """In the transaction that ends it."""
    of = build.project or build.blueprint
    telling.tell(
        Kind.BUILD_FAILED,
        key=f"{SOURCE}:{build.pk}:failed",
        source=SOURCE,
        number=build.pk,
        url=f"/builds/{build.pk}/",
        actor=Actor.system(),
        author=build.created_by_id,
        service=build.project.name if build.project is not None else "",
        team=build.project.team_id if build.project is not None else None,
        facts={
            "what": str(of or ""),
            "revision": build.revision[:8],
            "branch": build.branch,
            "step": build.failing_step,
            "commit": build.commit_message.partition("\n")[0],
            "commit_by": build.commit_author,
            "who": build.created_name,
            "why": reason,
        },
    )


def words(notice: Notice) -> sources.Words:
    facts = notice.facts
    title = _("%(what)s: build #%(n)d has failed") % {"what": facts.get("what") or "–", "n": notice.number}
    said = [str(facts.get("why") or "")]
    if step := facts.get("step"):
        said.append(_("In the step %(step)s") % {"step": step})
    if revision := facts.get("revision"):
        values = {"revision": revision, "branch": facts.get("branch") or "–", "by": facts.get("commit_by") or "–"}
        said.append(_("Revision %(revision)s of %(branch)s, by %(by)s") % values)
        said.append(str(facts.get("commit") or ""))
    if who := facts.get("who"):
        said.append(_("Started by %(who)s") % {"who": who})
    return sources.Words(title, [line for line in said if line])


def register() -> None:
    sources.register(SOURCE, sources.Source(words))
