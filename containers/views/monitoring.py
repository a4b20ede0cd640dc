"""The fleet's monitoring: who has most of something, how warm the hosts are, and whether the monitoring itself is well."""

from __future__ import annotations

import time
from collections import Counter

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from containers import monitoring
from hosts.monitoring import health
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import READ, require
from xqplatform.errors import Refused
from xqplatform.metrics import catalogue, ranges
from xqplatform.web import answers
from xqplatform.web.tables import csv_response

SHOWN = 100  # hosts in the table of health; those that need somebody come first


@require_GET
def show(request: HttpRequest) -> HttpResponseBase:
    require(actor_of(request), READ)
    now, error = time.time(), ""
    try:
        what = monitoring.asked(request.GET)
        if request.GET.get("format"):
            return _csv(request, what, now)
    except Refused as refused:
        if request.GET.get("format"):
            return answers.refusal(refused)
        what, error = monitoring.asked({}), refused.message
    control = ranges.control(request.GET, now)
    found = health(now)
    context = {
        "control": control,
        "what": what,
        "error": error,
        "kept": [("kind", what.kind), ("metric", what.metric), ("by", what.by), ("heat", what.heat)],
        "rows": monitoring.top(actor_of(request), what, control.range),
        "metric": catalogue.find(what.metric),
        "kinds": monitoring.KINDS.items(),
        "orders": monitoring.BY.items(),
        "groups": monitoring.choices(what.kind),
        "heats": [(name, words) for name, (words, _unit, _full) in monitoring.HEAT.items()],
        "tiles": [
            (group, len(tiles), monitoring.drawn(tiles))
            for group, tiles in monitoring.heat_map(what.heat, control.range, [one.host for one in found])
        ],
        "full": monitoring.HEAT[what.heat],
        "health": found if request.GET.get("all") else found[:SHOWN],
        "more_health": 0 if request.GET.get("all") else max(0, len(found) - SHOWN),
        "states": Counter(one.state for one in found),
        "collector_cpu": sum(one.cpu or 0.0 for one in found),
        "collector_memory": sum(one.memory or 0.0 for one in found),
        "lost": sum(one.lost or 0 for one in found),
    }
    status = 400 if error or control.error else 200
    return render(request, "containers/monitoring.html", context, status=status)


def _csv(request: HttpRequest, what: monitoring.Asked, now: float) -> HttpResponseBase:
    """The top 20."""
    if request.GET["format"] != "csv":
        raise Refused(_("There is the format csv."), "format", 400)
    span = ranges.parse(request.GET, now)
    rows = monitoring.top(actor_of(request), what, span)
    head = [_("name"), _("where"), f"{what.metric} [{catalogue.find(what.metric).unit}]"]
    lines = [[r.name, r.more, f"{r.value:.10g}"] for r in rows]
    return csv_response(request, f"top-{what.metric}.csv", head, lines, count=len(lines))
