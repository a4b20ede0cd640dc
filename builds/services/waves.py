"""The verbs of waves: rebuild all that stands on a base image, stop, try again; and how one goes on, in a worker."""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from builds.models import Blueprint, Build, Image, Wave, WaveItem
from builds.services.builds import start_base_build, start_build
from builds.services.standing import Family, Stands, family_of, in_use, standing_on
from builds.waving import Action, Item, Standing, decide
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Denied, Refused
from xqplatform.work import enqueue

log = logging.getLogger(__name__)
RIGHT = "base_image.manage"
MOST_ITEMS = 500


def start_wave(
    actor: Actor, root: Blueprint, *, source: str = "running", with_root: bool = True, reason: str = ""
) -> Wave:
    """Builds anew all that stands on a base image, and first (`with_root`) itself. Raises Denied, Refused."""
    require(actor, RIGHT, obj=root)
    if not root.base:
        raise Refused(_("This blueprint makes the images of projects: nothing stands on it."))
    if source not in Wave.Source.values:
        choices = ", ".join(Wave.Source.values)
        raise Refused(_("Choose one of: %(choices)s.") % {"choices": choices}, "source", 400)
    if len(reason) > 2000 or "\0" in reason:
        raise Refused(_("The reason is too long."), "reason", 400)
    family = family_of(root)
    with transaction.atomic():
        Blueprint.objects.select_for_update().get(pk=root.pk)
        running = Wave.objects.filter(blueprint=root, state__in=Wave.ACTIVE).first()
        if running is not None:
            raise Refused(_("A wave of it is under way already: #%(n)d.") % {"n": running.pk})
        wave = Wave.objects.create(
            blueprint=root, source=source, reason=reason, created_by=actor.user, created_name=actor.name,
            system=actor.is_system,
        )  # fmt: skip
        count = _items(wave, family, standing_on(family), with_root=with_root)
        if not count:
            raise Refused(_("Nothing stands on it: there is nothing to build anew."))
        if count > MOST_ITEMS:
            raise Refused(_("More than %(n)d images stand on it.") % {"n": MOST_ITEMS})
        audit.record(actor, "wave.start", wave, after={"images": count, "source": source}, reason=reason, parent=root)
        _tell(wave)
    return wave


def _items(wave: Wave, family: Family, stands: list[Stands], *, with_root: bool) -> int:
    """The builds as rows, each after what it stands on; how many."""
    built = set(
        Image.objects.filter(blueprint__in=family.blueprints, project=None, state=Image.State.DEPLOYABLE).values_list(
            "blueprint", flat=True
        )
    )
    of: dict[int, WaveItem] = {}
    for row in family.blueprints:
        if (row.pk == family.root.pk and not with_root) or (row.pk != family.root.pk and row.pk not in built):
            continue
        after = of.get(row.parent_id or 0)
        of[row.pk] = WaveItem.objects.create(wave=wave, blueprint=row, depth=family.depth[row.pk], after=after)
    seen: set[tuple[int, str, str]] = set()
    for one in worth_building(stands):
        image, parent = one.image, one.image.parent
        assert image.project_id is not None
        assert parent is not None
        revision = image.revision if wave.source == Wave.Source.RUNNING else ""
        key = (image.project_id, image.branch, revision)
        if key in seen:
            continue
        seen.add(key)
        depth = family.depth[parent.blueprint_id or 0] + 1
        WaveItem.objects.create(
            wave=wave, project=image.project, branch=image.branch, revision=revision, depth=depth,
            after=of.get(parent.blueprint_id or 0),
        )  # fmt: skip
    return len(of) + len(seen)


def worth_building(stands: list[Stands]) -> list[Stands]:
    """What runs somewhere, and of projects that run nowhere the newest image: older ones nobody would release."""
    used = in_use(stands)
    known = {one.image.project_id for one in used}
    rest: dict[int | None, Stands] = {}
    for one in stands:  # the newest first
        if one.image.project_id not in known:
            rest.setdefault(one.image.project_id, one)
    return [*used, *rest.values()]


def stop_wave(actor: Actor, wave: Wave, reason: str = "") -> Wave:
    """Nothing further is built; what is being built is finished."""
    require(actor, RIGHT, obj=wave)
    return _set(actor, wave, "stop", reason)


def retry_wave(actor: Actor, wave: Wave, reason: str = "") -> Wave:
    """Builds once more what failed, and what was left out because of it."""
    require(actor, RIGHT, obj=wave)
    with transaction.atomic():
        row = _set(actor, wave, "retry", reason)
        for item in items_of(row):
            if standing_of(item) in {"bad", "left"}:
                WaveItem.objects.filter(pk=item.pk).update(build=None, trouble="", left=False)
    return row


CLICKS = {
    "stop": ({Wave.State.BUILDING}, Wave.State.STOPPING),
    "retry": ({Wave.State.FAILED, Wave.State.CANCELLED}, Wave.State.BUILDING),
}


