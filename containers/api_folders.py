"""REST API of the folders that hosts keep for addresses."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Status

from containers.api_shared import clean
from containers.as_json import folder_json
from containers.models import PersistedFolder
from containers.reading import folders_of, shown_folders
from containers.schemas import FolderOut, FolderRemove
from containers.services import persisted
from hosts.models import Host
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.visibility import get_visible

router = Router(tags=["hosts"])


@router.get("/hosts/{name}/persisted", response=list[FolderOut])
def list_folders(request: HttpRequest, name: str) -> Any:
    """The folders that the host keeps for addresses, with their sizes as last measured."""
    return [
        folder_json(row) for row in shown_folders(actor_of(request), folders_of(get_object_or_404(Host, name=name)))
    ]


@router.post("/persisted/{number}/remove", response={202: FolderOut})
def remove_folder(request: HttpRequest, number: int, body: FolderRemove) -> Any:
    """Removes a folder with all that is in it. Only an SRE may, and only where no standing instance has it mounted."""
    row = get_visible(
        actor_of(request), PersistedFolder.objects.select_related("host"), pk=min(max(0, number), 2**31), removed=None
    )
    row = persisted.remove(actor_of(request), row, body.name, clean(body.reason))
    found = [one for one in folders_of(row.host) if one.pk == row.pk]
    return Status(202, folder_json(found[0] if found else row))
