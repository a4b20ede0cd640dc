"""What an hour of one instance costs, by its limits and the prices of the hosts where the place stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db.models import Count
from django.utils.translation import gettext as _

from containers.capacity import bills, costing
from containers.capacity.costing import Machine
from containers.capacity.models import Price
from containers.capacity.offered import of_host
from containers.models import ServiceEnvironment
from containers.services.capacity import sizes
from hosts.models import Host

MONTH = 365.25 / 12 * 24  # hours


@dataclass(frozen=True)
class Rate:
    """`amount`: of an hour; None: nobody can tell, and `told` says why."""

    amount: float | None
    currency: str
    told: str

    def words(self, hours: float) -> str:
        return _("no prices") if self.amount is None else f"{hours * self.amount:,.2f} {self.currency}"


def of(place: ServiceEnvironment, today: date | None = None) -> Rate:
    """The mean of the hosts on which instances stand, each as often as they do. Hosts without a price are left out, and named."""
    rows = list(Price.objects.all())
    prices = costing.valid(today or bills.today(), [bills.price(row) for row in rows])
    if not prices:
        return Rate(
            None, "", _("No prices of hosts are known, so there is no cost. They are entered under Capacity → Cost.")
        )
    size = sizes().get(place.pk)
    if size is None or not (size.cpus or size.memory):
        return Rate(None, "", _("The instances have no limits, so nobody can say which part of a host they take."))
    standing = place.instances.filter(removed=None).order_by()
    counts: dict[int, int] = dict(standing.values_list("host").annotate(n=Count("pk")))
    amounts: list[tuple[float, int]] = []
    unpriced = 0
    for host in Host.objects.filter(pk__in=counts).select_related("group"):
        machine = Machine(host.pk, host.group_id, host.cpus, host.memory, *of_host(host), 0, 0)
        amount = costing.of_one(machine, prices, size.cpus, size.memory)
        if amount is None:
            unpriced += 1
        else:
            amounts.append((amount, counts[host.pk]))
    if not amounts:
        return Rate(None, "", _("The hosts on which it stands have no prices, so there is no cost."))
    mean = sum(amount * n for amount, n in amounts) / sum(n for _amount, n in amounts) / MONTH
    values = {"amount": f"{mean:,.4f}", "currency": rows[0].currency, "hosts": len(amounts)}
    told = _(
        "An instance costs %(amount)s %(currency)s an hour: its limits, as part of the prices of the %(hosts)s hosts where it stands."
    )
    if unpriced:
        told += " " + _("%(count)s hosts without a price are left out.")
        values["count"] = unpriced
    return Rate(mean, rows[0].currency, told % values)
