"""The verbs of a project's badges, and whose a badge's address is."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.db.models import Q

from builds.models import Badge, Build, Project
from builds.models.forges import new_key
from builds.place import at
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require

RIGHT = "project.change"
# More badges of a project, from apps above: (title, the end of its address).
MORE: list[Callable[[Project], list[tuple[str, str]]]] = []


def of(project: Project) -> Badge | None:
    return Badge.objects.filter(project=project).first()


def save(actor: Actor, project: Project, *, public: bool, renew: bool = False) -> Badge:
    """Makes the badges' address, or says whether everybody may see them by the project's name. `renew`: another address."""
    require(actor, RIGHT, **at(project), obj=project)
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        row = of(project)
        before = {"public": row.public} if row is not None else None
        row = row or Badge(project=project)
        row.public = public
        if renew:
            row.key = new_key()
        row.save()
        audit.record(actor, "badge.change", project, before=before, after={"public": public, "address": "•••"})
    return row


def remove(actor: Actor, project: Project) -> None:
    """Nobody sees them any more."""
    require(actor, RIGHT, **at(project), obj=project)
    with transaction.atomic():
        if Badge.objects.filter(project=project).delete()[0]:
            audit.record(actor, "badge.remove", project)


def project_of(key: str) -> Project | None:
    """Of an address: its key, or the name of a project whose badges are for everybody."""
    rows = Badge.objects.filter(Q(key=key) | Q(project__name=key, public=True)).select_related("project")
    found = rows.first()
    return found.project if found is not None else None


def paths(badge: Badge) -> list[tuple[str, str]]:
    """(title, path) of each badge."""
    start = f"/badges/{badge.project.name if badge.public else badge.key}/"
    ends = [("build", "build.svg"), *(one for more in MORE for one in more(badge.project))]
    return [(title, f"{start}{end}") for title, end in ends]


TONE = {
    Build.State.SUCCEEDED: ("passing", "ok"),
    Build.State.FAILED: ("failing", "bad"),
    Build.State.ERRORED: ("error", "bad"),
}


def build_words(project: Project, branch: str) -> tuple[str, str]:
    """The state of a branch's newest build that nobody cancelled, as a word and a tone."""
    rows = Build.objects.filter(project=project, branch=branch or project.default_branch)
    row = rows.exclude(state=Build.State.CANCELLED).order_by("-pk").first()
    if row is None:
        return "not built", "off"
    return TONE.get(Build.State(row.state), ("building", "busy"))