def _set(actor: Actor, wave: Wave, verb: str, reason: str) -> Wave:
    states, to = CLICKS[verb]
    if len(reason) > 2000:
        raise Refused(_("The reason is too long."), "reason", 400)
    with transaction.atomic():
        row = Wave.objects.select_for_update(of=("self",)).select_related("blueprint").get(pk=wave.pk)
        if row.state not in states:
            state = {"state": row.get_state_display()}
            raise Refused(_("The wave is %(state)s: this cannot be asked of it now.") % state)
        row.state, row.finished = to, None
        row.save(update_fields=["state", "finished"])
        audit.record(actor, f"wave.{verb}", row, reason=reason, parent=row.blueprint)
        _tell(row)
    return row


def _tell(wave: Wave) -> None:
    from builds.tasks import advance_wave

    live.bump("builds", f"wave:{wave.pk}")
    enqueue(advance_wave, wave.pk)


# --- How it goes on -----------------------------------------------------------------------------------------------


def items_of(wave: Wave) -> list[WaveItem]:
    rows = wave.items.select_related("blueprint", "project", "build__image", "after__blueprint")
    return list(rows)


def items_seen_by(actor: Actor, wave: Wave) -> list[WaveItem]:
    """Its builds, without those of closed teams that the actor does not see."""
    seen = set(visible(actor, WaveItem).filter(wave=wave).values_list("pk", flat=True))
    return [item for item in items_of(wave) if item.pk in seen]


def standing_of(item: WaveItem) -> Standing:
    if item.left:
        return "left"
    if item.build is None:
        return "bad" if item.trouble else "new"
    if item.build.active:
        return "open"
    return "good" if item.build.state == Build.State.SUCCEEDED else "bad"


def advance(pk: int) -> int:
    """Does what can be done now; how much it was. Safe to repeat, and by several at once."""
    done = 0
    with translation.override(settings.LANGUAGE_CODE):
        while done < 2 * MOST_ITEMS and _one(pk):
            done += 1
    return done


def _one(pk: int) -> bool:
    wave = Wave.objects.select_related("blueprint", "created_by").filter(pk=pk, state__in=Wave.ACTIVE).first()
    if wave is None:
        return False
    items = items_of(wave)
    views = [Item(item.pk, item.after_id, standing_of(item)) for item in items]
    action = decide(wave.state, views)
    if action is None:
        return False
    if action.kind == "end":
        return _end(wave, action, [view.build for view in views])
    item = next(item for item in items if item.pk == action.item)
    fresh = WaveItem.objects.filter(pk=item.pk, build=None, trouble="", left=False)
    if action.kind == "leave":
        fresh.update(left=True)
    else:
        # Outside of a transaction, since the repository is asked. A death before the row is written costs nothing: the
        # build that was started is found again while it is under way, else it is built once more.
        try:
            build = _start(wave, item)
            if _stands_on_old_base(build, item):
                return False  # once it has ended, the sweep builds one more
            fresh.update(build=build)
        except (Refused, Denied) as why:
            fresh.update(trouble=why.message)
        except (OperationalError, InterfaceError):
            raise  # the database is away or busy: that says nothing of the build
        except Exception as error:
            # Nobody foresaw it, so it would come again with every look, and the wave would stand for ever.
            log.exception("Wave %s could not build %s", pk, item)
            what = _("something unforeseen (%(what)s), see the worker's log.") % {"what": type(error).__name__}
            fresh.update(trouble=_("It could not begin: %(why)s") % {"why": what})
    live.bump("builds", f"wave:{wave.pk}")
    return True


def _start(wave: Wave, item: WaveItem) -> Build:
    if wave.created_by is None and not wave.system:
        raise Refused(_("%(who)s, who began the wave, is not here any more.") % {"who": wave.created_name})
    actor = Actor.person(wave.created_by, via="system") if wave.created_by is not None else Actor.system()
    if item.blueprint is not None:
        return start_base_build(actor, item.blueprint, again=True)
    assert item.project is not None
    return start_build(actor, item.project, item.branch, item.revision, again=True)


def _stands_on_old_base(build: Build, item: WaveItem) -> bool:
    """Whether the build, which was under way already, began before the image was there on which the item is to stand."""
    below = item.after.build if item.after is not None else None
    base = getattr(below, "image", None)
    return base is not None and build.started is not None and build.started < base.created


def _end(wave: Wave, action: Action, builds: list[Standing]) -> bool:
    with transaction.atomic():
        ended = Wave.objects.filter(pk=wave.pk, state=wave.state)
        if not ended.update(state=action.state, finished=timezone.now()):
            return True  # somebody clicked this moment
        after = {"state": action.state, "built": builds.count("good"), "images": len(builds)}
        audit.record(Actor.system(), "wave.finish", wave, after=after, reason=wave.reason, parent=wave.blueprint)
        live.bump("builds", f"wave:{wave.pk}")
    return False
