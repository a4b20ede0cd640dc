"""The page of keys: how many stored secrets are under which, and how far a rotation is."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.rights import require
from xqplatform.secrets import keys as kept
from xqplatform.secrets import rotation
from xqplatform.secrets.services import TOPIC


@require_GET
def keys(request: ActorRequest) -> HttpResponse:
    require(request.actor, "secrets.manage")
    now = rotation.state()
    context = {
        "now": now,
        "topic": TOPIC,
        "rows": [
            {
                "id": key_id,
                "count": count,
                "newest": key_id == now.newest,
                "at_hand": key_id in now.keys,
                "may_drop": bool(key_id) and key_id in now.keys and now.may_drop(key_id),
            }
            for key_id, count in now.counts.items()
        ],
        "in_file": kept.in_file(),
        "open_file": kept.readable_by_others(),
    }
    return render(request, "secrets/keys.html", context)
