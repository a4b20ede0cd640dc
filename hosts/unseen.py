"""What stands on hosts and in the ledger, for who does not see its team: it is there, so that addresses and capacity stay
true, but nameless. Rows are changed in memory and must not be saved afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from django.utils.translation import gettext as _

from hosts import hooks, labels
from hosts.models import Address, HostOperation, SeenContainer
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import hidden_names


def nameless() -> str:
    return _("in use by a closed team")


def words(actor: Actor, text: str) -> str:
    """The text, unless it names something hidden."""
    names = hidden_names(actor)
    return nameless() if names and names.intersection(re.findall(r"[a-z0-9-]+", text)) else text


def containers(actor: Actor, rows: Iterable[SeenContainer]) -> list[SeenContainer]:
    """Containers of a host; of hidden ones only what the network and the capacity need is left."""
    names, found = hidden_names(actor), list(rows)
    for row in found if names else ():
        if row.labels.get(labels.SERVICE) in names:
            row.name, row.image, row.image_id, row.labels = nameless(), "", "", {}
    return found


def address(actor: Actor, row: Address) -> Address:
    """One line of the ledger; also who else was seen with it may be hidden."""
    names = hidden_names(actor)
    if names:
        if row.holder.partition("/")[0] in names:
            row.holder, row.note = nameless(), ""
        row.conflict, row.note = _conflict(actor, row.conflict, names), words(actor, row.note)
    return row


def _conflict(actor: Actor, text: str, names: frozenset[str]) -> str:
    """It names containers, «snow-production-3»: a name of a service may be the beginning of such a word."""
    found = re.findall(r"[a-z0-9-]+", text)
    return nameless() if any(word == n or word.startswith(f"{n}-") for word in found for n in names) else text


def addresses(actor: Actor, rows: Iterable[Address]) -> list[Address]:
    return [address(actor, row) for row in rows]


def withheld(actor: Actor, host: int) -> bool:
    """Whether what was said on a host may tell of something hidden: services of closed teams stand there, or did."""
    names = hidden_names(actor)
    if not names:
        return False
    known: dict[int, bool] = actor.__dict__.setdefault("_withheld", {})
    if host not in known:
        seen = {
            labels_.get(labels.SERVICE)
            for labels_ in SeenContainer.objects.filter(host=host).values_list("labels", flat=True)
        }
        stood = {name for read in hooks.HOST_SERVICES for name in read(host)}
        known[host] = bool(names & (seen | stood))
    return known[host]


def operation(actor: Actor, row: HostOperation) -> HostOperation:
    """What was done, by whom and when is everybody's to know; its words, its steps' and its output are free text of the machine."""
    if withheld(actor, row.host_id):
        for name in {"words", "reason", "output"} - row.get_deferred_fields():
            setattr(row, name, getattr(row, name) and nameless())
        row.params, row.truncated = {}, False
        row.steps = [{**step, "words": step.get("words") and nameless()} for step in row.steps]
    return row


def operations(actor: Actor, rows: Iterable[HostOperation]) -> list[HostOperation]:
    return [operation(actor, row) for row in rows]


def searchable(actor: Actor, fields: Sequence[str]) -> list[str]:
    """Of the fields of the ledger those that may be searched and sorted by: a hit would tell what a row hides."""
    return [one for one in fields if one not in {"holder", "note"} or not hidden_names(actor)]
