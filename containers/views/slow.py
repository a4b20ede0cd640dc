"""«Why is it slow?» of an instance: what its numbers say, each with its evidence."""

from __future__ import annotations

import time

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from containers import slow, slow_checks, slow_evidence
from containers.views.access import get_instance, may
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import READ, require
from xqplatform.metrics import ranges


@require_GET
def show(request: HttpRequest, number: int) -> HttpResponse:
    row = get_instance(actor_of(request), number)
    place = row.place
    require(actor_of(request), READ, **place.at, obj=row)
    control = ranges.control(request.GET, time.time())
    evidence = slow_evidence.gather(row, control.range)
    found = slow_checks.judge(evidence)
    context = {
        "instance": row,
        "place": place,
        "service": place.service,
        "environment": place.environment,
        "may": may(actor_of(request), place.service, place.environment.slug),
        "control": control,
        "told": [j for j in found if j.tells],
        "fine": [j for j in found if j.verdict == slow.FINE],
        "unknown": [j for j in found if j.verdict == slow.UNKNOWN],
        "likely": [j for j in found if j.verdict in {slow.BAD, slow.WARN}],
        "changes": evidence.changes,
        "evidence": evidence,
    }
    return render(request, "containers/slow.html", context, status=400 if control.error else 200)
