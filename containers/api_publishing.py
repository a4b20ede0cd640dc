"""REST API of images that are made of instances; where they are followed is in `builds.api_imports`."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from containers.services import publishing
from containers.views.access import get_instance
from xqplatform.accounts.http import actor_of
from xqplatform.rest import AcceptedOut, accepted

router = Router(tags=["instances"])


class PublishIn(Schema):
    note: str = ""


@router.post("/instances/{number}/image", response={202: AcceptedOut}, summary="Make an image of an instance")
def publish(request: HttpRequest, number: int, body: PublishIn) -> Any:
    """Of its root as it is now, while it runs; volumes are no part of it. The image is its project's."""
    actor = actor_of(request)
    row = publishing.publish(actor, get_instance(actor, max(0, number)), body.note)
    return accepted(row, f"/api/v1/images/imports/{row.pk}", f"/images/imports/{row.pk}/")
