"""The data of an instance that moves: its volumes go along from one host to the other, and nothing of them is removed on the way.

Most of it is copied while it runs; what counts is the copy after that, while nothing runs on either side (see `hosts.volume_copies`). The volume of the host that is left keeps its
name until the instance is well at the other one; then it is put aside as `xq-moved-…` and stays for a time. Which of two volumes is the
instance's, is told by that: the one that has the instance's name for it, on the host where the instance's row says that it stands.
"""

from __future__ import annotations

import logging
import shlex
import time
from dataclasses import dataclass

from django.db import transaction
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from containers import spec
from containers.ending import StepFailed
from containers.left_behind import MOVING, copies_of
from containers.models import MovedVolume
from containers.steps import making
from containers.steps.bench import Bench
from hosts import labels
from hosts.engine import EngineError, connect
from hosts.models import Host
from hosts.volume_copies import End, Kept, VolumeCopies, copy, settle

log = logging.getLogger(__name__)
SECOND = 1.1  # and a little: times of files are compared in whole seconds
INSIDE_SECONDS = 300.0
BROKEN_SECONDS = 120.0  # that a copy which is broken off is tried again without a byte in between
TELL_SECONDS = 1.0
Kind = MovedVolume.Kind


def volumes_of(work: Bench) -> dict[str, list[str]]:
    """The instance's volumes by name, on whichever host, with the paths inside at which it writes to them."""
    return spec.volumes(making.place_of(work), work.config_of(work.step.config))


def names_of(work: Bench) -> tuple[str, ...]:
    return tuple(volumes_of(work))


@dataclass(frozen=True)
class Side:
    host: Host
    copies: VolumeCopies
    pool: str

    def end(self, name: str) -> End:
        return End(self.copies, self.pool, name)


