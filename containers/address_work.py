"""A step that gives a standing instance another address of its segment, on its host.

Both addresses are the instance's as long as the change lasts: the one that it does not hold is reserved for it, so that
the way back is always open. The new container is made with the new address and MAC, the old one is stopped and seen to be
stopped, the instance's row is switched, then the new one starts and says on the wire where it is. What was left rests
when the change ends (`containers.finish`).
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from containers import announcing, spec
from containers.ending import StepFailed
from containers.models import Instance, Step
from containers.move_work import Move
from containers.readdressing import mark_of
from containers.steps import making, naming, retiring, rising
from containers.steps.bench import Json
from containers.steps.context import Context
from containers.steps.work import Work
from hosts import probe
from hosts.engine import EngineError
from hosts.helper import NoHelper
from hosts.models import Address
from hosts.services import choosing
from xqplatform import live
from xqplatform.errors import Refused


class Readdress(Move):
    """Like `Move`, but both hosts are the instance's own, and the address changes instead."""

    def __init__(self, context: Context, step: Step, stop: Any, *, fresh: bool = False) -> None:
        Work.__init__(self, context, step, stop, fresh=fresh)
        self.new_host = self.old_host = self.host
        self._gives: Address | None = self.instance.address

    @property
    def address(self) -> Address | None:
        """What the container that is made next has."""
        return self._gives

    @property
    def _is_back(self) -> str:
        return _("It has %(ip)s as before.") % {"ip": self.step.old_ip}

    def _move(self) -> None:
        mine, others = self.look(str(self.step.pk))
        new = self._gives = self._kept(self.step.new_ip)
        made = making.made(self, mine, self.step.image, self.step.config, str(self.step.pk), beside=bool(others))
        announcing.prepare(self.engine)
        self._nobody_has(made, new)
        self._stop_there(self.host, others)
        self._take(self.step.new_ip)
        if self.runs:
            rising.up(self, made, announced=True)
        else:
            Instance.objects.filter(pk=self.instance.pk).update(state="stopped", drift=[], drift_since=None)
        self._only(made, others)

    def _home(self, state: str) -> None:
        """The instance has its old address again: with its old container, or one made of the old release."""
        found = self._found(self.host)
        new = [one for one in found if (one.get("Labels") or {}).get(spec.STEP) == str(self.step.pk)]
        old = [one for one in found if one not in new]
        old.sort(key=lambda one: (one.get("State") == "running", one.get("Created", 0)))
        self._gives = self._kept(self.step.old_ip)
        keep = str(old[-1]["Id"]) if old else ""
        if not keep:
            if self.step.old_image is None:
                raise StepFailed(_("There is nothing that could run on %(host)s again.") % {"host": self.host})
            mark = f"{self.step.pk}b"
            keep = making.made(
                self, None, self.step.old_image, self.step.old_config, mark, state=state, beside=bool(new)
            )
        self._stop_there(self.host, new, timed=False)
        self._take(self.step.old_ip)
        self._restarts_by_itself(keep)
        if self.runs:
            rising.up(self, keep, state, announced=True)
        self._only(keep, [one for one in found if one["Id"] != keep])

    # --- Pieces --------------------------------------------------------------------------------------------------

    def _only(self, keep: str, others: list[Json]) -> None:
        """Removes the others, and the one that stays gets the instance's name."""
        for one in others:
            retiring.clear(self, str(one["Id"]))
        if str((self.inspect(keep) or {}).get("Name", "")).strip("/") != self.instance.name:
            naming.take_name(self, keep, None, [{"Id": keep}])
        retiring.others_ended(self, keep)

    def _kept(self, ip: str) -> Address:
        """The address, which is the instance's or is reserved for it. Raises StepFailed when somebody freed it meanwhile."""
        held = self.instance.address
        row = Address.objects.select_related("segment").filter(
            segment=held.segment if held else None, ip=ip, holder=held.holder if held else ""
        )
        found = row.first()
        if found is None:
            raise StepFailed(_("%(ip)s is not reserved for it any more.") % {"ip": ip})
        return found

    def _nobody_has(self, made: str, new: Address) -> None:
        """The new address is not used while a stranger answers on it; then it is put aside, and nothing was stopped."""
        if not new.segment.probe or ((self.inspect(made) or {}).get("State") or {}).get("Running"):
            return  # a dead process has started it already: then it answers itself
        self.point("before probe")
        try:
            mac = probe.probe(self.engine, new.segment, new.ip)
        except (NoHelper, EngineError) as error:
            why = getattr(error, "words", "") or str(error)
            self.save(log=_("%(ip)s was not probed before its first use: %(why)s") % {"ip": new.ip, "why": why})
            return
        if mac is not None:
            words = _("%(ip)s answers from MAC %(mac)s.") % {"ip": new.ip, "mac": mac}
            choosing.put_aside(new, words)
            raise StepFailed(words + " " + _("It is reserved now, and nothing was stopped: choose another address."))

    def _take(self, ip: str) -> None:
        """From now on the instance holds this address, and the other one is reserved for it."""
        held = self.instance.address
        if held is None or held.ip == ip:
            return
        self.point("before switch")
        try:
            with transaction.atomic():
                self.save()  # raises Broken when the lease is another process's
                row = choosing.swap(held, ip, mark_of(self.context.deployment))
                Instance.objects.filter(pk=self.instance.pk).update(address=row, ip=row.ip)
                live.bump("network", f"host:{self.host.pk}", f"instance:{self.instance.pk}")
        except Refused as refusal:
            raise StepFailed(refusal.message) from refusal
        self.instance.address, self.instance.ip = row, row.ip
        self.point("after switch")
