"""A new address, before it is used for the first time."""

from __future__ import annotations

import time

from django.db import transaction
from django.utils.translation import gettext as _

from containers.ending import StepFailed
from containers.models import Instance
from containers.steps import retiring
from containers.steps.bench import Bench
from containers.wire import SECONDS
from hosts.services import addresses
from xqplatform.errors import Refused


def nobody_else_answers(bench: Bench, made: str) -> None:
    """A new address is not used while a stranger answers on it: it is put aside, and the next try has another."""
    address = bench.instance.address
    if address is None or not address.segment.probe:
        return
    answer, until = bench.context.wire.ask(bench.host.pk), time.monotonic() + SECONDS
    while not answer.ready.is_set() and time.monotonic() < until:
        bench.patience.check()
        answer.ready.wait(0.1)
    if answer.why or not answer.ready.is_set():
        why = answer.why or _("no answer in time")
        bench.save(log=_("%(ip)s was not probed before its first use: %(why)s") % {"ip": address.ip, "why": why})
    mac = answer.strangers.get(address.ip)
    # A dead process may have started it already: then our own MAC answers.
    if mac is None or (mac == address.mac and not bench.fresh):
        return
    retiring.clear(bench, made)
    words = _("%(ip)s answers from MAC %(mac)s.") % {"ip": address.ip, "mac": mac}
    try:
        with transaction.atomic():
            other = addresses.exchange(address, words)
            Instance.objects.filter(pk=bench.instance.pk).update(address=other, ip=other.ip)
    except Refused as refusal:
        raise StepFailed(f"{words} {refusal.message}") from refusal
    more = _("It is reserved now, and the instance has %(ip)s for the next try.") % {"ip": other.ip}
    raise StepFailed(f"{words} {more}")