class Carry:
    """One direction: from the host where the data is to another one. One a step's work; all may be done again after a death."""

    def __init__(self, work: Bench, source: Side, target: Side) -> None:
        self.work, self.source, self.target = work, source, target

    @classmethod
    def between(cls, work: Bench, source: Host, target: Host) -> Carry | None:
        """None: the instance has no volumes, or one of the runtimes cannot. Raises StepFailed, EngineError."""
        one, two = copies_of(source), copies_of(target)
        if one is None or two is None:
            return None
        call = work.patience.call
        found = cls(work, Side(source, one, call(one.pool)), Side(target, two, call(two.pool)))
        return found if found.names else None

    @property
    def names(self) -> tuple[str, ...]:
        return names_of(self.work)

    def prepare(self) -> None:
        """Empty volumes on the other host, before anything is stopped. Raises StepFailed where somebody's has such a name."""
        for name in self.names:
            kept = self._find(self.source, name)
            if kept is not None:
                self._room_for(kept)

    def _room_for(self, kept: Kept) -> None:
        side, there = self.target, self._find(self.target, kept.name)
        row = self._arriving(kept.name)
        if there is None:
            if row is None:
                row = self._noted(kept.name)
            marks = {MOVING: str(row.pk), labels.PLATFORM: labels.installation()}
            self.work.patience.call(side.copies.make, side.pool, kept, kept.name, marks)
        elif row is None or there.marks.get(MOVING) != str(row.pk):
            words = _(
                "%(host)s has a volume %(name)s already. What is in it was not touched: rename or remove it there."
            )
            raise StepFailed(words % {"host": side.host, "name": kept.name})

    def _noted(self, name: str) -> MovedVolume:
        """From now on the volume on the other host is known, whatever happens."""
        with transaction.atomic():
            self.work.save()  # raises Broken when the lease is another process's
            side = self.target
            return MovedVolume.objects.create(
                instance=self.work.instance, step=self.work.step, host=side.host, pool=side.pool, name=name, was=name
            )

    def _arriving(self, name: str) -> MovedVolume | None:
        mine = MovedVolume.objects.filter(step=self.work.step, host=self.target.host, was=name, removed=None)
        return mine.filter(kind=Kind.ARRIVING).first()

    def ahead(self, container: str) -> None:
        """Copies while it runs, so that it stands still only for what changed since. `container`: runs on the host that is left."""
        kind = self.work.patience.call(self.source.copies.whole, self.source.pool)
        if kind and kind == self.work.patience.call(self.target.copies.whole, self.target.pool):
            return  # all of it would go twice
        # Of the first try, whoever began it: what was written since then is suspect.
        began = float(self.work.times.setdefault("ahead_since", time.time()))
        with self.work.timed("ahead", state="creating"):
            exact = self._said(container, "sync") and all([self._copied_ahead(name) for name in self.names])
            self.work.point("before settle")
            if not (exact and self._settled(container, began)):
                self.anew()
        self.work.save(reason="")

    def _copied_ahead(self, name: str) -> bool:
        """False: as it is being written to, it cannot be copied."""
        try:
            if self._find(self.source, name) is not None:
                self._copied(name)
        except StepFailed as failed:
            if isinstance(failed.__cause__, EngineError) and failed.__cause__.kind == "other":
                log.info("%s is not copied ahead: %s", name, failed)
                return False
            raise
        return True

    def _settled(self, container: str, began: float) -> bool:
        """Whether what was written while it was read will surely be copied once more.

        Such a file may have the size and the second of the copy, and would be taken for the same. Its time becomes that of now, a second
        and more after the copy; whatever is written later has a later one by itself.
        """
        self.work.patience.sleep(SECOND)
        minutes = int((time.time() - began) / 60) + 2
        paths = [path for paths in volumes_of(self.work).values() for path in paths]
        find = f"find {shlex.join(paths)} -xdev -type f -mmin -{minutes} -exec touch -c {{}} +"
        return not paths or self._said(container, find)

    def _said(self, container: str, command: str) -> bool:
        """Whether the command inside, of the instance's own programs, did what it should."""
        engine = connect(self.source.host)
        try:
            code, output = engine.exec(container, ("/bin/sh", "-c", command), timeout=INSIDE_SECONDS)
        except EngineError as error:
            code, output = -1, error.words
        if code:
            log.info("«%s» in %s: %s %s", command, self.work.instance, code, output[:500])
        return not code

    def anew(self) -> None:
        """The volumes on the other host are empty again: what is in them cannot be gone on with."""
        for name in self.names:
            if self._arriving(name) is not None:
                settle(self.target.end(name), self.work.patience.sleep)
                self.work.patience.call(self.target.copies.remove, self.target.pool, name)
        self.prepare()

    def copy(self) -> None:
        """Copies all of it. Nothing may run on either side. Raises StepFailed."""
        with self.work.timed("data"):
            for name in self.names:
                self.work.point("before data")
                if self._find(self.source, name) is not None:
                    self._copied(name)
            self.work.point("after data")
        self.work.save(reason="")

    def _copied(self, name: str) -> None:
        patience, tries = self.work.patience, _Tries(self, name)
        while True:
            patience.check()
            try:
                return copy(self.source.end(name), self.target.end(name), rest=patience.sleep, tell=tries.moved)
            except EngineError as error:
                tries.failed(error)
                patience.sleep(2.0)

    def _find(self, side: Side, name: str) -> Kept | None:
        return self.work.patience.call(side.copies.find, side.pool, name)


class _Tries:
    """How a volume's copy goes, told on the step, and when it is given up."""

    def __init__(self, carry: Carry, name: str) -> None:
        self.carry, self.name = carry, name
        self.told, self.alive = 0.0, time.monotonic()

    def moved(self, count: int) -> None:
        now = time.monotonic()
        self.alive = now
        if now - self.told >= TELL_SECONDS:
            self.told = now
            words = _("Copies its data (%(name)s) to %(host)s: %(size)s so far.")
            self.carry.work.save(
                reason=words % {"name": self.name, "host": self.carry.target.host, "size": filesizeformat(count)}
            )

    def failed(self, error: EngineError) -> None:
        """Returns where another try makes sense. Raises StepFailed."""
        left = BROKEN_SECONDS - (time.monotonic() - self.alive)
        if not (error.retry or error.out_of_reach) or left <= 0:
            words = _("%(why)s The data is on %(host)s, as it was.")
            raise StepFailed(words % {"why": error.words, "host": self.carry.source.host}) from error
        words = _("%(words)s Nothing is lost; trying again for %(left)d s.")
        self.carry.work.save(reason=words % {"words": error.words, "left": left})
