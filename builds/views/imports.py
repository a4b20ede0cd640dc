"""Images that were not built: all imports with the form for one more, and one of them."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from builds.forms import ImportForm
from builds.imports import packed, place
from builds.models import ImageImport
from builds.services import imports as verbs
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.errors import Refused
from xqplatform.web.tables import Filter, Table

RELATED = ("project", "blueprint", "image", "parent", "host")


@require_http_methods(["GET", "POST"])
def imports(request: ActorRequest) -> HttpResponse:
    posted = request.method == "POST"
    wanted = {"target": f"project:{request.GET.get('project', '')[:60]}"}
    form = ImportForm(
        request.actor, request.POST if posted else None, request.FILES if posted else None, initial=wanted
    )
    if posted and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            row = verbs.announce(
                request.actor, form.cleaned_data["target"], file.name, file.size, note=form.cleaned_data["note"]
            )
            offset = 0
            for piece in file.chunks(packed.PIECE):
                row = verbs.receive(request.actor, row, offset, piece)
                offset += len(piece)
            return redirect("builds:import", row.pk)
        except Refused as refusal:
            put_refusal(form, refusal)
    table = Table(
        request,
        visible(request.actor, ImageImport).select_related(*RELATED),
        search=["name", "project__name", "blueprint__name", "note"],
        sorts={"number": "pk", "name": "name", "size": "size", "state": "state"},
        default="-number",
        filters={"state": Filter(gettext_lazy("State"), ImageImport.State.choices, "state")},
    )
    context = {
        "form": form,
        "table": table,
        "request_most": settings.REQUEST_MOST,
        "import_most": settings.IMPORT_MOST,
    }
    return render(request, "builds/imports.html", context, status=400 if form.errors else 200)


@require_GET
def one(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_visible(request.actor, ImageImport.objects.select_related(*RELATED), pk=pk)
    receiving = row.state == ImageImport.State.RECEIVING
    context = {
        "row": row,
        "may": verbs.may_import(request.actor, row.target),
        "done": place.received(row) if receiving else row.done,
        "total": row.size if receiving else row.total,
    }
    return render(request, "builds/import.html", context)


@require_POST
def cancel(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_visible(request.actor, ImageImport, pk=pk)
    try:
        verbs.cancel_import(request.actor, row)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("The import is cancelled: nothing of it is kept."))
    return redirect("builds:import", pk)
